/**
 * What is to be written to a client's store: gathered, and committed together.
 *
 * It keeps no list of changes, but of what has changed: a publication that was added, sent and acknowledged between two
 * commits is never written.
 *
 * @module
 */

import type { ClientStore } from "./client_store.ts";
import type { OutboundPayload } from "./outbound_payload.ts";
import type { Publication } from "./publication.ts";
import type { ClientStoreWrite, StoredPhase, StoredPublication } from "./stored.ts";

/** Milliseconds until a commit that nothing waits for. */
const LAZY = 10;
/** Milliseconds for which new publications are refused after a commit that failed. */
const RETRY = 1_000;

const QUEUED: StoredPhase = { phase: "queued" };

const encoder = new TextEncoder();

/** A publication and its record. */
export class Entry {
  readonly number: number;
  readonly publication: Publication;
  state: StoredPhase;
  /** Whether it is not complete. */
  isOpen = true;
  /** Whether the store has it. */
  isStored: boolean;

  constructor(number: number, publication: Publication, state: StoredPhase, isStored: boolean) {
    this.number = number;
    this.publication = publication;
    this.state = state;
    this.isStored = isStored;
  }
}

/** What one commit is about. */
interface Batch {
  readonly writes: ClientStoreWrite[];
  readonly entries: readonly Entry[];
  /** Those of `entries` that the batch adds. */
  readonly added: ReadonlySet<Entry>;
  readonly received: ReadonlyMap<number, boolean>;
  readonly clientId: string | undefined;
}

/** What a journal tells its owner. */
export interface JournalOwner {
  /** A commit has failed: these are not in the store, and given up. Nothing that was to follow the commit may be sent. */
  onFailure(error: Error, lost: readonly Entry[]): void;
}

/** All changes of one client. */
export class Journal {
  readonly #store: ClientStore;
  readonly #owner: JournalOwner;
  readonly #entries = new Map<Publication, Entry>();
  #dirty = new Set<Entry>();
  /** Packet identifiers of QoS 2 messages: true, was received; false, was released. */
  #received = new Map<number, boolean>();
  #clientId: string | undefined;
  #lastNumber = 0;
  #running: Promise<void> | undefined;
  #following: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failure: Error | undefined;
  /** Until when the failure counts, by the monotonic clock. */
  #failureEnd = 0;
  #isClosed = false;

  constructor(store: ClientStore, owner: JournalOwner) {
    this.#store = store;
    this.#owner = owner;
  }

  /** Why the last commit failed, as long as new publications are to be refused for that. */
  get failure(): Error | undefined {
    return performance.now() < this.#failureEnd ? this.#failure : undefined;
  }

  /** Takes up a publication that is in the store. */
  restore(publication: Publication, { number, state }: StoredPublication): void {
    this.#entries.set(publication, new Entry(number, publication, state, true));
    this.#lastNumber = Math.max(this.#lastNumber, number);
  }

  /** A publication waits to be sent, for the first time or again. */
  queued(publication: Publication): void {
    if (this.#isClosed) return;
    let entry = this.#entries.get(publication);
    if (entry === undefined) {
      entry = new Entry(++this.#lastNumber, publication, QUEUED, false);
      this.#entries.set(publication, entry);
    }
    entry.isOpen = true;
    this.#change(entry, QUEUED);
  }

  /** A publication is about to be sent, or was received by the server. */
  sent(publication: Publication, state: StoredPhase): void {
    const entry = this.#entries.get(publication);
    if (entry === undefined || this.#isClosed) return;
    entry.isOpen = true;
    this.#change(entry, state);
  }

  /** A publication is complete. */
  ended(publication: Publication): void {
    const entry = this.#entries.get(publication);
    if (entry === undefined || this.#isClosed) return;
    entry.isOpen = false;
    this.#change(entry, entry.state);
  }

  /** A QoS 2 message was received or, if `isHeld` is false, released by the server. */
  received(packetId: number, isHeld: boolean): void {
    if (this.#isClosed) return;
    this.#received.set(packetId, isHeld);
    this.#schedule(LAZY);
  }

  /** The server has a session for this client identifier. */
  setClientId(clientId: string): void {
    this.#clientId = clientId;
    this.#schedule(LAZY);
  }

  /** Settles when all that has changed until now is in the store; rejects if the store cannot take it. */
  commit(): Promise<void> {
    if (this.#running === undefined) return this.#run();
    this.#following ??= this.#running.finally(() => this.#following = undefined).then(() => this.commit());
    return this.#following;
  }

  /** Commits what has changed; what changes from now on is not written. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running?.catch(ignore);
    await this.commit().catch(ignore);
  }

  #change(entry: Entry, state: StoredPhase): void {
    entry.state = state;
    this.#dirty.add(entry);
    this.#schedule(LAZY);
  }

  #schedule(delay: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.commit().catch(ignore); // the owner is told
    }, delay);
  }

  #run(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#gather();
    if (batch.writes.length === 0) return Promise.resolve();
    this.#running = this.#write(batch).finally(() => this.#running = undefined);
    return this.#running;
  }

  async #write(batch: Batch): Promise<void> {
    try {
      await this.#store.commit(batch.writes);
      this.#failureEnd = 0;
      for (const entry of batch.added) entry.isStored = true;
    } catch (reason) {
      const error = reason instanceof Error ? reason : new Error(String(reason));
      this.#takeBack(batch, error);
      throw error;
    }
  }

  #gather(): Batch {
    const entries = [...this.#dirty];
    const added = new Set<Entry>();
    const writes: ClientStoreWrite[] = [];
    if (this.#clientId !== undefined) writes.push({ kind: "setClientId", clientId: this.#clientId });
    for (const entry of entries) {
      const { number, state, isStored } = entry;
      if (!entry.isOpen) {
        this.#entries.delete(entry.publication);
        if (isStored) writes.push({ kind: "removePublication", number });
      } else if (isStored) {
        writes.push({ kind: "updatePublication", number, state });
      } else {
        added.add(entry);
        writes.push({ kind: "addPublication", publication: recordOf(entry) });
      }
    }
    for (const [packetId, isHeld] of this.#received) {
      writes.push({ kind: isHeld ? "addReceived" : "removeReceived", packetId });
    }
    const batch = { writes, entries, added, received: this.#received, clientId: this.#clientId };
    this.#dirty = new Set();
    this.#received = new Map();
    this.#clientId = undefined;
    return batch;
  }

  /** What the store has is still to be changed; what it does not have is given up. */
  #takeBack({ entries, added, received, clientId }: Batch, error: Error): void {
    for (const entry of entries) if (!added.has(entry)) this.#dirty.add(entry);
    for (const entry of added) {
      this.#entries.delete(entry.publication);
      this.#dirty.delete(entry);
    }
    this.#received = new Map([...received, ...this.#received]);
    this.#clientId ??= clientId;
    this.#failure = error;
    this.#failureEnd = performance.now() + RETRY;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#isClosed) this.#schedule(RETRY);
    this.#owner.onFailure(error, [...added]);
  }
}

function recordOf({ number, publication, state }: Entry): StoredPublication {
  const { topic, qos, retain, expiresAt, properties, payload } = publication;
  return {
    number,
    topic,
    qos: qos === 1 ? 1 : 2,
    retain,
    expiresAt,
    properties,
    payload: bytesOf(payload),
    state,
  };
}

function bytesOf({ content, start, length }: OutboundPayload): Uint8Array {
  return typeof content === "string" ? encoder.encode(content) : content.subarray(start, start + length);
}

function ignore(): void {}
