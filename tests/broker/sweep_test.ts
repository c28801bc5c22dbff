/** What an ended session leaves in the store goes while clients have their turn, by the next broker if need be. */

import { assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { MemoryStore } from "../../broker/memory_store.ts";
import type { StoreWrite } from "../../broker/store.ts";
import { bounded, startBroker, until } from "../support/broker.ts";
import { RawClient } from "../support/raw_client.ts";
import { FaultyStore } from "./faulty_store.ts";
import { LASTING } from "./lives.ts";
import { SqliteUnderTest } from "./stores.ts";

const COUNT = 5_000;

/** A session with a long queue. */
function longQueue(): StoreWrite[] {
  const rest = { username: undefined, expiryInterval: 0xffff_ffff, endedAt: 0, access: undefined };
  const writes: StoreWrite[] = [{ kind: "putSession", session: { id: 1, clientId: "c", ...rest } }];
  const bytes = new Uint8Array(0);
  const message = {
    topic: "a",
    qos: 1,
    retain: false,
    properties: bytes,
    payload: bytes,
    expiresAt: Infinity,
  } as const;
  const state = { phase: "queued" } as const;
  for (let id = 2; id < 2 + 2 * COUNT; id += 2) {
    const own = { session: 1, position: id + 1, message: id, qos: 1, retain: false, size: 0, state } as const;
    writes.push({ kind: "addMessage", id, references: 1, message });
    writes.push({ kind: "addDelivery", delivery: { ...own, subscriptionIds: undefined, share: undefined } });
  }
  return writes;
}

/** How many rows the file has, once it is closed. */
function rowsOf(test: SqliteUnderTest): unknown {
  test.close();
  const db = new DatabaseSync(test.path);
  const row = db.prepare(
    `SELECT (SELECT count(*) FROM message) AS messages, (SELECT count(*) FROM delivery) AS deliveries,
      (SELECT count(*) FROM removed_session) AS removed`,
  ).get();
  db.close();
  return { ...row };
}

Deno.test("broker store: what a session leaves that ends is cleared away, also by the next broker", () =>
  bounded(async () => {
    await using test = new SqliteUnderTest();
    test.store.commit(longQueue());
    {
      // It crashes before there is time to clear away.
      test.store.sweep = () => false;
      await using running = await startBroker({ store: test.store, sysInterval: 0 });
      await using client = await RawClient.connect(running.port, { clientId: "c" });
      assertEquals(client.connack?.sessionPresent, false);
    }
    assertEquals(rowsOf(test), { messages: COUNT, deliveries: COUNT, removed: 1 });
    {
      let isMore = true;
      const { store } = test;
      const sweep = store.sweep.bind(store);
      store.sweep = () => isMore = sweep();
      await using _running = await startBroker({ store, sysInterval: 0 });
      await until(() => !isMore, "an end of the sweeping");
    }
    assertEquals(rowsOf(test), { messages: 0, deliveries: 0, removed: 0 });
  }));

Deno.test("broker store: clearing away that fails goes on when the store works again", () =>
  bounded(async () => {
    let toDo = 2;
    class Untidy extends FaultyStore {
      override sweep(): boolean {
        super.sweep();
        return --toDo > 0;
      }
    }
    const store = new Untidy(new MemoryStore());
    const log: string[] = [];
    const write = (_level: string, line: string) => void log.push(line);
    store.fate = "fails";
    await using running = await startBroker({ store, sysInterval: 0, log: { debug: false, write } });
    await until(() => log.some((line) => line.includes("Cannot write to store")), "the failure");
    assertEquals(toDo, 2);
    await using opening = await RawClient.open(running.port);
    await opening.sendConnect({ clientId: "new", ...LASTING });
    await opening.expectClosed();
    store.fate = "works";
    await until(() => toDo === 0, "the rest");
  }));
