/**
 * Writes the fields of one control packet in their order.
 *
 * @module
 */

import {
  MAXIMUM_STRING_LENGTH,
  utf8Length,
  variableByteIntegerLength,
  writeUtf8,
  writeVariableByteInteger,
} from "./bytes.ts";
import { isReasonCodeOf, packetTypeName } from "./packet_types.ts";

/** What packets are written into: a buffer that makes room for them, for instance the output of a connection. */
export interface PacketSink {
  /** Makes room for `length` bytes; returns their offset in {@linkcode buffer}. */
  reserve(length: number): number;
  /** The buffer that `reserve` made room in; read again after each call of it. */
  readonly buffer: Uint8Array;
}

/** Begins a packet in `sink`, or else in a new array of exactly its size, by writing the fixed header. */
export function begin(sink: PacketSink | undefined, firstByte: number, remainingLength: number): Writer {
  const size = 1 + variableByteIntegerLength(remainingLength) + remainingLength;
  const start = sink === undefined ? 0 : sink.reserve(size);
  const bytes = sink === undefined ? new Uint8Array(size) : sink.buffer;
  bytes[start] = firstByte;
  return new Writer(bytes, writeVariableByteInteger(bytes, start + 1, remainingLength));
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
export function binarySize(value: unknown, name: string): number {
  checkBytes(value, name);
  if (value.length <= MAXIMUM_STRING_LENGTH) return 2 + value.length;
  throw new RangeError(`Cannot encode packet: ${name} must have at most 65535 bytes, received ${value.length}`);
}

/** `TypeError` unless `value` is a `Uint8Array`. */
export function checkBytes(value: unknown, name: string): asserts value is Uint8Array {
  if (value instanceof Uint8Array) return;
  throw new TypeError(`Cannot encode packet: ${name} must be a Uint8Array, received ${typeof value}`);
}

/** `RangeError` unless `value` is an integer from `minimum` to `maximum`. */
export function checkInteger(value: unknown, minimum: number, maximum: number, name: string): void {
  if (typeof value === "number" && value >= minimum && value <= maximum && Number.isInteger(value)) return;
  throw new RangeError(`Cannot encode packet: ${name} must be ${minimum} to ${maximum}, received ${value}`);
}

/** `RangeError` unless `packetId` is 1 to 65,535. */
export function checkPacketId(packetId: unknown): void {
  checkInteger(packetId, 1, 65_535, "packet identifier");
}

/** `RangeError` unless a packet of this type may carry this reason code. */
export function checkReasonCode(type: number, code: number): void {
  if (isReasonCodeOf(type, code)) return;
  const name = packetTypeName(type);
  throw new RangeError(`Cannot encode ${name}: reason code must be one of ${name}, received ${code}`);
}
