/**
 * How much is in a packet, told without decoding it: decoded, most of it takes many times the memory of its bytes.
 *
 * @module
 */

import type { Frame } from "../codec/framer.ts";
import { PACKET_TYPES } from "../codec/packet_types.ts";

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
    at += 2 + ((bytes[at] ?? 0) << 8 | (bytes[at + 1] ?? 0)) + options;
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
