/**
 * Packets that scripts send, with defaults.
 *
 * @module
 */

import { encodeUtf8 } from "../../codec/bytes.ts";
import type { Packet, QoS } from "../../codec/packets.ts";
import type { PublishProperties } from "../../codec/properties.ts";

/** A PUBLISH; QoS 0 unless the options say otherwise. */
export function publish(
  topic: string,
  payload: string,
  options: { qos?: QoS; packetId?: number; retain?: boolean; dup?: boolean; properties?: PublishProperties } = {},
): Packet {
  const { qos = 0, packetId, retain = false, dup = false, properties } = options;
  return { type: "publish", topic, payload: encodeUtf8(payload), qos, retain, dup, packetId, properties };
}

/** A SUBSCRIBE for filters with their QoS. */
export function subscribe(packetId: number, ...filters: readonly (readonly [filter: string, qos: QoS])[]): Packet {
  return { type: "subscribe", packetId, subscriptions: filters.map(([filter, qos]) => ({ filter, qos })) };
}
