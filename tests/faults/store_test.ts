/** A store that cannot be written to: nothing is promised, new QoS 1 and 2 messages are refused, and it recovers. */

import { assert, assertEquals, assertGreater, assertStringIncludes, assertThrows } from "@std/assert";
import { Broker, listen, MqttError } from "../../broker/mod.ts";
import { MemoryStore } from "../../broker/memory_store.ts";
import { SqliteStore } from "../../broker/sqlite_store.ts";
import { FaultyStore } from "../broker/faulty_store.ts";
import { bounded, type RunningBroker, startBroker, until } from "../support/broker.ts";
import { random } from "../support/random.ts";
import { RawClient } from "../support/raw_client.ts";
import { publishPacket } from "../support/raw_packets.ts";
import { quietPort } from "./broker_killer.ts";
import { PersistentClient } from "./persistent_client.ts";

const LASTING = { cleanStart: false, properties: { sessionExpiryInterval: 1_000 } };

interface Test {
  readonly store: FaultyStore;
  readonly running: RunningBroker;
  readonly log: string[];
  /** A publisher of QoS 1 messages that a session which is away is to get. */
  readonly publisher: RawClient;
}

/** A broker with a store that works, and a session that is away and subscribes to `a`. */
function withFaults(body: (test: Test) => Promise<void>): () => Promise<void> {
  return () =>
    bounded(async () => {
      const store = new FaultyStore(new MemoryStore());
      const log: string[] = [];
      const write = (level: string, line: string) => void (level !== "debug" && log.push(line));
      await using running = await startBroker({ store, sysInterval: 0, log: { debug: false, write } });
      const away = await RawClient.connect(running.port, { clientId: "away", ...LASTING });
      await away.subscribe("a", { qos: 2 });
      await away.disconnect();
      await using publisher = await RawClient.connect(running.port);
      await publisher.publish("a", "before", { qos: 1 });
      await body({ store, running, log, publisher });
      store.fate = "works";
    });
}

/** Has a commit fail; the publisher pays for it with its connection. */
async function breakStore({ store, publisher, log }: Test): Promise<void> {
  store.fate = "fails";
  await publisher.send(publishPacket("a", "not promised", { qos: 1, packetId: 50 }));
  await publisher.expectClosed();
  assertGreater(store.failures, 0);
  assert(log.some((line) => line.includes("Cannot write to store")), "the failure is logged");
}

Deno.test(
  "broker store faults: a message whose commit fails is not acknowledged",
  withFaults(async (test) => {
    await breakStore(test);
    test.store.fate = "works";
    await until(() => test.log.includes("The store can be written to again."), "the recovery");
    await using client = await RawClient.connect(test.running.port);
    await client.publish("a", "after", { qos: 1 });
    await using away = await RawClient.connect(test.running.port, { clientId: "away", autoAck: true, ...LASTING });
    for (const payload of ["before", "not promised", "after"]) await away.expect("publish", { payload });
  }),
);

Deno.test(
  "mqtt 5.0 broker: without a working store QoS 1 and 2 are refused with 0x97, QoS 0 passes, then all is well again",
  withFaults(async (test) => {
    const { running, store } = test;
    await breakStore(test);
    await using client = await RawClient.connect(running.port);
    await client.subscribe("b", { qos: 2 });
    await client.send(
      publishPacket("b", "1", { qos: 1, packetId: 1 }),
      publishPacket("b", "2", { qos: 2, packetId: 2 }),
    );
    await client.expect("puback", { packetId: 1, reasonCode: 0x97 });
    await client.expect("pubrec", { packetId: 2, reasonCode: 0x97 });
    await client.publish("b", "0");
    await client.expect("publish", { payload: "0" });
    assertEquals(running.broker.counts().dropped.storeFailed, 2);
    assertThrows(() => running.broker.publish({ topic: "b", payload: "x", qos: 1 }), MqttError, "store");
    running.broker.publish({ topic: "b", payload: "from within" });
    await client.expect("publish", { payload: "from within" });
    store.fate = "works";
    await until(() => test.log.includes("The store can be written to again."), "the recovery");
    await client.send(publishPacket("b", "2", { qos: 2, packetId: 2 }));
    await client.take("pubrec", ({ packetId, reasonCode }) => packetId === 2 && reasonCode === 0);
  }),
);

