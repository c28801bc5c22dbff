/**
 * A clock for tests.
 *
 * @module
 */

import type { Clock } from "./clock.ts";

interface Task {
  readonly at: number;
  readonly run: () => void;
}

/**
 * A clock that stands still until it is moved.
 *
 * @example
 * ```ts
 * import { ManualClock } from "@x/mqtt/engine";
 *
 * const clock = new ManualClock();
 * clock.schedule(500, () => console.log("half a second has passed"));
 * clock.advance(499);
 * clock.advance(1); // now it is said
 * ```
 */
export class ManualClock implements Clock {
  #now: number;
  readonly #tasks = new Set<Task>();

  /** `now`: where it begins, in milliseconds since 1 January 1970; by default 1 January 2020. */
  constructor(now: number = 1_577_836_800_000) {
    this.#now = now;
  }

  /** How many timers wait. */
  get size(): number {
    return this.#tasks.size;
  }

  /** Milliseconds since 1 January 1970. */
  now(): number {
    return this.#now;
  }

  /** Calls `task` once, when the clock has been moved by `delay` milliseconds. Returns a function that cancels it. */
  schedule(delay: number, task: () => void): () => void {
    const entry = { at: this.#now + Math.max(delay, 0), run: task };
    this.#tasks.add(entry);
    return () => void this.#tasks.delete(entry);
  }

  /**
   * Moves the clock on by `milliseconds` (0 or more), stopping at each timer that is due on the way, those included
   * that are set meanwhile.
   *
   * @throws {RangeError} If `milliseconds` is negative or not a number.
   */
  advance(milliseconds: number): void {
    if (!(milliseconds >= 0)) {
      throw new RangeError(`Cannot advance: milliseconds must be 0 or more, received ${milliseconds}`);
    }
    const end = this.#now + milliseconds;
    for (let task = this.#next(end); task !== undefined; task = this.#next(end)) {
      this.#tasks.delete(task);
      this.#now = Math.max(this.#now, task.at);
      task.run();
    }
    this.#now = Math.max(this.#now, end);
  }

  /** The earliest task that is due at `end`; of several, the one that was scheduled first. */
  #next(end: number): Task | undefined {
    let first: Task | undefined;
    for (const task of this.#tasks) {
      if (task.at <= end && (first === undefined || task.at < first.at)) first = task;
    }
    return first;
  }
}
