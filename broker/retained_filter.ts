/**
 * A topic filter compared with topics in the order of a {@linkcode RetainedIndex}: whether one matches, and if not, where
 * the next one may be that does.
 *
 * @module
 */

import { rankOf } from "./retained_index.ts";

const SLASH = 0x2f;
const DOLLAR = 0x24;
const PLUS = 0x2b;
const HASH = 0x23;

/** What comes of a comparison. */
export const Verdict = {
  Matches: 0,
  /** The next topic may match. */
  GoOn: 1,
  /** None before {@linkcode RetainedFilter.target} matches. */
  Seek: 2,
  /** None behind this one matches. */
  End: 3,
} as const;

/** One of {@linkcode Verdict}. */
export type Verdict = typeof Verdict[keyof typeof Verdict];

/** The first topic that does not begin with `$`, behind those that do. */
const BEHIND_DOLLAR = new Uint8Array([DOLLAR + 1]);

const NOTHING = new Uint8Array(0);
const encoder = new TextEncoder();

/** A topic filter, which must be valid. */
export class RetainedFilter {
  readonly #bytes: Uint8Array;
  /** Where its levels start, and behind them where one more would. */
  readonly #starts: number[] = [0];
  readonly #beginsWithWildcard: boolean;
  /** Where to seek, after {@linkcode Verdict.Seek}; at first where the topics are that match. */
  target: Uint8Array;
  targetStart = 0;
  targetEnd: number;
  /** Whether to seek behind all topics below the target. */
  isPast = false;
  #joined: Uint8Array<ArrayBuffer> = NOTHING;

  constructor(filter: string) {
    const bytes = this.#bytes = encoder.encode(filter);
    for (let at = 0; at < bytes.length; at++) if (bytes[at] === SLASH) this.#starts.push(at + 1);
    this.#starts.push(bytes.length + 1);
    this.#beginsWithWildcard = bytes[0] === PLUS || bytes[0] === HASH;
    this.target = bytes;
    this.targetEnd = literalEnd(bytes, bytes.length);
  }

  /** Compares with the topic in `topic` from `start` to `end`. */
  check(topic: Uint8Array, start: number, end: number): Verdict {
    if (this.#beginsWithWildcard && topic[start] === DOLLAR) return this.#seek(BEHIND_DOLLAR, 0, 1, false);
    const starts = this.#starts;
    // Where the last level ends that a "+" stands for; -1: there was none.
    let plusEnd = -1;
    let at = start;
    for (let level = 0; level + 1 < starts.length; level++) {
      const from = starts[level] ?? 0;
      const first = this.#bytes[from];
      if (first === HASH) return Verdict.Matches;
      if (at > end) return Verdict.GoOn; // as short as that, only those below it can match
      if (first === PLUS) {
        at = plusEnd = levelEnd(topic, at, end);
      } else {
        const length = (starts[level + 1] ?? 0) - 1 - from;
        const common = this.#commonWith(topic, at, end, from, length);
        const next = at + common < end ? topic[at + common] : undefined;
        if (common < length || rankOf(next) > 0) {
          const isBefore = common < length && rankOf(next) < rankOf(this.#bytes[from + common]);
          if (isBefore) return this.#seekJoined(topic, start, at, from, length);
          return plusEnd < 0 ? Verdict.End : this.#seek(topic, start, plusEnd, true);
        }
        at += common;
      }
      at++;
    }
    return at > end ? Verdict.Matches : this.#seek(topic, start, at - 1, true);
  }

  /** How many bytes of a level of the filter are the same in the topic. */
  #commonWith(topic: Uint8Array, at: number, end: number, from: number, length: number): number {
    const most = Math.min(length, end - at);
    let common = 0;
    while (common < most && topic[at + common] === this.#bytes[from + common]) common++;
    return common;
  }

  #seek(target: Uint8Array, start: number, end: number, isPast: boolean): Verdict {
    this.target = target;
    this.targetStart = start;
    this.targetEnd = end;
    this.isPast = isPast;
    return Verdict.Seek;
  }

  /** Seeks the levels of the topic up to `at`, followed by that of the filter. */
  #seekJoined(topic: Uint8Array, start: number, at: number, from: number, length: number): Verdict {
    const size = at - start + length;
    if (this.#joined.length < size) this.#joined = new Uint8Array(2 * size);
    this.#joined.set(topic.subarray(start, at));
    this.#joined.set(this.#bytes.subarray(from, from + length), at - start);
    return this.#seek(this.#joined, 0, size, false);
  }
}

/** Where the levels before the first wildcard end in the first `length` bytes of a filter. */
export function literalEnd(filter: Uint8Array, length: number): number {
  for (let at = 0, start = 0; at < length; at++) {
    const byte = filter[at];
    if (at === start && (byte === PLUS || byte === HASH)) return Math.max(0, start - 1);
    if (byte === SLASH) start = at + 1;
  }
  return length;
}

function levelEnd(topic: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && topic[at] !== SLASH) at++;
  return at;
}
