/**
 * How many topic filters a packet has, without decoding it.
 *
 * @module
 */

import type { Frame } from "../codec/framer.ts";

/** First byte of a SUBSCRIBE. */
export const SUBSCRIBE = 0x82;
/** First byte of an UNSUBSCRIBE. */
export const UNSUBSCRIBE = 0xa2;

/**
 * Whether a SUBSCRIBE or UNSUBSCRIBE, told by its first byte, has more than `limit` filters. What is wrong in the packet
 * is for the decoder to find.
 */
export function hasMoreFilters(first: number, frame: Frame, v5: boolean, limit: number): boolean {
  const { bytes, bodyStart, end } = frame;
  // A length, a character, and in a SUBSCRIBE the options.
  const options = first === SUBSCRIBE ? 1 : 0;
  if (end - bodyStart <= limit * (3 + options)) return false;
  let at = bodyStart + 2;
  if (v5) at += propertiesLength(bytes, at, end);
  for (let count = 0; at + 1 < end; count++) {
    if (count === limit) return true;
    at += 2 + ((bytes[at] ?? 0) << 8 | (bytes[at + 1] ?? 0)) + options;
  }
  return false;
}

/** Bytes of the properties with their length, which is a variable byte integer. */
function propertiesLength(bytes: Uint8Array, start: number, end: number): number {
  let length = 0;
  for (let i = 0; i < 4 && start + i < end; i++) {
    const byte = bytes[start + i] ?? 0;
    length |= (byte & 0x7f) << 7 * i;
    if (byte < 0x80) return i + 1 + length;
  }
  return end - start;
}
