/**
 * Lets publishers wait for subscribers that nearly keep up, and never for one that does not.
 *
 * A queue that fills up faster than its client empties it would drop messages even if the client were only
 * milliseconds behind. So whoever publishes to it is read from again when there is room, or when patience ends: a
 * subscriber that needed longer is waited for by nobody for a while, and loses what its queue cannot hold. One that
 * has stopped reading thus costs its publishers a twentieth of a second, once.
 *
 * @module
 */

import type { Clock } from "../engine/clock.ts";

/** Milliseconds that a publisher waits for a subscriber that takes nothing. */
const PATIENCE = 50;
/** So many times that patience is granted to one that takes a little each time. */
const ROUNDS = 4;
/** Who takes this part of what may wait for him, each time, is waited for as long as it takes. */
const FAST = 1 / 16;
/** How often the clock is looked at while nobody waits for a subscriber. */
const LOOKS = 256;
/** Milliseconds for which nobody waits for a subscriber that was too slow; doubled each time, up to the longest. */
const FIRST_PENALTY = 5_000;
const LONGEST_PENALTY = 80_000;

/** How well one subscriber keeps up. */
export class Pace {
  /** Until then nobody waits for it; 0 for never. */
  #exemptUntil = 0;
  #asked = 0;
  #penalty = FIRST_PENALTY;
  #waiters: (() => void)[] = [];
  #taken = 0;

  /** Whether it may be waited for. Asked for each message that it cannot take, so the clock is looked at rarely. */
  deservesPatience(clock: Clock): boolean {
    if (this.#exemptUntil === 0) return true;
    // One that has taken nothing since then has stopped reading: to ask it again would cost everybody the patience.
    if (this.#taken === 0 || ++this.#asked % LOOKS > 0 || clock.now() < this.#exemptUntil) return false;
    this.#exemptUntil = 0;
    return true;
  }

  /** Whether somebody waits for it. */
  get isAwaited(): boolean {
    return this.#waiters.length > 0;
  }

  /** Calls `task` when there is room again. */
  await(task: () => void): void {
    this.#waiters.push(task);
  }

  /** The subscriber took something: which part of what may wait for it. */
  take(part: number): void {
    this.#taken += part;
  }

  /** What it took since it was asked before. */
  taken(): number {
    const taken = this.#taken;
    this.#taken = 0;
    return taken;
  }

  /** There is room again, or there is no subscriber any more. */
  relieve(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }

  /** Nothing waits for this subscriber any more: what was is forgotten. */
  reset(): void {
    this.#penalty = FIRST_PENALTY;
    this.#exemptUntil = 0;
  }

  /** It was too slow. */
  penalize(now: number): void {
    this.#exemptUntil = now + this.#penalty;
    this.#taken = 0;
    this.#penalty = Math.min(2 * this.#penalty, LONGEST_PENALTY);
    this.relieve();
  }
}

/** The subscribers that fell behind while the packets of one publisher were handled. */
export class BackPressure {
  readonly #clock: Clock;
  #lagging: Pace[] = [];
  /** The session whose message is routed; undefined for one of the broker's own. */
  publisher: object | undefined;

  /** Patience is about the machine, not the protocol: `clock` is the platform's, whatever the broker's is. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the publisher that is handled should wait. */
  get isOn(): boolean {
    return this.#lagging.length > 0;
  }

  /** The queue of `subscriber` fills up. Nobody waits for a publication of the broker's own, nor for himself. */
  note(pace: Pace, subscriber: object): void {
    if (this.publisher === undefined || this.publisher === subscriber) return;
    if (!this.#lagging.includes(pace) && pace.deservesPatience(this.#clock)) this.#lagging.push(pace);
  }

  /** Resolves when all that were noted have room again, or patience with the others has ended. */
  wait(): Promise<void> {
    const lagging = this.#lagging;
    this.#lagging = [];
    return new Promise((resolve) => {
      const patience = new Patience(this.#clock, lagging, resolve);
      for (const pace of lagging) {
        pace.taken();
        pace.await(() => patience.look());
      }
    });
  }
}

/** One publisher that waits. */
class Patience {
  readonly #clock: Clock;
  readonly #lagging: readonly Pace[];
  readonly #resolve: () => void;
  #rounds = 0;
  #cancel: () => void;

  constructor(clock: Clock, lagging: readonly Pace[], resolve: () => void) {
    this.#clock = clock;
    this.#lagging = lagging;
    this.#resolve = resolve;
    this.#cancel = clock.schedule(PATIENCE, () => this.#judge());
  }

  /** One of them has room again: perhaps it was the last. */
  look(): void {
    if (this.#lagging.some((pace) => pace.isAwaited)) return;
    this.#cancel();
    this.#resolve();
  }

  #judge(): void {
    this.#rounds++;
    const least = this.#rounds < ROUNDS ? Number.MIN_VALUE : FAST;
    for (const pace of this.#lagging) {
      if (pace.isAwaited && pace.taken() < least) pace.penalize(this.#clock.now());
    }
    this.#cancel = this.#clock.schedule(PATIENCE, () => this.#judge());
    this.look();
  }
}
