/**
 * Stores full of records, for measurements.
 *
 * @module
 */

import { SqliteStore } from "../../broker/sqlite_store.ts";
import type { StoredMessage, StoredSession, StoreWrite } from "../../broker/store.ts";

const PER_COMMIT = 10_000;
const NO_BYTES = new Uint8Array(0);
const PAYLOAD = new Uint8Array(100);

/** A message of 100 bytes. */
export function messageOf(topic: string, retain: boolean): StoredMessage {
  return { topic, qos: 1, retain, properties: NO_BYTES, payload: PAYLOAD, expiresAt: Infinity };
}

/** A session that is away and never ends by itself. */
export function sessionOf(id: number): StoredSession {
  const clientId = `c${id}`;
  const access = { clientId, username: "user", listener: ":1883", permissions: undefined, broker: undefined };
  return { id, clientId, username: "user", expiryInterval: 0xffff_ffff, endedAt: Date.now(), access };
}

/** A message in the queue of a session. */
export function deliveryOf(session: number, position: number, message: number): StoreWrite {
  const rest = { subscriptionIds: undefined, share: undefined, size: PAYLOAD.length } as const;
  const state = { phase: "queued" } as const;
  return { kind: "addDelivery", delivery: { session, position, message, qos: 1, retain: false, state, ...rest } };
}

/** Makes a store of these. */
export function commitAll(path: string, contents: Iterable<StoreWrite>): void {
  using store = SqliteStore.open(path, { durability: "normal" });
  let writes: StoreWrite[] = [];
  for (const write of contents) {
    if (writes.push(write) < PER_COMMIT) continue;
    store.commit(writes);
    writes = [];
  }
  store.commit(writes);
}
