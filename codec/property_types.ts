/**
 * The properties of MQTT 5.0 (section 2.2.2) as types.
 *
 * @module
 */

/**
 * User properties: name and value pairs in their order on the wire; names may repeat.
 *
 * @example
 * ```ts
 * import { connect, type UserProperties } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const userProperties: UserProperties = [["unit", "celsius"], ["source", "roof"]];
 * await client.publish("sensors/7", "21.5", { properties: { userProperties } });
 * ```
 */
export type UserProperties = readonly (readonly [name: string, value: string])[];

/**
 * Every property of MQTT 5.0; each packet takes some of them. Absent means not on the wire.
 *
 * @example
 * ```ts
 * import { type Properties } from "@x/mqtt/client";
 *
 * const names: (keyof Properties)[] = ["contentType", "messageExpiryInterval"];
 * console.log(names.length); // 2
 * ```
 */
export interface Properties {
  /** 0x01: 0 unspecified bytes, 1 UTF-8 text. */
  payloadFormatIndicator?: 0 | 1;
  /** 0x02: seconds, 0 to 4,294,967,295. */
  messageExpiryInterval?: number;
  /** 0x03: what the payload is, often a MIME type. */
  contentType?: string;
  /** 0x08: topic name for a response. */
  responseTopic?: string;
  /** 0x09: tells the requester which request a response belongs to. */
  correlationData?: Uint8Array;
  /** 0x0B: 1 to 268,435,455 each; at most one in SUBSCRIBE, any number in PUBLISH. */
  subscriptionIdentifiers?: readonly number[];
  /** 0x11: seconds, 0 to 4,294,967,295 (for ever). */
  sessionExpiryInterval?: number;
  /** 0x12: the client identifier that the server chose. */
  assignedClientIdentifier?: string;
  /** 0x13: seconds, 0 to 65,535; replaces the client's keep alive. */
  serverKeepAlive?: number;
  /** 0x15: name of the enhanced authentication method. */
  authenticationMethod?: string;
  /** 0x16: data of the enhanced authentication method. */
  authenticationData?: Uint8Array;
  /** 0x17: whether the server may send reason strings and user properties. Absent means 1. */
  requestProblemInformation?: 0 | 1;
  /** 0x18: seconds between the close and the will, 0 to 4,294,967,295. */
  willDelayInterval?: number;
  /** 0x19: whether the client wants response information. Absent means 0. */
  requestResponseInformation?: 0 | 1;
  /** 0x1A: base of a response topic. */
  responseInformation?: string;
  /** 0x1C: another server to use. */
  serverReference?: string;
  /** 0x1F: text for people and logs. */
  reasonString?: string;
  /** 0x21: 1 to 65,535 unacknowledged QoS 1 and 2 publications. Absent means 65,535. */
  receiveMaximum?: number;
  /** 0x22: highest topic alias, 0 to 65,535. Absent means 0. */
  topicAliasMaximum?: number;
  /** 0x23: 1 to 65,535. */
  topicAlias?: number;
  /** 0x24: highest QoS that the server takes. Absent means 2. */
  maximumQoS?: 0 | 1;
  /** 0x25: whether the server keeps retained messages. Absent means 1. */
  retainAvailable?: 0 | 1;
  /** 0x26: name and value pairs, in order. */
  userProperties?: UserProperties;
  /** 0x27: bytes of a whole packet, 1 to 4,294,967,295. Absent means no limit. */
  maximumPacketSize?: number;
  /** 0x28: whether wildcards may stand in a filter. Absent means 1. */
  wildcardSubscriptionAvailable?: 0 | 1;
  /** 0x29: whether subscription identifiers may be used. Absent means 1. */
  subscriptionIdentifierAvailable?: 0 | 1;
  /** 0x2A: whether shared subscriptions may be used. Absent means 1. */
  sharedSubscriptionAvailable?: 0 | 1;
}

/**
 * Properties of CONNECT (section 3.1.2.11).
 *
 * @example
 * ```ts
 * import { connect, type ConnectProperties } from "@x/mqtt/client";
 *
 * const properties: Pick<ConnectProperties, "userProperties"> = { userProperties: [["site", "north"]] };
 * await using client = await connect("mqtt://127.0.0.1:1883", { properties });
 * ```
 */
export type ConnectProperties = Pick<
  Properties,
  | "sessionExpiryInterval"
  | "receiveMaximum"
  | "maximumPacketSize"
  | "topicAliasMaximum"
  | "requestResponseInformation"
  | "requestProblemInformation"
  | "userProperties"
  | "authenticationMethod"
  | "authenticationData"
>;

