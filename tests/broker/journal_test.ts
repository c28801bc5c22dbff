/** What the broker writes down, and when: promises are kept in time, and what is over does not come back. */

import { assert, assertEquals } from "@std/assert";
import { bounded, startBroker, until } from "../support/broker.ts";
import { Journal } from "../../broker/journal.ts";
import { MemoryStore } from "../../broker/memory_store.ts";
import { Metrics } from "../../broker/metrics.ts";
import { memoryTransportPair } from "../../engine/memory_transport.ts";
import type { Store } from "../../broker/store.ts";
import type { Held } from "../../broker/waiters.ts";
import { RawClient } from "../support/raw_client.ts";
import { publishPacket, toText } from "../support/raw_packets.ts";
import { FaultyStore } from "./faulty_store.ts";
import { LASTING, testLives as test } from "./lives.ts";

test("what was acknowledged while nothing could be written is not sent again", async (lives) => {
  const subscriber = await lives.connect({ clientId: "c", ...LASTING });
  await subscriber.subscribe("a", { qos: 1 });
  const publisher = await lives.connect();
  await publisher.publish("a", "first", { qos: 1 });
  const first = await subscriber.expect("publish", { payload: "first" });
  await subscriber.send({ type: "puback", packetId: first.packetId ?? 0, reasonCode: 0 });
  lives.store.fate = "fails";
  await publisher.send(publishPacket("a", "second", { qos: 1, packetId: 50 }));
  const second = await subscriber.expect("publish", { payload: "second" });
  // The publisher pays for the commit that failed.
  await publisher.expectClosed();
  await subscriber.send({ type: "puback", packetId: second.packetId ?? 0, reasonCode: 0 });
  await subscriber.barrier();
  const { commits } = lives.store;
  lives.store.fate = "works";
  await until(() => lives.store.commits > commits, "the recovery");
  await lives.crash();
  const after = await lives.connect({ clientId: "c", ...LASTING });
  assertEquals(after.connack?.sessionPresent, true);
  assertEquals(await after.barrier(), []);
});

/** So many messages without an acknowledgement are too many: some milliseconds each. */
const TOO_MANY = 1_000;

Deno.test("broker store: a stream of messages that are over soon does not put off its acknowledgements", () =>
  bounded(async () => {
    const store = new FaultyStore(new MemoryStore());
    // The slower the commits, the longer is what may be over soon waited for.
    store.fate = () => {
      const end = performance.now() + 2;
      while (performance.now() < end);
      return "works";
    };
    await using running = await startBroker({ store, sysInterval: 0 });
    await using subscriber = await RawClient.connect(running.port, { clientId: "c", ...LASTING });
    await subscriber.subscribe("a", { qos: 1 });
    await using publisher = await RawClient.connect(running.port);
    let answered = false;
    const answer = publisher.expect("puback", { packetId: 1 }, 60_000).then(() => answered = true, () => {});
    let before: number | undefined;
    let sent = 0;
    while (!answered && sent < TOO_MANY) {
      await publisher.send(publishPacket("a", "x", { qos: 1, packetId: ++sent }));
      const { packetId = 0 } = await subscriber.expect("publish");
      // There is always one under way.
      if (before !== undefined) await subscriber.send({ type: "puback", packetId: before, reasonCode: 0 });
      before = packetId;
    }
    assert(answered, `${sent} messages were handed on without an acknowledgement`);
    await answer;
  }));

/** Timers that run when a test says so. */
class Wakes implements Disposable {
  /** Those that were set and neither run nor cancelled, in milliseconds from when they were set. */
  readonly set = new Map<unknown, { readonly delay: number; readonly task: () => void }>();
  readonly #originals = { setTimeout, clearTimeout };

  constructor() {
    Object.assign(globalThis, {
      setTimeout: (task: () => void, delay: number) => {
        const id = {};
        this.set.set(id, { delay, task });
        return id;
      },
      clearTimeout: (id: unknown) => this.set.delete(id),
    });
  }

  /** Runs the one that is set. */
  run(): void {
    const [[id, { task }] = none()] = this.set;
    this.set.delete(id);
    task();
  }

