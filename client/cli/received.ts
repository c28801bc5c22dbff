/**
 * A message as the commands print it.
 *
 * @module
 */

import type { PublishProperties } from "../../codec/properties.ts";
import { deliveryPropertiesOf, type Message, receiptOf } from "../message.ts";

/** What there is to print of a message. */
export interface Received {
  readonly topic: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly payload: Uint8Array;
  /** 0 with QoS 0. */
  readonly packetId: number;
  readonly properties: PublishProperties;
  /** Milliseconds since 1970, with fractions. */
  readonly time: number;
}

/**
 * Makes it from a message. The client marks each subscription with an identifier of its own, which is no business of
 * the user's: `identifier` is the one that the user has asked for.
 */
export function received(message: Message, identifier: readonly number[] | undefined): Received {
  const { subscriptionIdentifiers, ...properties } = deliveryPropertiesOf(message);
  return {
    topic: message.topic,
    qos: message.qos,
    retain: message.retain,
    payload: message.payload,
    packetId: receiptOf(message)?.packetId ?? 0,
    properties: subscriptionIdentifiers === undefined || identifier === undefined
      ? properties
      : { subscriptionIdentifiers: identifier, ...properties },
    time: performance.timeOrigin + performance.now(),
  };
}
