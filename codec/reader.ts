/**
 * Reads the fields of one control packet in their order.
 *
 * Typed arrays are read with `!`: `take` has compared each index with the end of the packet.
 *
 * @module
 */

import { decodeUtf8 } from "./bytes.ts";
import { MqttError } from "./errors.ts";
import { packetTypeName } from "./packet_types.ts";
import { ReasonCode } from "./reason_codes.ts";

// Up to this length a loop costs less than making a view to copy from.
const SHORT_COPY = 48;

/** A position in the bytes of a packet that never passes its end: a field that would is a malformed packet, 0x81. */
export class Reader {
  /** The bytes that hold the packet, and perhaps others. */
  readonly bytes: Uint8Array;
  /** Offset of the next field. */
  position: number;
  /** Offset behind the last byte that may be read: the end of the packet, or of the properties while they are read. */
  end: number;
  /** Packet type for messages. */
  readonly type: number;

  /** Reads from `start` up to `end`; both lie within `bytes`. */
  constructor(bytes: Uint8Array, start: number, end: number, type: number) {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
    this.type = type;
  }

  /** Takes `length` bytes and gives the offset of the first. */
  take(length: number): number {
    const start = this.position;
    const next = start + length;
    if (next > this.end) {
      throw this.malformed(
        `a field must end within its packet or properties, received ${next - this.end} bytes too few`,
      );
    }
    this.position = next;
    return start;
  }

  /** A one byte integer. */
  byte(): number {
    return this.bytes[this.take(1)]!;
  }

  /** A two byte integer, 0 to 65,535. */
  uint16(): number {
    const at = this.take(2);
    return this.bytes[at]! << 8 | this.bytes[at + 1]!;
  }

  /** A four byte integer, 0 to 4,294,967,295. */
  uint32(): number {
    const at = this.take(4);
    const bytes = this.bytes;
    return (bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!) >>> 0;
  }

  /** A variable byte integer in its shortest form, 0 to 268,435,455 [MQTT-1.5.5-1]. */
  variableByteInteger(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte > 0x7f) continue;
      if (byte === 0 && shift > 0) throw this.malformed("a variable byte integer must have its shortest form");
      return value;
    }
    throw this.malformed("a variable byte integer must have at most 4 bytes");
  }

  /** A UTF-8 string. */
  string(): string {
    const length = this.uint16();
    const start = this.take(length);
    return decodeUtf8(this.bytes, start, start + length);
  }

  /** Binary data, as a copy: the bytes that are decoded may be used again by their owner. */
  binary(): Uint8Array {
    const length = this.uint16();
    const start = this.take(length);
    const data = new Uint8Array(length);
    if (length > SHORT_COPY) {
      data.set(this.bytes.subarray(start, start + length));
      return data;
    }
    for (let i = 0; i < length; i++) data[i] = this.bytes[start + i]!;
    return data;
  }

  /** A packet identifier, 1 to 65,535; 0 is a protocol error. */
  packetId(): number {
    const id = this.uint16();
    if (id === 0) throw this.protocolError("packet identifier must be 1 to 65535, received 0");
    return id;
  }

  /** Refuses bytes that nobody has read. */
  finish(): void {
    if (this.position === this.end) return;
    throw this.malformed(`the packet must end with its last field, received ${this.end - this.position} more bytes`);
  }

  /** The error for a packet that cannot be parsed. */
  malformed(why: string): MqttError {
    return this.error(why, ReasonCode.MalformedPacket);
  }

  /** The error for a packet that says what is not allowed. */
  protocolError(why: string): MqttError {
    return this.error(why, ReasonCode.ProtocolError);
  }

  /** The error for this packet with another reason code. */
  error(why: string, reasonCode: number): MqttError {
    return new MqttError(`Cannot decode ${packetTypeName(this.type)}: ${why}`, reasonCode);
  }
}
