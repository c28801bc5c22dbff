/**
 * How late the event loop is: what a packet may have to wait before it is looked at.
 *
 * @module
 */

import { Histogram, type HistogramState } from "../histogram.ts";

/** Milliseconds between two looks. */
const INTERVAL = 50;
/** Milliseconds that delays are told apart by. */
const BOUNDS: readonly number[] = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000];

/** Measures by a timer how late timers are. */
export class LoopDelay {
  readonly #delays = new Histogram(BOUNDS);
  #longest = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Begins to measure. */
  constructor() {
    this.#wait();
  }

  /** All delays since the beginning. */
  state(): HistogramState {
    return this.#delays.state();
  }

  /** Milliseconds of the longest delay since the last call. */
  takeLongest(): number {
    const longest = this.#longest;
    this.#longest = 0;
    return longest;
  }

  /** Measures no more. */
  close(): void {
    clearTimeout(this.#timer);
  }

  #wait(): void {
    const due = performance.now() + INTERVAL;
    this.#timer = setTimeout(() => {
      const delay = Math.max(0, performance.now() - due);
      this.#delays.add(delay);
      if (delay > this.#longest) this.#longest = delay;
      this.#wait();
    }, INTERVAL);
  }
}
