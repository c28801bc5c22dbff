/**
 * Retained messages: the last one of each topic (MQTT 5.0 section 3.3.1.3).
 *
 * @module
 */

import type { QoS } from "../codec/packets.ts";
import type { Clock } from "../engine/clock.ts";
import { TopicTrie, type TrieSearch } from "../engine/topic_trie.ts";
import { Cost, type Effort } from "./effort.ts";
import { copyBytes } from "./output.ts";
import { Publication } from "./publication.ts";
import { NOWHERE, type Resident, RetainedMemory } from "./retained_memory.ts";
import type { SessionAccess } from "./session_access.ts";
import { NamedTopic } from "./topic_cache.ts";

/** Bounds of the {@linkcode RetainedStore}. */
export interface RetainedLimits {
  readonly maxRetainedMessages: number;
  readonly maxRetainedBytes: number;
  /** Whether a message is found only as long as who published it may. */
  readonly checkRetainSource: boolean;
}

/** The number of a message that is not retained yet. */
const NEW = 0;

/** A retained message as those see it who only look: what it is when they ask. */
export interface RetainedEntry {
  readonly name: string;
  readonly qos: QoS;
  /** Undefined for never. */
  readonly expiresAt: number | undefined;
  /** A copy; undefined when it is retained no more. */
  copy(): Publication | undefined;
}

/** One retained message. Its bytes are the topic name, the properties, the payload. */
class RetainedMessage implements Resident, RetainedEntry {
  readonly name: string;
  piece = NOWHERE;
  start = 0;
  room = 0;
  topicLength = 0;
  propertiesLength = 0;
  payloadLength = 0;
  qos: QoS = 0;
  /** Where the message expiry interval stands in the properties; -1 for none. */
  expiryAt = -1;
  /** Undefined for never: a number would cost memory of its own. */
  expiresAt: number | undefined;
  /** Which of all retained messages it was, in the order of their coming. */
  order = NEW;
  source: SessionAccess | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Whether it is not retained any more. */
  get isGone(): boolean {
    return this.room === 0;
  }

  /** Bytes of properties and payload. */
  get weight(): number {
    return this.propertiesLength + this.payloadLength;
  }

  hasExpired(clock: Clock): boolean {
    return this.expiresAt !== undefined && this.expiresAt <= clock.now();
  }

  /** Takes up a message, for which there is room. */
  take(publication: Publication): void {
    const { bytes, topicLength, propertiesStart, propertiesEnd, payloadStart, payloadEnd } = publication;
    const target = this.piece.bytes;
    publication.writeTopic(target, this.start, 0);
    const at = this.start + topicLength;
    copyBytes(target, at, bytes, propertiesStart, propertiesEnd);
    copyBytes(target, at + propertiesEnd - propertiesStart, bytes, payloadStart, payloadEnd);
    this.topicLength = topicLength;
    this.propertiesLength = propertiesEnd - propertiesStart;
    this.payloadLength = payloadEnd - payloadStart;
    this.qos = publication.qos;
    this.expiryAt = publication.expiryAt < 0 ? -1 : publication.expiryAt - propertiesStart;
    this.expiresAt = publication.expiresAt === Infinity ? undefined : publication.expiresAt;
    this.source = publication.source;
  }

  copy(): Publication | undefined {
    if (this.isGone) return undefined;
    const shown = new Publication();
    this.show(shown);
    return shown.keep();
  }

  /** Lets `publication` be this message, until it is replaced or another one comes or goes. */
  show(publication: Publication): void {
    const { bytes } = this.piece;
    publication.reset(new NamedTopic(this.name), this.qos, true, bytes);
    publication.topicStart = this.start;
    publication.topicEnd = publication.topicStart + this.topicLength;
    publication.propertiesStart = publication.topicEnd;
    publication.propertiesEnd = publication.propertiesStart + this.propertiesLength;
    publication.payloadStart = publication.propertiesEnd;
    publication.payloadEnd = publication.payloadStart + this.payloadLength;
    publication.source = this.source;
    if (this.expiresAt === undefined) return;
    publication.expiresAt = this.expiresAt;
    publication.expiryAt = publication.propertiesStart + this.expiryAt;
  }
}

function newMessage(name: string): RetainedMessage {
  return new RetainedMessage(name);
}

/** All retained messages by topic name. */
export class RetainedStore {
  readonly #messages = new TopicTrie<RetainedMessage>();
  readonly #memory = new RetainedMemory();
  readonly #limits: RetainedLimits;
  #bytes = 0;
  /** How many were ever kept. */
  #kept = 0;

