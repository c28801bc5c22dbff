/**
 * Forgets retained messages when they have expired, also those that nobody asks for: else they would stay for ever, and
 * count among those that may be retained.
 *
 * @module
 */

import type { Clock } from "../engine/clock.ts";
import type { Timer, Timers } from "../engine/timers.ts";
import type { RetainedEntry } from "./retained.ts";

/** Milliseconds between two parts. */
const INTERVAL = 1_000;
/** In so many parts all messages are looked at, unless there are few. */
const PARTS = 60;
const SMALLEST_PART = 1_000;

/** Where retained messages are. */
export interface ExpiringMessages {
  readonly size: number;
  /** All of them, one at a time; they may change meanwhile. */
  values(): Iterator<RetainedEntry>;
}

/** Looks for what has expired, a part at a time, as long as there is anything that will. */
export class RetainedExpiry {
  readonly #messages: ExpiringMessages;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #forget: (topic: string) => void;
  #timer: Timer | undefined;
  /** The messages that were not looked at in this round. */
  #rest: Iterator<RetainedEntry> | undefined;
  /** Whether there was something in this round that will expire later. */
  #isAnyLeft = false;

  /** `forget` removes the message of a topic. */
  constructor(messages: ExpiringMessages, clock: Clock, timers: Timers, forget: (topic: string) => void) {
    this.#messages = messages;
    this.#clock = clock;
    this.#timers = timers;
    this.#forget = forget;
  }

  /** A message is retained that will expire. */
  note(): void {
    this.#isAnyLeft = true;
    this.#schedule();
  }

  #schedule(): void {
    this.#timer ??= this.#timers.schedule(this.#clock.now() + INTERVAL, () => this.#look());
  }

  #look(): void {
    this.#timer = undefined;
    if (this.#rest === undefined) this.#isAnyLeft = false;
    const rest = this.#rest ??= this.#messages.values();
    const now = this.#clock.now();
    for (let left = Math.max(SMALLEST_PART, this.#messages.size / PARTS); left > 0; left--) {
      const { done, value } = rest.next();
      if (done) {
        this.#rest = undefined;
        break;
      }
      if (value.expiresAt === Infinity) continue;
      if (value.expiresAt <= now) this.#forget(value.name);
      else this.#isAnyLeft = true;
    }
    if (this.#rest !== undefined || this.#isAnyLeft) this.#schedule();
  }
}
