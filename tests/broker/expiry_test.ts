/** What ends by time: messages, sessions, wills. The clock is moved by hand. */

import { assertEquals } from "@std/assert";
import { MemoryStore } from "../../broker/memory_store.ts";
import { until, withBroker } from "../support/broker.ts";
import { toText } from "../support/raw_packets.ts";

function lasting(clientId: string, sessionExpiryInterval: number) {
  return { clientId, cleanStart: false, properties: { sessionExpiryInterval } };
}

Deno.test(
  "broker expiry: a message that waits expires to the millisecond, one that goes out says what is left",
  withBroker(async ({ connect, broker, clock }) => {
    const before = await connect(lasting("away", 10_000));
    await before.subscribe("a", { qos: 1 });
    await before.disconnect();
    const publisher = await connect();
    for (const seconds of [1, 10, 11, 100]) {
      await publisher.publish("a", String(seconds), { qos: 1, properties: { messageExpiryInterval: seconds } });
    }
    await publisher.publish("a", "for ever", { qos: 1 });
    clock.advance(10_000);
    const after = await connect(lasting("away", 10_000));
    const packets = await after.publications();
    assertEquals(packets.map(({ payload }) => toText(payload)), ["11", "100", "for ever"]);
    assertEquals(packets.map(({ properties }) => properties?.messageExpiryInterval), [1, 90, undefined]);
    assertEquals(broker.counts().dropped.expired, 2);
  }),
);

Deno.test(
  "broker expiry: a message of interval 0 reaches who is there and nobody later",
  withBroker(async ({ connect }) => {
    const here = await connect();
    await here.subscribe("a", { qos: 1 });
    const before = await connect(lasting("away", 100));
    await before.subscribe("a", { qos: 1 });
    await before.disconnect();
    const publisher = await connect();
    await publisher.publish("a", "now", { qos: 1, retain: true, properties: { messageExpiryInterval: 0 } });
    await here.expect("publish", { payload: "now" });
    const after = await connect(lasting("away", 100));
    assertEquals(await after.barrier(), []);
    const late = await connect();
    await late.subscribe("a");
    assertEquals(await late.barrier(), []);
  }),
);

Deno.test(
  "broker expiry: messages behind the window expire there, those in flight do not",
  withBroker({ maxInflightMessages: 2 }, async ({ connect, clock }) => {
    const client = await connect(lasting("windowed", 100));
    await client.subscribe("a", { qos: 1 });
    const publisher = await connect();
    for (let at = 0; at < 5; at++) {
      await publisher.publish("a", String(at), { qos: 1, properties: { messageExpiryInterval: 10 } });
    }
    const sent = await client.expectMany("publish", 2);
    clock.advance(11_000);
    for (const { packetId = 0 } of sent.slice(0, 1)) await client.send({ type: "puback", packetId, reasonCode: 0 });
    assertEquals(await client.barrier(), []);
    const again = await connect(lasting("windowed", 100));
    await again.expect("publish", { payload: "1", dup: true });
    assertEquals(await again.barrier(), []);
  }),
);

Deno.test(
  "broker expiry: a retained message expires where it is kept, and gives its place back",
  withBroker(async ({ connect, broker, clock }) => {
    const publisher = await connect();
    await publisher.publish("a/1", "short", { retain: true, properties: { messageExpiryInterval: 10 } });
    await publisher.publish("a/2", "long", { retain: true, properties: { messageExpiryInterval: 100 } });
    await publisher.publish("a/3", "ever", { retain: true });
    await publisher.barrier();
    clock.advance(40_000);
    const client = await connect();
    await client.subscribe("a/+");
    const left = (await client.publications()).map((
      { topic, properties },
    ) => [topic, properties?.messageExpiryInterval]);
    assertEquals(left.toSorted(), [["a/2", 60], ["a/3", undefined]]);
    assertEquals(broker.counts().retained, 2);
  }),
);

