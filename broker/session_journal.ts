/**
 * What one session writes down, in the session's own words.
 *
 * @module
 */

import { TextMap } from "../engine/text_map.ts";
import { Delivery, type QueueReader, type RetainedBatch } from "./delivery_queue.ts";
import type { Journal } from "./journal.ts";
import type { DeliveryPlace, MessagePlace } from "./pending.ts";
import { type Publication, publicationOf } from "./publication.ts";
import type { ShareGroup } from "./shared_subscriptions.ts";
import type { DeliveryState, LoadedDelivery, StoredSession, StoreWrite } from "./store.ts";
import { publicationOfStored, storedMessageOf } from "./stored_message.ts";
import type { Subscription } from "./subscription.ts";
import type { WillMessage } from "./will.ts";

/** Finds the share group of a subscription, if it has members. */
export type FindShareGroup = (key: string) => ShareGroup | undefined;

/** The records of one session. */
export class SessionJournal implements QueueReader {
  readonly #journal: Journal;
  readonly #id: number;
  readonly #exists: boolean;
  readonly #findShareGroup: FindShareGroup;
  #will: WillMessage | undefined;
  /** Retained messages that are being sent, by the subscription's filter as the client wrote it. */
  #retained: TextMap<RetainedBatch> | undefined;
  /** Number of the change that adds the session; undefined if it was there before this broker. */
  #added: number | undefined;

  /** `id` is the session's in the store; `exists`: it is there already. */
  constructor(journal: Journal, id: number, exists: boolean, findShareGroup: FindShareGroup) {
    this.#journal = journal;
    this.#id = id;
    this.#exists = exists;
    this.#findShareGroup = findShareGroup;
  }

