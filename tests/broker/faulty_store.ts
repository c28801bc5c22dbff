/**
 * A store whose commits fail, or come to nothing, when a test says so.
 *
 * @module
 */

import type { LoadedDelivery, Store, StoredBacklog, StoreWrite } from "../../broker/store.ts";
import type { StoredRetained, StoredSession, StoredSubscription, StoredWill } from "../../broker/store.ts";

/** What becomes of a commit: it works; it fails; nobody will ever know, as the broker has crashed. */
export type Fate = "works" | "fails" | "crashed";

/** Stands between a broker and its store. */
export class FaultyStore implements Store {
  /** What becomes of the next commits. */
  fate: Fate | (() => Fate) = "works";
  /** Commits that have worked. */
  commits = 0;
  /** Commits that have failed. */
  failures = 0;
  /** Changes of the largest commit that has failed. */
  largestFailure = 0;
  /** Changes of the largest commit that has worked. */
  largestCommit = 0;
  /** Changes of the commits that have worked. */
  readonly writes: StoreWrite[] = [];
  /** Limits of the parts of queues that were read. */
  readonly reads: number[] = [];
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  commit(writes: readonly StoreWrite[]): void {
    const fate = typeof this.fate === "function" ? this.fate() : this.fate;
    if (fate === "crashed") return;
    if (fate === "fails") {
      this.failures++;
      this.largestFailure = Math.max(this.largestFailure, writes.length);
      throw new Error("Cannot write to store: its disk must have room, received a test");
    }
    this.#store.commit(writes);
    this.commits++;
    this.largestCommit = Math.max(this.largestCommit, writes.length);
    this.writes.push(...writes);
  }

  sweep(): boolean {
    if (this.fate === "crashed") return false;
    if (this.fate === "fails") throw new Error("Cannot write to store: its disk must have room, received a test");
    return this.#store.sweep();
  }

  highestNumber(): number {
    return this.#store.highestNumber();
  }

  sessions(): Iterable<StoredSession> {
    return this.#store.sessions();
  }

  subscriptions(): Iterable<StoredSubscription> {
    return this.#store.subscriptions();
  }

  received(): Iterable<{ readonly session: number; readonly packetId: number }> {
    return this.#store.received();
  }

  inFlight(): Iterable<LoadedDelivery> {
    return this.#store.inFlight();
  }

  backlogs(): Iterable<StoredBacklog> {
    return this.#store.backlogs();
  }

  queued(session: number, position: number, limit: number): readonly LoadedDelivery[] {
    this.reads.push(limit);
    return this.#store.queued(session, position, limit);
  }

  retained(): Iterable<StoredRetained> {
    return this.#store.retained();
  }

  wills(): Iterable<StoredWill> {
    return this.#store.wills();
  }
}
