/** Where brokers go wrong when they run for long: stuck clients, leaks, errors of the system. */

import { assert, assertEquals } from "@std/assert";
import { Broker } from "../../broker/mod.ts";
import { ManualClock } from "../../engine/manual_clock.ts";
import { memoryTransportPair } from "../../engine/memory_transport.ts";
import { bounded, startBroker, until, withBroker } from "../support/broker.ts";
import { RunningProcess } from "../support/process.ts";
import { RawClient } from "../support/raw_client.ts";
import { publishPacket, toText } from "../support/raw_packets.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, at) => `${at}`);

Deno.test(
  "broker pitfall: of a hundred subscribers one is stuck: the others get everything, and memory stays bounded",
  withBroker({ maxOutputBytes: 200_000 }, async ({ connect, broker }) => {
    const subscribers = await Promise.all(Array.from({ length: 100 }, () => connect()));
    for (const subscriber of subscribers) await subscriber.subscribe("a");
    const [stuck, ...others] = subscribers;
    stuck?.pause();
    const publisher = await connect();
    const payload = new Uint8Array(20_000);
    // A batch is within what may wait for one client, so that no healthy one may miss any of it.
    for (let batch = 0; batch < 50; batch++) {
      for (let count = 0; count < 8; count++) await publisher.publish("a", payload);
      await publisher.barrier();
      for (const other of others) assertEquals((await other.publications()).length, 8);
    }
    // 8 MB were for the stuck one: what neither the network nor 200 kB here took is dropped and counted.
    const dropped = broker.counts().dropped.outputFull;
    assert(dropped > 0 && dropped < 400, `${dropped} dropped`);
    stuck?.resume();
    const received = await stuck?.publications();
    assertEquals((received?.length ?? 0) + dropped, 400);
    await publisher.publish("a", "after");
    await publisher.barrier();
    assertEquals((await stuck?.publications())?.length, 1, "and it is served again");
  }),
);

Deno.test(
  "broker pitfall: the queue of a stuck or absent client is bounded in messages, and every drop is counted",
  withBroker({ maxQueuedMessages: 10, maxInflightMessages: 5 }, async ({ connect, broker }) => {
    const absent = await connect({ clientId: "absent", properties: { sessionExpiryInterval: 100 } });
    await absent.subscribe("a", { qos: 1 });
    await absent.disconnect();
    const silent = await connect(); // acknowledges nothing
    await silent.subscribe("a", { qos: 1 });
    await until(() => broker.counts().connections === 1, "the connection to end");
    const publisher = await connect();
    for (const payload of numbers(40)) await publisher.publish("a", payload, { qos: 1 });
    assertEquals(broker.counts().dropped.queueFull, (40 - 10) + (40 - 15));
    const received: string[] = [];
    for (let count = 0; count < 15; count++) {
      const { payload, packetId = 0 } = await silent.expect("publish");
      received.push(toText(payload));
      await silent.send({ type: "puback", packetId, reasonCode: 0 });
    }
    assertEquals(received, numbers(15), "what was kept comes in order, without a gap in the middle");
    await publisher.publish("a", "after", { qos: 1 });
    await silent.expect("publish", { payload: "after" });
    const again = await connect({ clientId: "absent", cleanStart: false });
    const kept: string[] = [];
    for (let count = 0; count < 10; count++) {
      const { payload, packetId = 0 } = await again.expect("publish");
      kept.push(toText(payload));
      await again.send({ type: "puback", packetId, reasonCode: 0 });
    }
    assertEquals(kept, numbers(10));
    assertEquals(await again.barrier(), []);
  }),
);

Deno.test(
  "broker pitfall: the queue of a client is bounded in bytes",
  withBroker({ maxQueuedBytes: 100_000 }, async ({ connect, broker }) => {
    const absent = await connect({ clientId: "s", properties: { sessionExpiryInterval: 100 } });
    await absent.subscribe("a", { qos: 1 });
    await absent.disconnect();
    await until(() => broker.counts().connections === 0, "the connection to end");
    const publisher = await connect();
    for (let count = 0; count < 20; count++) await publisher.publish("a", new Uint8Array(20_000), { qos: 1 });
    const dropped = broker.counts().dropped.queueFull;
    assert(dropped >= 15 && dropped < 20, `${dropped} dropped`);
    const again = await connect({ clientId: "s", cleanStart: false });
    assertEquals((await again.publications()).length, 20 - dropped);
  }),
);

