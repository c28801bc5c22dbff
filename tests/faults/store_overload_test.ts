/** While the store cannot be written to, what clients ask for again and again is refused instead of piling up. */

import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { MemoryStore } from "../../broker/memory_store.ts";
import { FaultyStore } from "../broker/faulty_store.ts";
import { LASTING } from "../broker/lives.ts";
import { bounded, type RunningBroker, startBroker, until } from "../support/broker.ts";
import { RawClient } from "../support/raw_client.ts";
import { publishPacket } from "../support/raw_packets.ts";

const TIMES = 300;

interface Test {
  readonly store: FaultyStore;
  readonly running: RunningBroker;
  readonly log: readonly string[];
}

/** A broker whose store fails, and knows it; the session `known` is stored. */
function whileFailing(body: (test: Test) => Promise<void>): () => Promise<void> {
  return () =>
    bounded(async () => {
      const store = new FaultyStore(new MemoryStore());
      const log: string[] = [];
      const write = (_level: string, line: string) => void log.push(line);
      await using running = await startBroker({ store, sysInterval: 0, log: { debug: false, write } });
      for (const clientId of ["known", "other"]) {
        await using known = await RawClient.connect(running.port, { clientId, ...LASTING });
        await known.subscribe("a", { qos: 1 });
        await known.disconnect();
      }
      store.fate = "fails";
      await using breaker = await RawClient.connect(running.port);
      await breaker.send(publishPacket("a", "x", { qos: 1, packetId: 1 }));
      await breaker.expectClosed();
      await body({ store, running, log });
      store.fate = "works";
    });
}

/** What has piled up, as the next attempt shows. */
async function pile({ store }: Pick<Test, "store">): Promise<number> {
  const { failures } = store;
  store.largestFailure = 0;
  await until(() => store.failures > failures, "the next attempt");
  return store.largestFailure;
}

Deno.test(
  "mqtt 5.0 broker: without a working store a new subscription of a lasting session is refused with 0x97 at once",
  whileFailing(async (test) => {
    const { running, store, log } = test;
    await using client = await RawClient.connect(running.port, { clientId: "known", ...LASTING });
    for (let at = 0; at < TIMES; at++) {
      const subscriptions = [{ filter: `s/${at}`, qos: 1 as const }, { filter: "a", qos: 1 as const }];
      await client.send({ type: "subscribe", packetId: at + 1, subscriptions });
      await client.take("suback", ({ reasonCodes }) => reasonCodes.every((code) => code === 0x97));
    }
    assertEquals(running.broker.counts().subscriptions, 2);
    // Whose session ends with its connection is promised nothing.
    await using brief = await RawClient.connect(running.port);
    await brief.subscribe("b", { qos: 1 });
    assertLess(await pile(test), 20);
    store.fate = "works";
    await until(() => log.includes("The store can be written to again."), "the recovery");
    await client.subscribe("s", { qos: 1 });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: without a working store a new subscription of a lasting session fails with 0x80",
  whileFailing(async ({ running }) => {
    await using client = await RawClient.connect(running.port, { version: 4, clientId: "known", cleanStart: false });
    await client.send({ type: "subscribe", packetId: 1, subscriptions: [{ filter: "s", qos: 1 }] });
    await client.take("suback", ({ reasonCodes }) => reasonCodes[0] === 0x80);
  }),
);

Deno.test(
  "mqtt 3.1 broker: without a working store a new subscription of a lasting session ends the connection",
  whileFailing(async ({ running }) => {
    await using client = await RawClient.connect(running.port, { version: 3, clientId: "known", cleanStart: false });
    await client.expect("publish");
    await client.send({ type: "subscribe", packetId: 1, subscriptions: [{ filter: "s", qos: 1 }] });
    await client.expectClosed();
  }),
);

Deno.test(
  "broker store faults: new sessions that last are refused as long as nothing can be written, others open",
  whileFailing(async (test) => {
    const { running } = test;
    for (let at = 0; at < TIMES; at++) {
      await using client = await RawClient.open(running.port);
      await client.sendConnect({ clientId: `new-${at}`, ...LASTING });
      await client.expectRefused(0x88);
    }
    await using old = await RawClient.open(running.port, 4);
    await old.sendConnect({ version: 4, clientId: "old", cleanStart: false });
    await old.expectRefused(3);
    await using brief = await RawClient.connect(running.port);
    await brief.barrier();
    assertEquals(running.broker.counts().sessions, 3);
    assertLess(await pile(test), 20);
  }),
);

Deno.test(
  "broker store faults: wills and ends of connections do not pile up",
  whileFailing(async (test) => {
    for (let at = 0; at < TIMES; at++) {
      const will = { topic: "will", payload: "x".repeat(1_000), qos: 1 as const };
      await using client = await RawClient.connect(test.running.port, { clientId: "known", ...LASTING, will });
      if (at % 2 === 0) await client.disconnect();
    }
    assertLess(await pile(test), 20);
  }),
);

Deno.test("broker store faults: what was taken meanwhile leaves the store a part at a time", () =>
  bounded(async () => {
    const inner = new MemoryStore();
    const store = new FaultyStore(inner);
    await using running = await startBroker({ store, sysInterval: 0, maxQueuedMessages: 100_000 });
    await using away = await RawClient.connect(running.port, { clientId: "away", ...LASTING });
    await away.subscribe("a", { qos: 1 });
    await away.disconnect();
    const count = 10_000;
    for (let at = 0; at < count; at++) running.broker.publish({ topic: "a", payload: "x", qos: 1 });
    await until(() => store.commits > 2 && [...inner.backlogs()][0]?.count === count, "the queue in the store");
    store.fate = "fails";
    store.largestCommit = 0;
    await using breaker = await RawClient.connect(running.port);
    await breaker.send(publishPacket("a", "last", { qos: 1, packetId: 1 }));
    await breaker.expectClosed();
    await using reader = await RawClient.connect(running.port, { clientId: "away", autoAck: true, ...LASTING });
    for (let at = 0; at < count; at++) await reader.expect("publish");
    await reader.barrier();
    assertGreater(await pile({ store }), 4_000);
    assertLess(store.largestFailure, 5_000);
    store.fate = "works";
    await until(() => [...inner.backlogs()].length === 0 && [...inner.inFlight()].length === 0, "an empty store");
    assertLess(store.largestCommit, 5_000);
  }));