for (const [name, version] of [["mqtt 3.1", 3], ["mqtt 3.1.1", 4]] as const) {
  Deno.test(
    `${name} broker: without a working store QoS 1 and 2 end the connection without an acknowledgement`,
    withFaults(async (test) => {
      await breakStore(test);
      for (const qos of [1, 2] as const) {
        await using client = await RawClient.connect(test.running.port, { version });
        await client.publish("b", "0");
        await client.send(publishPacket("b", "x", { qos, packetId: 1 }));
        await client.expectClosed();
      }
      test.store.fate = "works";
      await until(() => test.log.includes("The store can be written to again."), "the recovery");
      await using client = await RawClient.connect(test.running.port, { version });
      await client.publish("b", "x", { qos: 2 });
    }),
  );
}

Deno.test(
  "broker store faults: nothing that promises state leaves before its commit",
  withFaults(async ({ store, running, publisher }) => {
    const lasting = (clientId: string) => RawClient.connect(running.port, { clientId, ...LASTING });
    await using subscriber = await lasting("subscriber");
    await subscriber.subscribe("q", { qos: 2 });
    for (const payload of ["1", "2"]) await publisher.publish("q", payload, { qos: 2 });
    const [first, second] = await subscriber.expectMany("publish", 2);
    await subscriber.send({ type: "pubrec", packetId: second?.packetId ?? 0, reasonCode: 0 });
    await subscriber.expect("pubrel");
    await using releaser = await lasting("releaser");
    await releaser.send(publishPacket("n", "x", { qos: 2, packetId: 5 }));
    await releaser.expect("pubrec", { packetId: 5 });
    const others = await Promise.all([1, 2, 3, 4].map((at) => lasting(`other-${at}`)));
    const [subscribing, unsubscribing, once, exactly] = others;
    await using opening = await RawClient.open(running.port);
    store.fate = "fails";
    // Each of these, had it been answered, would be a lie.
    await subscriber.send({ type: "pubrec", packetId: first?.packetId ?? 0, reasonCode: 0 });
    await releaser.send({ type: "pubrel", packetId: 5, reasonCode: 0 });
    await opening.sendConnect({ clientId: "new", ...LASTING });
    await subscribing?.send({ type: "subscribe", packetId: 1, subscriptions: [{ filter: "s", qos: 1 }] });
    await unsubscribing?.send({ type: "unsubscribe", packetId: 1, filters: ["u"] });
    await once?.send(publishPacket("a", "x", { qos: 1, packetId: 1 }));
    await exactly?.send(publishPacket("n", "x", { qos: 2, packetId: 1 }));
    for (const client of [subscriber, releaser, opening, subscribing, once, exactly]) await client?.expectClosed();
    // It had no such subscription, so its answer promises nothing.
    for (const client of others) await client.close();
  }),
);

