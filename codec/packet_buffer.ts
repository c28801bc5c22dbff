/**
 * A buffer that packets are gathered in.
 *
 * @module
 */

import type { PacketSink } from "./writer.ts";

/** Room of a buffer that is used for the first time. */
const FIRST_ROOM = 512;

/**
 * Gathers packets until somebody takes their bytes; its room grows and is used again.
 *
 * ```ts
 * import { encodePacketInto, PacketBuffer } from "@x/mqtt/codec";
 *
 * const buffer = new PacketBuffer();
 * encodePacketInto({ type: "puback", packetId: 1, reasonCode: 0 }, 5, buffer);
 * encodePacketInto({ type: "puback", packetId: 2, reasonCode: 0 }, 5, buffer);
 * console.log(buffer.take().length); // 8
 * ```
 */
export class PacketBuffer implements PacketSink {
  #buffer: Uint8Array = new Uint8Array(0);
  #length = 0;

  /** Holds the gathered bytes from its beginning; replaced when it has to grow. */
  get buffer(): Uint8Array {
    return this.#buffer;
  }

  /** Bytes that were gathered since the last {@linkcode take}. */
  get length(): number {
    return this.#length;
  }

  /** Makes room for `length` bytes; returns their offset in {@linkcode buffer}. */
  reserve(length: number): number {
    const start = this.#length;
    const end = start + length;
    if (end > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(FIRST_ROOM, 2 * end));
      larger.set(this.#buffer.subarray(0, start));
      this.#buffer = larger;
    }
    this.#length = end;
    return start;
  }

  /** What was gathered, in a new array of exactly its size; the buffer is empty then. */
  take(): Uint8Array {
    const bytes = this.#buffer.slice(0, this.#length);
    this.#length = 0;
    return bytes;
  }
}
