/**
 * Which address a bridge tries next, and when.
 *
 * @module
 */

/** How long to wait, in seconds. */
export interface RestartTimeout {
  readonly base: number;
  readonly cap: number;
}

/**
 * The addresses of the other broker in the order in which they are tried. One after the other is tried at once; a wait
 * follows when all have failed, or a connection has ended.
 */
export class Route {
  readonly #addresses: readonly string[];
  readonly #roundRobin: boolean;
  readonly #timeout: RestartTimeout;
  readonly #random: () => number;
  #index = 0;
  #failures = 0;
  #wait: number;

  /** `addresses` has one at least. */
  constructor(addresses: readonly string[], roundRobin: boolean, timeout: RestartTimeout, random: () => number) {
    this.#addresses = addresses;
    this.#roundRobin = roundRobin;
    this.#timeout = timeout;
    this.#random = random;
    this.#wait = timeout.base;
  }

  /** The address to try now, or the one in use. */
  get address(): string {
    return this.#addresses[this.#index] ?? "";
  }

  /** The address to go back to when it can be reached; undefined while it is in use, or if all are equal. */
  get preferred(): string | undefined {
    return this.#roundRobin || this.#index === 0 ? undefined : this.#addresses[0];
  }

  /** A connection was made: waits begin afresh. */
  connected(): void {
    this.#failures = 0;
    this.#wait = this.#timeout.base;
  }

  /** The connection has ended. Returns the milliseconds to wait. */
  ended(): number {
    this.#index = this.#roundRobin ? this.#next : 0;
    return this.#nextWait();
  }

  /** The attempt has failed. Returns the milliseconds to wait. */
  failed(): number {
    this.#index = this.#next;
    this.#failures++;
    return this.#failures % this.#addresses.length === 0 ? this.#nextWait() : 0;
  }

  get #next(): number {
    return (this.#index + 1) % this.#addresses.length;
  }

  /** "Decorrelated jitter": a random time between the base and three times the last one. */
  #nextWait(): number {
    const { base, cap } = this.#timeout;
    const wait = Math.min(cap, base + this.#random() * Math.max(0, 3 * this.#wait - base));
    this.#wait = Math.max(base, wait);
    return wait * 1000;
  }
}
