/**
 * A store that lasts as long as the process.
 *
 * @module
 */

import { TextMap } from "../engine/text_map.ts";
import type {
  DeliveryState,
  LoadedDelivery,
  Store,
  StoredBacklog,
  StoredDelivery,
  StoredMessage,
  StoredRetained,
  StoredSession,
  StoredSubscription,
  StoredWill,
  StoreWrite,
} from "./store.ts";

/** Everything about one session. */
interface Shelf {
  session: StoredSession;
  readonly subscriptions: TextMap<StoredSubscription>;
  /** By position. */
  readonly deliveries: Map<number, StoredDelivery>;
  readonly received: Set<number>;
  will: StoredWill | undefined;
}

interface Message {
  readonly content: StoredMessage;
  references: number;
}

/**
 * Keeps records in maps: what a store does, in its simplest form. A broker needs none, as it works from memory anyway
 * and writes nothing down when it has no store; this one is for tests, and for a broker that is replaced by another
 * one in the same process.
 */
export class MemoryStore implements Store {
  readonly #shelves = new Map<number, Shelf>();
  readonly #messages = new Map<number, Message>();
  readonly #retained = new TextMap<StoredRetained>();

  /** Applies all changes. It never throws, so it needs no way back. */
  commit(writes: readonly StoreWrite[]): void {
    for (const write of writes) this.#apply(write);
  }

  /** Nothing is left. */
  sweep(): boolean {
    return false;
  }

  /** The highest of all numbers in use. */
  highestNumber(): number {
    let highest = 0;
    for (const id of this.#messages.keys()) highest = Math.max(highest, id);
    for (const { session, deliveries } of this.#shelves.values()) {
      highest = Math.max(highest, session.id);
      for (const { position, state } of deliveries.values()) {
        highest = Math.max(highest, position, state.phase === "queued" ? 0 : state.order);
      }
    }
    return highest;
  }

  /** All sessions. */
  *sessions(): Iterable<StoredSession> {
    for (const { session } of this.#shelves.values()) yield session;
  }

  /** All subscriptions. */
  *subscriptions(): Iterable<StoredSubscription> {
    for (const { subscriptions } of this.#shelves.values()) yield* subscriptions.values();
  }

  /** All packet identifiers of QoS 2 messages that were received and not released. */
  *received(): Iterable<{ readonly session: number; readonly packetId: number }> {
    for (const { session, received } of this.#shelves.values()) {
      for (const packetId of received) yield { session: session.id, packetId };
    }
  }

  /** All deliveries that were sent and not finished. */
  *inFlight(): Iterable<LoadedDelivery> {
    for (const { deliveries } of this.#shelves.values()) {
      const begun = [...deliveries.values()].filter(({ state }) => state.phase !== "queued");
      begun.sort((one, other) => orderOf(one.state) - orderOf(other.state));
      for (const delivery of begun) yield this.#load(delivery);
    }
  }

  /** The sessions that have queued deliveries. */
  *backlogs(): Iterable<StoredBacklog> {
    for (const { session, deliveries } of this.#shelves.values()) {
      let count = 0;
      let bytes = 0;
      let shared = 0;
      for (const { state, size, share } of deliveries.values()) {
        if (state.phase !== "queued") continue;
        count++;
        bytes += size;
        if (share !== undefined) shared++;
      }
      if (count > 0) yield { session: session.id, count, bytes, shared };
    }
  }

  /** The first queued deliveries from a position on. */
  queued(session: number, position: number, limit: number): readonly LoadedDelivery[] {
    const found: LoadedDelivery[] = [];
    // Positions rise, so the map is in their order.
    for (const delivery of this.#shelves.get(session)?.deliveries.values() ?? []) {
      if (delivery.position < position || delivery.state.phase !== "queued") continue;
      if (found.push(this.#load(delivery)) === limit) break;
    }
    return found;
  }

  /** All retained messages. */
  retained(): Iterable<StoredRetained> {
    return this.#retained.values();
  }

  /** All wills. */
  *wills(): Iterable<StoredWill> {
    for (const { will } of this.#shelves.values()) {
      if (will !== undefined) yield will;
    }
  }

  #apply(write: StoreWrite): void {
    switch (write.kind) {
      case "putSession":
        return this.#putSession(write.session);
      case "removeSession":
        return this.#removeSession(write.session);
      case "putSubscription":
        return void this.#shelf(write.subscription.session).subscriptions.set(
          write.subscription.filter,
          write.subscription,
        );
      case "removeSubscription":
        return void this.#shelf(write.session).subscriptions.delete(write.filter);
      case "addMessage":
        return void this.#messages.set(write.id, { content: write.message, references: write.references });
      case "addDelivery":
        return void this.#shelf(write.delivery.session).deliveries.set(write.delivery.position, write.delivery);
      case "updateDelivery":
        return this.#updateDelivery(write.session, write.position, write.state);
      case "removeDelivery":
        if (this.#shelf(write.session).deliveries.delete(write.position)) this.#releaseMessage(write.message);
        return;
      case "addReceived":
        return void this.#shelf(write.session).received.add(write.packetId);
      case "removeReceived":
        return void this.#shelf(write.session).received.delete(write.packetId);
      case "putRetained":
        return void this.#retained.set(write.retained.message.topic, write.retained);
      case "removeRetained":
        return void this.#retained.delete(write.topic);
      case "putWill":
        this.#shelf(write.will.session).will = write.will;
        return;
      case "removeWill":
        this.#shelf(write.session).will = undefined;
    }
  }

  #putSession(session: StoredSession): void {
    const shelf = this.#shelves.get(session.id);
    if (shelf !== undefined) shelf.session = session;
    else {
      this.#shelves.set(session.id, {
        session,
        subscriptions: new TextMap(),
        deliveries: new Map(),
        received: new Set(),
        will: undefined,
      });
    }
  }

  #removeSession(id: number): void {
    for (const { message } of this.#shelves.get(id)?.deliveries.values() ?? []) this.#releaseMessage(message);
    this.#shelves.delete(id);
  }

  #updateDelivery(session: number, position: number, state: DeliveryState): void {
    const { deliveries } = this.#shelf(session);
    const delivery = deliveries.get(position);
    if (delivery !== undefined) deliveries.set(position, { ...delivery, state });
  }

  #releaseMessage(id: number): void {
    const message = this.#messages.get(id);
    if (message !== undefined && --message.references === 0) this.#messages.delete(id);
  }

  #shelf(id: number): Shelf {
    const shelf = this.#shelves.get(id);
    if (shelf === undefined) throw new RangeError(`Cannot write: session ${id} must be in the store`);
    return shelf;
  }

  #load(delivery: StoredDelivery): LoadedDelivery {
    const message = this.#messages.get(delivery.message);
    if (message === undefined) throw new RangeError(`Cannot read: message ${delivery.message} must be in the store`);
    return { delivery, message: message.content };
  }
}

function orderOf(state: DeliveryState): number {
  return state.phase === "queued" ? 0 : state.order;
}
