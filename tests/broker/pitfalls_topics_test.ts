/** Where brokers go wrong with topics: wildcards, $ topics, shares, overlaps, and what removed filters leave. */

import { assert, assertEquals } from "@std/assert";
import { until, withBroker } from "../support/broker.ts";
import type { RawClient } from "../support/raw_client.ts";
import { field, fromHex, publishPacket, rawPacket, toText } from "../support/raw_packets.ts";

const kept = { sessionExpiryInterval: 1_000 };

async function topicsOf(client: RawClient): Promise<string[]> {
  return (await client.publications()).map(({ topic }) => topic);
}

Deno.test(
  "broker pitfall: a/# matches a, +/# matches a, /a begins with an empty level, + matches one",
  withBroker(async ({ connect }) => {
    const publisher = await connect();
    const cases: readonly [filter: string, matching: string[], others: string[]][] = [
      ["a/#", ["a", "a/", "a/b", "a//"], ["ab", "/a"]],
      ["+/#", ["a", "/", "/a", "a/b"], []],
      ["+/a", ["/a", "x/a"], ["a", "//a"]],
      ["+", ["a"], ["/a", "a/", "/"]],
      ["+/+", ["/", "/a", "a/"], ["a", "//"]],
      ["a/+", ["a/"], ["a", "a//"]],
      ["a/+/b", ["a//b"], ["a/b"]],
      ["+/+/#", ["/", "a/", "//", "a/b/c"], ["a"]],
    ];
    for (const [filter, matching, others] of cases) {
      const client = await connect();
      await client.subscribe(filter);
      for (const topic of [...matching, ...others]) await publisher.publish(topic, "x");
      await publisher.barrier();
      assertEquals(await topicsOf(client), matching, filter);
      await client.close();
    }
  }),
);

Deno.test(
  "broker pitfall: a leading wildcard matches no topic that begins with $, live, retained or shared",
  withBroker(async ({ connect }) => {
    const publisher = await connect();
    const topics = ["$", "$a", "$a/b", "$data/x", "$share/g/a", "$SYSTEM"];
    const filters = ["#", "+/#", "+", "+/+", "+/b", "$share/g/#", "$share/g/+/b"];
    const client = await connect();
    await client.subscribe(filters);
    for (const topic of topics) await publisher.publish(topic, "x", { retain: true });
    await publisher.barrier();
    assertEquals(await topicsOf(client), []);
    const late = await connect();
    await late.subscribe(filters);
    assertEquals(await topicsOf(late), []);
    const exact = await connect();
    await exact.subscribe(["$a/#", "$data/+"]);
    assertEquals((await topicsOf(exact)).sort(), ["$a", "$a/b", "$data/x"]);
    await publisher.publish("$data/y", "x");
    await publisher.barrier();
    assertEquals(await topicsOf(exact), ["$data/y"]);
  }),
);

Deno.test(
  "broker pitfall: $share/group/filter: what it must not be, and that nothing retained is sent",
  withBroker(async ({ connect, broker }) => {
    const publisher = await connect();
    await publisher.publish("a", "kept", { qos: 1, retain: true });
    for (
      const [filter, options] of [["$share//a", 0], ["$share/g/", 0], ["$share/g", 0], ["$share/g#/a", 0], [
        "$share/+/a",
        0,
      ], ["$share/g/a", 4]] as const
    ) {
      const client = await connect();
      await client.sendBytes(rawPacket(0x82, fromHex("00 01 00"), field(filter), Uint8Array.of(options)));
      const answer = await client.next();
      if (answer.type === "suback") assertEquals(answer.reasonCodes, [0x8f], filter);
      else assertEquals(answer.type, "disconnect", filter);
      if (options === 4) assertEquals(answer, { type: "disconnect", reasonCode: 0x82 });
      await client.close();
    }
    assertEquals(broker.counts().subscriptions, 0);
    const client = await connect();
    await client.subscribe("$share/g/a", { retainHandling: 0 });
    assertEquals(await client.publications(), []);
  }),
);

