/**
 * SUBSCRIBE, SUBACK, UNSUBSCRIBE and UNSUBACK into bytes (MQTT 5.0 sections 3.8 to 3.11).
 *
 * @module
 */

import { variableByteIntegerLength } from "./bytes.ts";
import { PACKET_TYPES, packetTypeName } from "./packet_types.ts";
import type {
  ProtocolVersion,
  SubackPacket,
  SubscribePacket,
  SubscriptionRequest,
  UnsubackPacket,
  UnsubscribePacket,
} from "./packets.ts";
import { measureProperties, writeProperties } from "./write_properties.ts";
import {
  begin,
  checkInteger,
  checkPacketId,
  checkReasonCode,
  type PacketSink,
  stringSize,
  type Writer,
} from "./writer.ts";

/** Writes a SUBSCRIBE. */
export function encodeSubscribe(
  packet: SubscribePacket,
  version: ProtocolVersion,
  sink: PacketSink | undefined,
): Uint8Array {
  const { subscriptions } = packet;
  checkNotEmpty(subscriptions, "SUBSCRIBE");
  let length = 0;
  for (const subscription of subscriptions) {
    checkOptions(subscription, version);
    length += stringSize(subscription.filter) + 1;
  }
  const writer = beginWithProperties(sink, PACKET_TYPES.subscribe << 4 | 2, packet, version, length);
  for (const subscription of subscriptions) {
    writer.string(subscription.filter);
    writer.byte(version < 5 ? subscription.qos : optionsByte(subscription));
  }
  return writer.bytes;
}

/** Writes a SUBACK; before MQTT 5.0 there is one code for failure [MQTT-3.9.3-2]. */
export function encodeSuback(packet: SubackPacket, version: ProtocolVersion, sink: PacketSink | undefined): Uint8Array {
  const { reasonCodes } = packet;
  checkReasonCodes(PACKET_TYPES.suback, reasonCodes);
  const writer = beginWithProperties(sink, PACKET_TYPES.suback << 4, packet, version, reasonCodes.length);
  for (const code of reasonCodes) writer.byte(version < 5 ? Math.min(code, 0x80) : code);
  return writer.bytes;
}

/** Writes an UNSUBSCRIBE. */
export function encodeUnsubscribe(
  packet: UnsubscribePacket,
  version: ProtocolVersion,
  sink: PacketSink | undefined,
): Uint8Array {
  const { filters } = packet;
  checkNotEmpty(filters, "UNSUBSCRIBE");
  let length = 0;
  for (const filter of filters) length += stringSize(filter);
  const writer = beginWithProperties(sink, PACKET_TYPES.unsubscribe << 4 | 2, packet, version, length);
  for (const filter of filters) writer.string(filter);
  return writer.bytes;
}

/** Writes an UNSUBACK; before MQTT 5.0 it has no codes. */
export function encodeUnsuback(
  packet: UnsubackPacket,
  version: ProtocolVersion,
  sink: PacketSink | undefined,
): Uint8Array {
  const firstByte = PACKET_TYPES.unsuback << 4;
  if (version < 5) return beginWithProperties(sink, firstByte, packet, version, 0).bytes;
  const { reasonCodes } = packet;
  checkReasonCodes(PACKET_TYPES.unsuback, reasonCodes);
  const writer = beginWithProperties(sink, firstByte, packet, version, reasonCodes.length);
  for (const code of reasonCodes) writer.byte(code);
  return writer.bytes;
}

/** Begins a packet of a packet identifier, properties in 5.0, and `bodyLength` bytes that the caller writes. */
function beginWithProperties(
  sink: PacketSink | undefined,
  firstByte: number,
  { packetId, properties }: SubscribePacket | SubackPacket | UnsubscribePacket | UnsubackPacket,
  version: ProtocolVersion,
  bodyLength: number,
): Writer {
  checkPacketId(packetId);
  if (version < 5) {
    const writer = begin(sink, firstByte, 2 + bodyLength);
    writer.uint16(packetId);
    return writer;
  }
  const propertyLength = measureProperties(properties, firstByte >> 4);
  const length = 2 + variableByteIntegerLength(propertyLength) + propertyLength + bodyLength;
  const writer = begin(sink, firstByte, length);
  writer.uint16(packetId);
  writeProperties(writer, properties, propertyLength);
  return writer;
}

function checkOptions(subscription: SubscriptionRequest, version: ProtocolVersion): void {
  checkInteger(subscription.qos, 0, 2, "QoS");
  if (version < 5) return;
  const { filter, noLocal, retainHandling } = subscription;
  if (retainHandling !== undefined) checkInteger(retainHandling, 0, 2, "retain handling");
  if (noLocal === true && filter.startsWith("$share/")) {
    throw new RangeError("Cannot encode SUBSCRIBE: noLocal must be false for a shared subscription, received true");
  }
}

function optionsByte({ qos, noLocal, retainAsPublished, retainHandling = 0 }: SubscriptionRequest): number {
  return qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | retainHandling << 4;
}

function checkNotEmpty(list: readonly unknown[], packet: string): void {
  if (list.length === 0) throw new RangeError(`Cannot encode ${packet}: it must have at least one topic filter`);
}

function checkReasonCodes(type: number, codes: readonly number[]): void {
  if (codes.length === 0) throw new RangeError(`Cannot encode ${packetTypeName(type)}: it must have a reason code`);
  for (const code of codes) checkReasonCode(type, code);
}
