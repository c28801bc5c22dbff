/**
 * What a server allows, as it said in its CONNACK.
 *
 * @module
 */

import { variableByteIntegerLength } from "../codec/bytes.ts";
import { MqttError } from "../codec/errors.ts";
import type { ConnackPacket, QoS } from "../codec/packets.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import { LARGEST_PACKET } from "./connect_packet.ts";

/**
 * The server's limits for one connection; the standard's defaults stand for what it did not say.
 *
 * @example
 * ```ts
 * import { connect } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * if (client.state.kind === "connected") console.log(client.state.limits.receiveMaximum);
 * ```
 */
export interface ServerLimits {
  /** How many publications of QoS 1 and 2 may be open, 1 to 65,535. */
  readonly receiveMaximum: number;
  /** The highest QoS that may be published with. */
  readonly maximumQoS: QoS;
  /** Whether retained messages may be published. */
  readonly retainAvailable: boolean;
  /** Bytes that a packet to the server may have. */
  readonly maximumPacketSize: number;
  /** How many topic aliases the server takes. */
  readonly topicAliasMaximum: number;
  /** Whether filters may have wildcards. */
  readonly wildcardSubscriptionAvailable: boolean;
  /** Whether subscriptions may have identifiers; never before MQTT 5.0. */
  readonly subscriptionIdentifierAvailable: boolean;
  /** Whether there are shared subscriptions; before MQTT 5.0 that is not known and left to the server. */
  readonly sharedSubscriptionAvailable: boolean;
}

/** The limits that a CONNACK states. */
export function serverLimits(connack: ConnackPacket, isVersion5: boolean): ServerLimits {
  const properties = connack.properties ?? {};
  return {
    receiveMaximum: properties.receiveMaximum ?? 65_535,
    maximumQoS: properties.maximumQoS ?? 2,
    retainAvailable: properties.retainAvailable !== 0,
    maximumPacketSize: properties.maximumPacketSize ?? LARGEST_PACKET,
    topicAliasMaximum: properties.topicAliasMaximum ?? 0,
    wildcardSubscriptionAvailable: properties.wildcardSubscriptionAvailable !== 0,
    subscriptionIdentifierAvailable: isVersion5 && properties.subscriptionIdentifierAvailable !== 0,
    sharedSubscriptionAvailable: properties.sharedSubscriptionAvailable !== 0,
  };
}

/** Whether every PUBLISH is welcome. */
export function isUnlimited(limits: ServerLimits): boolean {
  return limits.maximumQoS === 2 && limits.retainAvailable && limits.maximumPacketSize >= LARGEST_PACKET;
}

/** Why the server does not take such a publication [MQTT-3.2.2-11] [MQTT-3.2.2-14] [MQTT-3.2.2-15]. */
export function publishObstacle(
  limits: ServerLimits,
  qos: QoS,
  retain: boolean,
  remainingLength: number,
): MqttError | undefined {
  if (qos > limits.maximumQoS) {
    return new MqttError(
      `Cannot publish: QoS must be at most ${limits.maximumQoS} at this server, received ${qos}`,
      ReasonCode.QoSNotSupported,
    );
  }
  if (retain && !limits.retainAvailable) {
    return new MqttError(
      "Cannot publish: retain must be false at this server, received true",
      ReasonCode.RetainNotSupported,
    );
  }
  const packetSize = 1 + variableByteIntegerLength(remainingLength) + remainingLength;
  if (packetSize > limits.maximumPacketSize) {
    return new MqttError(
      `Cannot publish: packet must have at most ${limits.maximumPacketSize} bytes at this server, received ${packetSize}`,
      ReasonCode.PacketTooLarge,
    );
  }
  return undefined;
}

/** The reason code with which the server would refuse a subscription to this filter. */
export function subscribeObstacle(limits: ServerLimits, filter: string): number | undefined {
  if (!limits.sharedSubscriptionAvailable && filter.startsWith("$share/")) {
    return ReasonCode.SharedSubscriptionsNotSupported;
  }
  if (!limits.wildcardSubscriptionAvailable && (filter.includes("+") || filter.includes("#"))) {
    return ReasonCode.WildcardSubscriptionsNotSupported;
  }
  return undefined;
}
