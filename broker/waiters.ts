/**
 * Those who wait for changes to be committed or over.
 *
 * @module
 */

/** Something that can keep its bytes until a commit. */
export interface Held {
  /** Sends nothing from now on; false if it cannot send anything any more. */
  hold(): boolean;
  /** Sends what it has kept. */
  resume(): void;
  /** What it was to promise cannot be kept: it must not be sent. */
  fail(error: Error): void;
}

/** What one of them waits for. */
interface Wait {
  /** The end of the changes. */
  readonly until: number;
  /** The round in which it began, perhaps for an earlier end. */
  readonly round: number;
}

/** All who wait, in the order of what they wait for. */
export class Waiters {
  readonly #waits = new Map<Held, Wait>();
  #round = 0;

  /** How many wait. */
  get size(): number {
    return this.#waits.size;
  }

  /** Whether one has waited since a round before, because there was ever more to wait for. */
  get isAnyLate(): boolean {
    return this.#waits.values().some(({ round }) => round < this.#round);
  }

  /** Begins the next round: who waits from now on has come in that. */
  nextRound(): void {
    this.#round++;
  }

  /** Has one wait until all changes before `end` are settled, which never falls. False: there is nothing new to that. */
  add(held: Held, end: number): boolean {
    const wait = this.#waits.get(held);
    if (wait?.until === end || (wait === undefined && !held.hold())) return false;
    this.#waits.delete(held); // the map stays in its order
    this.#waits.set(held, { until: end, round: wait?.round ?? this.#round });
    return true;
  }

  /** Lets those go who wait for no change from `first` on. */
  resume(first: number): void {
    for (const [held, { until }] of this.#waits) {
      if (until > first) return;
      this.#waits.delete(held);
      held.resume();
    }
  }

  /** Tells all that what they wait for has failed. */
  fail(error: Error): void {
    const failed = [...this.#waits.keys()];
    this.#waits.clear();
    for (const held of failed) held.fail(error);
  }
}
