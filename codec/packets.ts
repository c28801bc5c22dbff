/**
 * The control packets of MQTT 3.1, 3.1.1 and 5.0 as one discriminated union over `type`.
 *
 * Field names are the standard's. What exists in MQTT 5.0 alone (properties, most reason codes) is ignored
 * by the encoder and absent or 0 from the decoder for the older versions.
 *
 * @module
 */

import type {
  AuthProperties,
  ConnackProperties,
  ConnectProperties,
  DisconnectProperties,
  PublishProperties,
  ReasonProperties,
  SubscribeProperties,
  UnsubscribeProperties,
  WillProperties,
} from "./property_types.ts";

/**
 * Protocol version as it stands on the wire: 3 is MQTT 3.1, 4 is MQTT 3.1.1, 5 is MQTT 5.0.
 *
 * @example
 * ```ts
 * import { connect, type ProtocolVersion } from "@x/mqtt/client";
 *
 * const versions: ProtocolVersion[] = [5, 4];
 * for (const protocolVersion of versions) {
 *   await using client = await connect("mqtt://127.0.0.1:1883", { protocolVersion });
 *   console.log(protocolVersion, client.state.kind);
 * }
 * ```
 */
export type ProtocolVersion = 3 | 4 | 5;

/**
 * Quality of service: 0 at most once, 1 at least once, 2 exactly once (MQTT 5.0 section 4.3).
 *
 * @example
 * ```ts
 * import { connect, type QoS } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const qos: QoS = 2;
 * await client.publish("counter", "1", { qos });
 * ```
 */
export type QoS = 0 | 1 | 2;

/**
 * How a SUBSCRIBE wants retained messages: 0 always, 1 if the subscription is new, 2 never.
 *
 * @example
 * ```ts
 * import { connect, type RetainHandling } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const never: RetainHandling = 2;
 * await client.subscribe("sensors/#", { retainHandling: never }).ready;
 * ```
 */
export type RetainHandling = 0 | 1 | 2;

/** The will message that the server publishes for a client that ends without DISCONNECT. */
export interface Will {
  /** Topic name that the will is published to. */
  topic: string;
  /** Will payload, 0 to 65,535 bytes. */
  payload: Uint8Array;
  /** QoS of the publication. */
  qos: QoS;
  /** Whether the will is published as a retained message. */
  retain: boolean;
  /** MQTT 5.0 only. */
  properties?: WillProperties;
}

/** CONNECT: the first packet of a client (MQTT 5.0 section 3.1). */
export interface ConnectPacket {
  /** Which packet this is. */
  type: "connect";
  /** The version that the client asks for; it decides how all later packets are read. */
  protocolVersion: ProtocolVersion;
  /**
   * Before 5.0: whether the client is another broker's bridge and says so, as RSMB and Mosquitto do, by bit 7 of the
   * protocol level. Its subscriptions are then to have no local and retain as published. Default false.
   */
  isBridge?: boolean;
  /** Client identifier; the empty string asks the server to assign one. */
  clientId: string;
  /** Clean Start of 5.0, Clean Session of 3.1 and 3.1.1. */
  cleanStart: boolean;
  /** Keep alive in seconds, 0 to 65,535; 0 turns it off. */
  keepAlive: number;
  /** What the server publishes if the client ends without DISCONNECT. */
  will?: Will;
  /** User name for the server's authentication. */
  username?: string;
  /** Any credential, 0 to 65,535 bytes; before MQTT 5.0 only with a user name. */
  password?: Uint8Array;
  /** MQTT 5.0 only. */
  properties?: ConnectProperties;
}

/** CONNACK: the server's answer to CONNECT (MQTT 5.0 section 3.2). */
export interface ConnackPacket {
  /** Which packet this is. */
  type: "connack";
  /** Whether the server goes on from a stored session. Always false in MQTT 3.1. */
  sessionPresent: boolean;
  /** Reason code of 5.0; return code 0 to 5 of 3.1 and 3.1.1. */
  reasonCode: number;
  /** MQTT 5.0 only. */
  properties?: ConnackProperties;
}

/** PUBLISH: an application message, in either direction (MQTT 5.0 section 3.3). */
export interface PublishPacket {
  /** Which packet this is. */
  type: "publish";
  /** Topic name; empty only in 5.0 with a topic alias. */
  topic: string;
  /** Application message. Decoded packets hold a view into the bytes that were decoded. */
  payload: Uint8Array;
  /** Quality of service of this hop. */
  qos: QoS;
  /** From a client: store as the topic's retained message. To a client: it was stored, or is sent as published. */
  retain: boolean;
  /** True for a repeated delivery of QoS 1 or 2. */
  dup: boolean;
  /** 1 to 65,535 with QoS 1 and 2; absent with QoS 0. */
  packetId?: number;
  /** MQTT 5.0 only. */
  properties?: PublishProperties;
}