Deno.test(
  "broker pitfall: a publisher that takes no acknowledgements is held back, not buffered for ever",
  withBroker({ maxOutputBytes: 10_000 }, async ({ connect, broker }) => {
    const greedy = await connect();
    greedy.pause();
    const packets = Array.from({ length: 5_000 }, (_, at) => publishPacket("a", "x", { qos: 1, packetId: at + 1 }));
    const sending = greedy.send(...packets);
    const other = await connect();
    await other.publish("a", "x", { qos: 1 });
    greedy.resume();
    await sending;
    const ids = (await greedy.expectMany("puback", 5_000)).map(({ packetId }) => packetId);
    assertEquals(ids, packets.map(({ packetId }) => packetId));
    assertEquals(broker.counts().connections, 2);
  }),
);

Deno.test("broker pitfall: 10,000 times connect, subscribe, publish and close leave what there was before", () =>
  bounded(async () => {
    const clock = new ManualClock();
    await using broker = new Broker({ clock, sysInterval: 0 });
    const before = broker.counts();
    for (let round = 0; round < 10_000; round += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, at) => oneLife(broker, round + at)));
    }
    await until(() => broker.counts().connections === 0, "all connections to end");
    clock.advance(2_000_000); // sessions of 1,000 s expire, wills of 500 s come before
    const { dropped: _, ...after } = broker.counts();
    const { dropped: __, ...expected } = before;
    assertEquals(after, expected);
    assertEquals(clock.size, 0, "no timer is left");
  }, 60_000));

/** One client: half of them say goodbye, some keep a session or have a will, some are in a group. */
async function oneLife(broker: Broker, number: number): Promise<void> {
  const [ours, theirs] = memoryTransportPair();
  const served = broker.serve(theirs);
  const client = await RawClient.connect(ours, {
    clientId: `client${number % 997}x${number}`,
    keepAlive: 60,
    properties: number % 3 === 0 ? { sessionExpiryInterval: 1_000 } : {},
    ...(number % 4 === 0 && { will: { topic: "will", properties: { willDelayInterval: 500 } } }),
  });
  const topic = `topic/${number}/of/many`;
  await client.subscribe([topic, `topic/+/${number}/#`, "$share/group/common"], { qos: 1 });
  await client.publish(topic, "x", { qos: 1 });
  await client.expect("publish", { topic });
  await client.publish(`retained/${number % 7}`, number % 2 === 0 ? "" : "x", { qos: 1, retain: true });
  await client.publish(`retained/${number % 7}`, "", { qos: 1, retain: true });
  if (number % 2 === 0) await client.disconnect();
  else await client.close();
  await served;
}

Deno.test("broker pitfall: a broker that closes leaves nothing open", () =>
  bounded(async () => {
    const clock = new ManualClock();
    const running = await startBroker({ clock });
    const clients = await Promise.all(
      numbers(10).map((clientId) =>
        RawClient.connect(running.port, {
          clientId,
          keepAlive: 10,
          properties: { sessionExpiryInterval: 100 },
          will: { topic: "will", properties: { willDelayInterval: 50 } },
        })
      ),
    );
    await clients[0]?.close();
    await running[Symbol.asyncDispose]();
    for (const client of clients.slice(1)) await client.expectDisconnect(0x8b);
    const { connections, timers } = running.broker.counts();
    assertEquals([connections, timers, clock.size], [0, 0, 0]);
  }));

