/**
 * Control packets into bytes (MQTT 5.0 chapter 3).
 *
 * @module
 */

import { variableByteIntegerLength } from "./bytes.ts";
import { encodeConnect } from "./encode_connect.ts";
import { isReasonCodeOf, PACKET_TYPES, packetTypeName } from "./packet_types.ts";
import type {
  AuthPacket,
  ConnackPacket,
  DisconnectPacket,
  Packet,
  ProtocolVersion,
  PubackPacket,
  PubcompPacket,
  PublishPacket,
  PubrecPacket,
  PubrelPacket,
  SubackPacket,
  SubscribePacket,
  SubscriptionRequest,
  UnsubackPacket,
  UnsubscribePacket,
} from "./packets.ts";
import type { Properties } from "./property_types.ts";
import { measureProperties, writeProperties } from "./write_properties.ts";
import { beginPacket, checkInteger, stringSize, type Writer } from "./writer.ts";

/**
 * The bytes of `packet` in `version`, in a new array of exactly their size; a CONNECT in the version that it names.
 * What exists in MQTT 5.0 alone is left out for the older versions, and each failure in a SUBACK becomes 0x80 there.
 *
 * Throws for a packet that the standard does not allow: `RangeError` for numbers and lengths, `TypeError` for values
 * of a wrong kind, such as a property that may not stand in this packet or a string with U+0000.
 */
export function encodePacket(packet: Packet, version: ProtocolVersion): Uint8Array {
  switch (packet.type) {
    case "publish":
      return encodePublish(packet, version);
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      return encodePublishResponse(packet, version);
    case "connect":
      return encodeConnect(packet);
    case "connack":
      return encodeConnack(packet, version);
    case "subscribe":
      return encodeSubscribe(packet, version);
    case "suback":
    case "unsuback":
      return encodeSubscribeResponse(packet, version);
    case "unsubscribe":
      return encodeUnsubscribe(packet, version);
    case "pingreq":
    case "pingresp":
      return Uint8Array.of(PACKET_TYPES[packet.type] << 4, 0);
    case "disconnect":
      return encodeDisconnect(packet, version);
    case "auth":
      return encodeAuth(packet, version);
  }
}

/**
 * As {@linkcode encodePacket}, for a peer that takes packets of at most `maximumPacketSize` bytes: where the packet is
 * larger, its reason string is left out, and if that is not enough its user properties too ([MQTT-3.4.2-2],
 * [MQTT-3.4.2-3] and their like). Undefined if it still does not fit; nothing is left out of CONNECT, PUBLISH,
 * SUBSCRIBE and UNSUBSCRIBE.
 */
export function encodePacketWithin(
  packet: Packet,
  version: ProtocolVersion,
  maximumPacketSize: number,
): Uint8Array | undefined {
  if (packet.type === "publish" && packet.payload.length > maximumPacketSize) return undefined;
  const bytes = encodePacket(packet, version);
  if (bytes.length <= maximumPacketSize) return bytes;
  if (version < 5 || !mayLeaveOut(packet) || packet.properties === undefined) return undefined;
  const properties: Properties = { ...packet.properties, reasonString: undefined };
  const withoutReason = encodePacket({ ...packet, properties }, version);
  if (withoutReason.length <= maximumPacketSize) return withoutReason;
  const least = encodePacket({ ...packet, properties: { ...properties, userProperties: undefined } }, version);
  return least.length <= maximumPacketSize ? least : undefined;
}

type PublishResponse = PubackPacket | PubrecPacket | PubrelPacket | PubcompPacket;
type Answer = PublishResponse | ConnackPacket | SubackPacket | UnsubackPacket | DisconnectPacket | AuthPacket;

function mayLeaveOut(packet: Packet): packet is Answer {
  return isReasonCodeOf(PACKET_TYPES[packet.type], 0);
}

