/**
 * Latencies, counted in buckets whose width grows with them: any number of them in the same memory.
 *
 * @module
 */

/** Each bucket reaches 1 % further than the one before. */
const GROWTH = Math.log(1.01);
/** Up to about 20 minutes, in microseconds. */
const BUCKETS = 2_100;

/** Counts durations; percentiles are right within 1 %. */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #maximum = 0;

  /** How many durations were counted. */
  get count(): number {
    return this.#count;
  }

  /** The longest one, in milliseconds. */
  get maximum(): number {
    return this.#maximum;
  }

  /** Counts a duration in milliseconds. */
  add(milliseconds: number): void {
    const microseconds = Math.max(1, milliseconds * 1_000);
    const bucket = Math.min(BUCKETS - 1, Math.floor(Math.log(microseconds) / GROWTH));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count++;
    this.#maximum = Math.max(this.#maximum, milliseconds);
  }

  /** Milliseconds that the share `percent` of all durations does not exceed; 0 if there are none. */
  percentile(percent: number): number {
    const wanted = Math.max(1, Math.ceil(this.#count * percent / 100));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket] ?? 0;
      if (seen >= wanted) return Math.min(this.#maximum, Math.exp((bucket + 1) * GROWTH) / 1_000);
    }
    return this.#maximum;
  }
}