  [Symbol.dispose](): void {
    Object.assign(globalThis, this.#originals);
  }
}

function none(): never {
  throw new Error("Cannot run a timer: none is set");
}

/** A promise that waits for a commit. */
function promised(): Held & { isKept: boolean } {
  return {
    isKept: false,
    hold: () => true,
    resume() {
      this.isKept = true;
    },
    fail() {},
  };
}

Deno.test("broker store: looks whether a commit is needed become rarer while none is, and frequent when one was", async () => {
  using wakes = new Wakes();
  const store = new FaultyStore(new MemoryStore());
  const journal = new Journal(store, { debug: false, write() {} }, new Metrics());
  wakes.run(); // for what the last broker has left
  const change = { kind: "removeRetained", topic: "a" } as const;
  const wait = async () => {
    const index = journal.writeBriefly(change);
    const promise = promised();
    journal.hold(promise);
    await undefined;
    return { index, promise, delays: [...wakes.set.values()].map(({ delay }) => delay) };
  };
  const delays: number[] = [];
  for (let i = 0; i < 8; i++) {
    const one = await wait();
    delays.push(...one.delays);
    journal.cancel(one.index);
    await undefined;
    assert(one.promise.isKept);
    wakes.run();
  }
  assertEquals(delays, [2, 4, 8, 16, 32, 64, 80, 80]);
  assertEquals(store.commits, 0);
  const needed = await wait();
  wakes.run();
  assertEquals(store.commits, 1);
  assert(needed.promise.isKept);
  assert(((await wait()).delays[0] ?? 80) <= 20);
  journal.close();
});

const SMALL_QUEUE = 12;

test("a message is stored for all of its receivers, and as received, in one commit", async (lives) => {
  // The one in the middle has a queue that runs full, and of which a part is in the store.
  const names = ["one", "full", "other"];
  for (const clientId of names) {
    const client = await lives.connect({ clientId, ...LASTING });
    await client.subscribe("a", { qos: 2 });
    if (clientId === "full") await client.subscribe("full", { qos: 2 });
    await client.disconnect();
  }
  const publisher = await lives.connect({ clientId: "publisher", ...LASTING });
  for (let i = 0; i < SMALL_QUEUE - 2; i++) await publisher.publish("full", String(i), { qos: 2 });
  await publisher.barrier();
  await lives.restart();
  let commits = 0;
  lives.store.fate = () => ++commits === 1 ? "works" : "fails";
  const packets = (dup: boolean) =>
    ["x", "y", "z"].map((payload, at) => ({ ...publishPacket("a", payload, { qos: 2, packetId: 100 + at }), dup }));
  // `z` finds the queue full while `x` and `y` are on their way into the store.
  const before = await lives.connect({ clientId: "publisher", ...LASTING });
  commits = 0;
  await before.send(...packets(false));
  await until(() => commits > 0, "a commit");
  await lives.crash();
  const again = await lives.connect({ clientId: "publisher", ...LASTING });
  await again.send(...packets(true));
  for (const packetId of [100, 101, 102]) await again.take("pubrec", (packet) => packet.packetId === packetId);
  for (const clientId of ["one", "other"]) {
    const client = await lives.connect({ clientId, ...LASTING });
    for (const payload of ["x", "y", "z"]) await client.expect("publish", { payload });
    assertEquals(await client.barrier(), []);
  }
}, { maxQueuedMessages: SMALL_QUEUE });

/** A store whose queues cannot be read so many times. */
class Unreadable extends FaultyStore {
  unreadable: number;

  constructor(store: Store, unreadable: number) {
    super(store);
    this.unreadable = unreadable;
  }

  override queued(session: number, position: number, limit: number) {
    if (this.unreadable-- > 0) throw new Error("Cannot read store: its disk must work, received a test");
    return super.queued(session, position, limit);
  }
}

/** A store with a session `c` that is away, and for which the messages `1` and `2` wait. */
async function storeWithBacklog(): Promise<Store> {
  const store = new MemoryStore();
  await using running = await startBroker({ store, sysInterval: 0 });
  await using away = await RawClient.connect(running.port, { clientId: "c", ...LASTING });
  await away.subscribe("a", { qos: 1 });
  await away.disconnect();
  await using publisher = await RawClient.connect(running.port);
  for (const payload of ["1", "2"]) await publisher.publish("a", payload, { qos: 1 });
  return store;
}

Deno.test("broker store: a queue that could not be read for a moment goes on by itself", () =>
  bounded(async () => {
    // Also when CONNACK has been written.
    const store = new Unreadable(await storeWithBacklog(), 3);
    await using running = await startBroker({ store, sysInterval: 0 });
    await using client = await RawClient.connect(running.port, { clientId: "c", autoAck: true, ...LASTING });
    for (const payload of ["1", "2"]) await client.expect("publish", { payload });
  }));

Deno.test("broker store: the oldest of a queue that cannot be read stay where they are", () =>
  bounded(async () => {
    const store = new Unreadable(await storeWithBacklog(), Infinity);
    await using running = await startBroker({ store, sysInterval: 0 });
    const [mine, theirs] = memoryTransportPair();
    void running.broker.serve(theirs, { maxQueuedMessages: 2, queueOverflow: "drop-oldest" });
    await using client = await RawClient.connect(mine, { clientId: "c", autoAck: true, ...LASTING });
    await using publisher = await RawClient.connect(running.port);
    await publisher.publish("a", "3", { qos: 1 });
    assertEquals(running.broker.counts().dropped.queueFull, 1);
    store.unreadable = 0;
    await publisher.publish("a", "4", { qos: 1 });
    // The first one goes for it, unless it has just been sent.
    for (const wanted of ["2", "4"]) await client.take("publish", ({ payload }) => toText(payload) === wanted);
    await client.barrier();
    const [session] = [...running.broker.inspection.sessions()].filter(({ clientId }) => clientId === "c");
    assertEquals([session?.queued, session?.queuedBytes], [0, 0]);
  }));
