/**
 * The data representation of MQTT (5.0 section 1.5): variable byte integers and UTF-8 strings.
 *
 * Typed arrays are read with `!` in this file's loops: each index is below a bound that the caller or the line
 * before has compared with the array's length.
 *
 * @module
 */

import { MqttError } from "./errors.ts";
import { ReasonCode } from "./reason_codes.ts";

/** The largest value of a variable byte integer, 268,435,455 (section 1.5.5). */
export const MAXIMUM_VARIABLE_BYTE_INTEGER = 268_435_455;

/** The most bytes that a UTF-8 string or binary data may have, 65,535 (sections 1.5.4 and 1.5.6). */
export const MAXIMUM_STRING_LENGTH = 65_535;

/** How many bytes, 1 to 4, `value` takes as a variable byte integer. `value`: 0 to 268,435,455, else `RangeError`. */
export function variableByteIntegerLength(value: number): number {
  if (value >= 0 && value < 0x80) return 1;
  if (value >= 0 && value < 0x4000) return 2;
  if (value >= 0 && value < 0x200000) return 3;
  if (value >= 0 && value <= MAXIMUM_VARIABLE_BYTE_INTEGER) return 4;
  throw new RangeError(
    `Cannot encode variable byte integer: value must be 0 to ${MAXIMUM_VARIABLE_BYTE_INTEGER}, received ${value}`,
  );
}

/**
 * Writes `value` (0 to 268,435,455, an integer) in its shortest form into `bytes` at offset `at` and gives the offset
 * behind it [MQTT-1.5.5-1]. The caller has made room, see {@linkcode variableByteIntegerLength}.
 */
export function writeVariableByteInteger(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  while (rest > 0x7f) {
    bytes[at++] = rest & 0x7f | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}

// Longer strings are decoded faster by TextDecoder, whose call costs as much as this loop over that many bytes.
const SHORT_STRING = 96;

const textDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const textEncoder = new TextEncoder();

/**
 * The string that `bytes` hold from `start` up to `end`, by the rules of MQTT (section 1.5.4): invalid UTF-8,
 * surrogates and U+0000 are refused with an {@linkcode MqttError} 0x81, and EF BB BF is U+FEFF, not a byte order mark.
 */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= SHORT_STRING) {
    const text = decodeAscii(bytes, start, end);
    if (text !== undefined) return text;
  }
  let text: string;
  try {
    text = textDecoder.decode(bytes.subarray(start, end));
  } catch (cause) {
    throw new MqttError(
      "Cannot decode string: it must be valid UTF-8, received other bytes",
      ReasonCode.MalformedPacket,
      { cause },
    );
  }
  if (text.includes("\0")) {
    throw new MqttError("Cannot decode string: it must not have U+0000, received one", ReasonCode.MalformedPacket);
  }
  return text;
}

/**
 * The text of bytes that are all 0x01 to 0x7F; undefined if one is not. Takes eight, three or one at a time, because
 * each call of `fromCharCode` and each concatenation costs more than a few bytes.
 */
function decodeAscii(bytes: Uint8Array, start: number, end: number): string | undefined {
  let text = "";
  let at = start;
  // b | b - 1 has a bit above the seventh, or the sign, for exactly the bytes 0x00 and 0x80 to 0xFF.
  let seen = 0;
  for (; at + 8 <= end; at += 8) {
    const a = bytes[at]!, b = bytes[at + 1]!, c = bytes[at + 2]!, d = bytes[at + 3]!;
    const e = bytes[at + 4]!, f = bytes[at + 5]!, g = bytes[at + 6]!, h = bytes[at + 7]!;
    seen |= a | a - 1 | b | b - 1 | c | c - 1 | d | d - 1 | e | e - 1 | f | f - 1 | g | g - 1 | h | h - 1;
    text += String.fromCharCode(a, b, c, d, e, f, g, h);
  }
  for (; at + 3 <= end; at += 3) {
    const a = bytes[at]!, b = bytes[at + 1]!, c = bytes[at + 2]!;
    seen |= a | a - 1 | b | b - 1 | c | c - 1;
    text += String.fromCharCode(a, b, c);
  }
  for (; at < end; at++) {
    const a = bytes[at]!;
    seen |= a | a - 1;
    text += String.fromCharCode(a);
  }
  return seen >> 7 === 0 ? text : undefined;
}

/**
 * Whether `bytes` from `start` up to `end` are valid UTF-8 as {@linkcode decodeUtf8} takes it, told without building
 * the string. `allowNull` lets U+0000 pass: a payload is bound to Unicode alone, not to MQTT's rules for strings
 * (payload format indicator 1, section 3.3.2.3.2).
 */
export function isUtf8(bytes: Uint8Array, start: number, end: number, allowNull = false): boolean {
  let at = start;
  while (at < end) {
    const first = bytes[at]!;
    if (first < 0x80) {
      if (first === 0 && !allowNull) return false;
      at++;
      continue;
    }
    const length = sequenceLength(bytes, at, end);
    if (length === 0) return false;
    at += length;
  }
  return true;
}

/** Length of the valid multi-byte sequence at `at` (Unicode table 3-7), 0 if there is none. */
function sequenceLength(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at]!;
  if (first < 0xc2 || first > 0xf4) return 0;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (at + length > end) return 0;
  // The second byte's range depends on the first: no overlong forms, no surrogates, nothing above U+10FFFF.
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  const second = bytes[at + 1]!;
  if (second < low || second > high) return 0;
  for (let i = 2; i < length; i++) {
    if ((bytes[at + i]! & 0xc0) !== 0x80) return 0;
  }
  return length;
}

/**
 * How many bytes `text` takes in UTF-8, without the two length bytes. `TypeError` if it has U+0000 or a lone surrogate,
 * `RangeError` if it takes more than 65,535 bytes (section 1.5.4).
 */
export function utf8Length(text: string): number {
  const units = text.length;
  let length = units;
  for (let i = 0; i < units; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) {
      if (unit === 0) throw new TypeError("Cannot encode string: it must not have U+0000, received one");
    } else if (unit < 0x800) {
      length += 1;
    } else if (unit < 0xd800 || unit > 0xdfff) {
      length += 2;
    } else {
      // A pair of surrogates is two units and four bytes.
      const next = unit < 0xdc00 && i + 1 < units ? text.charCodeAt(i + 1) : 0;
      if (next < 0xdc00 || next > 0xdfff) {
        throw new TypeError("Cannot encode string: it must be well-formed, received a lone surrogate");
      }
      length += 2;
      i++;
    }
  }
  if (length <= MAXIMUM_STRING_LENGTH) return length;
  throw new RangeError(`Cannot encode string: UTF-8 must be at most 65535 bytes, received ${length}`);
}

/** The UTF-8 bytes of an MQTT string, without the two length bytes; errors as {@linkcode utf8Length}. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes = new Uint8Array(utf8Length(text));
  writeUtf8(bytes, 0, text);
  return bytes;
}

/**
 * Writes `text` in UTF-8 into `bytes` at offset `at`, without length bytes, and gives the offset behind it. The caller
 * has measured it with {@linkcode utf8Length}, which also refuses what may not be written, and has made room.
 */
export function writeUtf8(bytes: Uint8Array, at: number, text: string): number {
  const units = text.length;
  if (units > SHORT_STRING) return at + textEncoder.encodeInto(text, bytes.subarray(at)).written;
  for (let i = 0; i < units; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return at + i + textEncoder.encodeInto(text.slice(i), bytes.subarray(at + i)).written;
    bytes[at + i] = unit;
  }
  return at + units;
}