/** Writes one PUBLISH; measured first, so that the array is made once. */
function encodePublish(packet: PublishPacket, version: ProtocolVersion): Uint8Array {
  const { qos, payload, topic } = packet;
  if (qos !== 0 && qos !== 1 && qos !== 2) {
    throw new RangeError(`Cannot encode PUBLISH: QoS must be 0, 1 or 2, received ${qos}`);
  }
  if (qos === 0 && packet.dup) {
    throw new RangeError("Cannot encode PUBLISH: DUP must be false with QoS 0, received true");
  }
  checkTopic(packet, version);
  let length = stringSize(topic) + payload.length;
  if (qos > 0) {
    checkInteger(packet.packetId, 1, 0xffff, "packet identifier");
    length += 2;
  }
  let propertyLength = 0;
  if (version === 5) {
    propertyLength = measureProperties(packet.properties, PACKET_TYPES.publish);
    length += variableByteIntegerLength(propertyLength) + propertyLength;
  }
  const flags = (packet.dup ? 8 : 0) | qos << 1 | (packet.retain ? 1 : 0);
  const writer = beginPacket(PACKET_TYPES.publish << 4 | flags, length);
  writer.string(topic);
  if (qos > 0) writer.uint16(packet.packetId ?? 0);
  if (version === 5) writeProperties(writer, packet.properties, propertyLength);
  writer.raw(payload);
  return writer.bytes;
}

function checkTopic({ topic, properties }: PublishPacket, version: ProtocolVersion): void {
  if (topic === "" && (version < 5 || properties?.topicAlias === undefined)) {
    throw new RangeError("Cannot encode PUBLISH: topic name must not be empty without a topic alias");
  }
  if (!topic.includes("#") && !topic.includes("+")) return;
  throw new RangeError(`Cannot encode PUBLISH: topic name must have no wildcards, received "${topic}"`);
}

function encodePublishResponse(packet: PublishResponse, version: ProtocolVersion): Uint8Array {
  const type = PACKET_TYPES[packet.type];
  checkInteger(packet.packetId, 1, 0xffff, "packet identifier");
  const firstByte = type << 4 | (packet.type === "pubrel" ? 2 : 0);
  if (version === 5) return encodeShortened(firstByte, packet.packetId, packet);
  const writer = beginPacket(firstByte, 2);
  writer.uint16(packet.packetId);
  return writer.bytes;
}

/**
 * Writes what ends with a reason code and properties that are left out where they say nothing (sections 3.4.2.1,
 * 3.14.2.1, 3.15.2.1). `packetId` 0 stands for none.
 */
function encodeShortened(
  firstByte: number,
  packetId: number,
  { reasonCode, properties }: PublishResponse | DisconnectPacket | AuthPacket,
): Uint8Array {
  const type = firstByte >> 4;
  checkReasonCode(type, reasonCode);
  const propertyLength = measureProperties(properties, type);
  // AUTH has no form with the code alone.
  const withProperties = propertyLength > 0 || type === PACKET_TYPES.auth && reasonCode !== 0;
  let length = packetId === 0 ? 0 : 2;
  if (withProperties) length += 1 + variableByteIntegerLength(propertyLength) + propertyLength;
  else if (reasonCode !== 0) length += 1;
  const writer = beginPacket(firstByte, length);
  if (packetId !== 0) writer.uint16(packetId);
  if (withProperties || reasonCode !== 0) writer.byte(reasonCode);
  if (withProperties) writeProperties(writer, properties, propertyLength);
  return writer.bytes;
}

function encodeDisconnect(packet: DisconnectPacket, version: ProtocolVersion): Uint8Array {
  if (version === 5) return encodeShortened(PACKET_TYPES.disconnect << 4, 0, packet);
  return Uint8Array.of(PACKET_TYPES.disconnect << 4, 0);
}

function encodeAuth(packet: AuthPacket, version: ProtocolVersion): Uint8Array {
  if (version < 5) throw new TypeError(`Cannot encode AUTH: version must be 5, received ${version}`);
  const bare = packet.reasonCode === 0 && measureProperties(packet.properties, PACKET_TYPES.auth) === 0;
  if (!bare && packet.properties?.authenticationMethod === undefined) {
    throw new TypeError("Cannot encode AUTH: it must have an authentication method");
  }
  return encodeShortened(PACKET_TYPES.auth << 4, 0, packet);
}

