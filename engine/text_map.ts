/**
 * A map with texts from the network as keys.
 *
 * @module
 */

/**
 * V8 hashes a longer string by its length alone, so that all of one length share a place in a map: *measured*, 4,000
 * keys of 17,000 characters took a minute, 4,000 of 16,000 characters a tenth of a second.
 */
const LONGEST_HASHED = 16_383;

/**
 * A `Map` whose keys come from the peer, who must not be able to make it slow: topics, client identifiers. Keys up to
 * 16,383 characters cost what they cost in a `Map`; longer ones are looked up piece by piece.
 *
 * @example
 * ```ts
 * import { TextMap } from "@x/mqtt/engine";
 *
 * const sessions = new TextMap<number>();
 * sessions.set("a client identifier", 1);
 * console.log(sessions.get("a client identifier"), sessions.size);
 * ```
 */
export class TextMap<V> {
  readonly #short = new Map<string, V>();
  /** Longer keys by their first piece. */
  #long: Map<string, TextMap<V>> | undefined;
  #longSize = 0;

  /** How many keys there are. */
  get size(): number {
    return this.#short.size + this.#longSize;
  }

  /** The value of a key. */
  get(key: string): V | undefined {
    if (key.length <= LONGEST_HASHED) return this.#short.get(key);
    return this.#long?.get(firstPiece(key))?.get(rest(key));
  }

  /** Whether a key is there. */
  has(key: string): boolean {
    if (key.length <= LONGEST_HASHED) return this.#short.has(key);
    return this.#long?.get(firstPiece(key))?.has(rest(key)) ?? false;
  }

  /** Adds a key or replaces its value. */
  set(key: string, value: V): this {
    if (key.length <= LONGEST_HASHED) this.#short.set(key, value);
    else this.#setLong(firstPiece(key), rest(key), value);
    return this;
  }

  #setLong(piece: string, rest: string, value: V): void {
    this.#long ??= new Map();
    let pieces = this.#long.get(piece);
    if (pieces === undefined) {
      pieces = new TextMap();
      this.#long.set(piece, pieces);
    }
    const before = pieces.size;
    pieces.set(rest, value);
    this.#longSize += pieces.size - before;
  }

  /** Removes a key; false: it was not there. */
  delete(key: string): boolean {
    if (key.length <= LONGEST_HASHED) return this.#short.delete(key);
    const piece = firstPiece(key);
    const pieces = this.#long?.get(piece);
    if (pieces === undefined || !pieces.delete(rest(key))) return false;
    if (pieces.size === 0) this.#long?.delete(piece);
    this.#longSize--;
    return true;
  }

  /** Removes all keys. */
  clear(): void {
    this.#short.clear();
    this.#long = undefined;
    this.#longSize = 0;
  }

  /** The values; those of keys up to 16,383 characters come first, in the order in which they were added. */
  values(): IterableIterator<V> {
    return this.#long === undefined ? this.#short.values() : this.#allValues(this.#long);
  }

  *#allValues(long: Map<string, TextMap<V>>): IterableIterator<V> {
    yield* this.#short.values();
    for (const pieces of long.values()) yield* pieces.values();
  }

  /** The keys with their values, in the order of {@linkcode values}. */
  *entries(): IterableIterator<[string, V]> {
    yield* this.#short.entries();
    if (this.#long === undefined) return;
    for (const [piece, pieces] of this.#long) {
      for (const [rest, value] of pieces.entries()) yield [piece + rest, value];
    }
  }

  /** As {@linkcode entries}. */
  [Symbol.iterator](): IterableIterator<[string, V]> {
    return this.entries();
  }
}

function firstPiece(key: string): string {
  return key.slice(0, LONGEST_HASHED);
}

function rest(key: string): string {
  return key.slice(LONGEST_HASHED);
}
