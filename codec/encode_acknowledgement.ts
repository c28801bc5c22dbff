/**
 * What ends with a reason code into bytes: PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT and AUTH (MQTT 5.0 sections 3.4
 * to 3.7, 3.14 and 3.15).
 *
 * @module
 */

import { variableByteIntegerLength } from "./bytes.ts";
import { PACKET_TYPES } from "./packet_types.ts";
import type {
  AuthPacket,
  DisconnectPacket,
  ProtocolVersion,
  PubackPacket,
  PubcompPacket,
  PublishResponse,
  PubrecPacket,
  PubrelPacket,
} from "./packets.ts";
import { measureProperties, writeProperties } from "./write_properties.ts";
import { begin, checkPacketId, checkReasonCode, type PacketSink } from "./writer.ts";

/** Writes a PUBACK. */
export function encodePuback(packet: PubackPacket, version: ProtocolVersion, sink: PacketSink | undefined): Uint8Array {
  return encodeResponse(PACKET_TYPES.puback << 4, packet, version, sink);
}

/** Writes a PUBREC. */
export function encodePubrec(packet: PubrecPacket, version: ProtocolVersion, sink: PacketSink | undefined): Uint8Array {
  return encodeResponse(PACKET_TYPES.pubrec << 4, packet, version, sink);
}

/** Writes a PUBREL. */
export function encodePubrel(packet: PubrelPacket, version: ProtocolVersion, sink: PacketSink | undefined): Uint8Array {
  return encodeResponse(PACKET_TYPES.pubrel << 4 | 2, packet, version, sink);
}

/** Writes a PUBCOMP. */
export function encodePubcomp(
  packet: PubcompPacket,
  version: ProtocolVersion,
  sink: PacketSink | undefined,
): Uint8Array {
  return encodeResponse(PACKET_TYPES.pubcomp << 4, packet, version, sink);
}

/** Writes a DISCONNECT; before MQTT 5.0 there is one only. */
export function encodeDisconnect(
  packet: DisconnectPacket,
  version: ProtocolVersion,
  sink: PacketSink | undefined,
): Uint8Array {
  const firstByte = PACKET_TYPES.disconnect << 4;
  return version < 5 ? begin(sink, firstByte, 0).bytes : encodeEnding(firstByte, 0, packet, sink);
}

/** Writes an AUTH, which exists in MQTT 5.0 only. */
export function encodeAuth(packet: AuthPacket, version: ProtocolVersion, sink: PacketSink | undefined): Uint8Array {
  if (version < 5) throw new TypeError(`Cannot encode AUTH: version must be 5, received ${version}`);
  const bare = packet.reasonCode === 0 && measureProperties(packet.properties, PACKET_TYPES.auth) === 0;
  if (!bare && packet.properties?.authenticationMethod === undefined) {
    throw new TypeError("Cannot encode AUTH: it must have an authentication method");
  }
  return encodeEnding(PACKET_TYPES.auth << 4, 0, packet, sink);
}

function encodeResponse(
  firstByte: number,
  packet: PublishResponse,
  version: ProtocolVersion,
  sink: PacketSink | undefined,
): Uint8Array {
  const { packetId } = packet;
  checkPacketId(packetId);
  if (version === 5 && (packet.reasonCode !== 0 || packet.properties !== undefined)) {
    return encodeEnding(firstByte, packetId, packet, sink);
  }
  const writer = begin(sink, firstByte, 2);
  writer.uint16(packetId);
  return writer.bytes;
}

/**
 * Writes a packet whose reason code and properties are left out where they say nothing (sections 3.4.2.1, 3.14.2.1,
 * 3.15.2.1). `packetId` 0 stands for none.
 */
function encodeEnding(
  firstByte: number,
  packetId: number,
  { reasonCode, properties }: PublishResponse | DisconnectPacket | AuthPacket,
  sink: PacketSink | undefined,
): Uint8Array {
  const type = firstByte >> 4;
  checkReasonCode(type, reasonCode);
  const propertyLength = measureProperties(properties, type);
  let length = packetId === 0 ? 0 : 2;
  if (propertyLength > 0) length += 1 + variableByteIntegerLength(propertyLength) + propertyLength;
  else if (reasonCode !== 0) length += 1;
  const writer = begin(sink, firstByte, length);
  if (packetId !== 0) writer.uint16(packetId);
  if (propertyLength > 0 || reasonCode !== 0) writer.byte(reasonCode);
  if (propertyLength > 0) writeProperties(writer, properties, propertyLength);
  return writer.bytes;
}