Deno.test(
  "broker pitfall: a group's QoS 2 message dies with the session that began it, QoS 1 and what waits go to another",
  withBroker({ maxInflightMessages: 2 }, async ({ connect, broker }) => {
    const first = await connect({ clientId: "m1", properties: kept });
    await first.subscribe("$share/g/a", { qos: 2 });
    const publisher = await connect();
    await publisher.publish("a", "begun 2", { qos: 2 });
    await publisher.publish("a", "begun 1", { qos: 1 });
    await publisher.publish("a", "waits 1", { qos: 1 });
    await publisher.publish("a", "waits 2", { qos: 2 });
    await first.expectMany("publish", 2);
    const second = await connect({ clientId: "m2", autoAck: true });
    await second.subscribe("$share/g/a", { qos: 2 });
    await first.disconnect(0, { sessionExpiryInterval: 0 });
    await until(() => broker.counts().sessions === 2, "the session to end");
    const received = (await second.barrier()).filter((packet) => packet.type === "publish");
    assertEquals(received.map(({ payload }) => toText(payload)).sort(), ["begun 1", "waits 1", "waits 2"]);
  }),
);

Deno.test(
  "broker pitfall: a group whose only member is gone keeps nothing and breaks nothing",
  withBroker(async ({ connect, broker }) => {
    const only = await connect({ properties: kept });
    await only.subscribe("$share/g/a", { qos: 1 });
    const publisher = await connect();
    await publisher.publish("a", "1", { qos: 1 });
    await only.expect("publish");
    await only.disconnect(0, { sessionExpiryInterval: 0 });
    await until(() => broker.counts().sessions === 1, "the session to end");
    await publisher.publish("a", "2", { qos: 1 });
    assertEquals([broker.counts().subscriptions, broker.counts().trieNodes], [0, 0]);
  }),
);

Deno.test(
  "broker pitfall: overlapping subscriptions: one copy, the highest QoS, all identifiers, no local and retain by subscription",
  withBroker(async ({ connect }) => {
    const client = await connect();
    const subscribe = (filter: string, id: number, options: Record<string, unknown>) =>
      client.subscribe({ filter, qos: 0, ...options }, { properties: { subscriptionIdentifiers: [id] } });
    await subscribe("a/b", 1, { qos: 1, noLocal: true });
    await subscribe("a/+", 2, { qos: 0, retainAsPublished: true });
    await subscribe("a/#", 3, { qos: 0 });
    const publisher = await connect();
    await publisher.publish("a/b", "other's", { qos: 2, retain: true });
    const others = await client.expect("publish", { qos: 1, retain: true });
    assertEquals([...others.properties?.subscriptionIdentifiers ?? []].sort(), [1, 2, 3]);
    assertEquals(await client.publications(), []);
    await client.publish("a/b", "own", { qos: 2 }); // as if the no local one were not there
    const own = await client.expect("publish", { payload: "own", qos: 0, retain: false });
    assertEquals([...own.properties?.subscriptionIdentifiers ?? []].sort(), [2, 3]);
    await client.unsubscribe("a/+");
    await publisher.publish("a/b", "other's", { qos: 2, retain: true });
    const rest = await client.expect("publish", { qos: 1, retain: false });
    assertEquals([...rest.properties?.subscriptionIdentifiers ?? []].sort(), [1, 3]);
  }),
);

Deno.test(
  "broker pitfall: replacing a subscription replaces QoS, options and identifier, and leaves no gap",
  withBroker({ maxInflightMessages: 2_000 }, async ({ connect, broker }) => {
    const client = await connect();
    const publisher = await connect();
    await client.subscribe("a", { qos: 2, retainHandling: 2 });
    const total = 300;
    const packets = Array.from({ length: total }, (_, at) => publishPacket("a", `${at}`));
    const publishing = (async () => {
      for (const packet of packets) await publisher.send(packet);
    })();
    for (let id = 1; id <= 60; id++) {
      await client.subscribe("a", { retainHandling: 2, properties: { subscriptionIdentifiers: [id] } });
    }
    await publishing;
    await publisher.barrier();
    const received = await client.publications();
    assertEquals(received.map(({ payload }) => toText(payload)), Array.from({ length: total }, (_, at) => `${at}`));
    const identifiers = received.map(({ properties }) => properties?.subscriptionIdentifiers?.[0] ?? 0);
    assertEquals(identifiers, identifiers.toSorted((a, b) => a - b), "an old identifier never comes back");
    assertEquals(broker.counts().subscriptions, 1);
  }),
);