  constructor(limits: RetainedLimits) {
    this.#limits = limits;
  }

  /** Messages that are kept; expired ones stay for a minute or two. */
  get size(): number {
    return this.#messages.size;
  }

  /** Bytes of topics, properties and payloads. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a copy of a message as the one of its topic. False: there is no room for it. */
  set(publication: Publication): boolean {
    const { name } = publication.topic;
    const size = publication.topicLength + publication.size;
    const { maxRetainedMessages, maxRetainedBytes } = this.#limits;
    const message = this.#messages.getOrInsertComputed(name, newMessage);
    const isNew = message.order === NEW;
    const bytes = this.#bytes + size - (isNew ? 0 : weightOf(message));
    if (bytes > maxRetainedBytes || (isNew && this.size > maxRetainedMessages)) {
      if (isNew) this.#messages.delete(name);
      return false;
    }
    this.#bytes = bytes;
    this.#makeRoom(message, size);
    message.take(publication);
    message.order = ++this.#kept;
    return true;
  }

  #makeRoom(message: RetainedMessage, size: number): void {
    if (message.room === size) return;
    if (message.room > 0) this.#memory.leave(message);
    this.#memory.settle(message, size);
  }

  /** Forgets the message of a topic. False if there is none. */
  delete(topicName: string): boolean {
    const message = this.#messages.delete(topicName);
    if (message === undefined) return false;
    this.#bytes -= weightOf(message);
    this.#memory.leave(message);
    return true;
  }

  /**
   * Searches the messages whose topics match a filter. Those that are kept after this call, which go to subscribers
   * anyhow, those that have expired, and those that came from the broker `notFrom` are left out. The search is told to
   * `effort` as it goes on.
   */
  find(filter: string, clock: Clock, effort: Effort, notFrom?: string): RetainedSearch {
    const isCurrent = this.#reader(clock, this.#kept, notFrom);
    return new RetainedSearch(this.#messages.find(filter), isCurrent, effort);
  }

  /** The message of a topic, if it has not expired. */
  get(topicName: string, clock: Clock): RetainedEntry | undefined {
    const message = this.#messages.get(topicName);
    return message === undefined || message.hasExpired(clock) ? undefined : message;
  }

  /** All messages, expired ones included, one at a time; they may change meanwhile. */
  values(): Iterator<RetainedEntry> {
    return this.#messages.values();
  }

  /** All messages whose topics match a filter, or all there are, one at a time; expired ones are left out. */
  *walk(filter: string | undefined, clock: Clock): Generator<RetainedEntry, void, undefined> {
    const found = filter === undefined ? this.#messages.values() : this.#messages.find(filter);
    for (const message of found) if (!message.hasExpired(clock)) yield message;
  }

  /** Tells whether a message is to be sent; those that have expired are forgotten. */
  #reader(clock: Clock, kept: number, notFrom: string | undefined): (message: RetainedMessage) => boolean {
    return (message) => {
      if (message.isGone || message.order > kept) return false;
      if (message.hasExpired(clock)) {
        this.delete(message.name);
        return false;
      }
      const { source } = message;
      if (notFrom !== undefined && source?.broker?.identity === notFrom) return false;
      if (source === undefined || !this.#limits.checkRetainSource) return true;
      return source.isFree || source.mayPublish(new NamedTopic(message.name));
    };
  }
}

/** A search for retained messages, which goes on as they are wanted. */
export class RetainedSearch {
  readonly #found: TrieSearch<RetainedMessage>;
  readonly #effort: Effort;
  readonly #isCurrent: (message: RetainedMessage) => boolean;
  readonly #shown = new Publication();
  #message: RetainedMessage | undefined;

  constructor(
    found: TrieSearch<RetainedMessage>,
    isCurrent: (message: RetainedMessage) => boolean,
    effort: Effort,
  ) {
    this.#effort = effort;
    this.#found = found;
    this.#isCurrent = isCurrent;
  }

  /**
   * The message that the search has come to, undefined at the end. It is valid until anything else is done with the
   * broker; whoever keeps it copies it.
   */
  get current(): Publication | undefined {
    let message = this.#message;
    while (message === undefined || !this.#isCurrent(message)) {
      const { looked } = this.#found;
      const { done, value } = this.#found.next();
      this.#effort.spend(Cost.Node * (this.#found.looked - looked));
      if (done) return undefined;
      message = value;
    }
    this.#message = message;
    message.show(this.#shown);
    return this.#shown;
  }

  /** Goes on to the next message. */
  advance(): void {
    this.#message = undefined;
  }
}

function weightOf(message: RetainedMessage): number {
  return message.topicLength + message.weight;
}