/** What PUBACK, PUBREC, PUBREL and PUBCOMP have in common. */
export interface PublishResponse {
  /** 1 to 65,535: the identifier of the PUBLISH. */
  packetId: number;
  /** Always 0 in 3.1 and 3.1.1. */
  reasonCode: number;
  /** MQTT 5.0 only. */
  properties?: ReasonProperties;
}

/** PUBACK: the answer to a QoS 1 PUBLISH (MQTT 5.0 section 3.4). */
export interface PubackPacket extends PublishResponse {
  /** Which packet this is. */
  type: "puback";
}

/** PUBREC: the first answer to a QoS 2 PUBLISH (MQTT 5.0 section 3.5). */
export interface PubrecPacket extends PublishResponse {
  /** Which packet this is. */
  type: "pubrec";
}

/** PUBREL: the sender's answer to PUBREC (MQTT 5.0 section 3.6). */
export interface PubrelPacket extends PublishResponse {
  /** Which packet this is. */
  type: "pubrel";
}

/** PUBCOMP: the end of a QoS 2 exchange (MQTT 5.0 section 3.7). */
export interface PubcompPacket extends PublishResponse {
  /** Which packet this is. */
  type: "pubcomp";
}

/** One filter of a SUBSCRIBE with its options (MQTT 5.0 section 3.8.3.1). */
export interface SubscriptionRequest {
  /** Topic filter, possibly `$share/group/filter`. */
  filter: string;
  /** Maximum QoS that the client wants. */
  qos: QoS;
  /** 5.0: do not send the client's own messages back. Default false. */
  noLocal?: boolean;
  /** 5.0: forward with the retain flag as published. Default false. */
  retainAsPublished?: boolean;
  /** 5.0: default 0. */
  retainHandling?: RetainHandling;
}

/** SUBSCRIBE (MQTT 5.0 section 3.8). */
export interface SubscribePacket {
  /** Which packet this is. */
  type: "subscribe";
  /** 1 to 65,535; the SUBACK repeats it. */
  packetId: number;
  /** At least one. */
  subscriptions: SubscriptionRequest[];
  /** MQTT 5.0 only. */
  properties?: SubscribeProperties;
}

/** SUBACK (MQTT 5.0 section 3.9). */
export interface SubackPacket {
  /** Which packet this is. */
  type: "suback";
  /** 1 to 65,535: the identifier of the SUBSCRIBE. */
  packetId: number;
  /** One for each filter, in order: the granted QoS, or 0x80 and above for a refusal. */
  reasonCodes: number[];
  /** MQTT 5.0 only. */
  properties?: ReasonProperties;
}

/** UNSUBSCRIBE (MQTT 5.0 section 3.10). */
export interface UnsubscribePacket {
  /** Which packet this is. */
  type: "unsubscribe";
  /** 1 to 65,535; the UNSUBACK repeats it. */
  packetId: number;
  /** At least one. */
  filters: string[];
  /** MQTT 5.0 only. */
  properties?: UnsubscribeProperties;
}

/** UNSUBACK (MQTT 5.0 section 3.11). */
export interface UnsubackPacket {
  /** Which packet this is. */
  type: "unsuback";
  /** 1 to 65,535: the identifier of the UNSUBSCRIBE. */
  packetId: number;
  /** One for each filter, in order. Empty in 3.1 and 3.1.1. */
  reasonCodes: number[];
  /** MQTT 5.0 only. */
  properties?: ReasonProperties;
}

/** PINGREQ (MQTT 5.0 section 3.12). */
export interface PingreqPacket {
  /** Which packet this is. */
  type: "pingreq";
}

/** PINGRESP (MQTT 5.0 section 3.13). */
export interface PingrespPacket {
  /** Which packet this is. */
  type: "pingresp";
}

/** DISCONNECT (MQTT 5.0 section 3.14); in 3.1 and 3.1.1 from the client only, always with code 0. */
export interface DisconnectPacket {
  /** Which packet this is. */
  type: "disconnect";
  /** Reason code of 5.0; 0 for a normal disconnection. */
  reasonCode: number;
  /** MQTT 5.0 only. */
  properties?: DisconnectProperties;
}

/** AUTH: a step of an enhanced authentication, MQTT 5.0 only (section 3.15). */
export interface AuthPacket {
  /** Which packet this is. */
  type: "auth";
  /** 0x00 success, 0x18 continue authentication, 0x19 re-authenticate. */
  reasonCode: number;
  /** With an authentication method, unless the packet is cut to nothing (section 3.15.2.1). */
  properties?: AuthProperties;
}

/** Any MQTT control packet; switch over `type`. */
export type Packet =
  | ConnectPacket
  | ConnackPacket
  | PublishPacket
  | PubackPacket
  | PubrecPacket
  | PubrelPacket
  | PubcompPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | UnsubackPacket
  | PingreqPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket;

/** The name of a control packet's kind. */
export type PacketType = Packet["type"];
