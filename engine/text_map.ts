/**
 * A map with texts from the network as keys.
 *
 * @module
 */

/**
 * V8 hashes a string of more than 16,383 characters by its length alone, so that all of one length share a place in a
 * map: *measured*, 4,000 keys of 17,000 characters took a minute, 4,000 of 16,000 characters a tenth of a second. One
 * character is left for the mark.
 */
const LONGEST_HASHED = 16_382;

/**
 * V8 hashes a decimal number of up to this many digits by its value, without its secret seed, so that who picks the
 * numbers picks their places: *measured*, the first 65,000 multiples of 65,536 took 10 seconds, other keys 30 ms.
 */
const LONGEST_NUMBER = 10;
/** Stands before such a key in the map, and before a key that begins with it by itself. */
const MARK = "\0";

/**
 * A `Map` whose keys come from the peer, who must not be able to make it slow: topics, client identifiers. Keys up to
 * 16,382 characters cost about what they cost in a `Map`; longer ones are looked up piece by piece.
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
  /** Short keys as `placed` has them. */
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
    if (key.length <= LONGEST_HASHED) return this.#short.get(placed(key));
    return this.#long?.get(firstPiece(key))?.get(rest(key));
  }

  /** Whether a key is there. */
  has(key: string): boolean {
    if (key.length <= LONGEST_HASHED) return this.#short.has(placed(key));
    return this.#long?.get(firstPiece(key))?.has(rest(key)) ?? false;
  }

  /** Adds a key or replaces its value. */
  set(key: string, value: V): this {
    if (key.length <= LONGEST_HASHED) this.#short.set(placed(key), value);
    else this.#setLong(firstPiece(key), rest(key), value);
    return this;
  }

  /** The value of a key; if there is none, what `compute` makes of the key, which is set. */
  getOrInsertComputed(key: string, compute: (key: string) => V): V {
    if (key.length > LONGEST_HASHED) {
      if (!this.has(key)) this.set(key, compute(key));
      return this.get(key) as V;
    }
    const place = placed(key);
    const known = this.#short.get(place);
    if (known !== undefined || this.#short.has(place)) return known as V;
    const value = compute(key);
    this.#short.set(place, value);
    return value;
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
    if (key.length <= LONGEST_HASHED) return this.#short.delete(placed(key));
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

  /** The values; those of keys up to 16,382 characters come first, in the order in which they were added. */
  values(): IterableIterator<V> {
    return this.#long === undefined ? this.#short.values() : this.#allValues(this.#long);
  }

  *#allValues(long: Map<string, TextMap<V>>): IterableIterator<V> {
    yield* this.#short.values();
    for (const pieces of long.values()) yield* pieces.values();
  }

  /** The keys with their values, in the order of {@linkcode values}. */
  *entries(): IterableIterator<[string, V]> {
    for (const [key, value] of this.#short) yield [key.startsWith(MARK) ? key.slice(1) : key, value];
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

/** A key of `LONGEST_HASHED` characters at most, changed if V8 would hash it without its seed. */
function placed(key: string): string {
  // Most keys are told apart by their first character; NaN, that of an empty one, is not above.
  const first = key.charCodeAt(0);
  if (first > NINE) return key;
  return first === 0 || isNumber(key) ? MARK + key : key;
}

const ZERO = 0x30;
const NINE = 0x39;

function isNumber(key: string): boolean {
  if (key.length > LONGEST_NUMBER || key === "") return false;
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i);
    if (code < ZERO || code > NINE) return false;
  }
  return true;
}

function firstPiece(key: string): string {
  return key.slice(0, LONGEST_HASHED);
}

function rest(key: string): string {
  return key.slice(LONGEST_HASHED);
}
