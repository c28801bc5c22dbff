/**
 * CONNECT and CONNACK into bytes (MQTT 5.0 sections 3.1 and 3.2).
 *
 * @module
 */

import { variableByteIntegerLength } from "./bytes.ts";
import { PACKET_TYPES } from "./packet_types.ts";
import type { ConnackPacket, ConnectPacket, ProtocolVersion, Will } from "./packets.ts";
import { WILL } from "./property_table.ts";
import { excerpt, isTopicName } from "./topic.ts";
import { measureProperties, writeProperties } from "./write_properties.ts";
import { begin, binarySize, checkInteger, checkReasonCode, type PacketSink, stringSize } from "./writer.ts";

/** The bytes of a CONNECT in the version that it names; errors as for `encodePacket`. */
export function encodeConnect(packet: ConnectPacket, sink: PacketSink | undefined): Uint8Array {
  const { protocolVersion: version, keepAlive, clientId, will, username, password, properties } = packet;
  check(packet);
  const name = version === 3 ? "MQIsdp" : "MQTT";
  const propertyLength = version === 5 ? measureProperties(properties, PACKET_TYPES.connect) : 0;
  const willPropertyLength = version === 5 ? measureProperties(will?.properties, WILL) : 0;
  let length = 2 + name.length + 1 + 1 + 2 + stringSize(clientId);
  if (version === 5) length += variableByteIntegerLength(propertyLength) + propertyLength;
  if (will !== undefined) {
    length += stringSize(will.topic) + binarySize(will.payload, "will payload");
    if (version === 5) length += variableByteIntegerLength(willPropertyLength) + willPropertyLength;
  }
  if (username !== undefined) length += stringSize(username);
  if (password !== undefined) length += binarySize(password, "password");

  const writer = begin(sink, PACKET_TYPES.connect << 4, length);
  writer.string(name);
  writer.byte(packet.isBridge ? version | 0x80 : version);
  writer.byte(connectFlags(packet));
  writer.uint16(keepAlive);
  if (version === 5) writeProperties(writer, properties, propertyLength);
  writer.string(clientId);
  if (will !== undefined) {
    if (version === 5) writeProperties(writer, will.properties, willPropertyLength);
    writer.string(will.topic);
    writer.binary(will.payload);
  }
  if (username !== undefined) writer.string(username);
  if (password !== undefined) writer.binary(password);
  return writer.bytes;
}

function check(packet: ConnectPacket): void {
  const { protocolVersion: version, keepAlive, will, username, password, properties } = packet;
  checkInteger(version, 3, 5, "protocol version");
  if (version === 5 && packet.isBridge) {
    throw new TypeError("Cannot encode CONNECT: isBridge must be false in MQTT 5.0, received true");
  }
  checkInteger(keepAlive, 0, 0xffff, "keep alive");
  if (will !== undefined) checkWill(will);
  if (version < 5 && password !== undefined && username === undefined) {
    throw new TypeError("Cannot encode CONNECT: password must come with a username before MQTT 5.0, received it alone");
  }
  if (version === 5 && properties?.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    throw new TypeError("Cannot encode CONNECT: authentication data must come with an authentication method");
  }
}

function checkWill({ topic, qos }: Will): void {
  checkInteger(qos, 0, 2, "will QoS");
  if (isTopicName(topic)) return;
  throw new RangeError(`Cannot encode CONNECT: will topic must be a topic name, received "${excerpt(topic)}"`);
}

function connectFlags({ cleanStart, will, username, password }: ConnectPacket): number {
  let flags = cleanStart ? 0x02 : 0;
  if (will !== undefined) flags |= 0x04 | will.qos << 3 | (will.retain ? 0x20 : 0);
  if (password !== undefined) flags |= 0x40;
  if (username !== undefined) flags |= 0x80;
  return flags;
}

/** Writes a CONNACK; before MQTT 5.0 its code is a return code of 0 to 5. */
export function encodeConnack(
  packet: ConnackPacket,
  version: ProtocolVersion,
  sink: PacketSink | undefined,
): Uint8Array {
  const { sessionPresent, reasonCode, properties } = packet;
  if (version === 5) checkReasonCode(PACKET_TYPES.connack, reasonCode);
  else checkInteger(reasonCode, 0, 5, "return code");
  if (sessionPresent && reasonCode !== 0) {
    throw new RangeError(`Cannot encode CONNACK: session present must be false with code ${reasonCode}, received true`);
  }
  const propertyLength = version === 5 ? measureProperties(properties, PACKET_TYPES.connack) : 0;
  const tail = version === 5 ? variableByteIntegerLength(propertyLength) + propertyLength : 0;
  const writer = begin(sink, PACKET_TYPES.connack << 4, 2 + tail);
  // MQTT 3.1 reserves the byte of the flags.
  writer.byte(sessionPresent && version > 3 ? 1 : 0);
  writer.byte(reasonCode);
  if (version === 5) writeProperties(writer, properties, propertyLength);
  return writer.bytes;
}
