/** Where brokers go wrong with retained messages. */

import { assert, assertEquals } from "@std/assert";
import { until, withBroker } from "../support/broker.ts";
import { publishPacket, toText } from "../support/raw_packets.ts";

Deno.test(
  "broker pitfall: an empty payload deletes, is not stored, and is still routed, live and to absent clients",
  withBroker(async ({ connect, broker }) => {
    const absent = await connect({ clientId: "s", properties: { sessionExpiryInterval: 100 } });
    await absent.subscribe("a", { qos: 1, retainAsPublished: true });
    await absent.disconnect();
    const live = await connect();
    await live.subscribe("a", { qos: 1 });
    const publisher = await connect();
    await publisher.publish("a", "x", { qos: 1, retain: true });
    await publisher.publish("a", "", { qos: 1, retain: true, properties: { userProperties: [["k", "v"]] } });
    assertEquals(broker.counts().retained, 0);
    assertEquals((await live.publications()).map(({ payload }) => payload.length), [1, 0]);
    const again = await connect({ clientId: "s", cleanStart: false });
    const queued = await again.publications();
    assertEquals(queued.map(({ payload, retain }) => [payload.length, retain]), [[1, true], [0, true]]);
    const late = await connect();
    await late.subscribe("#");
    assertEquals(await late.publications(), []);
  }),
);

Deno.test(
  "broker pitfall: a retained message goes out with min(stored, granted) QoS and a packet identifier of its own",
  withBroker(async ({ connect }) => {
    const publisher = await connect();
    await publisher.publish("r/0", "x", { retain: true });
    await publisher.publish("r/1", "x", { qos: 1, retain: true, packetId: 500 });
    await publisher.publish("r/2", "x", { qos: 2, retain: true, packetId: 501 });
    const client = await connect();
    await client.subscribe("live", { qos: 1 });
    await publisher.publish("live", "x", { qos: 1 });
    const live = await client.expect("publish", { topic: "live" });
    await client.subscribe("r/#", { qos: 1 });
    const received = await client.publications();
    const summary = received.map(({ topic, qos, retain, dup }) => [topic, qos, retain, dup]).sort();
    assertEquals(summary, [["r/0", 0, true, false], ["r/1", 1, true, false], ["r/2", 1, true, false]]);
    const ids = received.flatMap(({ packetId }) => packetId ?? []);
    assertEquals(new Set([...ids, live.packetId]).size, 3);
    assert(ids.every((id) => id !== 500 && id !== 501 && id > 0));
  }),
);

Deno.test(
  "broker pitfall: retained messages count against receive maximum and come on as it frees",
  withBroker(async ({ connect }) => {
    const publisher = await connect();
    for (let at = 0; at < 5; at++) await publisher.publish(`r/${at}`, "x", { qos: 1, retain: true });
    const client = await connect({ properties: { receiveMaximum: 2 } });
    await client.subscribe("r/+", { qos: 1 });
    const topics: string[] = [];
    let open = await client.publications();
    assertEquals(open.length, 2);
    while (open.length > 0) {
      topics.push(...open.map(({ topic }) => topic));
      for (const { packetId = 0 } of open) await client.send({ type: "puback", packetId, reasonCode: 0 });
      open = await client.publications();
    }
    assertEquals(topics.sort(), ["r/0", "r/1", "r/2", "r/3", "r/4"]);
  }),
);

Deno.test(
  "broker pitfall: expiry runs while a message is retained, and what is left goes out",
  withBroker(async ({ connect, clock }) => {
    const publisher = await connect();
    await publisher.publish("a", "x", { qos: 1, retain: true, properties: { messageExpiryInterval: 60 } });
    clock.advance(25_000);
    const client = await connect();
    await client.subscribe("a");
    await client.expect("publish", { retain: true, properties: { messageExpiryInterval: 35 } });
    clock.advance(36_000);
    const late = await connect();
    await late.subscribe("a");
    assertEquals(await late.publications(), []);
    await publisher.publish("a", "again", { qos: 1, retain: true }); // without expiry: the old deadline is gone
    clock.advance(1_000_000);
    await late.subscribe("a");
    await late.expect("publish", { payload: "again", properties: { messageExpiryInterval: undefined } });
  }),
);

Deno.test(
  "broker pitfall: retain handling 1 looks at whether the subscription existed, not at what was sent",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a", { retainHandling: 1 });
    const publisher = await connect();
    await publisher.publish("a", "x", { qos: 1, retain: true });
    await client.expect("publish", { retain: false });
    await client.subscribe("a", { retainHandling: 1, qos: 2 });
    assertEquals(await client.publications(), []);
    await client.unsubscribe("a");
    await client.subscribe("a", { retainHandling: 2 });
    await client.subscribe("a", { retainHandling: 1 });
    assertEquals(await client.publications(), []);
    await client.subscribe("a", { retainHandling: 0 });
    await client.expect("publish", { retain: true });
  }),
);

