/**
 * What is to be written to the store: gathered, committed together, and waited for by those who were promised it.
 *
 * Many promises share one commit. It comes a few milliseconds after the first change, or sooner when there are many;
 * until then, the outputs of connections that were promised something hold back what they have. What is over before
 * the commit, such as a message that its receiver has acknowledged meanwhile, is never written; when that was all,
 * nobody has to wait for a commit any longer.
 *
 * @module
 */

import type { LogSink } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { storedMessageOf } from "./stored_message.ts";
import type { Pending } from "./pending.ts";
import type { Publication } from "./publication.ts";
import type { LoadedDelivery, Store, StoreWrite } from "./store.ts";

/** Milliseconds from the first change to its commit, so that others can join in. */
const COMMIT_DELAY = 2;
/** With this many changes, or bytes of messages, a commit does not wait. */
const MAX_WRITES = 8_192;
const MAX_BYTES = 4 * 1024 * 1024;
/** Milliseconds from a commit that failed to the next attempt. */
const RETRY_DELAY = 500;

/** Something that can keep its bytes until a commit. */
export interface Held {
  /** Sends nothing from now on; false if that is so already. */
  hold(): boolean;
  /** Sends what it has kept. */
  resume(): void;
  /** What it was to promise cannot be kept: it must not be sent. */
  fail(error: Error): void;
}

/** All changes of one broker. */
export class Journal {
  readonly #store: Store;
  readonly #log: LogSink;
  readonly #metrics: Metrics;
  /** Called when a commit works again after one has failed. */
  onRecovered: () => void = () => {};
  #writes: (StoreWrite | undefined)[] = [];
  #live = 0;
  #bytes = 0;
  #generation = 0;
  #version = 0;
  #lastNumber: number;
  #held: Held[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hurried = false;
  #state: "working" | "failing" | "closed" = "working";
  /** Places of changes that later ones of the same key replace: retained messages by topic, sessions by id. */
  readonly #latest = new Map<string | number, number>();

  constructor(store: Store, log: LogSink, metrics: Metrics) {
    this.#store = store;
    this.#log = log;
    this.#metrics = metrics;
    this.#lastNumber = store.highestNumber();
  }

  /** Whether the last commit failed: nothing new may be promised. */
  get isFailing(): boolean {
    return this.#state === "failing";
  }

  /** Changes with every write: who finds it changed has something to wait for. */
  get version(): number {
    return this.#version;
  }

  /** A number that was never used in the store. */
  nextNumber(): number {
    return ++this.#lastNumber;
  }

  /** Adds a change. `bytes` is the size of what comes with it. */
  write(write: StoreWrite, bytes: number = 0): Pending {
    this.#version++;
    this.#live++;
    this.#bytes += bytes;
    const index = this.#writes.push(write) - 1;
    if (this.#timer === undefined) this.#schedule(COMMIT_DELAY);
    if (!this.#hurried && (index >= MAX_WRITES || this.#bytes >= MAX_BYTES)) this.#hurry();
    return { generation: this.#generation, index };
  }

  /** The change, if it is not committed yet. */
  pending(at: Pending): StoreWrite | undefined {
    return at.generation === this.#generation ? this.#writes[at.index] : undefined;
  }

  /** Puts another change in the place of one that is not committed yet. */
  replace(at: Pending, write: StoreWrite): void {
    this.#version++;
    this.#writes[at.index] = write;
  }

  /** Takes back a change that is not committed yet. */
  cancel(at: Pending): void {
    if (this.#writes[at.index] === undefined) return;
    this.#writes[at.index] = undefined;
    // Nobody has to wait any longer.
    if (--this.#live === 0) this.#hurry();
  }

  /** Adds a change, in the place of one with the same key that is not committed yet. */
  writeLatest(key: string | number, write: StoreWrite, bytes: number = 0): void {
    const index = this.#latest.get(key);
    if (index === undefined) this.#latest.set(key, this.write(write, bytes).index);
    else {
      this.#version++;
      this.#writes[index] = write;
    }
  }

  /** Keeps a retained message. */
  putRetained(publication: Publication): void {
    const message = storedMessageOf(publication);
    this.writeLatest(message.topic, { kind: "putRetained", message }, publication.size);
  }

  /** Forgets the retained message of a topic. */
  removeRetained(topic: string): void {
    this.writeLatest(topic, { kind: "removeRetained", topic });
  }

  /** Has `held` wait for the commit of all that was written so far. */
  hold(held: Held): void {
    if (this.#live > 0 && held.hold()) this.#held.push(held);
  }

  /** The first deliveries that wait for a session from `position` on; those not committed yet are committed first. */
  queued(session: number, position: number, limit: number): readonly LoadedDelivery[] {
    // When that fails, what is in the store still goes first: positions rise.
    if (this.#state === "working") this.commit();
    try {
      return this.#store.queued(session, position, limit);
    } catch (error) {
      this.#metrics.storeFailures++;
      this.#log.write("error", String(error));
      return [];
    }
  }

  /** Commits all changes now. False: it failed, and will be tried again. */
  commit(): boolean {
    this.#cancelTimer();
    if (this.#live === 0) {
      this.#settle();
      return true;
    }
    try {
      this.#store.commit(this.#writes.filter((write) => write !== undefined));
    } catch (error) {
      this.#onFailure(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
    const recovered = this.#state === "failing";
    if (recovered) this.#state = "working";
    this.#settle();
    if (recovered) this.#onRecovery();
    return true;
  }

  /** Commits what is left, and ends. Nothing may be written after that. */
  close(): void {
    this.commit();
    this.#cancelTimer();
    this.#state = "closed";
  }

  /** All changes so far are committed, or over. */
  #settle(): void {
    this.#cancelTimer();
    this.#writes = [];
    this.#live = 0;
    this.#bytes = 0;
    this.#generation++;
    this.#latest.clear();
    const held = this.#held;
    this.#held = [];
    for (const one of held) one.resume();
  }

  #onFailure(error: Error): void {
    this.#metrics.storeFailures++;
    if (this.#state === "working") {
      this.#state = "failing";
      this.#log.write("error", `${error.message}. New QoS 1 and 2 messages are refused until that works again.`);
    }
    // What is in a commit that failed stays in it, so that the next attempt shows whether it can be written.
    this.#generation++;
    this.#schedule(RETRY_DELAY);
    const held = this.#held;
    this.#held = [];
    for (const one of held) one.fail(error);
  }

  #onRecovery(): void {
    this.#log.write("notice", "The store can be written to again.");
    this.onRecovered();
  }

  #schedule(delay: number): void {
    if (this.#state === "closed") return;
    // Not the broker's clock: that one is for what the protocol says about time.
    this.#timer = setTimeout(() => this.commit(), delay);
  }

  /** Not at once: a packet that is being handled may bring changes that must not be torn apart. */
  #hurry(): void {
    if (this.#state !== "working") return;
    this.#hurried = true;
    queueMicrotask(() => {
      this.#hurried = false;
      this.commit();
    });
  }

  #cancelTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