Deno.test(
  "broker pitfall: levels are capped, in names and in filters",
  withBroker({ maxTopicLevels: 4 }, async ({ connect, open }) => {
    const client = await connect();
    const { reasonCodes } = await client.trySubscribe(["a/b/c/d", "a/b/c/d/e", "////", "$share/g/a/b/c/d"]);
    assertEquals(reasonCodes.slice(0, 3), [0, 0x8f, 0x8f]);
    assertEquals(reasonCodes.length, 4);
    await client.publish("a/b/c/d", "x");
    await client.expect("publish");
    await client.send(publishPacket("a/b/c/d/e", "x", { qos: 1, packetId: 1 }));
    const answer = await client.next();
    if (answer.type === "puback") assertEquals(answer.reasonCode, 0x90);
    else assertEquals(answer, { type: "disconnect", reasonCode: 0x90 });
    const mortal = await open();
    await mortal.sendConnect({ will: { topic: "a/b/c/d/e" } });
    await mortal.expectRefused(0x90);
  }),
);

Deno.test(
  "broker pitfall: 32,768 levels are matched and pruned without recursion",
  withBroker({ maxTopicLevels: 65_536 }, async ({ connect, broker }) => {
    const deep = "/a".repeat(32_767);
    const client = await connect();
    const filters = [deep, `${"/+".repeat(32_766)}/#`, "#", `${"/".repeat(65_534)}#`];
    await client.subscribe(filters);
    await client.publish(deep, "x", { qos: 1, retain: true });
    await client.expect("publish", { topic: deep });
    const late = await connect();
    await late.subscribe([`${"/+".repeat(32_766)}/+`]);
    await late.expect("publish", { topic: deep, retain: true });
    await client.publish(deep, "", { qos: 1, retain: true });
    await client.unsubscribe(filters);
    await late.disconnect();
    await until(() => broker.counts().sessions === 1, "the other session to end");
    assertEquals([broker.counts().trieNodes, broker.counts().retained], [0, 0]);
  }),
);

Deno.test(
  "broker pitfall: removed filters leave no nodes, whichever way they go",
  withBroker(async ({ connect, broker, clock }) => {
    const filters = [
      "a",
      "a/b",
      "a/b/c",
      "a/#",
      "+/b",
      "#",
      "$share/g/a/b",
      "$share/g/x/y",
      "$share/h/a/b",
      "//",
      "$SYS/#",
    ];
    const removals: ((client: RawClient) => Promise<unknown>)[] = [
      (client) => client.unsubscribe(filters),
      (client) => client.unsubscribe(filters.toReversed()),
      (client) => client.disconnect(0, { sessionExpiryInterval: 0 }),
      (client) => client.disconnect(),
      (client) => connect({ clientId: client.clientId, cleanStart: true }),
    ];
    for (const [at, remove] of removals.entries()) {
      const client = await connect({ clientId: `s${at}`, properties: kept });
      await client.subscribe(filters);
      await client.subscribe(filters.filter((_, index) => index % 2 === 0)); // replaces
      assertEquals(broker.counts().subscriptions, filters.length);
      assert(broker.counts().trieNodes > 0);
      await remove(client);
      if (at === 3) {
        await until(() => broker.counts().connections <= 2, "the connection to end");
        clock.advance(1_000_001);
      }
      await until(() => broker.counts().subscriptions === 0, "the subscriptions to go");
      assertEquals(broker.counts().trieNodes, 0, `${at}`);
    }
  }),
);

Deno.test(
  "broker pitfall: a group passes over members that take nothing now, and waits when all are such",
  withBroker(async ({ connect }) => {
    const full = await connect({ properties: { receiveMaximum: 1 } });
    await full.subscribe("$share/g/a", { qos: 1 });
    const free = await connect();
    await free.subscribe("$share/g/a", { qos: 1 });
    const publisher = await connect();
    for (let at = 0; at < 12; at++) await publisher.publish("a", `${at}`, { qos: 1 });
    assertEquals((await full.publications()).length, 1);
    assertEquals((await free.publications()).length, 11);
    await free.unsubscribe("$share/g/a");
    await publisher.publish("a", "waits", { qos: 1 });
    assertEquals(await full.publications(), []);
    await full.send({ type: "puback", packetId: 1, reasonCode: 0 });
    await full.expect("publish", { payload: "waits" });
  }),
);