  /** The session was opened, or its connection has ended (`endedAt`). */
  session(session: Omit<StoredSession, "id">): void {
    const write: StoreWrite = { kind: "putSession", session: { ...session, id: this.#id } };
    const index = this.#journal.writeLatest(this.#id, write);
    if (!this.#exists) this.#added ??= index;
  }

  /** Whether the session is in the store. */
  get isStored(): boolean {
    return this.#added === undefined ? this.#exists : this.#journal.isSettled(this.#added);
  }

  /** The session has ended: all its records go. */
  ended(): void {
    this.#journal.removeSession(this.#id);
  }

  /**
   * The client has subscribed, or subscribed again, and is to get these retained messages. A broker that crashes while
   * it sends them has the next one begin again with those of them that are still there, as for a new subscription: QoS 1
   * and 2 messages that are pending transmission are session state (MQTT 5.0 section 4.1).
   */
  subscribed(subscription: Subscription, retained?: RetainedBatch): void {
    const { key, qos } = subscription;
    const isPending = retained !== undefined && qos > 0;
    const index = this.#putSubscription(subscription, isPending);
    if (!isPending) return void this.#retained?.delete(key);
    (this.#retained ??= new TextMap()).set(key, retained);
    retained.onEnd = () => {
      // Meanwhile, the client may have subscribed again, or unsubscribed.
      if (this.#retained?.get(key) !== retained) return;
      this.#retained.delete(key);
      const isWritten = this.#journal.pending(index) === undefined;
      if (isWritten) this.#putSubscription(subscription, false);
      else this.#journal.replace(index, this.#subscriptionWrite(subscription, false));
    };
  }

  #putSubscription(subscription: Subscription, retainedPending: boolean): number {
    return this.#journal.write(this.#subscriptionWrite(subscription, retainedPending));
  }

  #subscriptionWrite(subscription: Subscription, retainedPending: boolean): StoreWrite {
    const { key: filter, qos, noLocal, retainAsPublished, retainHandling, identifier } = subscription;
    const options = { qos, noLocal, retainAsPublished, retainHandling, identifier, retainedPending };
    return { kind: "putSubscription", subscription: { session: this.#id, filter, ...options } };
  }

  /** The client has unsubscribed. */
  unsubscribed(filter: string): void {
    this.#retained?.delete(filter);
    this.#journal.write({ kind: "removeSubscription", session: this.#id, filter });
  }

  /** A QoS 2 message was taken from the client. */
  received(packetId: number): void {
    this.#journal.write({ kind: "addReceived", session: this.#id, packetId });
  }

  /** PUBREL came: the packet identifier is free. */
  receptionEnded(packetId: number): void {
    this.#journal.write({ kind: "removeReceived", session: this.#id, packetId });
  }

  /** A delivery waits in the queue, of a client that is there to take it or not. Gives it its place. */
  queued(delivery: Delivery, isConnected: boolean): void {
    this.#add(delivery, { phase: "queued" }, 0, isConnected && delivery.qos === 1);
  }

  /**
   * A delivery is about to be sent for the first time. Returns whether it must wait for the commit. QoS 2 must: after a
   * crash, its packet identifier could stand for another message. A QoS 1 message that the store has must, as it would
   * be sent again like one that was never sent. One that the store does not have need not: if there is a crash before
   * the commit, its publisher has no acknowledgement, and publishes it again.
   */
  begun(delivery: Delivery, packetId: number): boolean {
    const order = this.#journal.nextNumber();
    const state = { phase: "sent", packetId, order } as const;
    const { place } = delivery;
    const isOnce = delivery.qos === 2;
    if (place === undefined) {
      this.#add(delivery, state, order, !isOnce);
      return isOnce;
    }
    place.order = order;
    const isStored = this.#update(place, state);
    // When nothing can be written, sending makes room.
    return isOnce || (isStored && !this.#journal.isFailing);
  }

  /** PUBREC came for a delivery. */
  released(delivery: Delivery, packetId: number): void {
    const { place } = delivery;
    if (place !== undefined) this.#update(place, { phase: "released", packetId, order: place.order });
  }

  /** A delivery is over: acknowledged, expired or dropped. */
  finished(delivery: Delivery): void {
    const { place, publication } = delivery;
    if (place === undefined) return;
    delivery.place = undefined;
    const journal = this.#journal;
    if (place.added !== undefined && journal.pending(place.added) !== undefined) {
      this.#releaseMessage(publication, place.message);
      return journal.cancel(place.added);
    }
    if (place.updated !== undefined && journal.pending(place.updated) !== undefined) journal.cancel(place.updated);
    const { position, message } = place;
    const removal = { kind: "removeDelivery", session: this.#id, position, message } as const;
    // What is tried again after a failure can only be removed behind it.
    if (place.added === undefined || journal.isSettled(place.added)) journal.remove(removal);
    else journal.write(removal);
  }

  /** Reads deliveries that wait. */
  read(position: number, limit: number): Delivery[] {
    return this.#journal.queued(this.#id, position, limit).map((loaded) => this.deliveryOf(loaded));
  }

  /** A delivery as it was before the broker ended. */
  deliveryOf({ delivery: stored, message }: LoadedDelivery): Delivery {
    const { qos, retain, subscriptionIds, share, position, state } = stored;
    const group = share === undefined ? undefined : this.#findShareGroup(share);
    const delivery = new Delivery(publicationOfStored(message), qos, retain, subscriptionIds, group);
    const order = state.phase === "queued" ? 0 : state.order;
    delivery.place = { position, message: stored.message, added: undefined, updated: undefined, order };
    return delivery;
  }

  /** The client has connected with this will, or without one. */
  will(will: WillMessage | undefined): void {
    if (will !== undefined) this.#putWill(will, undefined);
    else if (this.#will !== undefined) this.#removeWill();
  }

  /** The connection has ended, and the will waits until `at`. */
  willWaits(will: WillMessage, at: number): void {
    this.#putWill(will, at);
  }

  /** A will is published, or never will be; another one that the client has by now stays. */
  willEnded(will: WillMessage): void {
    if (this.#will === will) this.#removeWill();
  }

  /** The will that the store has. */
  restoreWill(will: WillMessage): void {
    this.#will = will;
  }

  #putWill(will: WillMessage, dueAt: number | undefined): void {
    this.#will = will;
    const { delay, client, topic, message: values } = will;
    const message = storedMessageOf(publicationOf(topic, values, 0));
    const { protocolVersion, peer } = client;
    const record = { session: this.#id, dueAt, delay, message, protocolVersion, peer };
    this.#journal.writeLatest(this.#willKey, { kind: "putWill", will: record }, message.payload.length);
  }

  #removeWill(): void {
    this.#will = undefined;
    this.#journal.writeLatest(this.#willKey, { kind: "removeWill", session: this.#id });
  }

  /** Apart from the key of the session, and from topic names. */
  get #willKey(): number {
    return -this.#id;
  }

  /** `isBrief`: one PUBACK, and it is over. */
  #add(delivery: Delivery, state: DeliveryState, order: number, isBrief: boolean): void {
    const { publication, qos, retain, subscriptionIds, share } = delivery;
    if (qos === 0) return;
    const message = this.#place(publication);
    message.write.references++;
    const position = this.#journal.nextNumber();
    const write: StoreWrite = {
      kind: "addDelivery",
      delivery: {
        session: this.#id,
        position,
        message: message.id,
        qos,
        retain,
        subscriptionIds,
        share: share?.key,
        size: publication.size,
        state,
      },
    };
    const added = isBrief ? this.#journal.writeBriefly(write) : this.#journal.write(write);
    delivery.place = { position, message: message.id, added, updated: undefined, order };
  }

  /** The message is written once for all sessions that get it. */
  #place(publication: Publication): MessagePlace {
    const journal = this.#journal;
    const { place } = publication;
    // Later, the message may be gone from the store together with those deliveries.
    if (place !== undefined && journal.pending(place.added) !== undefined) return place;
    const write = {
      kind: "addMessage" as const,
      id: journal.nextNumber(),
      references: 0,
      message: storedMessageOf(publication),
    };
    const added = journal.writeBriefly(write, publication.size);
    return publication.place = { id: write.id, added, write };
  }

  #releaseMessage({ place, size }: Publication, id: number): void {
    if (place === undefined || place.id !== id) return;
    if (--place.write.references === 0) this.#journal.cancel(place.added, size);
  }

  /** Returns whether the store has the delivery already. */
  #update(place: DeliveryPlace, state: DeliveryState): boolean {
    const journal = this.#journal;
    const { position } = place;
    const added = place.added === undefined ? undefined : journal.pending(place.added);
    if (place.added !== undefined && added?.kind === "addDelivery") {
      journal.replace(place.added, { kind: "addDelivery", delivery: { ...added.delivery, state } });
      return false;
    }
    const write: StoreWrite = { kind: "updateDelivery", session: this.#id, position, state };
    if (place.updated !== undefined && journal.pending(place.updated) !== undefined) {
      journal.replace(place.updated, write);
    } else {
      place.updated = journal.write(write);
    }
    return true;
  }
}
