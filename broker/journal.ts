/**
 * What is to be written to the store: gathered, committed together, and waited for by those who were promised it.
 *
 * Nothing leaves on a connection between a promise and the commit that holds what was promised; many promises share
 * one commit. What is over before its commit, such as a QoS 1 message that its receiver has acknowledged meanwhile, is
 * never written, and nobody waits for it any longer: between clients that keep up, durable messages cost no commit.
 *
 * @module
 */

import { TextMap } from "../engine/text_map.ts";
import type { LogSink } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { Publication } from "./publication.ts";
import type { SessionAccess } from "./session_access.ts";
import type { LoadedDelivery, Store, StoreWrite } from "./store.ts";
import { storedMessageOf } from "./stored_message.ts";
import { Sweeper } from "./sweeper.ts";
import { nextTurn } from "./turns.ts";
import { type Held, Waiters } from "./waiters.ts";

/** How soon a commit comes when nobody waits for it, in milliseconds. */
const Delay = {
  /** To share it with others. */
  Lazy: 20,
  /** The last commit has worked, and there is more of the same. */
  Soon: 1,
  /** Something failed. */
  Retry: 500,
} as const;
/**
 * Milliseconds for what is probably over soon, by how long the last commit took. A commit for one message that nobody
 * would need if it came a little later gets a twentieth of the time at most, as the acknowledgements of an uplink come in
 * 5 to 50 ms; one for many messages is worth it sooner, as their publishers may have nothing else to send. When it has
 * ended, all that came meanwhile has still to be handled.
 */
const PATIENCE = { most: 20, shareOfOne: 20, shareOfMany: 2 };
/**
 * Milliseconds between looks whether a commit is needed, which become twice as many each time that none was. *Measured*:
 * at a gateway with 200 messages a second, a look every 20 ms instead of 80 takes a tenth more of the processor's time.
 */
const CALM = { least: 2, most: 80 };
/** Milliseconds in which a commit that is waited for gathers others, as long as each turn brings some. */
const GATHERING = 1;
/** With this many changes, or bytes of messages, a commit comes at once. */
const MAX_WRITES = 4_096;
const MAX_BYTES = 4 * 1024 * 1024;
/** Changes that are over are forgotten when there are this many. */
const MAX_OVER = 4_096;

/** All changes of one broker. Changes are numbered; numbers rise for ever. */
export class Journal {
  /** Called when a commit works again after one has failed, and some time after a queue could not be read. */
  onRecovered: () => void = () => {};
  readonly #store: Store;
  readonly #log: LogSink;
  readonly #metrics: Metrics;
  readonly #sweeper: Sweeper;
  /** Whether a session was removed since the last commit. */
  #hasEnded = false;
  #lastNumber: number;
  #version = 0;
  /** Goes first, and is waited for by nobody. */
  #removals: StoreWrite[] = [];
  /** Changes from number `#base` on; undefined where they are over. */
  #writes: (StoreWrite | undefined)[] = [];
  #base = 0;
  /** The first change that is not over. */
  #first = 0;
  #live = 0;
  #bytes = 0;
  /** The end of the changes that have been in a commit that failed: they stay, so that the next attempt tells. */
  #frozen = 0;
  /** The end of the changes that will not be over by themselves. */
  #fixed = 0;
  /** Places of changes that later ones of the same key replace: retained messages by topic, sessions and wills by id. */
  readonly #latestOfTopic = new TextMap<number>();
  readonly #latestOfId = new Map<number, number>();
  readonly #waiters = new Waiters();
  /** How many waited for the last commit. */
  #expected = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer is due, in milliseconds of `performance.now()`. */
  #due = Infinity;
  /** The shortest delay that was asked for since the timer was last seen to; Infinity: none. */
  #wanted = Infinity;
  #readAgain: ReturnType<typeof setTimeout> | undefined;
  /** Milliseconds that the last commit took. */
  #taken = 0;
  /** Milliseconds until the next look at what is probably over by then. */
  #calm: number = CALM.least;
  /** The end of the changes when the timer was set. */
  #timedEnd = 0;
  #resuming = false;
  #hurries = false;
  #state: "working" | "failing" | "closed" = "working";

  constructor(store: Store, log: LogSink, metrics: Metrics) {
    this.#store = store;
    this.#log = log;
    this.#metrics = metrics;
    this.#lastNumber = store.highestNumber();
    this.#sweeper = new Sweeper(store, (error) => this.#note(error));
    this.#sweeper.start();
  }

  /** Whether the last commit failed: nothing new may be promised. */
  get isFailing(): boolean {
    return this.#state === "failing";
  }

  /** Changes with every change: who finds it another one has something to wait for. */
  get version(): number {
    return this.#version;
  }

