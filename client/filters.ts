/**
 * The topic filters that this client has subscribed to, and who wants their messages.
 *
 * @module
 */

import { MqttError } from "../codec/errors.ts";
import type { QoS, RetainHandling, SubscriptionRequest } from "../codec/packets.ts";
import type { UserProperties } from "../codec/properties.ts";
import { ReasonCode, reasonCodeName } from "../codec/reason_codes.ts";
import { isTopicName, parseSharedFilter, topicMatches } from "../codec/topic.ts";
import type { Inbox } from "./inbox.ts";
import type { InboundTopic } from "./topic_table.ts";

/** What a subscription asks the server for. */
export interface FilterOptions {
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: RetainHandling;
  readonly userProperties: UserProperties | undefined;
}

/** One `subscribe()`: its filters, the inbox that their messages go to, and the server's answers. */
export class Subscriber {
  readonly filters: readonly string[];
  readonly options: FilterOptions;
  readonly inbox: Inbox;
  readonly #codes: (number | undefined)[];
  readonly #answered = Promise.withResolvers<readonly number[]>();
  #unanswered: number;

  constructor(filters: readonly string[], options: FilterOptions, inbox: Inbox) {
    this.filters = filters;
    this.options = options;
    this.inbox = inbox;
    this.#codes = filters.map(() => undefined);
    this.#unanswered = filters.length;
    // Whoever does not look at it learns of a refusal from the iterator.
    this.#answered.promise.catch(() => {});
  }

  /** The granted QoS or a refusal for each filter, in order; rejects if the server refuses all, or never answers. */
  get answered(): Promise<readonly number[]> {
    return this.#answered.promise;
  }

  /** Whether the server has answered for this filter. */
  isAnswered(filter: string): boolean {
    return this.#codes[this.filters.indexOf(filter)] !== undefined;
  }