function encodeConnack(packet: ConnackPacket, version: ProtocolVersion): Uint8Array {
  const { sessionPresent, reasonCode, properties } = packet;
  if (version === 5) checkReasonCode(PACKET_TYPES.connack, reasonCode);
  else checkInteger(reasonCode, 0, 5, "return code");
  if (sessionPresent && reasonCode !== 0) {
    throw new RangeError(`Cannot encode CONNACK: session present must be false with code ${reasonCode}, received true`);
  }
  const propertyLength = version === 5 ? measureProperties(properties, PACKET_TYPES.connack) : 0;
  const tail = version === 5 ? variableByteIntegerLength(propertyLength) + propertyLength : 0;
  const writer = beginPacket(PACKET_TYPES.connack << 4, 2 + tail);
  writer.byte(sessionPresent && version > 3 ? 1 : 0);
  writer.byte(reasonCode);
  if (version === 5) writeProperties(writer, properties, propertyLength);
  return writer.bytes;
}

/** Begins a packet of a packet identifier, properties in 5.0, and `bodyLength` bytes that the caller writes. */
function begin(
  type: number,
  flags: number,
  packet: SubscribePacket | UnsubscribePacket | SubackPacket | UnsubackPacket,
  version: ProtocolVersion,
  bodyLength: number,
): Writer {
  checkInteger(packet.packetId, 1, 0xffff, "packet identifier");
  const propertyLength = version === 5 ? measureProperties(packet.properties, type) : 0;
  const size = version === 5 ? variableByteIntegerLength(propertyLength) + propertyLength : 0;
  const writer = beginPacket(type << 4 | flags, 2 + size + bodyLength);
  writer.uint16(packet.packetId);
  if (version === 5) writeProperties(writer, packet.properties, propertyLength);
  return writer;
}

function encodeSubscribe(packet: SubscribePacket, version: ProtocolVersion): Uint8Array {
  const { subscriptions } = packet;
  if (subscriptions.length === 0) throw new RangeError("Cannot encode SUBSCRIBE: it must have a topic filter");
  let length = 0;
  for (const { filter } of subscriptions) length += stringSize(filter) + 1;
  const options = subscriptions.map((subscription) => optionsByte(subscription, version));
  const writer = begin(PACKET_TYPES.subscribe, 2, packet, version, length);
  subscriptions.forEach(({ filter }, i) => {
    writer.string(filter);
    writer.byte(options[i] ?? 0);
  });
  return writer.bytes;
}

function optionsByte(subscription: SubscriptionRequest, version: ProtocolVersion): number {
  const { filter, qos, noLocal = false, retainAsPublished = false, retainHandling = 0 } = subscription;
  checkInteger(qos, 0, 2, "QoS");
  if (version < 5) return qos;
  checkInteger(retainHandling, 0, 2, "retain handling");
  if (noLocal && filter.startsWith("$share/")) {
    throw new RangeError("Cannot encode SUBSCRIBE: no local must be false for a shared subscription, received true");
  }
  return qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | retainHandling << 4;
}

function encodeUnsubscribe(packet: UnsubscribePacket, version: ProtocolVersion): Uint8Array {
  const { filters } = packet;
  if (filters.length === 0) throw new RangeError("Cannot encode UNSUBSCRIBE: it must have a topic filter");
  let length = 0;
  for (const filter of filters) length += stringSize(filter);
  const writer = begin(PACKET_TYPES.unsubscribe, 2, packet, version, length);
  for (const filter of filters) writer.string(filter);
  return writer.bytes;
}

function encodeSubscribeResponse(packet: SubackPacket | UnsubackPacket, version: ProtocolVersion): Uint8Array {
  const type = PACKET_TYPES[packet.type];
  const codes = packet.type === "unsuback" && version < 5 ? [] : packet.reasonCodes;
  if (codes.length === 0 && (packet.type === "suback" || version === 5)) {
    throw new RangeError(`Cannot encode ${packetTypeName(type)}: it must have a reason code`);
  }
  for (const code of codes) checkReasonCode(type, code);
  const writer = begin(type, 0, packet, version, codes.length);
  // Before 5.0 there is one code for failure [MQTT-3.9.3-2].
  for (const code of codes) writer.byte(version < 5 ? Math.min(code, 0x80) : code);
  return writer.bytes;
}

function checkReasonCode(type: number, code: number): void {
  if (isReasonCodeOf(type, code)) return;
  throw new RangeError(
    `Cannot encode ${packetTypeName(type)}: reason code must be one of this packet, received ${code}`,
  );
}