  get #end(): number {
    return this.#base + this.#writes.length;
  }

  get #patience(): number {
    const { most, shareOfOne, shareOfMany } = PATIENCE;
    // A message has two changes, itself and its delivery.
    const messages = Math.max(this.#live / 2, 1);
    const share = Math.max(shareOfOne * this.#taken / messages, shareOfMany * this.#taken);
    return Math.max(Math.min(share, most), this.#calm);
  }

  /** A number that is not used in the store. */
  nextNumber(): number {
    return ++this.#lastNumber;
  }

  /** Adds a change; returns its number. `bytes` is the size of the message in it. */
  write(write: StoreWrite, bytes: number = 0): number {
    const index = this.#add(write, bytes, Delay.Lazy);
    this.#fixed = index + 1;
    return index;
  }

  /** The same for a change that is probably over soon. */
  writeBriefly(write: StoreWrite, bytes: number = 0): number {
    return this.#add(write, bytes, Math.max(Delay.Lazy, this.#calm));
  }

  #add(write: StoreWrite, bytes: number, delay: number): number {
    this.#version++;
    this.#live++;
    this.#bytes += bytes;
    this.#writes.push(write);
    this.#schedule(delay);
    if (this.#live >= MAX_WRITES || this.#bytes >= MAX_BYTES) this.#hurry();
    return this.#end - 1;
  }

  /** Adds a change, in the place of one with the same key that is not committed yet; returns its number. */
  writeLatest(key: string | number, write: StoreWrite, bytes: number = 0): number {
    const known = typeof key === "string" ? this.#latestOfTopic.get(key) : this.#latestOfId.get(key);
    if (known !== undefined) {
      this.replace(known, write);
      return known;
    }
    const index = this.write(write, bytes);
    if (typeof key === "string") this.#latestOfTopic.set(key, index);
    else this.#latestOfId.set(key, index);
    return index;
  }

  /** Whether all changes up to this one are committed or over. */
  isSettled(index: number): boolean {
    return index < this.#first;
  }

  /** Removes what is in the store already. */
  remove(write: StoreWrite & { readonly kind: "removeDelivery" }): void {
    this.#removals.push(write);
    this.#schedule(Delay.Lazy);
    if (this.#removals.length >= MAX_WRITES) this.#hurry();
  }

  /** The change, if it can still be taken back or replaced. */
  pending(index: number): StoreWrite | undefined {
    return index >= this.#base && index >= this.#frozen ? this.#writes[index - this.#base] : undefined;
  }

  /** Puts another change in the place of one that is not committed yet. */
  replace(index: number, write: StoreWrite): void {
    this.#version++;
    this.#writes[index - this.#base] = write;
  }

  /** Takes back a change that is {@linkcode pending}. */
  cancel(index: number, bytes: number = 0): void {
    this.#writes[index - this.#base] = undefined;
    this.#live--;
    this.#bytes -= bytes;
    if (index === this.#first) this.#advance();
  }

  /** A session has ended: all its records go. */
  removeSession(session: number): void {
    this.#hasEnded = true;
    this.write({ kind: "removeSession", session });
  }

  /** Keeps a retained message. */
  putRetained(publication: Publication, source: SessionAccess | undefined): void {
    const retained = { message: storedMessageOf(publication), publisher: source?.record };
    this.writeLatest(publication.topic.name, { kind: "putRetained", retained }, publication.size);
  }

  /** Forgets the retained message of a topic. */
  removeRetained(topic: string): void {
    this.writeLatest(topic, { kind: "removeRetained", topic });
  }

  /** Has `held` wait until all changes so far are committed or over. */
  hold(held: Held): void {
    const end = this.#end;
    if (this.#first === end) return;
    if (!this.#waiters.add(held, end)) return;
    if (this.#fixed <= this.#first) this.#schedule(this.#patience);
    else this.#hurry();
  }

  /** The first deliveries that wait for a session from `position` on, some of them at least. */
  queued(session: number, position: number, limit: number): readonly LoadedDelivery[] {
    try {
      const found = this.#store.queued(session, position, limit);
      // Positions rise: what is in the store goes first. A commit could tear apart a packet that is being handled.
      if (found.length > 0 || this.#live === 0 || this.#state !== "working" || !this.commit()) return found;
      return this.#store.queued(session, position, limit);
    } catch (error) {
      this.#onUnreadable(error);
      return [];
    }
  }

  #onUnreadable(error: unknown): void {
    if (this.#readAgain !== undefined || this.#state === "closed") return;
    this.#note(error);
    this.#readAgain = setTimeout(() => {
      this.#readAgain = undefined;
      this.onRecovered();
    }, Delay.Retry);
  }

  /** Commits all changes now. False: it failed, and will be tried again. */
  commit(): boolean {
    this.#cancelTimer();
    const writes: StoreWrite[] = this.#removals;
    for (const write of this.#writes) if (write !== undefined) writes.push(write);
    const begun = performance.now();
    try {
      if (writes.length > 0) this.#store.commit(writes);
    } catch (error) {
      writes.length -= this.#live;
      this.#onFailure(error);
      return false;
    }
    const taken = performance.now() - begun;
    if (writes.length > 0) {
      this.#metrics.commits.add(taken);
      this.#taken = taken;
    }
    const recovered = this.#state === "failing";
    if (recovered) this.#state = "working";
    this.#settle();
    if (recovered) this.#onRecovery();
    return true;
  }

  /** Commits what is left, and ends. Nothing is written after that. */
  close(): void {
    this.commit();
    this.#state = "closed";
    this.#sweeper.stop();
    clearTimeout(this.#readAgain);
    this.#cancelTimer();
  }

  /** While nothing could be written, clients may have taken a great many messages: they go a part at a time. */
  #makeRoom(): void {
    try {
      this.#store.commit(this.#removals.slice(0, MAX_WRITES));
    } catch (error) {
      return this.#onFailure(error);
    }
    this.#removals.splice(0, MAX_WRITES);
    this.#setTimer(Delay.Soon);
  }

  /** All changes are committed. */
  #settle(): void {
    this.#first = this.#base = this.#end;
    this.#writes = [];
    this.#removals = [];
    this.#live = 0;
    this.#bytes = 0;
    this.#latestOfTopic.clear();
    this.#latestOfId.clear();
    if (this.#hasEnded) this.#sweeper.start();
    this.#hasEnded = false;
    this.#expected = this.#waiters.size;
    this.#waiters.resume(this.#first);
  }

  #advance(): void {
    const writes = this.#writes;
    const end = this.#end;
    while (this.#first < end && writes[this.#first - this.#base] === undefined) this.#first++;
    if (this.#first === end || this.#first - this.#base >= MAX_OVER) {
      writes.splice(0, this.#first - this.#base);
      this.#base = this.#first;
    }
    if (this.#waiters.size === 0 || this.#resuming) return;
    this.#resuming = true;
    // Together with what the same packets have brought about.
    queueMicrotask(() => {
      this.#resuming = false;
      this.#waiters.resume(this.#first);
    });
  }

  /** What was to be done can wait. */
  #note(error: unknown): void {
    this.#metrics.storeFailures++;
    this.#log.write("error", String(error));
  }

  #onFailure(cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    this.#metrics.storeFailures++;
    if (this.#state === "working") {
      this.#state = "failing";
      this.#log.write("error", `${error.message}. New QoS 1 and 2 messages are refused until that works again.`);
    }
    this.#frozen = this.#end;
    this.#schedule(Delay.Retry);
    this.#waiters.fail(error);
  }

  #onRecovery(): void {
    this.#sweeper.start();
    this.#log.write("notice", "The store can be written to again.");
    this.onRecovered();
  }

  /** Sees to it that a commit comes after `delay`, or sooner. Not by the broker's clock, which is the protocol's. */
  #schedule(delay: number): void {
    // When the packet is through: a timer that is set and cancelled again wakes the process up nevertheless.
    if (this.#wanted === Infinity) queueMicrotask(() => this.#seeToTimer());
    if (delay < this.#wanted) this.#wanted = delay;
  }

  #seeToTimer(): void {
    const delay = this.#wanted;
    this.#wanted = Infinity;
    if (delay === Infinity || this.#state === "closed") return;
    if (this.#timer !== undefined && (this.#state === "failing" || this.#due <= performance.now() + delay)) return;
    this.#setTimer(this.#state === "failing" ? Delay.Retry : delay);
  }

  #setTimer(delay: number): void {
    clearTimeout(this.#timer);
    this.#due = performance.now() + delay;
    this.#timedEnd = this.#end;
    this.#timer = setTimeout(() => this.#onTime(), delay);
  }

  #onTime(): void {
    this.#timer = undefined;
    // What has been waited for all the time is over: those who came later wait their own time.
    if (this.#state === "failing" && this.#removals.length > MAX_WRITES) return this.#makeRoom();
    const isOver = this.#state === "working" && this.#first >= this.#timedEnd;
    this.#calm = isOver ? Math.min(2 * this.#calm, CALM.most) : CALM.least;
    if (isOver && this.#waiters.size > 0 && !this.#waiters.isAnyLate) this.#schedule(this.#patience);
    else this.commit();
    this.#waiters.nextRound();
  }

  /**
   * Commits at the end of the turn, as a packet that is being handled may bring changes that must not be torn apart; or
   * of a later one, when fewer wait than the last time and more come with each turn. No timer is as quick as a turn.
   */
  #hurry(): void {
    if (this.#state !== "working" || this.#hurries) return;
    this.#hurries = true;
    this.#gather(this.#version, performance.now() + GATHERING);
  }

  #gather(version: number, until: number): void {
    nextTurn().then(() => {
      const isGrowing = this.#version !== version && this.#waiters.size < this.#expected;
      if (isGrowing && performance.now() < until) return this.#gather(this.#version, until);
      this.#hurries = false;
      if (this.#state === "working") this.commit();
    });
  }

  #cancelTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wanted = Infinity;
  }
}
