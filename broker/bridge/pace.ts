/**
 * How fast messages go over a bridge.
 *
 * @module
 */

import type { Clock } from "../../engine/clock.ts";

/** After so many messages in a row, everything else in this process has its turn. */
const IN_A_ROW = 64;
/** So many milliseconds may be made up for, so that short pauses cost nothing. */
const BURST = 50;

/** Spreads messages over time. */
export class Pace {
  readonly #clock: Clock;
  readonly #interval: number;
  #next = 0;
  #inARow = 0;

  /** `rate` is in messages a second; `Infinity` for no limit. */
  constructor(clock: Clock, rate: number) {
    this.#clock = clock;
    this.#interval = 1000 / rate;
  }

  /** Settles when the next message may go; undefined: now. */
  turn(): Promise<void> | undefined {
    const now = this.#clock.now();
    this.#next = Math.max(this.#next, now - BURST) + this.#interval;
    const wait = this.#next - now;
    if (wait <= 0 && ++this.#inARow < IN_A_ROW) return undefined;
    this.#inARow = 0;
    return new Promise((resolve) => this.#clock.schedule(Math.max(0, wait), resolve));
  }
}
