/**
 * The subscriptions of a session: what this client wants, and what the server has of it.
 *
 * @module
 */

import type { UserProperties } from "../codec/properties.ts";
import { type FilterEntry, Filters, type Subscriber } from "./filters.ts";
import type { Requests } from "./requests.ts";

/** Lives as long as the client; {@linkcode resume} brings a server up to date. */
export class Subscriptions {
  readonly filters: Filters = new Filters();
  /** What the server's session has, or may have, and nobody wants. */
  readonly #obsolete = new Set<string>();
  #requests: Requests | undefined;

  /** A new connection. `sessionPresent`: the server has kept what it had granted. */
  resume(requests: Requests, sessionPresent: boolean): void {
    this.#requests = requests;
    if (!sessionPresent) {
      this.#obsolete.clear();
      this.filters.isSessionOurs = true;
    }
    for (const filter of this.#obsolete) requests.unsubscribe([filter], ignore);
    const missing: FilterEntry[] = [];
    for (const entry of this.filters.entries) {
      if (!sessionPresent) entry.isHeld = false;
      else if (entry.state === "granted") continue;
      missing.push(entry);
    }
    request(requests, missing);
  }

  /** The connection has ended. */
  suspend(): void {
    this.#requests?.end();
    this.#requests = undefined;
  }

  /** Adds a subscriber, and asks the server now or with the next connection. */
  add(subscriber: Subscriber): void {
    const entries = this.filters.add(subscriber);
    // What the server may still have of before is not forgotten by being wanted again.
    for (const entry of entries) if (this.#obsolete.delete(entry.filter)) entry.isHeld = true;
    if (this.#requests !== undefined) request(this.#requests, entries);
  }

  /**
   * Takes a subscriber out, and gives back to the server what nobody else wants. Settles when the server has answered,
   * or at once if it need not or cannot be asked now: then the next connection sees to it.
   */
  remove(subscriber: Subscriber, userProperties?: UserProperties): Promise<void> {
    const unwanted: string[] = [];
    for (const filter of subscriber.filters) {
      const entry = this.filters.remove(subscriber, filter);
      if (entry === undefined || entry.state === "wanted" && !entry.isHeld) continue;
      unwanted.push(filter);
      this.#obsolete.add(filter);
    }
    return this.#giveBack(unwanted, userProperties);
  }

  #giveBack(unwanted: readonly string[], userProperties: UserProperties | undefined): Promise<void> {
    const requests = this.#requests;
    if (unwanted.length === 0 || requests === undefined) return Promise.resolve();
    return new Promise((resolve) => requests.unsubscribe(unwanted, resolve, userProperties));
  }

  /** Gives back to the server what its session may have of an earlier client, as {@linkcode remove} does. */
  forget(filters: readonly string[], userProperties?: UserProperties): Promise<void> {
    const unwanted = filters.filter((filter) => this.filters.get(filter) === undefined);
    for (const filter of unwanted) this.#obsolete.add(filter);
    return this.#giveBack(unwanted, userProperties);
  }

  /** The server has answered for a filter, on behalf of these subscribers. */
  answered(entry: FilterEntry, subscribers: readonly Subscriber[], code: number): void {
    if (code < 0x80) {
      entry.isHeld = true;
      if (entry.state === "requested") entry.state = "granted";
      for (const subscriber of subscribers) subscriber.answer(entry.filter, code);
      return;
    }
    // A refused repetition leaves what was granted before to those who have it.
    const refused = subscribers.filter((subscriber) => !entry.isHeld || !subscriber.isAnswered(entry.filter));
    if (entry.isHeld && entry.state === "requested") entry.state = "granted";
    for (const subscriber of refused) {
      this.filters.remove(subscriber, entry.filter);
      subscriber.answer(entry.filter, code);
    }
  }

  /** The server no longer has these filters. */
  unsubscribed(filters: readonly string[]): void {
    for (const filter of filters) this.#obsolete.delete(filter);
  }

  /** The client has ended, by `error` if there is one: so do all iterators. */
  end(error: Error | undefined): void {
    const subscribers = new Set([...this.filters.entries].flatMap((entry) => entry.subscribers));
    for (const subscriber of subscribers) {
      for (const filter of subscriber.filters) this.filters.remove(subscriber, filter);
      if (error === undefined) subscriber.close(new Error("Cannot subscribe: the client was closed before the answer"));
      else subscriber.fail(error);
    }
  }
}

/** A SUBSCRIBE has one subscription identifier for all of its filters. */
function request(requests: Requests, entries: readonly FilterEntry[]): void {
  const groups = new Map<number, FilterEntry[]>();
  for (const entry of entries) {
    const group = groups.get(entry.identifier) ?? [];
    group.push(entry);
    groups.set(entry.identifier, group);
  }
  for (const group of groups.values()) requests.subscribe(group);
}

function ignore(): void {}
