/**
 * Writes the fields of one control packet in their order.
 *
 * @module
 */

import { utf8Length, variableByteIntegerLength, writeUtf8, writeVariableByteInteger } from "./bytes.ts";

/** A new packet of exactly the right size, with its fixed header written. */
export function beginPacket(firstByte: number, remainingLength: number): Writer {
  const bytes = new Uint8Array(1 + variableByteIntegerLength(remainingLength) + remainingLength);
  bytes[0] = firstByte;
  return new Writer(bytes, writeVariableByteInteger(bytes, 1, remainingLength));
}

/** A position in an array that has room for all that is written; its users have measured and checked that before. */
export class Writer {
  /** Where the fields go. */
  readonly bytes: Uint8Array;
  /** Offset of the next field. */
  position: number;

  /** Writes into `bytes` from `position` on. */
  constructor(bytes: Uint8Array, position: number) {
    this.bytes = bytes;
    this.position = position;
  }

  /** A one byte integer. */
  byte(value: number): void {
    this.bytes[this.position++] = value;
  }

  /** A two byte integer. */
  uint16(value: number): void {
    this.bytes[this.position++] = value >> 8;
    this.bytes[this.position++] = value;
  }

  /** A four byte integer. */
  uint32(value: number): void {
    this.uint16(value >>> 16);
    this.uint16(value & 0xffff);
  }

  /** A variable byte integer. */
  variableByteInteger(value: number): void {
    this.position = writeVariableByteInteger(this.bytes, this.position, value);
  }

  /** A UTF-8 string. */
  string(value: string): void {
    const start = this.position + 2;
    const end = writeUtf8(this.bytes, start, value);
    this.uint16(end - start);
    this.position = end;
  }

  /** Binary data. */
  binary(value: Uint8Array): void {
    this.uint16(value.length);
    this.raw(value);
  }

  /** Bytes without a length. */
  raw(value: Uint8Array): void {
    this.bytes.set(value, this.position);
    this.position += value.length;
  }
}

/** Size of a string with its length bytes; `TypeError` and `RangeError` as for `utf8Length`. */
export function stringSize(value: string): number {
  return 2 + utf8Length(value);
}

/** Size of binary data with its length bytes; `RangeError` above 65,535 bytes, `TypeError` if it is not a `Uint8Array`. */
export function binarySize(value: Uint8Array, name: string): number {
  if (!(value instanceof Uint8Array)) throw new TypeError(`Cannot encode packet: ${name} must be a Uint8Array`);
  if (value.length <= 65_535) return 2 + value.length;
  throw new RangeError(`Cannot encode packet: ${name} must have at most 65535 bytes, received ${value.length}`);
}

/** `RangeError` unless `value` is an integer from `minimum` to `maximum`. */
export function checkInteger(value: unknown, minimum: number, maximum: number, name: string): void {
  if (typeof value === "number" && value >= minimum && value <= maximum && Number.isInteger(value)) return;
  throw new RangeError(`Cannot encode packet: ${name} must be ${minimum} to ${maximum}, received ${value}`);
}
