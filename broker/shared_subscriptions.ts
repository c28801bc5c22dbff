/**
 * Shared subscriptions: each message of a group goes to one of its members (MQTT 5.0 section 4.8.2).
 *
 * @module
 */

import type { QoS } from "../codec/packets.ts";
import type { Delivery } from "./delivery_queue.ts";
import type { Publication } from "./publication.ts";
import type { Subscription } from "./subscription.ts";

/** The members of `$share/name/filter`. Messages go round among those that are connected. */
export class ShareGroup {
  /** Its subscription as the clients write it. */
  readonly key: string;
  readonly #members: Subscription[] = [];
  #next = 0;

  constructor(key: string) {
    this.key = key;
  }

  /** How many sessions take part. */
  get size(): number {
    return this.#members.length;
  }

  /** Adds a member. */
  add(subscription: Subscription): void {
    this.#members.push(subscription);
  }

  /** Removes a member; what it was given stays with it. */
  remove(subscription: Subscription): void {
    const index = this.#members.indexOf(subscription);
    if (index >= 0) this.#members.splice(index, 1);
  }

  /** Gives the message to one member, with QoS `maxQoS` at most. False if there is none that takes it. */
  deliver(publication: Publication, maxQoS: QoS = publication.qos): boolean {
    const member = this.#choose(publication, maxQoS);
    if (member === undefined) return false;
    member.session.deliver(
      publication,
      maxQoS < member.qos ? maxQoS : member.qos,
      member.retainAsPublished && publication.retain,
      member.identifier === 0 ? undefined : [member.identifier],
      this,
    );
    return true;
  }

  /** Gives a message that its member cannot finish any more to another one. */
  redeliver(delivery: Delivery): void {
    const { publication, qos } = delivery;
    this.deliver(publication, qos > publication.qos ? qos : publication.qos);
  }

  /**
   * The next connected member, one that keeps up before one that does not; else the next one that is away. Of those
   * with whom the message has to wait, one that has room for it comes first.
   */
  #choose(publication: Publication, maxQoS: QoS): Subscription | undefined {
    const count = this.#members.length;
    let connected: Subscription | undefined;
    let away: Subscription | undefined;
    for (let i = 0; i < count; i++) {
      const index = (this.#next + i) % count;
      const member = this.#members[index];
      if (member === undefined || member.session.hasEnded) continue;
      if (!member.session.access.mayReceive(publication.topic)) continue;
      if (member.session.isReady) {
        this.#next = (index + 1) % count;
        return member;
      }
      if (member.session.isConnected) connected = roomier(connected, member, publication);
      else if ((maxQoS > 0 && member.qos > 0) || member.session.keepsQoS0) {
        away = roomier(away, member, publication);
      }
    }
    this.#next = (this.#next + 1) % Math.max(1, count);
    return connected ?? away;
  }
}

/** The first of two in whose queue the message fits; the first one if it fits in neither. */
function roomier(first: Subscription | undefined, second: Subscription, publication: Publication): Subscription {
  if (first === undefined) return second;
  return !first.session.hasRoomFor(publication) && second.session.hasRoomFor(publication) ? second : first;
}
