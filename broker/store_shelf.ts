/**
 * A store with the few words that the cases of its conformance suite need, and records for them.
 *
 * @module
 */

import type {
  DeliveryState,
  Store,
  StoredDelivery,
  StoredMessage,
  StoredSession,
  StoredSubscription,
  StoredWill,
  StoreWrite,
} from "./store.ts";

/** A store of its own for one case; disposing of it removes whatever it has left. */
export interface StoreUnderTest extends AsyncDisposable {
  /** The store, open. */
  readonly store: Store;
  /** Closes the store and opens it again, as after the end of a broker; changes {@linkcode StoreUnderTest.store}. */
  reopen(): void | Promise<void>;
}

/** A store with the few words that the cases need. */
export class Shelf {
  readonly #test: StoreUnderTest;

  constructor(test: StoreUnderTest) {
    this.#test = test;
  }

  /** The store as it is open now. */
  get store(): Store {
    return this.#test.store;
  }

  /** Commits these changes. */
  commit(...writes: StoreWrite[]): void {
    this.store.commit(writes);
  }

  /** What was committed is there after the end of the process. */
  async reopen(): Promise<void> {
    await this.#test.reopen();
  }

  /** The queue of a session. */
  queued(session: number, position = 0, limit = 100): StoredDelivery[] {
    return this.store.queued(session, position, limit).map(({ delivery }) => delivery);
  }

  /** What is in flight. */
  inFlight(): StoredDelivery[] {
    return [...this.store.inFlight()].map(({ delivery }) => delivery);
  }
}

/** A session that is connected. */
export function session(id: number, more: Partial<StoredSession> = {}): StoredSession {
  const rest = { username: undefined, expiryInterval: 60, endedAt: undefined, access: undefined };
  return { id, clientId: `client-${id}`, ...rest, ...more };
}

/** Adds a session, or replaces it. */
export function putSession(id: number, more: Partial<StoredSession> = {}): StoreWrite {
  return { kind: "putSession", session: session(id, more) };
}

/** A message. */
export function message(more: Partial<StoredMessage> = {}): StoredMessage {
  return {
    topic: "a/b",
    qos: 1,
    retain: false,
    properties: new Uint8Array(0),
    payload: Uint8Array.of(1, 2, 3),
    expiresAt: Infinity,
    ...more,
  };
}

/** Adds a message for so many deliveries. */
export function addMessage(id: number, references = 1, more: Partial<StoredMessage> = {}): StoreWrite {
  return { kind: "addMessage", id, references, message: message(more) };
}

/** A delivery that waits. */
export function delivery(session: number, position: number, message: number, more: Partial<StoredDelivery> = {}) {
  const state: DeliveryState = { phase: "queued" };
  const rest = { qos: 1, retain: false, subscriptionIds: undefined, share: undefined, size: 3, state } as const;
  return { session, position, message, ...rest, ...more };
}

/** Adds a delivery. */
export function addDelivery(...values: Parameters<typeof delivery>): StoreWrite {
  return { kind: "addDelivery", delivery: delivery(...values) };
}

/** The state of a delivery that was sent. */
export function sent(packetId: number, order: number): DeliveryState {
  return { phase: "sent", packetId, order };
}

/** A subscription. */
export function subscription(
  session: number,
  filter: string,
  more: Partial<StoredSubscription> = {},
): StoredSubscription {
  const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0, identifier: 0 } as const;
  return { session, filter, ...options, retainedPending: false, ...more };
}

/** The will of a client that is connected. */
export function will(session: number, more: Partial<StoredWill> = {}): StoredWill {
  const peer = { protocol: "tcp", address: "192.0.2.1:1234" };
  return { session, dueAt: undefined, delay: 5, message: message(), protocolVersion: 5, peer, ...more };
}

/** All that a store holds, but for what is queued. */
export function read(store: Store) {
  return {
    sessions: [...store.sessions()],
    subscriptions: [...store.subscriptions()],
    received: [...store.received()],
    inFlight: [...store.inFlight()],
    backlogs: [...store.backlogs()],
    retained: [...store.retained()],
    wills: [...store.wills()],
  };
}

/** Sessions in the order of their ids. */
export function byId(sessions: StoredSession[]): StoredSession[] {
  return sessions.sort((one, other) => one.id - other.id);
}
