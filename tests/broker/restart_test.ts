/** What a broker takes up from its store after a crash, or after an end in good order. */

import { assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import { until } from "../support/broker.ts";
import { RawClient } from "../support/raw_client.ts";
import { publishPacket } from "../support/raw_packets.ts";
import type { FaultyStore } from "./faulty_store.ts";
import { LASTING, testLives as test } from "./lives.ts";

test("a session, its subscriptions and what was queued are there after a crash", async (lives) => {
  const before = await lives.connect({ clientId: "c", ...LASTING });
  assertEquals(before.connack?.sessionPresent, false);
  await before.subscribe("a/+", { qos: 2, properties: { subscriptionIdentifiers: [7] }, retainAsPublished: true });
  await before.close();
  const publisher = await lives.connect();
  const properties = { contentType: "x/y", userProperties: [["k", "v"]] as [string, string][] };
  await publisher.publish("a/1", "one", { qos: 1, properties });
  await publisher.publish("a/2", "two", { qos: 2, retain: true });
  await publisher.publish("a/0", "not kept");
  await lives.crash();
  const after = await lives.connect({ clientId: "c", ...LASTING });
  assertEquals(after.connack?.sessionPresent, true);
  const subscriptionIdentifiers = [7];
  await after.expect("publish", {
    topic: "a/1",
    payload: "one",
    qos: 1,
    dup: false,
    properties: { ...properties, subscriptionIdentifiers },
  });
  await after.expect("publish", { topic: "a/2", payload: "two", qos: 2, retain: true });
  await (await lives.connect()).publish("a/3", "three", { qos: 1 });
  await after.expect("publish", { topic: "a/3", payload: "three", properties: { subscriptionIdentifiers } });
});

test("a session that a clean start has discarded does not come back", async (lives) => {
  for (const version of [4, 5] as const) {
    const clientId = `c${version}`;
    const before = await lives.connect({ version, clientId, ...LASTING });
    await before.subscribe("a", { qos: 1 });
    const clean = await lives.connect({ version, clientId, cleanStart: true });
    assertEquals(clean.connack?.sessionPresent, false);
    await lives.crash();
    const after = await lives.connect({ version, clientId, ...LASTING });
    assertEquals(after.connack?.sessionPresent, false);
    await (await lives.connect()).publish("a", "for nobody", { qos: 1 });
    assertEquals(await after.barrier(), []);
  }
});

test("what was in flight is sent again in order, with DUP and its packet identifier", async (lives) => {
  const before = await lives.connect({ clientId: "c", ...LASTING });
  await before.subscribe("a", { qos: 2 });
  const publisher = await lives.connect();
  for (const [payload, qos] of [["1", 2], ["2", 1], ["3", 2], ["4", 2]] as const) {
    await publisher.publish("a", payload, { qos });
  }
  const sent = await before.expectMany("publish", 4);
  const ids = sent.map(({ packetId = 0 }) => packetId);
  const id = (index: number) => ids[index] ?? 0;
  await before.send({ type: "pubrec", packetId: id(0), reasonCode: 0 });
  await before.expect("pubrel", { packetId: id(0) });
  await before.send({ type: "pubrec", packetId: id(3), reasonCode: 0 });
  await before.expect("pubrel", { packetId: id(3) });
  await before.send({ type: "pubcomp", packetId: id(3), reasonCode: 0 });
  await before.barrier();
  await until(() => lives.store.writes.some(({ kind }) => kind === "removeDelivery"), "the end of the delivery");
  await publisher.publish("a", "5", { qos: 1 });
  await before.expect("publish", { payload: "5" });
  await before.close();
  // It was sent, but the commit has to say so.
  await until(() => lives.store.writes.some((write) => isSent(write, 5)), "the fifth in flight");
  await lives.crash();
  const after = await lives.connect({ clientId: "c", ...LASTING });
  await after.expect("pubrel", { packetId: id(0) });
  await after.expect("publish", { payload: "2", packetId: id(1), dup: true, qos: 1 });
  await after.expect("publish", { payload: "3", packetId: id(2), dup: true, qos: 2 });
  await after.expect("publish", { payload: "5", dup: true });
  assertEquals(await after.barrier(), []);
});

function isSent(write: FaultyStore["writes"][number], packetId: number): boolean {
  const state = write.kind === "addDelivery"
    ? write.delivery.state
    : write.kind === "updateDelivery"
    ? write.state
    : undefined;
  return state?.phase === "sent" && state.packetId === packetId;
}

test("a QoS 2 message that was taken is not taken again, until it is released", async (lives) => {
  const session = { clientId: "p", ...LASTING };
  const before = await lives.connect(session);
  await before.subscribe("a", { qos: 0 });
  await before.send(
    { type: "publish", topic: "a", payload: new Uint8Array(1), qos: 2, packetId: 9, retain: false, dup: false },
  );
  await before.take("pubrec", ({ packetId }) => packetId === 9);
  await lives.crash();
  const after = await lives.connect(session);
  await after.send(
    { type: "publish", topic: "a", payload: new Uint8Array(1), qos: 2, packetId: 9, retain: false, dup: true },
  );
  await after.expect("pubrec", { packetId: 9 });
  await after.send({ type: "pubrel", packetId: 9, reasonCode: 0 });
  await after.expect("pubcomp", { packetId: 9, reasonCode: 0 });
  await lives.crash();
  const third = await lives.connect(session);
  await third.send({ type: "pubrel", packetId: 9, reasonCode: 0 });
  await third.expect("pubcomp", { packetId: 9, reasonCode: 0x92 });
});

test("retained messages are there, deleted and expired ones are not", async (lives) => {
  const publisher = await lives.connect();
  const properties = { messageExpiryInterval: 10 };
  await publisher.publish("r/kept", "old", { qos: 1, retain: true });
  await publisher.publish("r/kept", "new", { qos: 0, retain: true, properties: { messageExpiryInterval: 100 } });
  await publisher.publish("r/deleted", "x", { qos: 1, retain: true });
  await publisher.publish("r/deleted", "", { qos: 1, retain: true });
  await publisher.publish("r/expired", "x", { qos: 1, retain: true, properties });
  await lives.crash(20_000);
  const client = await lives.connect();
  await client.subscribe("r/#", { qos: 1 });
  await client.expect("publish", {
    topic: "r/kept",
    payload: "new",
    retain: true,
    qos: 0,
    properties: { messageExpiryInterval: 80 },
  });
  assertEquals(await client.barrier(), []);
  await lives.restart();
  assertEquals(lives.broker.counts().retained, 1);
});

test("sessions and messages went on to expire while no broker was running", async (lives) => {
  for (const [clientId, sessionExpiryInterval] of [["short", 10], ["long", 30], ["ever", 0xffff_ffff]] as const) {
    const client = await lives.connect({ clientId, cleanStart: false, properties: { sessionExpiryInterval } });
    await client.subscribe("a", { qos: 1 });
    await client.disconnect();
  }
  const publisher = await lives.connect();
  await publisher.publish("a", "gone", { qos: 1, properties: { messageExpiryInterval: 15 } });
  await publisher.publish("a", "there", { qos: 1, properties: { messageExpiryInterval: 50 } });
  await lives.restart(20_000);
  assertEquals(lives.broker.counts().sessions, 2);
  const long = await lives.connect({ clientId: "long", ...LASTING });
  assertEquals(long.connack?.sessionPresent, true);
  await long.expect("publish", { payload: "there", properties: { messageExpiryInterval: 30 } });
  lives.clock.advance(1_000_000_000);
  const ever = await lives.connect({ clientId: "ever", ...LASTING });
  assertEquals(ever.connack?.sessionPresent, true);
  assertEquals(await ever.barrier(), []);
});

test("the time of a session that was connected begins with the restart", async (lives) => {
  const properties = { sessionExpiryInterval: 10 };
  await lives.connect({ clientId: "c", cleanStart: false, properties });
  await lives.crash(60_000);
  assertEquals(lives.broker.counts().sessions, 1);
  lives.clock.advance(9_000);
  assertEquals(lives.broker.counts().sessions, 1);
  lives.clock.advance(1_000);
  assertEquals(lives.broker.counts().sessions, 0);
});

test("wills of clients that were connected, or away, are published when they are due", async (lives) => {
  const watcher = { clientId: "watcher", ...LASTING };
  await (await lives.connect(watcher)).subscribe("will/#", { qos: 1 });
  const will = (topic: string, willDelayInterval: number) => ({
    topic,
    payload: "x",
    qos: 1 as const,
    properties: { willDelayInterval, contentType: "t" },
  });
  await lives.connect({ clientId: "connected", ...LASTING, will: will("will/connected", 0) });
  await lives.connect({ clientId: "delayed", ...LASTING, will: will("will/delayed", 30) });
  const away = await lives.connect({ clientId: "away", ...LASTING, will: will("will/away", 10) });
  await away.close();
  const polite = await lives.connect({ clientId: "polite", ...LASTING, will: will("will/never", 0) });
  await polite.disconnect();
  const replaced = await lives.connect({ clientId: "replaced", ...LASTING, will: will("will/never", 5) });
  await replaced.close();
  await lives.connect({ clientId: "replaced", ...LASTING });
  await until(() => lives.broker.counts().connections === 4, "the end of those who left");
  await (await lives.connect()).publish("will/x", "", { qos: 1 }); // what came before is committed now
  await lives.crash(20_000);
  const after = await lives.connect(watcher);
  await after.expect("publish", { topic: "will/x" });
  const first = await after.expect("publish");
  const second = await after.expect("publish");
  assertEquals([first.topic, second.topic].sort(), ["will/away", "will/connected"]);
  assertEquals(first.properties?.contentType, "t");
  assertEquals(lives.broker.counts().delayedWills, 1);
  lives.clock.advance(30_000);
  await after.expect("publish", { topic: "will/delayed" });
  assertEquals(await after.barrier(), []);
});

test("what an ended session of a share group had goes to another member", async (lives) => {
  const properties = { sessionExpiryInterval: 10 };
  const first = await lives.connect({ clientId: "first", cleanStart: false, properties });
  await first.subscribe("$share/g/a", { qos: 1 });
  await first.disconnect();
  const publisher = await lives.connect();
  for (let at = 0; at < 600; at++) await publisher.publish("a", String(at), { qos: 1 });
  const second = await lives.connect({ clientId: "second", ...LASTING });
  await second.subscribe("$share/g/a", { qos: 1 });
  await second.disconnect();
  await lives.restart(20_000);
  assertEquals(lives.broker.counts().sessions, 1);
  const after = await lives.connect({ clientId: "second", ...LASTING, autoAck: true });
  for (let at = 0; at < 600; at++) await after.expect("publish", { payload: String(at) });
});

test("a client identifier belongs to its user beyond the broker's life", async (lives) => {
  await (await lives.connect({ clientId: "c", username: "ann", ...LASTING })).disconnect();
  await lives.restart();
  const stranger = await RawClient.open(lives.port);
  await stranger.sendConnect({ clientId: "c", username: "bob", ...LASTING });
  await stranger.expectRefused(0x87);
  const owner = await lives.connect({ clientId: "c", username: "ann", ...LASTING });
  assertEquals(owner.connack?.sessionPresent, true);
});

test(
  "a long queue stays in the store and is read a part at a time, live messages behind it",
  async (lives) => {
    const away = await lives.connect({ clientId: "c", ...LASTING });
    await away.subscribe("a", { qos: 2 });
    await away.disconnect();
    const publisher = await lives.connect();
    const count = 3_000;
    for (let at = 0; at < count; at++) {
      await publisher.send(publishPacket("a", String(at), at % 2 === 0 ? { qos: 1, packetId: at + 1 } : { qos: 0 }));
    }
    await publisher.expectMany("puback", count / 2);
    for (const restart of [false, true]) {
      if (restart) await lives.crash();
      const client = await lives.connect({ clientId: "c", ...LASTING });
      const more = await lives.connect();
      await more.publish("a", "live", { qos: 1 });
      const last = restart ? count + 2 : count;
      let received = 0;
      for (let at = restart ? 400 : 0; at < last; at += 2) {
        const { packetId = 0, payload } = await client.expect("publish");
        if (at < count) assertEquals(new TextDecoder().decode(payload), String(at));
        else assertEquals(new TextDecoder().decode(payload), "live");
        await client.send({ type: "puback", packetId, reasonCode: 0 });
        if (++received === 200 && !restart) break;
      }
      if (restart) await client.expect("publish", { payload: "live" });
      else await client.close();
      await until(() => lives.store.writes.filter(({ kind }) => kind === "removeDelivery").length >= received, "acks");
      for (const limit of lives.store.reads) assertLessOrEqual(limit, 256);
    }
  },
  { maxQueuedMessages: 10_000, maxInflightMessages: 20 },
);

test("nothing is written for QoS 0, nor for sessions that end with their connection", async (lives) => {
  const client = await lives.connect({ autoAck: true, will: { topic: "w", qos: 2 } });
  await client.subscribe("#", { qos: 2 });
  for (const qos of [0, 1, 2] as const) await client.publish("a", "x", { qos });
  await client.unsubscribe("#");
  const lasting = await lives.connect({ clientId: "c", ...LASTING });
  const { commits } = lives.store;
  await lasting.publish("a", "x", { qos: 1 });
  await lasting.subscribe("b", { qos: 1 });
  assertEquals(lives.store.commits, commits + 1);
  await client.publish("b", "x");
  await client.barrier();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(lives.store.commits, commits + 1);
  assertEquals(lives.store.writes.map(({ kind }) => kind), ["putSession", "putSubscription"]);
});

test("what its receiver has acknowledged at once is never written", async (lives) => {
  const client = await lives.connect({ clientId: "c", ...LASTING, autoAck: true });
  await client.subscribe("a", { qos: 1 });
  const publisher = await lives.connect();
  for (let at = 0; at < 200; at++) await publisher.publish("a", String(at), { qos: 1 });
  // On a busy machine, some acknowledgements come too late for that.
  assertLess(lives.store.writes.filter(({ kind }) => kind === "addMessage").length, 200);
});

test("a message for many sessions is written once", async (lives) => {
  for (let at = 0; at < 20; at++) {
    const client = await lives.connect({ clientId: `c${at}`, ...LASTING });
    await client.subscribe("a", { qos: 1 });
    await client.disconnect();
  }
  await (await lives.connect()).publish("a", new Uint8Array(10_000), { qos: 1 });
  const count = (wanted: string) => lives.store.writes.filter(({ kind }) => kind === wanted).length;
  assertEquals([count("addMessage"), count("addDelivery")], [1, 20]);
});
