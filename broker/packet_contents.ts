/**
 * How much is in a packet, told without decoding it: decoded, most of it takes many times the memory of its bytes.
 *
 * @module
 */

import type { Frame } from "../codec/framer.ts";
import { PACKET_TYPES } from "../codec/packet_types.ts";
import { PROPERTY_TYPE, PropertyType } from "../codec/property_table.ts";

/**
 * Whether a SUBSCRIBE or UNSUBSCRIBE has more than `limit` filters; false for other packets. What is wrong in the packet
 * is for the decoder to find.
 */
export function hasMoreFilters(frame: Frame, v5: boolean, limit: number): boolean {
  const { bytes, start, bodyStart, end } = frame;
  // Without the flags of the first byte, which MQTT 3.1 does not look at.
  const type = (bytes[start] ?? 0) >> 4;
  if (type !== PACKET_TYPES.subscribe && type !== PACKET_TYPES.unsubscribe) return false;
  // A length, a character, and in a SUBSCRIBE the options.
  const options = type === PACKET_TYPES.subscribe ? 1 : 0;
  if (end - bodyStart <= limit * (3 + options)) return false;
  let at = bodyStart + 2;
  if (v5) {
    const { value, size } = propertyLength(bytes, at, end);
    at += size + value;
  }
  for (let count = 0; at + 1 < end; count++) {
    if (count === limit) return true;
    at += fieldSize(bytes, at) + options;
  }
  return false;
}

/** Whether the properties of a packet of MQTT 5.0, but CONNECT and PUBLISH, have more than `limit` bytes. */
export function hasMoreProperties(frame: Frame, limit: number): boolean {
  const { bytes, start, bodyStart, end } = frame;
  if (end - bodyStart <= limit) return false;
  const at = propertiesAt((bytes[start] ?? 0) >> 4);
  return at !== undefined && propertyLength(bytes, bodyStart + at, end).value > limit;
}

/**
 * Whether a CONNECT of MQTT 5.0, the will in it, or an AUTH has more than `limit` user properties; false for other
 * packets. What is wrong in the packet is for the decoder to find.
 */
export function hasMoreUserProperties(frame: Frame, limit: number): boolean {
  const { bytes, start, bodyStart, end } = frame;
  if (end - bodyStart <= limit * LEAST_USER_PROPERTY) return false;
  const type = (bytes[start] ?? 0) >> 4;
  if (type === PACKET_TYPES.auth) return listAt(bytes, bodyStart + 1, end).userProperties > limit;
  if (type !== PACKET_TYPES.connect) return false;
  const own = listAt(bytes, bodyStart + CONNECT_HEADER, end);
  if (own.userProperties > limit) return true;
  const hasWill = ((bytes[bodyStart + CONNECT_FLAGS] ?? 0) & WILL_FLAG) !== 0;
  return hasWill && listAt(bytes, own.end + fieldSize(bytes, own.end), end).userProperties > limit;
}

/** Bytes of a user property without name and value. */
const LEAST_USER_PROPERTY = 5;
/** Where in the body of a CONNECT of MQTT 5.0 the flags stand, and the properties. */
const CONNECT_FLAGS = 7;
const CONNECT_HEADER = 10;
const WILL_FLAG = 0x04;

/** How many user properties the list of properties at `start` has, and where it ends. */
function listAt(bytes: Uint8Array, start: number, packetEnd: number): { userProperties: number; end: number } {
  const { value, size } = propertyLength(bytes, start, packetEnd);
  const end = Math.min(packetEnd, start + size + value);
  let userProperties = 0;
  for (let at = start + size; at < end;) {
    const type = PROPERTY_TYPE[bytes[at++] ?? 0];
    if (type === PropertyType.StringPair) userProperties++;
    at += valueSize(type, bytes, at);
  }
  return { userProperties, end };
}

/** Bytes of the value at `at`; infinite for what stands in none of these packets. */
function valueSize(type: number | undefined, bytes: Uint8Array, at: number): number {
  switch (type) {
    case PropertyType.Flag:
      return 1;
    case PropertyType.Uint16:
      return 2;
    case PropertyType.Uint32:
      return 4;
    case PropertyType.Utf8String:
    case PropertyType.BinaryData:
      return fieldSize(bytes, at);
    case PropertyType.StringPair: {
      const name = fieldSize(bytes, at);
      return name + fieldSize(bytes, at + name);
    }
    default:
      return Infinity;
  }
}

/** Bytes of a text or of binary data, its length included. */
function fieldSize(bytes: Uint8Array, at: number): number {
  return 2 + ((bytes[at] ?? 0) << 8 | (bytes[at + 1] ?? 0));
}

/** Where in its body the properties of a packet begin that a client sends. */
function propertiesAt(type: number): number | undefined {
  switch (type) {
    case PACKET_TYPES.puback:
    case PACKET_TYPES.pubrec:
    case PACKET_TYPES.pubrel:
    case PACKET_TYPES.pubcomp:
      return 3;
    case PACKET_TYPES.subscribe:
    case PACKET_TYPES.unsubscribe:
      return 2;
    case PACKET_TYPES.disconnect:
    case PACKET_TYPES.auth:
      return 1;
    default:
      return undefined;
  }
}

/** The property length at `start`, a variable byte integer, and its own size; what is left of the packet if it is none. */
function propertyLength(bytes: Uint8Array, start: number, end: number): { value: number; size: number } {
  let value = 0;
  for (let i = 0; i < 4 && start + i < end; i++) {
    const byte = bytes[start + i] ?? 0;
    value |= (byte & 0x7f) << 7 * i;
    if (byte < 0x80) return { value, size: i + 1 };
  }
  return { value: end - start, size: 0 };
}