Deno.test(
  "broker expiry: a session ends when its interval has passed since the close, not before",
  withBroker(async ({ connect, broker, clock }) => {
    const empty = broker.counts();
    const first = await connect(lasting("kept", 60));
    await first.subscribe(["a/+", "b"], { qos: 1 });
    clock.advance(600_000); // connected: no time runs
    await first.disconnect();
    clock.advance(59_999);
    assertEquals([broker.counts().sessions, broker.counts().subscriptions], [1, 2]);
    const second = await connect(lasting("kept", 60));
    assertEquals(second.connack?.sessionPresent, true);
    await second.close();
    await until(() => broker.counts().connections === 0, "the end of the connection");
    clock.advance(59_999);
    assertEquals(broker.counts().sessions, 1);
    clock.advance(1);
    assertEquals(broker.counts(), empty);
  }),
);

Deno.test(
  "broker expiry: intervals of a session: 0 ends with the connection, 0xFFFFFFFF never, DISCONNECT may change it",
  withBroker(async ({ connect, broker, clock }) => {
    await (await connect(lasting("zero", 0))).disconnect();
    await until(() => broker.counts().sessions === 0, "the end of a session of 0 s");
    await (await connect(lasting("ever", 0xffff_ffff))).disconnect();
    await (await connect(lasting("long", 0xffff_fffe))).disconnect();
    await (await connect(lasting("shortened", 1_000))).disconnect(0, { sessionExpiryInterval: 10 });
    await (await connect(lasting("lengthened", 10))).disconnect(0, { sessionExpiryInterval: 1_000 });
    clock.advance(11_000);
    assertEquals(broker.counts().sessions, 3);
    clock.advance(1_000_000);
    assertEquals(broker.counts().sessions, 2);
    clock.advance(0xffff_fffe * 1_000);
    assertEquals(broker.counts().sessions, 1);
    assertEquals((await connect(lasting("ever", 0))).connack?.sessionPresent, true);
  }),
);

Deno.test(
  "broker expiry: a resumption stops the time of a session",
  withBroker(async ({ connect, broker, clock }) => {
    await (await connect(lasting("kept", 10))).disconnect();
    clock.advance(9_000);
    const back = await connect(lasting("kept", 10));
    clock.advance(100_000);
    assertEquals(broker.counts().sessions, 1);
    assertEquals(await back.barrier(), []);
  }),
);

Deno.test(
  "broker expiry: a will waits for its delay, or for the end of its session if that is earlier",
  withBroker(async ({ connect, broker, clock }) => {
    const watcher = await connect();
    await watcher.subscribe("will/#");
    const cases = [["both", 10, 100, 10], ["session", 100, 20, 20], ["none", 0, 100, 0], ["ended", 30, 0, 0]] as const;
    for (const [name, willDelayInterval, sessionExpiryInterval] of cases) {
      const will = { topic: `will/${name}`, payload: name, properties: { willDelayInterval } };
      await (await connect({ ...lasting(name, sessionExpiryInterval), will })).close();
    }
    await until(() => broker.counts().connections === 1, "the end of the connections");
    const arrived = async () => (await watcher.publications()).map(({ payload }) => toText(payload)).toSorted();
    assertEquals(await arrived(), ["ended", "none"]);
    clock.advance(9_999);
    assertEquals(await arrived(), []);
    clock.advance(1);
    assertEquals(await arrived(), ["both"]);
    clock.advance(9_999);
    assertEquals(await arrived(), []);
    clock.advance(1);
    assertEquals(await arrived(), ["session"]);
    assertEquals(broker.counts().delayedWills, 0);
  }),
);

Deno.test(
  "broker expiry: a client that comes back in time takes its will with it",
  withBroker(async ({ connect, broker, clock }) => {
    const watcher = await connect();
    await watcher.subscribe("will");
    const will = { topic: "will", payload: "", properties: { willDelayInterval: 10 } };
    await (await connect({ ...lasting("mortal", 100), will })).close();
    await until(() => broker.counts().delayedWills === 1, "the will to wait");
    clock.advance(9_999);
    await connect(lasting("mortal", 100));
    clock.advance(100_000);
    assertEquals(await watcher.barrier(), []);
    assertEquals([broker.counts().delayedWills, broker.counts().timers], [0, 0]);
  }),
);

