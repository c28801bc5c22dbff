/**
 * Whether the broker uses as much memory as it may.
 *
 * @module
 */

import type { Clock } from "../engine/clock.ts";
import type { Timer, Timers } from "../engine/timers.ts";
import type { ResolvedOptions } from "./options.ts";

/** Milliseconds between two looks when little comes in. */
const INTERVAL = 1_000;
/** Bytes that may come in between two looks: the larger of this and the given part of what is free. */
const SMALLEST_STEP = 1_048_576;
const STEP = 1 / 8;
/** Milliseconds between two collections of garbage: each stops everything for a moment. */
const COLLECTION_INTERVAL = 10_000;

/** Looks at the memory in use, if there is a limit: now and then, and the more often the faster it fills. */
export class MemoryGuard {
  /** Whether the limit was reached when it looked last. */
  isFull = false;
  readonly #options: ResolvedOptions;
  readonly #clock: Clock;
  readonly #timers: Timers;
  #timer: Timer | undefined;
  /** Bytes that may come in before the next look. */
  #left = Infinity;
  #collectedAt = -Infinity;

  constructor(options: ResolvedOptions, clock: Clock, timers: Timers) {
    this.#options = options;
    this.#clock = clock;
    this.#timers = timers;
    this.look();
  }

  /** About so many bytes more are in use. */
  note(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) this.look();
  }

  /** Looks at once, and goes on doing so; called again when the options have changed. */
  look(): void {
    if (this.#timer !== undefined) this.#timers.cancel(this.#timer);
    this.#timer = undefined;
    this.#left = Infinity;
    this.isFull = false;
    const { memoryLimit, heapUsed } = this.#options;
    if (heapUsed === undefined || memoryLimit === Infinity) return;
    const used = this.#used(heapUsed, memoryLimit);
    this.isFull = used >= memoryLimit;
    this.#left = Math.max(SMALLEST_STEP, STEP * (memoryLimit - used));
    this.#timer = this.#timers.schedule(this.#clock.now() + INTERVAL, () => {
      this.#timer = undefined;
      this.look();
    });
  }

  /** What nobody refers to any more does not count. */
  #used(heapUsed: () => number, memoryLimit: number): number {
    const used = heapUsed();
    const { collectGarbage } = this.#options;
    const now = this.#clock.now();
    if (used < memoryLimit || collectGarbage === undefined || now < this.#collectedAt + COLLECTION_INTERVAL) {
      return used;
    }
    this.#collectedAt = now;
    collectGarbage();
    return heapUsed();
  }
}