  /** The server has answered for one filter, perhaps not for the first time. */
  answer(filter: string, code: number): void {
    const index = this.filters.indexOf(filter);
    if (this.#codes[index] === undefined) this.#unanswered--;
    this.#codes[index] = code;
    if (this.#unanswered > 0) return;
    const codes = this.#codes.map((code) => code ?? ReasonCode.UnspecifiedError);
    if (codes.some((code) => code < 0x80)) return this.#answered.resolve(codes);
    this.fail(refusal(this.filters, codes));
  }

  /** The subscription cannot be. */
  fail(error: unknown): void {
    this.#answered.reject(error);
    this.inbox.end(error);
  }

  /** Nobody wants its messages any more. */
  close(error: unknown): void {
    this.#answered.reject(error);
    this.inbox.discard();
  }
}

function refusal(filters: readonly string[], codes: readonly number[]): MqttError {
  const code = codes[0] ?? ReasonCode.UnspecifiedError;
  return new MqttError(
    `Cannot subscribe to ${filters.join(", ")}: server must grant it, received ${reasonCodeName(code)}`,
    code,
  );
}

/** A filter that somebody wants. */
export interface FilterEntry {
  readonly filter: string;
  readonly subscribers: Subscriber[];
  /** Subscription identifier that it goes to the server with, for as long as somebody wants it. */
  readonly identifier: number;
  /** Whether all that its subscribers want was asked for, and was granted. */
  state: "wanted" | "requested" | "granted";
  /** Whether the server's session has it, perhaps with options of an earlier request. */
  isHeld: boolean;
}

/**
 * All filters of a client, by name, by subscription identifier and by the topics that they match.
 *
 * Every `subscribe()` has an identifier of its own for the filters that nobody has subscribed to before. Where the
 * server sends identifiers (MQTT 5.0), a message goes to the filters that it was sent for, so that overlapping and shared
 * subscriptions get what is theirs, once, and nobody gets the copy of a subscription that has ended; elsewhere, and for
 * an identifier of another client's time, it goes to all filters that match.
 */
export class Filters {
  /** Whether the server's session began with this client, so that it knows no identifiers but those given here. */
  isSessionOurs = false;
  readonly #entries = new Map<string, FilterEntry>();
  readonly #byIdentifier = new Map<number, Set<FilterEntry>>();
  /** The entries with wildcards or a share name, which are searched; the others are found by their topic name. */
  readonly #patterns = new Set<FilterEntry>();
  #lastIdentifier = 0;
  #version = 0;

  /** All filters in the order of their first subscription. */
  get entries(): IterableIterator<FilterEntry> {
    return this.#entries.values();
  }

  /** The filter, if somebody wants it. */
  get(filter: string): FilterEntry | undefined {
    return this.#entries.get(filter);
  }

  /** Adds a subscriber. Returns its filters, those that nobody else wants with one new subscription identifier. */
  add(subscriber: Subscriber): FilterEntry[] {
    const identifier = this.#newIdentifier();
    this.#version++;
    return subscriber.filters.map((filter) => {
      const entry = this.#entries.get(filter) ?? this.#create(filter, identifier);
      entry.subscribers.push(subscriber);
      entry.state = "wanted";
      return entry;
    });
  }

  /** Takes a subscriber's filter back. Returns the filter's entry if nobody else wants it. */
  remove(subscriber: Subscriber, filter: string): FilterEntry | undefined {
    const entry = this.#entries.get(filter);
    const at = entry?.subscribers.indexOf(subscriber) ?? -1;
    if (entry === undefined || at < 0) return undefined;
    entry.subscribers.splice(at, 1);
    this.#version++;
    if (entry.subscribers.length > 0) return undefined;
    this.#delete(entry);
    return entry;
  }

  /** Who gets a message on `topic` that came with this subscription identifier, 0 for none. */
  route(topic: InboundTopic, identifier: number): readonly Inbox[] {
    if (topic.routeVersion !== this.#version || topic.routeIdentifier !== identifier) {
      topic.route = this.#find(topic.name, identifier === 0 ? [] : [identifier]);
      topic.routeIdentifier = identifier;
      topic.routeVersion = this.#version;
    }
    return topic.route;
  }

  /** The same for a message that came with several subscription identifiers. */
  routeOf(topicName: string, identifiers: readonly number[]): readonly Inbox[] {
    return this.#find(topicName, identifiers);
  }

  #find(topicName: string, identifiers: readonly number[]): readonly Inbox[] {
    const inboxes = new Set<Inbox>();
    for (const identifier of identifiers) {
      for (const entry of this.#byIdentifier.get(identifier) ?? []) {
        if (topicMatches(entry.filter, topicName)) addInboxes(inboxes, entry);
      }
    }
    if (inboxes.size > 0) return [...inboxes];
    if (identifiers.length > 0 && identifiers.every((identifier) => this.#isOurs(identifier))) return [];
    const entry = this.#entries.get(topicName);
    if (entry !== undefined && !this.#patterns.has(entry)) addInboxes(inboxes, entry);
    for (const pattern of this.#patterns) {
      if (topicMatches(pattern.filter, topicName)) addInboxes(inboxes, pattern);
    }
    return [...inboxes];
  }

  /** Whether an identifier was given here, so that whoever had it and is no longer there has ended. */
  #isOurs(identifier: number): boolean {
    return this.isSessionOurs && identifier <= this.#lastIdentifier;
  }

  #create(filter: string, identifier: number): FilterEntry {
    const entry: FilterEntry = { filter, subscribers: [], identifier, state: "wanted", isHeld: false };
    this.#entries.set(filter, entry);
    const entries = this.#byIdentifier.get(identifier) ?? new Set();
    this.#byIdentifier.set(identifier, entries.add(entry));
    if (!isTopicName(filter) || parseSharedFilter(filter) !== undefined) this.#patterns.add(entry);
    return entry;
  }

  #delete(entry: FilterEntry): void {
    this.#entries.delete(entry.filter);
    this.#patterns.delete(entry);
    const entries = this.#byIdentifier.get(entry.identifier);
    entries?.delete(entry);
    if (entries?.size === 0) this.#byIdentifier.delete(entry.identifier);
  }

  #newIdentifier(): number {
    do {
      this.#lastIdentifier = this.#lastIdentifier === 268_435_455 ? 1 : this.#lastIdentifier + 1;
    } while (this.#byIdentifier.has(this.#lastIdentifier));
    return this.#lastIdentifier;
  }
}

function addInboxes(inboxes: Set<Inbox>, entry: FilterEntry): void {
  for (const subscriber of entry.subscribers) inboxes.add(subscriber.inbox);
}

/** What to ask the server for, so that all subscribers of a filter get what they want. */
export function requestOf(entry: FilterEntry): SubscriptionRequest {
  const options = entry.subscribers.map((subscriber) => subscriber.options);
  return {
    filter: entry.filter,
    qos: options.reduce<QoS>((highest, { qos }) => qos > highest ? qos : highest, 0),
    noLocal: options.every(({ noLocal }) => noLocal),
    retainAsPublished: options.some(({ retainAsPublished }) => retainAsPublished),
    retainHandling: options.at(-1)?.retainHandling ?? 0,
  };
}