Deno.test(
  "broker pitfall: the number of retained messages is bounded; replacing and deleting go on",
  withBroker({ maxRetainedMessages: 3 }, async ({ connect, broker }) => {
    const watcher = await connect();
    await watcher.subscribe("#");
    const publisher = await connect();
    for (const topic of ["1", "2", "3"]) await publisher.publish(topic, "old", { qos: 1, retain: true });
    await publisher.send(publishPacket("4", "x", { qos: 1, retain: true, packetId: 50 }));
    await publisher.expect("puback", { packetId: 50, reasonCode: 0x97 });
    await publisher.send(publishPacket("4", "x", { qos: 2, retain: true, packetId: 51 }));
    await publisher.expect("pubrec", { packetId: 51, reasonCode: 0x97 });
    await publisher.publish("3", "new", { qos: 1, retain: true });
    assertEquals(broker.counts().retained, 3);
    await publisher.publish("1", "", { qos: 1, retain: true });
    await publisher.publish("4", "fits", { qos: 1, retain: true });
    assertEquals(broker.counts().retained, 3);
    const texts = (await watcher.publications()).map(({ topic, payload }) => `${topic} ${toText(payload)}`);
    assertEquals(texts, ["1 old", "2 old", "3 old", "3 new", "1 ", "4 fits"], "what was refused reached nobody");
  }),
);

Deno.test(
  "broker pitfall: the bytes of retained messages are bounded",
  withBroker({ maxRetainedBytes: 10_000 }, async ({ connect, broker }) => {
    const publisher = await connect();
    const put = async (topic: string, size: number) => {
      const packetId = publisher.nextPacketId();
      await publisher.send(publishPacket(topic, new Uint8Array(size), { qos: 1, retain: true, packetId }));
      return (await publisher.expect("puback", { packetId })).reasonCode;
    };
    assertEquals(await put("a", 4_000), 0x10);
    assertEquals(await put("b", 4_000), 0x10);
    assertEquals(await put("c", 4_000), 0x97);
    assertEquals(await put("a", 20_000), 0x97, "replacing with something larger");
    assertEquals(await put("a", 100), 0x10);
    assertEquals(await put("c", 4_000), 0x10);
    for (let round = 0; round < 50; round++) assertEquals(await put("c", 4_000 + round % 7), 0x10);
    for (const topic of ["a", "b", "c"]) await publisher.publish(topic, "", { qos: 1, retain: true });
    await until(() => broker.counts().retained === 0, "all to be deleted");
    assertEquals(await put("d", 9_000), 0x10, "all bytes were given back");
  }),
);

for (const qos of [0, 1] as const) {
  Deno.test(
    `broker pitfall: with QoS ${qos}, a live message does not overtake the retained one of its topic`,
    withBroker({ maxOutputBytes: 20_000_000 }, async ({ connect }) => {
      const publisher = await connect();
      for (let at = 0; at < 30; at++) {
        await publisher.publish(`r/${at}`, new Uint8Array(100_000).fill(1), { qos, retain: true });
      }
      await publisher.barrier();
      const client = await connect({ properties: { receiveMaximum: 3 } });
      client.pause();
      await client.send({ type: "subscribe", packetId: 1, subscriptions: [{ filter: "r/+", qos }] });
      const witness = await connect();
      await witness.subscribe("r/0", { retainHandling: 2 });
      for (let at = 0; at < 30; at++) await publisher.publish(`r/${at}`, new Uint8Array(1).fill(2), { qos });
      await publisher.barrier();
      client.resume();
      client.autoAck = true;
      const last = new Map<string, number>();
      for (let count = 0; count < 60;) {
        const packet = await client.next();
        if (packet.type !== "publish") continue;
        count++;
        const generation = packet.payload[0] ?? 0;
        assert(generation > (last.get(packet.topic) ?? 0), `${packet.topic}: ${generation}`);
        last.set(packet.topic, generation);
      }
      assertEquals(last.size, 30);
    }),
  );
}

Deno.test(
  "broker pitfall: the same filter twice in one SUBSCRIBE is new once",
  withBroker(async ({ connect }) => {
    const publisher = await connect();
    await publisher.publish("a", "x", { qos: 1, retain: true });
    const client = await connect();
    await client.subscribe([
      { filter: "a", qos: 0, retainHandling: 1 },
      { filter: "a", qos: 0, retainHandling: 1 },
    ]);
    assertEquals((await client.publications()).length, 1);
    await client.subscribe([{ filter: "a", qos: 0 }, { filter: "a", qos: 0 }]);
    assertEquals((await client.publications()).length, 2);
  }),
);
