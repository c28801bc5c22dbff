/**
 * What other clients notice when a session with a queue of 1,000,000 messages ends, and when 20,000 sessions end at
 * once.
 *
 * Run by `deno task bench durable`; alone, it prints two lines.
 *
 * @module
 */

import { Broker, listen } from "../../broker/mod.ts";
import { SqliteStore } from "../../broker/sqlite_store.ts";
import type { Store, StoreWrite } from "../../broker/store.ts";
import { RawClient } from "../support/raw_client.ts";
import { commitAll, deliveryOf, messageOf, sessionOf } from "./durable_records.ts";

const QUEUED = 1_000_000;
const MANY = 20_000;
/** Messages of each of the many. */
const EACH = 10;
/** Seconds that the many sessions have left when the broker begins. */
const LEFT = 4;

function* oneWithMuch(): Iterable<StoreWrite> {
  yield { kind: "putSession", session: sessionOf(1) };
  for (let id = 2; id < 2 + 2 * QUEUED; id += 2) {
    yield { kind: "addMessage", id, references: 1, message: messageOf("a/b/c", false) };
    yield deliveryOf(1, id + 1, id);
  }
}

function* manyWithLittle(): Iterable<StoreWrite> {
  const until = { expiryInterval: LEFT, endedAt: Date.now() };
  for (let id = 1; id <= MANY; id++) yield { kind: "putSession", session: { ...sessionOf(id), ...until } };
  for (let index = 0; index < MANY * EACH; index++) {
    const id = MANY + 1 + 2 * index;
    yield { kind: "addMessage", id, references: 1, message: messageOf("a/b/c", false) };
    yield deliveryOf(1 + index % MANY, id + 1, id);
  }
}

/** Has a client publish with QoS 1 to a session that lasts until `isOver`; returns the longest waits, in milliseconds. */
async function waits(port: number, isOver: () => boolean): Promise<{ p99: number; longest: number }> {
  const lasting = { cleanStart: false, properties: { sessionExpiryInterval: 1_000 } };
  await using away = await RawClient.connect(port, { clientId: "away", ...lasting });
  await away.subscribe("other", { qos: 1 });
  await away.disconnect();
  await using client = await RawClient.connect(port, { clientId: "publisher" });
  const found: number[] = [];
  while (!isOver()) {
    const begun = performance.now();
    await client.publish("other", "x", { qos: 1 });
    found.push(performance.now() - begun);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  found.sort((one, other) => one - other);
  return { p99: found[Math.floor(found.length * 0.99)] ?? NaN, longest: found.at(-1) ?? NaN };
}

/** Tells when a store has been cleared. */
function watchSweeps(store: Store): () => boolean {
  let isClear = false;
  const sweep = store.sweep.bind(store);
  store.sweep = () => {
    const isMore = sweep();
    isClear = !isMore;
    return isMore;
  };
  return () => isClear;
}

async function measure(
  title: string,
  contents: Iterable<StoreWrite>,
  end: (port: number, broker: Broker) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "bench-" });
  try {
    commitAll(`${folder}/broker.db`, contents);
    using store = SqliteStore.open(`${folder}/broker.db`);
    await using broker = new Broker({ store, maxQueuedMessages: QUEUED, sysInterval: 0 });
    const { port } = listen(broker, { port: 0 }).address;
    let isOver = false;
    const waiting = waits(port, () => isOver);
    const begun = performance.now();
    await end(port, broker);
    const isClear = watchSweeps(store);
    while (!isClear()) await new Promise((resolve) => setTimeout(resolve, 20));
    isOver = true;
    const { p99, longest } = await waiting;
    const seconds = (performance.now() - begun) / 1_000;
    console.log(
      `${title}: others wait ${p99.toFixed(1)} ms (p99), ${longest.toFixed(1)} ms at most; cleared in ${
        seconds.toFixed(1)
      } s`,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  await measure("A session with 1,000,000 queued messages ends", oneWithMuch(), async (port) => {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await using client = await RawClient.connect(port, { clientId: "c1", username: "user", cleanStart: true });
    await client.barrier();
  });
  await measure("20,000 sessions with 10 queued messages each end at once", manyWithLittle(), async (_port, broker) => {
    while (broker.counts().sessions > 2) await new Promise((resolve) => setTimeout(resolve, 100));
  });
  Deno.exit(0);
}