Deno.test(
  "broker expiry: the expiry of a will message counts from its publication",
  withBroker(async ({ connect, broker, clock }) => {
    const properties = { willDelayInterval: 50, messageExpiryInterval: 20 };
    await (await connect({
      ...lasting("mortal", 100),
      will: { topic: "will", payload: "w", retain: true, properties },
    })).close();
    await until(() => broker.counts().delayedWills === 1, "the will to wait");
    clock.advance(60_000);
    const client = await connect();
    await client.subscribe("will");
    await client.expect("publish", { properties: { messageExpiryInterval: 10 } });
  }),
);

Deno.test(
  "broker expiry: deadlines far apart and equal ones are met in order",
  withBroker(async ({ connect, broker, clock }) => {
    const intervals = [5, 3, 3, 8, 1, 1_000_000, 3, 2, 60];
    for (const [at, interval] of intervals.entries()) await (await connect(lasting(`s${at}`, interval))).disconnect();
    const counts: number[] = [];
    for (let second = 0; second < 10; second++) {
      clock.advance(1_000);
      counts.push(broker.counts().sessions);
    }
    assertEquals(counts, [8, 7, 4, 4, 3, 3, 3, 2, 2, 2]);
    clock.advance(1_000_000_000);
    assertEquals([broker.counts().sessions, broker.counts().timers], [0, 0]);
  }),
);

Deno.test(
  "broker expiry: what has expired with a member of a share group goes to no other one",
  withBroker(async ({ connect, broker, clock }) => {
    const away = await connect(lasting("away", 10));
    await away.subscribe("$share/g/a", { qos: 1 });
    await away.disconnect();
    const other = await connect();
    await other.publish("a", "short", { qos: 1, properties: { messageExpiryInterval: 5 } });
    await other.publish("a", "long", { qos: 1, properties: { messageExpiryInterval: 100 } });
    await other.subscribe("$share/g/a", { qos: 1 });
    clock.advance(10_000);
    const [message, ...more] = await other.publications();
    assertEquals([toText(message?.payload ?? new Uint8Array(0)), more.length], ["long", 0]);
    assertEquals(broker.counts().dropped.expired, 1);
  }),
);

Deno.test("broker expiry: retained messages that nobody asks for give their places back, in memory and in the store", async () => {
  const store = new MemoryStore();
  await withBroker({ store, maxRetainedMessages: 3_000 }, async ({ connect, broker, clock }) => {
    const properties = { messageExpiryInterval: 10 };
    for (let at = 0; at < 2_500; at++) broker.publish({ topic: `a/${at}`, payload: "x", retain: true, properties });
    broker.publish({ topic: "b", payload: "x", retain: true, properties: { messageExpiryInterval: 600 } });
    broker.publish({ topic: "c", payload: "x", retain: true });
    clock.advance(120_000);
    assertEquals(broker.counts().retained, 2);
    await until(() => [...store.retained()].length === 2, "the commit");
    // They are looked for as long as there is something to expire, and no longer.
    assertEquals(broker.counts().timers, 1);
    clock.advance(600_000);
    assertEquals([broker.counts().retained, broker.counts().timers], [1, 0]);
    const client = await connect();
    await client.subscribe("#");
    assertEquals((await client.publications()).map(({ topic }) => topic), ["c"]);
  })();
});

for (const [where, store] of [["in memory", undefined], ["in a store", new MemoryStore()]] as const) {
  Deno.test(
    `broker expiry: a queue ${where} that is full of what has expired has room for what comes`,
    withBroker({ maxQueuedMessages: 600, store }, async ({ connect, broker, clock }) => {
      const away = await connect(lasting("away", 1_000));
      await away.subscribe("a", { qos: 1 });
      await away.disconnect();
      const properties = { messageExpiryInterval: 10 };
      for (let at = 0; at < 1_500; at++) {
        if (at === 600 || at === 1_000) clock.advance(11_000);
        broker.publish({ topic: "a", payload: String(at), qos: 1, properties });
      }
      assertEquals([broker.counts().dropped.expired, broker.counts().dropped.queueFull], [1_000, 0]);
      const back = await connect({ ...lasting("away", 1_000), autoAck: true });
      const messages = await back.expectMany("publish", 500);
      assertEquals(
        messages.map(({ payload }) => toText(payload)),
        Array.from({ length: 500 }, (_, at) => `${1_000 + at}`),
      );
      assertEquals(await back.barrier(), []);
    }),
  );
}
