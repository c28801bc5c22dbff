/**
 * CONNECT out of its bytes (MQTT 5.0 and 3.1.1 section 3.1).
 *
 * @module
 */

import type { Frame } from "./framer.ts";
import { PACKET_TYPES } from "./packet_types.ts";
import type { ConnectPacket, ProtocolVersion, QoS, Will } from "./packets.ts";
import { WILL } from "./property_table.ts";
import { readProperties } from "./read_properties.ts";
import { Reader } from "./reader.ts";
import { ReasonCode } from "./reason_codes.ts";
import { excerpt, isTopicName } from "./topic.ts";

/** Bits of the connect flags (section 3.1.2.3). */
const RESERVED = 0x01, CLEAN_START = 0x02, WILL_FLAG = 0x04, WILL_QOS = 0x18, WILL_RETAIN = 0x20;
const PASSWORD_FLAG = 0x40, USER_NAME_FLAG = 0x80;

/** Reads a CONNECT by the rules of the version that it names. */
export function decodeConnect(frame: Frame): ConnectPacket {
  const reader = new Reader(frame.bytes, frame.bodyStart, frame.end, PACKET_TYPES.connect);
  const { protocolVersion, isBridge } = readVersion(reader);
  const headerFlags = (frame.bytes[frame.start] ?? 0) & 0x0f;
  // MQTT 3.1 does not use these flags, nor bit 0 of the connect flags; the later versions reserve them.
  if (protocolVersion > 3 && headerFlags !== 0) {
    throw reader.malformed(`flags of the fixed header must be 0, received ${headerFlags}`);
  }
  const flags = reader.byte();
  checkFlags(reader, flags, protocolVersion);
  const packet: ConnectPacket = {
    type: "connect",
    protocolVersion,
    clientId: "",
    cleanStart: (flags & CLEAN_START) !== 0,
    keepAlive: reader.uint16(),
  };
  if (isBridge) packet.isBridge = true;
  if (protocolVersion === 5) {
    const properties = readProperties(reader, PACKET_TYPES.connect);
    if (properties !== undefined) packet.properties = properties;
    if (properties?.authenticationData !== undefined && properties.authenticationMethod === undefined) {
      throw reader.protocolError("authentication data must come with an authentication method");
    }
  }
  packet.clientId = reader.string();
  if ((flags & WILL_FLAG) !== 0) packet.will = readWill(reader, flags, protocolVersion);
  // MQTT 3.1 lets a packet end before the user name and password that its flags announce.
  const optional = protocolVersion === 3;
  if ((flags & USER_NAME_FLAG) !== 0 && !(optional && reader.position === reader.end)) {
    packet.username = reader.string();
  }
  if ((flags & PASSWORD_FLAG) !== 0 && !(optional && reader.position === reader.end)) {
    packet.password = reader.binary();
  }
  reader.finish();
  return packet;
}

/**
 * The version whose CONNACK the sender of the CONNECT in `frame` understands, for refusing a CONNECT that
 * `decodePacket` has thrown on. For the protocol name "MQTT" with an unknown level it is 5 when the level is above 5,
 * else 4 (return code 1, [MQTT-3.1.2-2] of 3.1.1). Undefined when the packet is no CONNECT or has another protocol
 * name: then close without an answer.
 */
export function connackVersion(frame: Frame): ProtocolVersion | undefined {
  if ((frame.bytes[frame.start] ?? 0) >> 4 !== PACKET_TYPES.connect) return undefined;
  const bytes = frame.bytes.subarray(frame.bodyStart, frame.end);
  if (startsWith(bytes, NAME_3_1)) return bytes.length > NAME_3_1.length ? 3 : undefined;
  const level = bytes[NAME.length];
  if (level === undefined || !startsWith(bytes, NAME)) return undefined;
  // Bit 7 is how some brokers announce themselves as bridges.
  return (level & 0x7f) >= 5 ? 5 : 4;
}

/** The protocol names "MQTT" and "MQIsdp", with their lengths. */
const NAME: readonly number[] = [0, 4, 0x4d, 0x51, 0x54, 0x54];
const NAME_3_1: readonly number[] = [0, 6, 0x4d, 0x51, 0x49, 0x73, 0x64, 0x70];

function startsWith(bytes: Uint8Array, prefix: readonly number[]): boolean {
  return prefix.every((byte, i) => bytes[i] === byte);
}

/** Marks the protocol level of a bridge, before MQTT 5.0. */
const BRIDGE_BIT = 0x80;

function readVersion(reader: Reader): { readonly protocolVersion: ProtocolVersion; readonly isBridge: boolean } {
  const name = reader.string();
  const level = reader.byte();
  if (name === "MQTT" && level === 5) return { protocolVersion: level, isBridge: false };
  const version = level & ~BRIDGE_BIT;
  const isBridge = version !== level;
  if (name === "MQTT" && version === 4) return { protocolVersion: 4, isBridge };
  if (name === "MQIsdp" && version === 3) return { protocolVersion: 3, isBridge };
  throw reader.error(
    `protocol must be MQTT 4, MQTT 5 or MQIsdp 3, received ${JSON.stringify(name.slice(0, 20))} ${level}`,
    ReasonCode.UnsupportedProtocolVersion,
  );
}

function checkFlags(reader: Reader, flags: number, version: ProtocolVersion): void {
  if (version > 3 && (flags & RESERVED) !== 0) throw reader.malformed("connect flag bit 0 must be 0, received 1");
  if (version > 3 && (flags & WILL_FLAG) === 0 && (flags & (WILL_QOS | WILL_RETAIN)) !== 0) {
    throw reader.malformed("will QoS and will retain must be 0 without a will");
  }
  if ((flags & WILL_FLAG) !== 0 && (flags & WILL_QOS) === WILL_QOS) {
    throw reader.malformed("will QoS must be 0, 1 or 2, received 3");
  }
  if (version < 5 && (flags & PASSWORD_FLAG) !== 0 && (flags & USER_NAME_FLAG) === 0) {
    throw reader.malformed("a password must come with a user name");
  }
}

function readWill(reader: Reader, flags: number, version: ProtocolVersion): Will {
  const properties = version === 5 ? readProperties(reader, WILL) : undefined;
  const topic = reader.string();
  if (!isTopicName(topic)) {
    throw reader.error(
      `will topic must have a character and no wildcards, received "${excerpt(topic)}"`,
      ReasonCode.TopicNameInvalid,
    );
  }
  const will: Will = {
    topic,
    payload: reader.binary(),
    qos: ((flags & WILL_QOS) >> 3) as QoS, // 3 has been refused.
    retain: (flags & WILL_RETAIN) !== 0,
  };
  if (properties !== undefined) will.properties = properties;
  return will;
}