Deno.test("broker store faults: a full disk refuses, and takes messages again when there is room", () =>
  bounded(async () => {
    const folder = await Deno.makeTempDir({ prefix: "faults-" });
    try {
      using store = SqliteStore.open(`${folder}/broker.db`, { maxBytes: 400_000 });
      await using running = await startBroker({ store, sysInterval: 0 });
      const away = await RawClient.connect(running.port, { clientId: "away", ...LASTING });
      await away.subscribe("a", { qos: 1 });
      await away.disconnect();
      const acknowledged = await fill(running.port);
      assertGreater(acknowledged, 10);
      await using reader = await RawClient.connect(running.port, { clientId: "away", autoAck: true, ...LASTING });
      for (let at = 0; at < acknowledged; at++) await reader.expect("publish", { payload: payload(at) });
      // The reader's acknowledgements have made room.
      await until(() => !isRefusing(running), "room in the store");
      await using publisher = await RawClient.connect(running.port);
      await publisher.publish("a", "after", { qos: 1 });
      await reader.take("publish", ({ payload }) => new TextDecoder().decode(payload) === "after");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }));

function payload(at: number): string {
  return `${at} `.padEnd(8_000, ".");
}

/** Publishes until the store is full; returns how many messages were acknowledged. */
async function fill(port: number): Promise<number> {
  await using publisher = await RawClient.connect(port);
  for (let at = 0; at < 1_000; at++) {
    await publisher.send(publishPacket("a", payload(at), { qos: 1, packetId: at + 1 }));
    const answer = await publisher.expectOptional("puback");
    if (answer === undefined || answer.reasonCode >= 0x80) return at;
  }
  throw new Error("Cannot fill the store");
}

function isRefusing({ broker }: RunningBroker): boolean {
  try {
    broker.publish({ topic: "nobody", payload: "", qos: 1 });
    return false;
  } catch {
    return true;
  }
}

Deno.test("broker store faults: a disk of a few megabytes that runs full loses nothing acknowledged", {
  ignore: !await canMount(),
}, () =>
  bounded(async () => {
    const folder = await Deno.makeTempDir({ prefix: "faults-" });
    await run("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]);
    try {
      let acknowledged = 0;
      {
        using store = SqliteStore.open(`${folder}/broker.db`);
        await using running = await startBroker({ store, sysInterval: 0 });
        const away = await RawClient.connect(running.port, { clientId: "away", ...LASTING });
        await away.subscribe("a", { qos: 1 });
        await away.disconnect();
        acknowledged = await fill(running.port);
        assertGreater(acknowledged, 10);
        // Whoever runs the broker makes room, and it goes on.
        await run("mount", ["-o", "remount,size=8m", folder]);
        await until(() => !isRefusing(running), "room on the disk");
        await using publisher = await RawClient.connect(running.port);
        await publisher.publish("a", "after", { qos: 1 });
      }
      using store = SqliteStore.open(`${folder}/broker.db`);
      await using running = await startBroker({ store, sysInterval: 0 });
      await using reader = await RawClient.connect(running.port, { clientId: "away", autoAck: true, ...LASTING });
      for (let at = 0; at < acknowledged; at++) await reader.expect("publish", { payload: payload(at) });
      await reader.take("publish", ({ payload }) => new TextDecoder().decode(payload) === "after");
    } finally {
      await run("umount", [folder]);
      await Deno.remove(folder);
    }
  }, 30_000));

Deno.test(
  "broker store faults: a read-only disk is refused at the start",
  { ignore: !await canMount() },
  () =>
    bounded(async () => {
      const folder = await Deno.makeTempDir({ prefix: "faults-" });
      await run("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]);
      try {
        SqliteStore.open(`${folder}/broker.db`).close();
        await run("mount", ["-o", "remount,ro", folder]);
        const error = assertThrows(() => SqliteStore.open(`${folder}/broker.db`));
        assertStringIncludes(String(error), "it must be writable");
      } finally {
        await run("umount", [folder]);
        await Deno.remove(folder);
      }
    }),
);

async function run(command: string, args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`Cannot ${command}: ${new TextDecoder().decode(stderr)}`);
}

/** Only root may, and not in every container. */
async function canMount(): Promise<boolean> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  const folder = await Deno.makeTempDir({ prefix: "faults-" });
  try {
    await run("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]);
    await run("umount", [folder]);
    return true;
  } catch {
    return false;
  } finally {
    await Deno.remove(folder);
  }
}

function tryToListen(broker: Broker, port: number): boolean {
  try {
    listen(broker, { port });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}

for (const qos of [1, 2] as const) {
  Deno.test(`broker store faults: commits that fail at random, and crashes, lose nothing of QoS ${qos}`, () =>
    bounded(async () => {
      const count = 400;
      const inner = new MemoryStore();
      const next = random(qos);
      const port = quietPort();
      const start = async () => {
        const store = new FaultyStore(inner);
        const broker = new Broker({ store, sysInterval: 0 });
        // The socket of the broker before may take a moment to go.
        while (!tryToListen(broker, port)) await new Promise((resolve) => setTimeout(resolve, 5));
        return { store, broker };
      };
      let { store, broker } = await start();
      // In 5.0 it would have to send again what is refused.
      const options = { port, versions: [4] as const };
      const publisher = new PersistentClient({ ...options, clientId: "publisher" });
      const subscriber = new PersistentClient({ ...options, clientId: "subscriber" });
      await subscriber.subscribe(port, "a/+", qos);
      for (let at = 0; at < count; at++) publisher.publish(`a/${at % 3}`, String(at), qos);
      let isOver = false;
      const working = Promise.all([
        publisher.runUntil(() => publisher.unfinished === 0),
        subscriber.runUntil(() => subscriber.isIdle && new Set(subscriber.received).size === count),
      ]).finally(() => isOver = true);
      while (!isOver) {
        store.fate = () => next() < 0.05 ? "fails" : "works";
        await new Promise((resolve) => setTimeout(resolve, 100 + next() * 400));
        // It cannot promise anything any more, and then it is gone.
        store.fate = "fails";
        await broker.close();
        ({ store, broker } = await start());
      }
      await working;
      await broker.close();
      const expected = Array.from({ length: count }, (_, at) => String(at));
      assertEquals(qos === 1 ? [...new Set(subscriber.received)] : subscriber.received, expected);
    }, 60_000));
}