Deno.test("broker pitfall: a broker closes although clients are stuck, undecided or silent", () =>
  bounded(async () => {
    const running = await startBroker({
      authenticate: ({ clientId }) => clientId === "undecided" ? new Promise<boolean>(() => {}) : true,
    });
    await using stuck = await RawClient.connect(running.port);
    await stuck.subscribe("a");
    stuck.pause();
    for (let count = 0; count < 100; count++) running.broker.publish({ topic: "a", payload: new Uint8Array(100_000) });
    await using undecided = await RawClient.open(running.port);
    await undecided.sendConnect({ clientId: "undecided" });
    await using silent = await RawClient.open(running.port);
    await until(() => running.broker.counts().connections === 3, "all connections to be there");
    await running[Symbol.asyncDispose]();
    assertEquals(running.broker.counts().connections, 0);
    await undecided.expectClosed();
    await silent.expectClosed();
  }));

Deno.test(
  "broker pitfall: too many connections are closed at once, and there is room again when one goes",
  withBroker({ maxConnections: 3 }, async ({ connect, open, broker }) => {
    const clients = [await connect(), await connect(), await connect()];
    const surplus = await open();
    await surplus.expectClosed();
    assertEquals(broker.counts().connections, 3);
    await clients[0]?.disconnect();
    await until(() => broker.counts().connections === 2, "the connection to end");
    await connect();
  }),
);

Deno.test(
  "broker pitfall: too many sessions are refused with 0x97, those that exist may come back",
  withBroker({ maxSessions: 2 }, async ({ connect, open }) => {
    const properties = { sessionExpiryInterval: 100 };
    await (await connect({ clientId: "1", properties })).disconnect();
    await connect({ clientId: "2", properties });
    const third = await open();
    await third.sendConnect({ clientId: "3" });
    await third.expectRefused(0x97);
    const again = await connect({ clientId: "1", cleanStart: false });
    assertEquals(again.connack?.sessionPresent, true);
  }),
);

Deno.test(
  "broker pitfall: connections that break at any point leave no error and no trace",
  withBroker(async ({ open, connect, broker }) => {
    const bytes =
      "10 0e 00 04 4d 51 54 54 05 02 00 00 00 00 01 62 82 07 00 01 00 00 01 61 01 32 08 00 01 61 00 02 00 78 79 e0 00";
    const whole = bytes.split(" ");
    for (let length = 0; length <= whole.length; length++) {
      const client = await open();
      await client.sendBytes(whole.slice(0, length).join(""));
      await client.close();
    }
    await until(() => broker.counts().connections === 0, "all connections to end");
    const { sessions, subscriptions, trieNodes, timers } = broker.counts();
    assertEquals([sessions, subscriptions, trieNodes, timers], [0, 0, 0, 0]);
    await connect();
  }),
);

Deno.test({
  name: "broker pitfall: when no file descriptor is left, the broker waits and goes on",
  ignore: Deno.build.os === "windows",
  fn: () =>
    bounded(async () => {
      const program = `ulimit -n 60; exec "${Deno.execPath()}" run -A broker/mod.ts --port 0`;
      await using running = new RunningProcess("bash", ["-c", program]);
      const [, port] = await running.waitForLine(/listen socket on port (\d+)/);
      await using surviving = await RawClient.connect(Number(port));
      const crowd: RawClient[] = [];
      for (let count = 0; count < 80; count++) crowd.push(await RawClient.open(Number(port)));
      await surviving.publish("a", "x", { qos: 1 }); // who is in goes on
      for (const client of crowd) await client.close();
      // The kernel has accepted what the broker has not: these come and go now, and then a new client is served.
      await using late = await RawClient.connect(Number(port));
      await late.subscribe("a");
      await surviving.publish("a", "still here", { qos: 1 });
      await late.expect("publish", { payload: "still here" });
    }, 40_000),
});

Deno.test("broker pitfall: two brokers in one process know nothing of each other", () =>
  bounded(async () => {
    await using one = await startBroker();
    await using two = await startBroker();
    await using a = await RawClient.connect(one.port, { clientId: "same" });
    await using b = await RawClient.connect(two.port, { clientId: "same" });
    await a.subscribe("t");
    await b.subscribe("t");
    await a.publish("t", "x", { retain: true });
    await a.expect("publish");
    assertEquals(await b.publications(), []);
    assertEquals([one.broker.counts().retained > 0, two.broker.counts().subscriptions], [true, 1]);
  }));
