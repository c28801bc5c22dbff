/**
 * The packets of servers out of their bytes, but publications, which a client reads as a `PublishView`. A client needs
 * no more, so that what decodes the packets of clients stays out of its bundle.
 *
 * @module
 */

import { MqttError } from "./errors.ts";
import type { Frame } from "./framer.ts";
import { isReasonCodeOf, PACKET_TYPES } from "./packet_types.ts";
import type {
  AuthPacket,
  ConnackPacket,
  DisconnectPacket,
  PingrespPacket,
  ProtocolVersion,
  PubackPacket,
  PubcompPacket,
  PubrecPacket,
  PubrelPacket,
  SubackPacket,
  UnsubackPacket,
} from "./packets.ts";
import type { Properties } from "./property_types.ts";
import { readProperties } from "./read_properties.ts";
import { Reader } from "./reader.ts";
import { ReasonCode } from "./reason_codes.ts";

type PublishAnswer = PubackPacket | PubrecPacket | PubrelPacket | PubcompPacket;

/** What a server sends beside publications. */
export type ServerPacket =
  | ConnackPacket
  | PublishAnswer
  | SubackPacket
  | UnsubackPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket;

/** As `decodePacket`; protocol error 0x82 for the packets of clients and for a PUBLISH. */
export function decodeServerPacket(frame: Frame, version: ProtocolVersion): ServerPacket {
  const reader = packetReader(frame, version);
  const packet = decodeBody(reader, version);
  reader.finish();
  return packet;
}

function decodeBody(reader: Reader, version: ProtocolVersion): ServerPacket {
  switch (reader.type) {
    case PACKET_TYPES.connack:
      return decodeConnack(reader, version);
    case PACKET_TYPES.puback:
      return decodePublishAnswer(reader, version, "puback");
    case PACKET_TYPES.pubrec:
      return decodePublishAnswer(reader, version, "pubrec");
    case PACKET_TYPES.pubrel:
      return decodePublishAnswer(reader, version, "pubrel");
    case PACKET_TYPES.pubcomp:
      return decodePublishAnswer(reader, version, "pubcomp");
    case PACKET_TYPES.suback:
      return decodeSuback(reader, version);
    case PACKET_TYPES.unsuback:
      return decodeUnsuback(reader, version);
    case PACKET_TYPES.pingresp:
      return { type: "pingresp" };
    case PACKET_TYPES.disconnect:
      return readOutcome<DisconnectPacket>(reader, version, { type: "disconnect", reasonCode: 0 });
    case PACKET_TYPES.auth:
      return decodeAuth(reader, version);
    default:
      throw reader.protocolError("it must not come from a server, or not now");
  }
}

/**
 * The fields of the packet in `frame`, any but PUBLISH. Bits 3 to 0 of the first byte are fixed for all of them
 * [MQTT-2.1.3-1]; MQTT 3.1 does not use them.
 */
export function packetReader(frame: Frame, version: ProtocolVersion): Reader {
  const first = frame.bytes[frame.start] ?? 0;
  const type = first >> 4;
  const flags = first & 0x0f;
  if (type === 0) {
    throw new MqttError("Cannot decode packet: type must be 1 to 15, received 0", ReasonCode.MalformedPacket);
  }
  const reader = new Reader(frame.bytes, frame.bodyStart, frame.end, type);
  if (version === 3) return reader;
  const { pubrel, subscribe, unsubscribe } = PACKET_TYPES;
  const expected = type === pubrel || type === subscribe || type === unsubscribe ? 2 : 0;
  if (flags !== expected) throw reader.malformed(`flags must be ${expected}, received ${flags}`);
  return reader;
}

function decodeConnack(reader: Reader, version: ProtocolVersion): ConnackPacket {
  const flags = reader.byte();
  if (version > 3 && flags > 1) throw reader.malformed(`acknowledge flags must be 0 or 1, received ${flags}`);
  const sessionPresent = version > 3 && flags === 1;
  const reasonCode = version === 5 ? readReasonCode(reader) : readReturnCode(reader);
  if (sessionPresent && reasonCode !== 0) {
    throw reader.protocolError(`session present must be 0 with reason code ${reasonCode}, received 1`);
  }
  const packet: ConnackPacket = { type: "connack", sessionPresent, reasonCode };
  if (version < 5) return packet;
  return withProperties(reader, packet);
}

function readReturnCode(reader: Reader): number {
  const code = reader.byte();
  if (code <= 5) return code;
  throw reader.protocolError(`return code must be 0 to 5, received ${code}`);
}

function readReasonCode(reader: Reader): number {
  const code = reader.byte();
  if (isReasonCodeOf(reader.type, code)) return code;
  throw reader.protocolError(`reason code must be one of this packet, received 0x${code.toString(16)}`);
}

function decodePublishAnswer(reader: Reader, version: ProtocolVersion, type: PublishAnswer["type"]): PublishAnswer {
  return readOutcome<PublishAnswer>(reader, version, { type, packetId: reader.packetId(), reasonCode: 0 });
}

/** The reason code and the properties, which may be left out from the end (sections 3.4.2.1 and 3.14.2.1). */
function readOutcome<Packet extends { reasonCode: number; properties?: Properties }>(
  reader: Reader,
  version: ProtocolVersion,
  packet: Packet,
): Packet {
  if (version < 5 || reader.position === reader.end) return packet;
  packet.reasonCode = readReasonCode(reader);
  return reader.position === reader.end ? packet : withProperties(reader, packet);
}

function decodeSuback(reader: Reader, version: ProtocolVersion): SubackPacket {
  const packet: SubackPacket = { type: "suback", packetId: reader.packetId(), reasonCodes: [] };
  if (version === 5) withProperties(reader, packet);
  readReasonCodes(reader, version, packet.reasonCodes);
  return packet;
}

function decodeUnsuback(reader: Reader, version: ProtocolVersion): UnsubackPacket {
  const packet: UnsubackPacket = { type: "unsuback", packetId: reader.packetId(), reasonCodes: [] };
  if (version < 5) return packet;
  withProperties(reader, packet);
  readReasonCodes(reader, version, packet.reasonCodes);
  return packet;
}

function readReasonCodes(reader: Reader, version: ProtocolVersion, codes: number[]): void {
  if (reader.position === reader.end) throw reader.protocolError("it must have at least one reason code");
  while (reader.position < reader.end) {
    const code = readReasonCode(reader);
    // Before 5.0 there is one failure. (3.1 has none, yet servers send 0x80 there too.)
    if (version < 5 && code > 0x80) throw reader.protocolError(`return code must be 0, 1, 2 or 128, received ${code}`);
    codes.push(code);
  }
}

function decodeAuth(reader: Reader, version: ProtocolVersion): AuthPacket {
  if (version < 5) throw reader.malformed("AUTH must come in MQTT 5.0");
  const packet: AuthPacket = { type: "auth", reasonCode: 0 };
  // Code and properties may be left out together only (section 3.15.2.1).
  if (reader.position === reader.end) return packet;
  packet.reasonCode = readReasonCode(reader);
  const properties = readProperties(reader, reader.type);
  if (properties?.authenticationMethod === undefined) {
    throw reader.protocolError("it must have an authentication method");
  }
  packet.properties = properties;
  return packet;
}

/** Reads the properties of `packet`, if there are any. */
export function withProperties<Packet extends { properties?: Properties }>(reader: Reader, packet: Packet): Packet {
  const properties = readProperties(reader, reader.type);
  if (properties !== undefined) packet.properties = properties;
  return packet;
}
