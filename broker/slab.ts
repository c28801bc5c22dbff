/**
 * Small messages that wait for a moment lie together in one piece of memory: an array of its own for each costs more
 * than the message.
 *
 * @module
 */

const SIZE = 16_384;

/** The largest range that belongs into a slab: a single one in use keeps a whole slab in memory. */
export const MAX_SLAB_ENTRY = 1_024;

/** Takes bytes one behind the other; begins another piece of memory when one is full. */
export class Slab {
  /** Where the range that was added last lies. */
  bytes: Uint8Array = new Uint8Array(0);
  #used = 0;

  /** Copies the bytes from `start` to `end`, at most {@linkcode MAX_SLAB_ENTRY}; returns their place in `bytes`. */
  add(source: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (this.bytes.length - this.#used < length) {
      this.bytes = new Uint8Array(SIZE);
      this.#used = 0;
    }
    const at = this.#used;
    const { bytes } = this;
    for (let i = 0; i < length; i++) bytes[at + i] = source[start + i] ?? 0;
    this.#used += length;
    return at;
  }
}
