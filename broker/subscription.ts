/**
 * Subscriptions, and the set of those that share a topic filter.
 *
 * @module
 */

import type { QoS, RetainHandling } from "../codec/packets.ts";
import type { TextMap } from "../engine/text_map.ts";
import type { Session } from "./session.ts";
import type { ShareGroup } from "./shared_subscriptions.ts";

/** One subscription of one session (MQTT 5.0 section 3.8.3). */
export interface Subscription {
  readonly session: Session;
  /** As the client wrote it, `$share/group/` included. */
  readonly key: string;
  /** The topic filter that is matched. */
  readonly filter: string;
  /** The granted maximum QoS. */
  qos: QoS;
  noLocal: boolean;
  retainAsPublished: boolean;
  retainHandling: RetainHandling;
  /** Subscription identifier, 0 for none. */
  identifier: number;
}

/** All subscriptions to one topic filter. Most filters have one subscriber, so that one needs no set. */
export class FilterEntry {
  #only: Subscription | undefined;
  #many: Set<Subscription> | undefined;
  /** Share groups by share name. */
  groups: TextMap<ShareGroup> | undefined;

  /** Whether nobody subscribes to the filter any more. */
  get isEmpty(): boolean {
    return this.#only === undefined && this.#many === undefined && this.groups === undefined;
  }

  /** Adds a subscription that is not in it. */
  add(subscription: Subscription): void {
    if (this.#many !== undefined) this.#many.add(subscription);
    else if (this.#only === undefined) this.#only = subscription;
    else {
      this.#many = new Set([this.#only, subscription]);
      this.#only = undefined;
    }
  }

  /** Removes a subscription. */
  remove(subscription: Subscription): void {
    if (this.#only === subscription) this.#only = undefined;
    this.#many?.delete(subscription);
    if (this.#many?.size === 0) this.#many = undefined;
  }

  /** Calls `visit` for each subscription that is not shared. */
  forEach(visit: (subscription: Subscription) => void): void {
    if (this.#only !== undefined) visit(this.#only);
    this.#many?.forEach(visit);
  }
}
