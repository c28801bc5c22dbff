/**
 * Work that grows with what the broker holds, not with the bytes that ask for it: all filters that match a topic, all
 * receivers of a message, all topics that a filter has to be compared with. It is counted, so that a client which asks
 * for a great deal of it with a few bytes keeps nobody else waiting for long.
 *
 * @module
 */

import type { Stint } from "./stint.ts";

/** What is counted, in units of about 0.1 µs. */
export const Cost = {
  /** The clock has gone on by a millisecond. */
  Millisecond: 10_000,
  /** A message is handed to one receiver. */
  Receiver: 1,
  /** A level of a filter or topic is looked at. */
  Node: 2,
  /** A subscription is found to match. */
  Subscription: 4,
} as const;

/** After so many units, others have their turn. */
const MOST = 262_144;
/** The same as long as others with as much to do wait for it. */
const MOST_OF_MANY = 65_536;

/** The work that was done since others had their turn. */
export class Effort {
  readonly #stint: Stint;
  #spent = 0;

  /** Whoever has done enough has his rest there. */
  constructor(stint: Stint) {
    this.#stint = stint;
  }

  /** A chunk of packets begins: what each asks for is counted by itself. */
  begin(): void {
    this.#spent = 0;
    this.#stint.begin();
  }

  /** Counts work that was done. */
  spend(units: number): void {
    this.#spent += units;
  }

  /** Whether it is enough for now. */
  get isGreat(): boolean {
    return this.#spent >= MOST_OF_MANY && (this.#spent >= MOST || this.#stint.isAwaited);
  }

  /** Resolves when others have had their turn. */
  async rest(): Promise<void> {
    this.#spent = 0;
    await this.#stint.rest();
    this.#spent = 0;
  }
}
