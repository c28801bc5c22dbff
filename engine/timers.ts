/**
 * Many deadlines on one timer of the clock.
 *
 * @module
 */

import type { Clock } from "./clock.ts";

/** The longest delay that `setTimeout` keeps; what is due later is looked at again then. */
const LONGEST_DELAY = 2_147_483_647;

/** Milliseconds of the clock after which tasks that are due wait for the next wake, so that others have their turn. */
const LONGEST_WAKE = 4;

/** A task that waits for its time; made by {@linkcode Timers.schedule}. */
export interface Timer {
  /** When the task is due, in the clock's milliseconds. */
  readonly at: number;
}

class Entry implements Timer {
  /** Place in the heap; -1 when it is not in there. */
  index = -1;
  constructor(readonly at: number, readonly order: number, readonly task: () => void) {}
}

/**
 * Runs tasks when their time has come: the earlier first, and what is due at the same time in the order of scheduling.
 * Scheduling and cancelling cost O(log n), and all tasks together take one timer of the clock. When a great many are due
 * at once, whatever else the program does has its turn every few milliseconds.
 *
 * A task must not throw. If it does, the error goes to whoever runs the clock's timers, and the other tasks still run.
 *
 * @example
 * ```ts
 * import { ManualClock, Timers } from "@x/mqtt/engine";
 *
 * const clock = new ManualClock();
 * const timers = new Timers(clock);
 * timers.schedule(clock.now() + 1000, () => console.log("a second has passed"));
 * clock.advance(1000);
 * ```
 */
export class Timers {
  readonly #clock: Clock;
  readonly #heap: Entry[] = [];
  #scheduled = 0;
  #cancelWake: (() => void) | undefined;
  #wakeAt = Infinity;
  #closed = false;

  /** `clock` tells the time and wakes. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many tasks wait. */
  get size(): number {
    return this.#heap.length;
  }

  /**
   * Runs `task` at the clock time `at`, or as soon as the clock can if that has passed, but never within this call.
   * After {@linkcode close} it is never run.
   *
   * @throws {RangeError} If `at` is not a finite number.
   */
  schedule(at: number, task: () => void): Timer {
    if (!Number.isFinite(at)) throw new RangeError(`Cannot schedule: time must be finite, received ${at}`);
    const entry = new Entry(at, this.#scheduled++, task);
    if (this.#closed) return entry;
    this.#heap.push(entry);
    this.#rise(entry, this.#heap.length - 1);
    this.#arm();
    return entry;
  }

  /** Takes a timer back; nothing happens if it has run or was cancelled before. */
  cancel(timer: Timer): void {
    if (!(timer instanceof Entry) || this.#heap[timer.index] !== timer) return;
    this.#remove(timer);
    if (this.#heap.length === 0) this.#disarm();
  }

  /** Forgets all tasks. */
  close(): void {
    this.#closed = true;
    for (const entry of this.#heap) entry.index = -1;
    this.#heap.length = 0;
    this.#disarm();
  }

  /** Sees to it that the clock wakes us when the first task is due, or earlier. */
  #arm(): void {
    const first = this.#heap[0];
    if (first === undefined || first.at >= this.#wakeAt) return;
    this.#disarm();
    this.#wakeAt = first.at;
    const delay = Math.min(Math.max(first.at - this.#clock.now(), 0), LONGEST_DELAY);
    this.#cancelWake = this.#clock.schedule(delay, () => this.#wake());
  }

  #disarm(): void {
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    this.#wakeAt = Infinity;
  }

  #wake(): void {
    this.#cancelWake = undefined;
    this.#wakeAt = Infinity;
    const now = this.#clock.now();
    // What the tasks schedule waits for the next wake: a task that goes on and on blocks nothing else.
    const firstNew = this.#scheduled;
    try {
      for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
        if (first.at > now || first.order >= firstNew || this.#clock.now() > now + LONGEST_WAKE) break;
        this.#remove(first);
        first.task();
      }
    } finally {
      this.#arm();
    }
  }

  #remove(entry: Entry): void {
    const { index } = entry;
    entry.index = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === entry) return;
    this.#rise(last, index);
    this.#sink(last, last.index);
  }

  /** Puts an entry at `index` or nearer to the top. */
  #rise(entry: Entry, index: number): void {
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#heap[parentIndex];
      if (parent === undefined || isBefore(parent, entry)) break;
      this.#place(parent, index);
      index = parentIndex;
    }
    this.#place(entry, index);
  }

  /** Puts an entry at `index` or further from the top. */
  #sink(entry: Entry, index: number): void {
    for (;;) {
      const child = this.#earlierChild(index);
      if (child === undefined || isBefore(entry, child)) break;
      const childIndex = child.index;
      this.#place(child, index);
      index = childIndex;
    }
    this.#place(entry, index);
  }

  #earlierChild(index: number): Entry | undefined {
    const left = this.#heap[2 * index + 1];
    const right = this.#heap[2 * index + 2];
    if (left === undefined || right === undefined) return left;
    return isBefore(right, left) ? right : left;
  }

  #place(entry: Entry, index: number): void {
    this.#heap[index] = entry;
    entry.index = index;
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.at === other.at ? one.order < other.order : one.at < other.at;
}
