/**
 * So much a second, and so much at once after a quiet time.
 *
 * @module
 */

/** A token bucket that its owner tells the time, in milliseconds of any clock. */
export class TokenBucket {
  /** Tokens a second; `Infinity` for no limit. */
  readonly rate: number;
  /** The most tokens that are ever there. */
  readonly burst: number;
  #tokens: number;
  #at: number;

  /** A bucket that is full. `rate` is above 0, `burst` is 1 or more. */
  constructor(rate: number, burst: number, now: number) {
    this.rate = rate;
    this.burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  /** Takes `count` tokens. False: there are not as many, and none is taken. */
  take(count: number, now: number): boolean {
    if (this.delay(count, now) > 0) return false;
    this.#tokens -= count;
    return true;
  }

  /**
   * Milliseconds until `count` tokens can be taken. What costs more than the burst can be had from a full bucket, and
   * is paid for afterwards.
   */
  delay(count: number, now: number): number {
    if (this.rate === Infinity) return 0;
    if (now > this.#at) {
      this.#tokens = Math.min(this.burst, this.#tokens + (now - this.#at) * this.rate / 1000);
      this.#at = now;
    }
    const missing = Math.min(count, this.burst) - this.#tokens;
    // Sums of fractions are a little beside the truth: a thousandth of a token is nothing to wait for.
    return missing > 0.001 ? missing * 1000 / this.rate : 0;
  }
}
