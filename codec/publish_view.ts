/**
 * PUBLISH as offsets into its bytes: what a broker needs to route a message on without building objects for it.
 *
 * Typed arrays are read with `!`: each index has been compared with the end of the packet before.
 *
 * @module
 */

import { isUtf8, variableByteIntegerLength } from "./bytes.ts";
import { MqttError } from "./errors.ts";
import type { Frame } from "./framer.ts";
import { PACKET_TYPES } from "./packet_types.ts";
import type { ProtocolVersion, QoS } from "./packets.ts";
import {
  PROPERTY_BIT,
  PROPERTY_TYPE,
  PropertyId,
  propertyMask,
  PropertyType,
  repeatableMask,
} from "./property_table.ts";
import { ReasonCode } from "./reason_codes.ts";

/**
 * Where the parts of a PUBLISH lie (MQTT 5.0 section 3.3). One view is used for one packet after the other; all
 * offsets are into the `bytes` of the frame that was read last.
 */
export class PublishView {
  /** Quality of service. */
  qos: QoS = 0;
  /** The retain flag. */
  retain = false;
  /** The DUP flag. */
  dup = false;
  /** Offset of the topic name's first byte. */
  topicStart = 0;
  /** Offset behind the topic name. */
  topicEnd = 0;
  /** 1 to 65,535 with QoS 1 and 2, else 0. */
  packetId = 0;
  /** Offset of the first property, behind their length. */
  propertiesStart = 0;
  /** Offset behind the last property; `propertiesStart` if there is none, and always before MQTT 5.0. */
  propertiesEnd = 0;
  /** Offset of the payload's first byte. */
  payloadStart = 0;
  /** Offset behind the payload and the packet. */
  end = 0;

  /**
   * Finds the parts of the PUBLISH in `frame`. Checks the flags, the packet identifier, and that each part lies within
   * the packet; neither the topic name's text nor what the properties say (see {@linkcode PublishPropertiesView}).
   *
   * Throws {@linkcode MqttError}: 0x81 for QoS 3 and a part that is cut off, 0x82 for DUP with QoS 0 and packet
   * identifier 0.
   */
  read(frame: Frame, version: ProtocolVersion): void {
    const bytes = frame.bytes;
    const end = frame.end;
    const flags = bytes[frame.start]!;
    const qos = flags >> 1 & 3;
    if (qos === 3) throw malformed("QoS must be 0, 1 or 2, received 3");
    this.dup = (flags & 8) !== 0;
    if (qos === 0 && this.dup) throw protocolError("DUP must be 0 with QoS 0, received 1");
    this.qos = qos as QoS; // 3 has been refused.
    this.retain = (flags & 1) !== 0;

    let at = frame.bodyStart + 2;
    if (at > end) throw malformed("the topic name must end within the packet");
    this.topicStart = at;
    at += bytes[at - 2]! << 8 | bytes[at - 1]!;
    if (at > end) throw malformed("the topic name must end within the packet");
    this.topicEnd = at;

    let packetId = 0;
    if (qos > 0) {
      at += 2;
      if (at > end) throw malformed("the packet identifier must end within the packet");
      packetId = bytes[at - 2]! << 8 | bytes[at - 1]!;
      if (packetId === 0) throw protocolError("packet identifier must be 1 to 65535, received 0");
    }
    this.packetId = packetId;
    this.end = end;
    if (version === 5) {
      this.#readPropertyLength(bytes, at, end);
    } else {
      this.propertiesStart = at;
      this.propertiesEnd = at;
      this.payloadStart = at;
    }
  }

  #readPropertyLength(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    const length = variableByteIntegerAt(bytes, at, end);
    at += variableByteIntegerLength(length);
    this.propertiesStart = at;
    this.propertiesEnd = at + length;
    this.payloadStart = at + length;
    if (at + length > end) throw malformed("the properties must end within the packet");
  }
}

/**
 * What a broker has to know of the properties of a PUBLISH before it passes them on as they are (section 3.3.2.3).
 * One view is used for one packet after the other.
 */
export class PublishPropertiesView {
  /** Topic alias, 1 to 65,535; 0 if there is none. */
  topicAlias = 0;
  /** Offset of the identifier byte of the topic alias; -1 if there is none. */
  topicAliasAt: number = -1;
  /** Message expiry interval in seconds, 0 to 4,294,967,295; -1 if there is none. */
  messageExpiryInterval: number = -1;
  /** Offset of the identifier byte of the message expiry interval; -1 if there is none. */
  messageExpiryAt: number = -1;
  /** Whether there are subscription identifiers, which a client may not send [MQTT-3.3.4-6]. */
  hasSubscriptionIdentifiers = false;

