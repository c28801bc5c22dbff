/**
 * Slows those down who guess tokens.
 *
 * @module
 */

/** Wrong tokens in a row that an address may send. */
const MOST = 10;
/** Milliseconds until one more is forgiven. */
const FORGIVEN_AFTER = 6_000;
/** Addresses that are remembered; for one more, the one that was wrong the longest ago is forgotten. */
const MOST_ADDRESSES = 1_000;

/** Counts wrong tokens by address. */
export class FailedTokens {
  /** Up to which time the failures of an address are counted together, as in a leaky bucket. */
  readonly #until = new Map<string, number>();

  /** A wrong one came. */
  add(address: string, now: number = performance.now()): void {
    const until = Math.max(this.#until.get(address) ?? 0, now) + FORGIVEN_AFTER;
    this.#until.delete(address);
    this.#until.set(address, until);
    if (this.#until.size <= MOST_ADDRESSES) return;
    for (const oldest of this.#until.keys()) {
      this.#until.delete(oldest);
      return;
    }
  }

  /** Seconds until the address may try again, 0 if it may now. */
  wait(address: string, now: number = performance.now()): number {
    const over = (this.#until.get(address) ?? 0) - now - (MOST - 1) * FORGIVEN_AFTER;
    return over > 0 ? Math.ceil(over / 1000) : 0;
  }
}
