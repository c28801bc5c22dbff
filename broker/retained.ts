/**
 * Retained messages: the last one of each topic (MQTT 5.0 section 3.3.1.3).
 *
 * @module
 */

import type { QoS } from "../codec/packets.ts";
import type { Clock } from "../engine/clock.ts";
import { TopicTrie, type TrieSearch } from "../engine/topic_trie.ts";
import { Cost, type Effort } from "./effort.ts";
import { Publication } from "./publication.ts";
import { RetainedMemory } from "./retained_memory.ts";

/** Bounds of the {@linkcode RetainedStore}. */
export interface RetainedLimits {
  readonly maxRetainedMessages: number;
  readonly maxRetainedBytes: number;
  /** Whether a message is found only as long as who published it may. */
  readonly checkRetainSource: boolean;
}

/** A retained message as those see it who only look. */
export interface RetainedEntry {
  readonly name: string;
  readonly qos: QoS;
  /** `Infinity` for never. */
  readonly expiresAt: number;
  /** A copy of what is retained for its topic now; undefined for nothing. */
  copy(): Publication | undefined;
}

/** All retained messages by topic name. */
export class RetainedStore {
  /** Where the records lie. */
  readonly #places = new TopicTrie<number>();
  readonly #memory = new RetainedMemory((record, place) => this.#places.set(record.name, place));
  readonly #limits: RetainedLimits;
  /** How many were ever kept. */
  #kept = 0;
  #version = 0;

  constructor(limits: RetainedLimits) {
    this.#limits = limits;
  }

  /** Messages that are kept; expired ones stay for a minute or two. */
  get size(): number {
    return this.#places.size;
  }

  /** Bytes of topics, properties and payloads. */
  get bytes(): number {
    return this.#memory.bytes;
  }

  /** Changes with every message that comes or goes: what was found before may be elsewhere. */
  get version(): number {
    return this.#version;
  }

  /** Keeps a copy of a message as the one of its topic. False: there is no room for it. */
  set(publication: Publication): boolean {
    const { name } = publication.topic;
    const size = publication.topicLength + publication.size;
    if (!this.#hasRoom(name, size)) return false;
    this.#version++;
    this.#memory.at(this.#settle(name, size)).take(publication, ++this.#kept);
    return true;
  }

  /** A place for the message of a topic, in which nothing of it needs to stay. */
  #settle(name: string, size: number): number {
    try {
      return this.#places.update(name, (before) => {
        if (before === undefined) return this.#memory.settle(size);
        if (this.#memory.resize(before, size)) return before;
        this.#memory.leave(before);
        return this.#memory.settle(size);
      });
    } catch (error) {
      this.#places.delete(name); // there is no memory for a large one
      throw error;
    }
  }

  #hasRoom(name: string, size: number): boolean {
    const { maxRetainedMessages, maxRetainedBytes } = this.#limits;
    const bytes = this.bytes + size;
    if (bytes <= maxRetainedBytes && this.size < maxRetainedMessages) return true;
    const place = this.#places.get(name);
    return place !== undefined && bytes - this.#memory.at(place).size <= maxRetainedBytes;
  }

  /** Forgets the message of a topic. False if there is none. */
  delete(topicName: string): boolean {
    const place = this.#places.delete(topicName);
    if (place === undefined) return false;
    this.#version++;
    this.#memory.leave(place);
    return true;
  }

  /**
   * Searches the messages whose topics match a filter. Those that are kept after this call, which go to subscribers
   * anyhow, those that have expired, and those that came from the broker `notFrom` are left out. The search is told to
   * `effort` as it goes on.
   */
  find(filter: string, clock: Clock, effort: Effort, notFrom?: string): RetainedSearch {
    const kept = this.#kept;
    const show = (name: string, place: number, shown: Publication): boolean => {
      const record = this.#memory.at(place);
      if (record.order > kept) return false;
      if (record.expiresAt <= clock.now()) {
        this.delete(name);
        return false;
      }
      record.show(name, shown);
      return this.#maySend(shown, notFrom);
    };
    return new RetainedSearch(this, this.#places.find(filter), show, effort);
  }

  #maySend({ source, topic }: Publication, notFrom: string | undefined): boolean {
    if (notFrom !== undefined && source?.broker?.identity === notFrom) return false;
    return source === undefined || !this.#limits.checkRetainSource || source.mayPublish(topic);
  }

  /** Where the message of a topic lies at the moment. */
  placeOf(topicName: string): number | undefined {
    return this.#places.get(topicName);
  }

  /** The message of a topic, if it has not expired. */
  get(topicName: string, clock: Clock): RetainedEntry | undefined {
    const place = this.#places.get(topicName);
    if (place === undefined) return undefined;
    const entry = this.#entry(topicName, place);
    return entry.expiresAt <= clock.now() ? undefined : entry;
  }

  /** All messages, expired ones included, one at a time; they may change meanwhile. */
  values(): Generator<RetainedEntry, void, undefined> {
    return this.#entries(this.#places.values());
  }

  /** All messages whose topics match a filter, or all there are, one at a time; expired ones are left out. */
  *walk(filter: string | undefined, clock: Clock): Generator<RetainedEntry, void, undefined> {
    const found = filter === undefined ? this.#places.values() : this.#places.find(filter);
    for (const entry of this.#entries(found)) if (entry.expiresAt > clock.now()) yield entry;
  }

  *#entries(found: TrieSearch<number>): Generator<RetainedEntry, void, undefined> {
    for (const place of found) yield this.#entry(found.key, place);
  }

  #entry(name: string, place: number): RetainedEntry {
    const { qos, expiresAt } = this.#memory.at(place);
    return { name, qos, expiresAt, copy: () => this.#copy(name) };
  }

  #copy(name: string): Publication | undefined {
    const place = this.#places.get(name);
    if (place === undefined) return undefined;
    const shown = new Publication();
    this.#memory.at(place).show(name, shown);
    return shown.keep();
  }
}

/** Lets a publication be the message at a place, if that is to be sent. */
type Show = (name: string, place: number, shown: Publication) => boolean;

/** A search for retained messages, which goes on as they are wanted. */
export class RetainedSearch {
  readonly #store: RetainedStore;
  readonly #found: TrieSearch<number>;
  readonly #show: Show;
  readonly #effort: Effort;
  readonly #shown = new Publication();
  /** Where the message lies that the search has come to, as of a version of the store. */
  #place: number | undefined;
  #version = 0;

  constructor(store: RetainedStore, found: TrieSearch<number>, show: Show, effort: Effort) {
    this.#store = store;
    this.#found = found;
    this.#show = show;
    this.#effort = effort;
  }

  /**
   * The message that the search has come to, undefined at the end. It is valid until anything else is done with the
   * broker; whoever keeps it copies it.
   */
  get current(): Publication | undefined {
    let place = this.#placeNow();
    while (place === undefined || !this.#show(this.#found.key, place, this.#shown)) {
      const { looked } = this.#found;
      const { done, value } = this.#found.next();
      this.#effort.spend(Cost.Node * (this.#found.looked - looked));
      if (done) return undefined;
      place = value;
    }
    this.#place = place;
    this.#version = this.#store.version;
    return this.#shown;
  }

  #placeNow(): number | undefined {
    if (this.#place === undefined || this.#version === this.#store.version) return this.#place;
    return this.#store.placeOf(this.#found.key);
  }

  /** Goes on to the next message. */
  advance(): void {
    this.#place = undefined;
  }
}
