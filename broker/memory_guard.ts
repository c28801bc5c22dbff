/**
 * Whether the broker uses as much memory as it may.
 *
 * @module
 */

import type { Clock } from "../engine/clock.ts";
import type { Timer, Timers } from "../engine/timers.ts";
import type { ResolvedOptions } from "./options.ts";

/** Milliseconds between two looks: to look costs more than a message. */
const INTERVAL = 1_000;

/** Looks at the memory in use, now and then, if there is a limit. */
export class MemoryGuard {
  /** Whether the limit was reached when it looked last. */
  isFull = false;
  readonly #options: ResolvedOptions;
  readonly #clock: Clock;
  readonly #timers: Timers;
  #timer: Timer | undefined;

  constructor(options: ResolvedOptions, clock: Clock, timers: Timers) {
    this.#options = options;
    this.#clock = clock;
    this.#timers = timers;
    this.look();
  }

  /** Looks at once, and goes on doing so; called again when the options have changed. */
  look(): void {
    if (this.#timer !== undefined) this.#timers.cancel(this.#timer);
    this.#timer = undefined;
    const { memoryLimit, heapUsed } = this.#options;
    this.isFull = heapUsed !== undefined && memoryLimit < Infinity && heapUsed() >= memoryLimit;
    if (heapUsed === undefined || memoryLimit === Infinity) return;
    this.#timer = this.#timers.schedule(this.#clock.now() + INTERVAL, () => {
      this.#timer = undefined;
      this.look();
    });
  }
}