  /**
   * Checks the properties from `start` up to `end` as strictly as `decodePacket` does, without building their values.
   *
   * Throws {@linkcode MqttError}: 0x81 for what cannot be parsed or is no property of PUBLISH, 0x82 for a property
   * that stands twice or has a value that is not allowed, 0x94 for topic alias 0.
   */
  scan(bytes: Uint8Array, start: number, end: number): void {
    this.topicAlias = 0;
    this.topicAliasAt = -1;
    this.messageExpiryInterval = -1;
    this.messageExpiryAt = -1;
    this.hasSubscriptionIdentifiers = false;
    let seen = 0;
    let at = start;
    while (at < end) {
      const id = bytes[at]!;
      const bit = id < PROPERTY_BIT.length ? PROPERTY_BIT[id]! : 0;
      if ((bit & PUBLISH_MASK) === 0) throw malformed(`property 0x${id.toString(16)} must not stand in it`);
      if ((bit & seen) !== 0) throw protocolError(`property 0x${id.toString(16)} must stand in it once`);
      seen |= bit & ~REPEATABLE_MASK;
      at = this.#scanValue(bytes, at, end, id);
      if (at > end) throw malformed("a property must end within the properties");
    }
  }

  /**
   * Checks the value behind the identifier at `at`; gives the offset behind it, past `end` if it is cut off. In PUBLISH
   * one property each is a flag, a two byte, a four byte and a variable byte integer.
   */
  #scanValue(bytes: Uint8Array, at: number, end: number, id: number): number {
    switch (PROPERTY_TYPE[id]!) {
      case PropertyType.Flag:
        if (at + 2 <= end && bytes[at + 1]! > 1) throw protocolError("payload format indicator must be 0 or 1");
        return at + 2;
      case PropertyType.Uint16:
        return this.#scanTopicAlias(bytes, at, end);
      case PropertyType.Uint32:
        return this.#scanMessageExpiry(bytes, at, end);
      case PropertyType.VariableByteInteger: {
        const value = variableByteIntegerAt(bytes, at + 1, end);
        if (value === 0) throw protocolError("subscription identifier must be 1 to 268435455, received 0");
        this.hasSubscriptionIdentifiers = true;
        return at + 1 + variableByteIntegerLength(value);
      }
      case PropertyType.Utf8String: {
        const next = skipString(bytes, at + 1, end);
        if (id === PropertyId.ResponseTopic && next <= end) checkResponseTopic(bytes, at + 3, next);
        return next;
      }
      case PropertyType.StringPair: {
        const next = skipString(bytes, at + 1, end);
        return next > end ? next : skipString(bytes, next, end);
      }
      default:
        return skipBinary(bytes, at + 1, end);
    }
  }

  #scanTopicAlias(bytes: Uint8Array, at: number, end: number): number {
    if (at + 3 > end) return at + 3;
    const value = bytes[at + 1]! << 8 | bytes[at + 2]!;
    if (value === 0) {
      throw new MqttError(
        "Cannot decode PUBLISH: topic alias must be 1 to 65535, received 0",
        ReasonCode.TopicAliasInvalid,
      );
    }
    this.topicAlias = value;
    this.topicAliasAt = at;
    return at + 3;
  }

  #scanMessageExpiry(bytes: Uint8Array, at: number, end: number): number {
    if (at + 5 > end) return at + 5;
    this.messageExpiryInterval =
      (bytes[at + 1]! << 24 | bytes[at + 2]! << 16 | bytes[at + 3]! << 8 | bytes[at + 4]!) >>> 0;
    this.messageExpiryAt = at;
    return at + 5;
  }
}

const PUBLISH_MASK = propertyMask(PACKET_TYPES.publish);
const REPEATABLE_MASK = repeatableMask(PACKET_TYPES.publish);

/** The offset behind the binary data whose length stands at `at`; past `end` if it is cut off. */
function skipBinary(bytes: Uint8Array, at: number, end: number): number {
  return at + 2 > end ? at + 2 : at + 2 + (bytes[at]! << 8 | bytes[at + 1]!);
}

/** Like {@linkcode skipBinary}, for a string, whose text it checks. */
function skipString(bytes: Uint8Array, at: number, end: number): number {
  const next = skipBinary(bytes, at, end);
  if (next <= end && !isUtf8(bytes, at + 2, next)) throw malformed("a string must be valid UTF-8 without U+0000");
  return next;
}

/** A response topic is a topic name: not empty, no wildcards [MQTT-3.3.2-14]. */
function checkResponseTopic(bytes: Uint8Array, start: number, end: number): void {
  if (start === end) throw protocolError("response topic must have at least one character");
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte === 0x23 || byte === 0x2b) throw protocolError("response topic must have no wildcards");
  }
}

function variableByteIntegerAt(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let i = 0; i < 4; i++) {
    if (start + i >= end) throw malformed("a variable byte integer must end within the packet");
    const byte = bytes[start + i]!;
    value |= (byte & 0x7f) << 7 * i;
    if (byte > 0x7f) continue;
    if (byte === 0 && i > 0) throw malformed("a variable byte integer must have its shortest form");
    return value;
  }
  throw malformed("a variable byte integer must have at most 4 bytes");
}

function malformed(why: string): MqttError {
  return new MqttError(`Cannot decode PUBLISH: ${why}`, ReasonCode.MalformedPacket);
}

function protocolError(why: string): MqttError {
  return new MqttError(`Cannot decode PUBLISH: ${why}`, ReasonCode.ProtocolError);
}
