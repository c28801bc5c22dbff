/**
 * The cases of the conformance suite for stores.
 *
 * @module
 */

import { assertEquals } from "./store_assert.ts";
import type { StoredMessage, StoredRetained, StoredSubscription, StoredWill } from "./store.ts";
import {
  addDelivery,
  addMessage,
  byId,
  delivery,
  message,
  putSession,
  read,
  sent,
  session,
  type Shelf,
  subscription,
  will,
} from "./store_shelf.ts";

/** What a store must do, by what it is. */
export const STORE_CASES: Readonly<Record<string, (shelf: Shelf) => void | Promise<void>>> = {
  "an empty store holds nothing": ({ store }) => {
    const { sessions, subscriptions, received, inFlight, backlogs, retained, wills } = read(store);
    assertEquals([sessions, subscriptions, received, inFlight, backlogs, retained, wills].flat(), []);
    assertEquals(store.highestNumber(), 0);
    assertEquals(store.queued(1, 0, 10), []);
  },

  "an empty commit changes nothing": ({ store }) => {
    store.commit([]);
    assertEquals(read(store).sessions, []);
  },

  "sessions keep all fields, are replaced by id, and are removed": async (shelf) => {
    const sessions = [
      session(1, {
        clientId: "täst/#",
        username: "ann",
        expiryInterval: 0xffff_ffff,
        endedAt: 1_700_000_000_000.25,
        access: {
          clientId: "täst/#",
          username: '\u{1F600}"',
          listener: "/run/a",
          permissions: { publish: ["a/#"], subscribe: [] },
          broker: { identity: "b", renames: "[]" },
        },
      }),
      session(2, {
        username: "",
        access: { clientId: "", username: undefined, listener: undefined, permissions: undefined, broker: undefined },
      }),
    ];
    shelf.commit(putSession(1), putSession(2), putSession(3));
    shelf.commit(...sessions.map((session) => ({ kind: "putSession", session }) as const), {
      kind: "removeSession",
      session: 3,
    });
    await shelf.reopen();
    assertEquals(byId(read(shelf.store).sessions), sessions);
  },

  "a client identifier may come back with another session in the same commit": async (shelf) => {
    shelf.commit(putSession(1, { clientId: "same" }));
    shelf.commit({ kind: "removeSession", session: 1 }, putSession(2, { clientId: "same" }));
    await shelf.reopen();
    assertEquals(read(shelf.store).sessions, [session(2, { clientId: "same" })]);
  },

  "subscriptions keep all fields, are replaced by filter, and are removed": async (shelf) => {
    const full = subscription(1, "$share/g/a/#", {
      qos: 2,
      noLocal: true,
      retainAsPublished: true,
      retainHandling: 2,
      identifier: 268_435_455,
      retainedPending: true,
    });
    const put = (subscription: StoredSubscription) => ({ kind: "putSubscription", subscription }) as const;
    shelf.commit(putSession(1), putSession(2), put(subscription(1, "$share/g/a/#")), put(subscription(1, "+")));
    shelf.commit(put(full), put(subscription(2, "+")), { kind: "removeSubscription", session: 1, filter: "+" });
    await shelf.reopen();
    const found = read(shelf.store).subscriptions.sort((one, other) => one.session - other.session);
    assertEquals(found, [full, subscription(2, "+")]);
  },

  "a queue is read in order, from a position on, within a limit": async (shelf) => {
    shelf.commit(putSession(1), putSession(2));
    const positions = [3, 5, 9];
    const adds = positions.flatMap((position) => [addMessage(position * 10), addDelivery(1, position, position * 10)]);
    shelf.commit(...adds, addMessage(70), addDelivery(2, 7, 70));
    await shelf.reopen();
    const read = (position: number, limit: number) => shelf.queued(1, position, limit).map(({ position }) => position);
    assertEquals(read(0, 10), [3, 5, 9]);
    assertEquals(read(0, 2), [3, 5]);
    assertEquals(read(5, 10), [5, 9]);
    assertEquals(read(6, 1), [9]);
    assertEquals(read(10, 10), []);
  },

  "deliveries and their messages keep all fields": async (shelf) => {
    const content = message({
      topic: "ü/\u{1F600}",
      qos: 2,
      retain: true,
      properties: Uint8Array.of(1, 0),
      payload: new Uint8Array(100_000).fill(7),
      expiresAt: 1_700_000_000_000.5,
    });
    const full = delivery(1, 2, 1, {
      qos: 2,
      retain: true,
      subscriptionIds: [1, 268_435_455],
      share: "$share/g/#",
      size: 100_002,
    });
    const writes = [putSession(1), { kind: "addMessage", id: 1, references: 1, message: content } as const];
    shelf.commit(...writes, { kind: "addDelivery", delivery: full });
    await shelf.reopen();
    assertEquals(shelf.store.queued(1, 0, 1), [{ delivery: full, message: content }]);
  },

  "an array that is part of a larger one is kept as the part": async (shelf) => {
    const buffer = Uint8Array.of(9, 9, 1, 2, 9);
    shelf.commit(putSession(1), addMessage(1, 1, { payload: buffer.subarray(2, 4) }), addDelivery(1, 1, 1));
    await shelf.reopen();
    assertEquals(shelf.store.queued(1, 0, 1)[0]?.message.payload, Uint8Array.of(1, 2));
  },

  "what is in flight is read in the order of sending, and is not queued any more": async (shelf) => {
    shelf.commit(putSession(1));
    for (const position of [1, 2, 3, 4]) shelf.commit(addMessage(position), addDelivery(1, position, position));
    shelf.commit(
      { kind: "updateDelivery", session: 1, position: 3, state: sent(7, 20) },
      { kind: "updateDelivery", session: 1, position: 1, state: sent(8, 21) },
      addMessage(5),
      addDelivery(1, 5, 5, { qos: 2, state: sent(9, 19) }),
    );
    shelf.commit({
      kind: "updateDelivery",
      session: 1,
      position: 5,
      state: { phase: "released", packetId: 9, order: 19 },
    });
    await shelf.reopen();
    assertEquals(shelf.inFlight().map(({ position, state }) => [position, state]), [
      [5, { phase: "released", packetId: 9, order: 19 }],
      [3, sent(7, 20)],
      [1, sent(8, 21)],
    ]);
    assertEquals(shelf.queued(1).map(({ position }) => position), [2, 4]);
  },

  "a message stays until its last delivery is removed": async (shelf) => {
    shelf.commit(putSession(1), putSession(2), addMessage(1, 2), addDelivery(1, 2, 1), addDelivery(2, 3, 1));
    shelf.commit({ kind: "removeDelivery", session: 1, position: 2, message: 1 });
    await shelf.reopen();
    assertEquals(shelf.queued(1), []);
    assertEquals(shelf.store.queued(2, 0, 1), [{ delivery: delivery(2, 3, 1), message: message() }]);
    shelf.commit({ kind: "removeDelivery", session: 2, position: 3, message: 1 });
    // Had it stayed, its number would be in use.
    shelf.commit(addMessage(1, 1, { topic: "another" }), addDelivery(1, 4, 1));
    assertEquals(shelf.store.queued(1, 0, 1)[0]?.message.topic, "another");
  },

  "a session takes its deliveries along, and leaves the messages of others": async (shelf) => {
    shelf.commit(
      putSession(1),
      putSession(2),
      addMessage(1, 3),
      addDelivery(1, 2, 1),
      addDelivery(1, 3, 1, { share: "$share/g/#" }),
      addDelivery(2, 4, 1),
      addMessage(5),
      addDelivery(1, 6, 5),
      { kind: "addReceived", session: 1, packetId: 1 },
      { kind: "putSubscription", subscription: subscription(1, "a") },
      { kind: "putWill", will: will(1) },
    );
    shelf.commit({ kind: "removeSession", session: 1 });
    await shelf.reopen();
    const { sessions, subscriptions, received, backlogs, wills } = read(shelf.store);
    assertEquals([sessions, subscriptions, received, wills], [[session(2)], [], [], []]);
    assertEquals(backlogs, [{ session: 2, count: 1, bytes: 3, shared: 0 }]);
    assertEquals(shelf.queued(2), [delivery(2, 4, 1)]);
    shelf.commit({ kind: "removeDelivery", session: 2, position: 4, message: 1 });
    while (shelf.store.sweep());
    shelf.commit(addMessage(1), addMessage(5), addDelivery(2, 7, 1), addDelivery(2, 8, 5));
  },

  "what a session with a great deal leaves is cleared away in parts, and is read no more": async (shelf) => {
    const count = 1_500;
    const ids = Array.from({ length: count }, (_, at) => 10 + 2 * at);
    shelf.commit(putSession(1), putSession(2));
    // Every third message is for both sessions.
    shelf.commit(...ids.flatMap((id) => [
      addMessage(id, id % 3 === 0 ? 2 : 1),
      addDelivery(1, id + 1, id),
      ...id % 3 === 0 ? [addDelivery(2, id + 1, id)] : [],
    ]));
    shelf.commit(
      { kind: "updateDelivery", session: 1, position: 11, state: sent(1, 5) },
      ...ids.map((packetId) => ({ kind: "addReceived", session: 1, packetId }) as const),
      ...ids.map((id) => ({ kind: "putSubscription", subscription: subscription(1, `a/${id}`) }) as const),
      { kind: "putWill", will: will(1) },
    );
    shelf.commit({ kind: "removeSession", session: 1 });
    for (let isMore = true, at = 0; isMore; at++) {
      if (at < 2) await shelf.reopen();
      const { sessions, subscriptions, received, inFlight, backlogs, wills } = read(shelf.store);
      assertEquals([subscriptions, received, inFlight, wills], [[], [], [], []]);
      assertEquals(sessions, [session(2)]);
      assertEquals(backlogs, [{ session: 2, count: count / 3, bytes: count, shared: 0 }]);
      assertEquals(shelf.queued(1), []);
      // Numbers above that are free.
      const free = shelf.store.highestNumber() + 1;
      shelf.commit(addMessage(free), addDelivery(2, free + 1, free));
      shelf.commit({ kind: "removeDelivery", session: 2, position: free + 1, message: free });
      isMore = shelf.store.sweep();
    }
    await shelf.reopen();
    assertEquals(shelf.queued(2, 0, count).length, count / 3);
    const free = ids.filter((id) => id % 3 !== 0);
    shelf.commit(...free.flatMap((id) => [addMessage(id), addDelivery(2, id + 1, id)]));
    assertEquals(shelf.queued(2, 0, count).length, count);
  },

  "removing what is not there changes nothing": (shelf) => {
    shelf.commit(putSession(1), addMessage(1), addDelivery(1, 1, 1));
    shelf.commit(
      { kind: "removeDelivery", session: 1, position: 9, message: 1 },
      { kind: "removeReceived", session: 1, packetId: 3 },
      { kind: "removeSubscription", session: 1, filter: "a" },
      { kind: "removeRetained", topic: "a" },
      { kind: "removeWill", session: 1 },
      { kind: "removeSession", session: 2 },
      { kind: "removeSession", session: 2 },
    );
    while (shelf.store.sweep());
    assertEquals(shelf.queued(1), [delivery(1, 1, 1)]);
  },

  "backlogs sum up what is queued, without what is in flight": async (shelf) => {
    shelf.commit(
      putSession(1),
      putSession(2),
      putSession(3),
      addMessage(1, 5),
      addDelivery(1, 2, 1, { size: 10 }),
      addDelivery(1, 3, 1, { size: 20, share: "$share/g/a" }),
      addDelivery(1, 4, 1, { state: sent(1, 1) }),
      addDelivery(2, 5, 1, { state: sent(1, 2) }),
      addDelivery(3, 6, 1, { size: 0 }),
    );
    await shelf.reopen();
    assertEquals(read(shelf.store).backlogs.sort((one, other) => one.session - other.session), [
      { session: 1, count: 2, bytes: 30, shared: 1 },
      { session: 3, count: 1, bytes: 0, shared: 0 },
    ]);
  },

  "received packet identifiers are added once and removed": async (shelf) => {
    const received = (kind: "addReceived" | "removeReceived", session: number, packetId: number) =>
      ({ kind, session, packetId }) as const;
    shelf.commit(putSession(1), putSession(2));
    shelf.commit(received("addReceived", 1, 65_535), received("addReceived", 1, 65_535), received("addReceived", 2, 1));
    shelf.commit(received("removeReceived", 2, 1), received("removeReceived", 2, 65_535));
    await shelf.reopen();
    assertEquals(read(shelf.store).received, [{ session: 1, packetId: 65_535 }]);
  },

  "retained messages keep all fields, are replaced by topic, and are removed": async (shelf) => {
    const put = (retained: StoredRetained) => ({ kind: "putRetained", retained }) as const;
    const of = (more: Partial<StoredMessage>) => ({
      message: message({ retain: true, ...more }),
      publisher: undefined,
    });
    const full = message({
      topic: "b",
      qos: 2,
      retain: true,
      properties: Uint8Array.of(3),
      payload: new Uint8Array(70_000),
      expiresAt: 1_700_000_000_000,
    });
    const broker = { identity: "b", renames: "[]" };
    const publisher = { clientId: "p", username: "u", listener: "l", permissions: { publish: ["b"] }, broker };
    const plain = of({ topic: "c", qos: 0 });
    shelf.commit(put(of({ topic: "a" })), put(of({ topic: "b" })), put(plain));
    shelf.commit(put({ message: full, publisher }), { kind: "removeRetained", topic: "a" });
    await shelf.reopen();
    const found = read(shelf.store).retained.sort((one, other) => one.message.topic < other.message.topic ? -1 : 1);
    assertEquals(found, [{ message: full, publisher }, plain]);
  },

  "wills keep all fields, are replaced by session, and are removed": async (shelf) => {
    const put = (will: StoredWill) => ({ kind: "putWill", will }) as const;
    const full = will(1, {
      dueAt: 1_700_000_000_000.5,
      delay: 0xffff_ffff,
      message: message({ topic: "will", qos: 2, retain: true, properties: Uint8Array.of(1, 1) }),
      protocolVersion: 3,
      peer: { protocol: "wss", address: "[2001:db8::1]:1" },
    });
    shelf.commit(putSession(1), putSession(2), put(will(1)), put(will(2)));
    shelf.commit(put(full), { kind: "removeWill", session: 2 });
    await shelf.reopen();
    assertEquals(read(shelf.store).wills, [full]);
  },

  "the highest number is that of a session, a message, a position or an order": async (shelf) => {
    shelf.commit(putSession(4));
    assertEquals(shelf.store.highestNumber(), 4);
    shelf.commit(addMessage(6, 2), addDelivery(4, 5, 6));
    assertEquals(shelf.store.highestNumber(), 6);
    shelf.commit(addDelivery(4, 7, 6));
    assertEquals(shelf.store.highestNumber(), 7);
    shelf.commit({ kind: "updateDelivery", session: 4, position: 5, state: sent(1, 2 ** 40) });
    await shelf.reopen();
    assertEquals(shelf.store.highestNumber(), 2 ** 40);
  },

  "changes of one commit are applied in their order": async (shelf) => {
    shelf.commit(
      putSession(1),
      { kind: "addReceived", session: 1, packetId: 1 },
      { kind: "removeReceived", session: 1, packetId: 1 },
      { kind: "addReceived", session: 1, packetId: 1 },
      addMessage(1),
      addDelivery(1, 2, 1),
      { kind: "updateDelivery", session: 1, position: 2, state: sent(1, 3) },
      { kind: "removeDelivery", session: 1, position: 2, message: 1 },
    );
    await shelf.reopen();
    const { received, inFlight, backlogs } = read(shelf.store);
    assertEquals([received, inFlight, backlogs], [[{ session: 1, packetId: 1 }], [], []]);
  },
};