/**
 * Properties of the will in CONNECT (section 3.1.3.2).
 *
 * @example
 * ```ts
 * import { connect, type WillProperties } from "@x/mqtt/client";
 *
 * const properties: WillProperties = { willDelayInterval: 30, contentType: "text/plain" };
 * await using client = await connect("mqtt://127.0.0.1:1883", { will: { topic: "state", payload: "lost", properties } });
 * ```
 */
export type WillProperties = Pick<
  Properties,
  | "willDelayInterval"
  | "payloadFormatIndicator"
  | "messageExpiryInterval"
  | "contentType"
  | "responseTopic"
  | "correlationData"
  | "userProperties"
>;

/**
 * Properties of CONNACK (section 3.2.2.3).
 *
 * @example
 * ```ts
 * import { connect, type ConnackProperties } from "@x/mqtt/client";
 *
 * const told = ({ serverKeepAlive, reasonString }: ConnackProperties) => console.log(serverKeepAlive, reasonString);
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * if (client.state.kind === "connected") told(client.state.properties);
 * ```
 */
export type ConnackProperties = Pick<
  Properties,
  | "sessionExpiryInterval"
  | "receiveMaximum"
  | "maximumQoS"
  | "retainAvailable"
  | "maximumPacketSize"
  | "assignedClientIdentifier"
  | "topicAliasMaximum"
  | "reasonString"
  | "userProperties"
  | "wildcardSubscriptionAvailable"
  | "subscriptionIdentifierAvailable"
  | "sharedSubscriptionAvailable"
  | "serverKeepAlive"
  | "responseInformation"
  | "serverReference"
  | "authenticationMethod"
  | "authenticationData"
>;

/**
 * Properties of PUBLISH (section 3.3.2.3).
 *
 * @example
 * ```ts
 * import { connect, type PublishProperties } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const properties: PublishProperties = { contentType: "text/plain", messageExpiryInterval: 3_600 };
 * client.addEventListener("message", ({ message }) => console.log(message.properties.contentType));
 * await client.publish("sensors/7", "21.5", { properties });
 * ```
 */
export type PublishProperties = Pick<
  Properties,
  | "payloadFormatIndicator"
  | "messageExpiryInterval"
  | "topicAlias"
  | "responseTopic"
  | "correlationData"
  | "userProperties"
  | "subscriptionIdentifiers"
  | "contentType"
>;

/**
 * Properties of PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK.
 *
 * @example
 * ```ts
 * import { connect, type ReasonProperties } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const told = ({ reasonString = "" }: ReasonProperties) => console.log(reasonString);
 * told((await client.publish("sensors/7", "21.5", { qos: 1 })).properties);
 * ```
 */
export type ReasonProperties = Pick<Properties, "reasonString" | "userProperties">;

/**
 * Properties of SUBSCRIBE (section 3.8.2.1).
 *
 * @example
 * ```ts
 * import { connect, type SubscribeProperties } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const properties: SubscribeProperties = { userProperties: [["purpose", "display"]] };
 * await client.subscribe("sensors/#", { properties }).ready;
 * ```
 */
export type SubscribeProperties = Pick<Properties, "subscriptionIdentifiers" | "userProperties">;

/**
 * Properties of UNSUBSCRIBE (section 3.10.2.1).
 *
 * @example
 * ```ts
 * import { connect, type UnsubscribeProperties } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const properties: UnsubscribeProperties = { userProperties: [["purpose", "night"]] };
 * await client.subscribe("sensors/#").unsubscribe({ properties });
 * ```
 */
export type UnsubscribeProperties = Pick<Properties, "userProperties">;

/**
 * Properties of DISCONNECT (section 3.14.2.2).
 *
 * @example
 * ```ts
 * import { connect, type DisconnectProperties } from "@x/mqtt/client";
 *
 * const client = await connect("mqtt://127.0.0.1:1883");
 * const properties: DisconnectProperties = { reasonString: "maintenance" };
 * await client.close({ properties });
 * ```
 */
export type DisconnectProperties = Pick<
  Properties,
  "sessionExpiryInterval" | "reasonString" | "userProperties" | "serverReference"
>;

/**
 * Properties of AUTH (section 3.15.2.2).
 *
 * @example
 * ```ts
 * import { type AuthProperties } from "@x/mqtt/client";
 *
 * const properties: AuthProperties = { authenticationMethod: "SCRAM-SHA-256", authenticationData: new Uint8Array(32) };
 * console.log(properties.authenticationMethod); // SCRAM-SHA-256
 * ```
 */
export type AuthProperties = Pick<
  Properties,
  "authenticationMethod" | "authenticationData" | "reasonString" | "userProperties"
>;
