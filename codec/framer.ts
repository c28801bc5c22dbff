/**
 * Cuts a stream of bytes into control packets, by the fixed header alone (MQTT 5.0 section 2.1).
 *
 * Typed arrays are read with `!`: each index has been compared with the number of bytes at hand.
 *
 * @module
 */

import { MqttError } from "./errors.ts";
import { ReasonCode } from "./reason_codes.ts";

/** Where one whole control packet lies. */
export interface Frame {
  /** The bytes that hold the packet, and perhaps others before and behind it. */
  readonly bytes: Uint8Array;
  /** Offset of the first byte of the fixed header. */
  readonly start: number;
  /** Offset of the first byte behind the remaining length. */
  readonly bodyStart: number;
  /** Offset behind the last byte of the packet. */
  readonly end: number;
  /** Whether `bytes` holds this packet alone and is never written again, so that whoever keeps it need not copy. */
  readonly isOwned: boolean;
}

/** Where a {@linkcode Framer} gets memory for packets that come in several chunks. */
export interface FramerBuffers {
  /** An array of at least `size` bytes, whatever they are; undefined if a packet of that size is to have its own. */
  lend(size: number): Uint8Array | undefined;
  /** The framer needs what it was lent no more. */
  give(buffer: Uint8Array): void;
}

/** Limits of a {@linkcode Framer}. */
export interface FramerOptions {
  /** The most bytes that a packet may have, fixed header included. Default 268,435,460, the largest packet there is. */
  maximumPacketSize?: number;
  /** Arrays to be used again and again. Default: each packet that comes in several chunks has an array of its own. */
  buffers?: FramerBuffers;
}

/** Bytes of the largest packet there is: type, four length bytes, and what they can say. */
const LARGEST_PACKET = 268_435_460;
/** An unfinished packet gets this much room at once, or what it claims if that is less. */
const FIRST_BUFFER = 512;

const NOTHING = new Uint8Array(0);

/**
 * Takes chunks as they come from the network and gives one whole packet after the other, without copying those that
 * lie within one chunk. Any way of cutting the stream into chunks gives the same packets.
 *
 * The framer itself is the frame of the current packet: `bytes`, `start`, `bodyStart` and `end` are those of the last
 * `next()` that said true.
 *
 * ```ts
 * import { decodePacket, Framer } from "@x/mqtt/codec";
 *
 * const framer = new Framer({ maximumPacketSize: 1_000_000 });
 * const types: string[] = [];
 * for (const chunk of [new Uint8Array([0xc0]), new Uint8Array([0x00, 0xd0, 0x00])]) {
 *   framer.push(chunk);
 *   while (framer.next()) types.push(decodePacket(framer, 5).type);
 * }
 * console.log(types.join(" ")); // pingreq pingresp
 * ```
 */
export class Framer implements Frame {
  /** Holds the current packet: the chunk, or an array for this packet alone. */
  bytes: Uint8Array = NOTHING;
  /** Offset of the current packet's first byte. */
  start = 0;
  /** Offset of the current packet's first byte behind the fixed header. */
  bodyStart = 0;
  /** Offset behind the current packet. */
  end = 0;
  /** Whether the current packet came in several chunks, so that it has an array of its own, and for good. */
  isOwned = false;
  /** The most bytes that a packet may have, fixed header included; a change acts on the next header. */
  maximumPacketSize: number;

  readonly #buffers: FramerBuffers | undefined;
  #chunk: Uint8Array = NOTHING;
  #position = 0;
  /** Whether the packet in parts lies in an array of `#buffers`. */
  #isLent = false;
  /** Such an array with the current packet. */
  #lent: Uint8Array | undefined;
  // The beginning of a packet whose rest has not come yet.
  #pending: Uint8Array = NOTHING;
  #pendingLength = 0;
  // Size of the pending packet; 0 while its header is not complete.
  #pendingTotal = 0;
  // What #readHeader has found.
  #headerLength = 0;
  #total = 0;

  /** A framer that has seen nothing yet. */
  constructor(options: FramerOptions = {}) {
    this.maximumPacketSize = options.maximumPacketSize ?? LARGEST_PACKET;
    this.#buffers = options.buffers;
  }

  /** Bytes held of a packet that is not complete yet. */
  get buffered(): number {
    return this.#pendingLength;
  }

  /** Length in bytes of the packet that is not complete yet; 0 if its header is not complete either, or none began. */
  get awaited(): number {
    return this.#pendingTotal;
  }

  /**
   * Hands in the next chunk. All packets before it have been taken: `next()` has said false, else this throws an
   * `Error`.
   */
  push(chunk: Uint8Array): void {
    if (this.#position < this.#chunk.length) {
      throw new Error("Cannot push chunk: next() must have said false, received a chunk with packets left before it");
    }
    this.#chunk = chunk;
    this.#position = 0;
  }

