/**
 * A queue over a ring, so that taking the first costs the same however many wait.
 *
 * @module
 */

const FIRST_CAPACITY = 16;
/** A ring that was once this large and is empty now gives its memory back. */
const LARGE_CAPACITY = 1_024;

/** First in, first out. Its owner bounds it. */
export class Fifo<T> {
  #ring: (T | undefined)[] = [];
  #head = 0;
  #size = 0;

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** The one that waits longest. */
  get first(): T | undefined {
    return this.#size === 0 ? undefined : this.#ring[this.#head];
  }

  /** Adds behind all others. */
  push(value: T): void {
    if (this.#size === this.#ring.length) this.#grow();
    // The capacity is a power of two.
    this.#ring[(this.#head + this.#size++) & (this.#ring.length - 1)] = value;
  }

  /** Takes the one that waits longest; undefined if there is none. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const value = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    if (--this.#size === 0 && this.#ring.length >= LARGE_CAPACITY) this.#ring = [];
    return value;
  }

  /** Takes all, in order. */
  drain(): T[] {
    const all = [...this];
    this.#ring = [];
    this.#head = 0;
    this.#size = 0;
    return all;
  }

  /** In order, without taking. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let i = 0; i < this.#size; i++) {
      const value = this.#ring[(this.#head + i) & (this.#ring.length - 1)];
      if (value !== undefined) yield value;
    }
  }

  #grow(): void {
    const capacity = Math.max(FIRST_CAPACITY, this.#ring.length * 2);
    const ring = [...this];
    ring.length = capacity;
    this.#ring = ring;
    this.#head = 0;
  }
}
