/**
 * What callers may hand in.
 *
 * @module
 */

import { encodeClientPacket } from "../codec/encode_client.ts";
import { MqttError } from "../codec/errors.ts";
import type { QoS, SubscriptionRequest } from "../codec/packets.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import { assertTopicFilter } from "../codec/topic.ts";
import type { SubscribeOptions } from "./subscription.ts";

/** Throws `RangeError` for what is no QoS. */
export function assertQoS(qos: QoS, what: string): void {
  if (qos === 0 || qos === 1 || qos === 2) return;
  throw new RangeError(`Cannot ${what}: QoS must be 0, 1 or 2, received ${qos}`);
}

/** What a client may say in PUBACK and PUBREC; 0x10 is for servers (MQTT 5.0 sections 3.4.2.1 and 3.5.2.1). */
const ACKNOWLEDGEMENT_CODES: readonly number[] = [0, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];

/** Throws `RangeError` for a reason code that does not go with a received message. */
export function assertAcknowledgementCode(reasonCode: number): void {
  if (ACKNOWLEDGEMENT_CODES.includes(reasonCode)) return;
  throw new RangeError(`Cannot acknowledge: reasonCode must be one of PUBACK, received ${reasonCode}`);
}

/** Throws for what cannot be subscribed to: `TypeError`, `RangeError`, `MqttError` 0x8F and 0x82. */
export function assertFilters(filters: readonly string[], options: SubscribeOptions): void {
  const { qos = 0, noLocal = false, retainHandling, properties } = options;
  if (filters.length === 0) throw new TypeError("Cannot subscribe: there must be a topic filter, received none");
  assertQoS(qos, "subscribe");
  for (const filter of filters) {
    assertTopicFilter(filter);
    if (!noLocal || !filter.startsWith("$share/")) continue;
    throw new MqttError(
      `Cannot subscribe: noLocal must be false for a shared subscription, received true for ${filter}`,
      ReasonCode.ProtocolError,
    );
  }
  // The codec knows the rules for the rest; better here than with each connection.
  const subscriptions: SubscriptionRequest[] = [{ filter: "a", qos, retainHandling }];
  encodeClientPacket({ type: "subscribe", packetId: 1, subscriptions, properties }, 5);
}