  /**
   * True: this frame now is the next whole packet. False: no whole packet is left; what remains of the chunk has been
   * copied, so that its owner may use it again.
   *
   * Throws {@linkcode MqttError} 0x81 when the remaining length has more than four bytes or is not in its shortest
   * form, and 0x95 as soon as a header claims more than `maximumPacketSize`. The stream cannot be read on after that.
   */
  next(): boolean {
    if (this.#lent !== undefined) this.#giveBack(this.#lent);
    if (this.#pendingLength > 0) return this.#nextPending();
    const chunk = this.#chunk;
    const position = this.#position;
    const available = chunk.length - position;
    if (!this.#readHeader(chunk, position, available) || this.#total > available) return this.#keep(available);
    this.#give(chunk, position);
    this.isOwned = false;
    this.#position = this.end;
    return true;
  }

  /** Reads the fixed header at `at`; false if the `available` bytes do not hold all of it. */
  #readHeader(bytes: Uint8Array, at: number, available: number): boolean {
    let length = 0;
    for (let i = 1; i < 5; i++) {
      if (i >= available) return false;
      const byte = bytes[at + i]!;
      length |= (byte & 0x7f) << 7 * (i - 1);
      if (byte > 0x7f) continue;
      if (byte === 0 && i > 1) throw malformedLength("have its shortest form");
      this.#headerLength = i + 1;
      this.#total = i + 1 + length;
      if (this.#total > this.maximumPacketSize) throw tooLarge(this.#total, this.maximumPacketSize);
      return true;
    }
    throw malformedLength("have at most 4 bytes");
  }

  #give(bytes: Uint8Array, start: number): void {
    this.bytes = bytes;
    this.start = start;
    this.bodyStart = start + this.#headerLength;
    this.end = start + this.#total;
  }

  /** Copies the beginning of a packet out of the chunk. */
  #keep(available: number): boolean {
    if (available > 0) {
      // With the header incomplete there are at most four bytes, and #total is that of another packet.
      this.#pendingTotal = this.#readHeader(this.#chunk, this.#position, available) ? this.#total : 0;
      this.#append(available);
    }
    this.#chunk = NOTHING;
    this.#position = 0;
    return false;
  }

  /** Goes on with the packet whose beginning was kept. */
  #nextPending(): boolean {
    while (this.#pendingTotal === 0) {
      if (this.#position === this.#chunk.length) return this.#keep(0);
      this.#append(1);
      if (this.#readHeader(this.#pending, 0, this.#pendingLength)) this.#pendingTotal = this.#total;
    }
    const missing = this.#pendingTotal - this.#pendingLength;
    const available = this.#chunk.length - this.#position;
    this.#append(Math.min(missing, available));
    if (missing > available) return this.#keep(0);
    this.#readHeader(this.#pending, 0, this.#pendingLength);
    this.#give(this.#pending, 0);
    this.isOwned = !this.#isLent;
    if (this.#isLent) this.#lent = this.#pending;
    this.#isLent = false;
    this.#pending = NOTHING;
    this.#pendingLength = 0;
    this.#pendingTotal = 0;
    return true;
  }

  /** Moves `count` bytes of the chunk behind the pending ones. */
  #append(count: number): void {
    const length = this.#pendingLength + count;
    if (length > this.#pending.length) this.#grow(length);
    this.#pending.set(this.#chunk.subarray(this.#position, this.#position + count), this.#pendingLength);
    this.#pendingLength = length;
    this.#position += count;
  }

  /** Makes room in proportion to the bytes that have come, whatever length the header claims. */
  #grow(length: number): void {
    const room = Math.max(FIRST_BUFFER, 2 * length);
    const claimed = this.#pendingTotal === 0 ? 5 : this.#pendingTotal;
    const size = Math.min(room, claimed);
    const lent = this.#buffers?.lend(size);
    const larger = lent ?? new Uint8Array(size);
    larger.set(this.#pending.subarray(0, this.#pendingLength));
    if (this.#isLent) this.#buffers?.give(this.#pending);
    this.#pending = larger;
    this.#isLent = lent !== undefined;
  }

  #giveBack(lent: Uint8Array): void {
    this.#lent = undefined;
    this.bytes = NOTHING;
    this.#buffers?.give(lent);
  }
}

/** The frame of the one control packet that begins with the first byte of `bytes` and ends with the last. */
export function frameOf(bytes: Uint8Array): Frame {
  const framer = new Framer();
  framer.push(bytes);
  if (framer.next() && framer.end === bytes.length) return framer;
  throw new MqttError(
    `Cannot read packet: it must have as many bytes as its header says, received ${bytes.length}`,
    ReasonCode.MalformedPacket,
  );
}

function malformedLength(rule: string): MqttError {
  return new MqttError(`Cannot read packet: remaining length must ${rule}`, ReasonCode.MalformedPacket);
}

function tooLarge(size: number, maximum: number): MqttError {
  return new MqttError(
    `Cannot read packet: it must have at most ${maximum} bytes, received one of ${size}`,
    ReasonCode.PacketTooLarge,
  );
}
