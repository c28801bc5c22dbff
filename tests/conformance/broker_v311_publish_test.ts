/** MQTT 3.1.1, section 3.3 (PUBLISH): DUP, QoS, RETAIN, topic names, answers. */

import { assertEquals } from "@std/assert";
import type { RawClient } from "../support/raw_client.ts";
import { field, publishPacket, rawPacket, uint16 } from "../support/raw_packets.ts";
import { expectEachCloses, withBrokerFor } from "./broker_v311_support.ts";

const withBroker = withBrokerFor(4);

/** What a new subscription to `filter` gets. */
async function retainedFor(client: RawClient, filter: string): Promise<string[]> {
  await client.subscribe(filter, { qos: 0 });
  const packets = await client.publications();
  await client.unsubscribe(filter);
  for (const packet of packets) assertEquals(packet.retain, true);
  return packets.map(({ topic, payload }) => `${topic}=${new TextDecoder().decode(payload)}`).toSorted();
}

Deno.test(
  "mqtt 3.1.1 broker: a message delivered again has DUP 1, the first time it has DUP 0 [MQTT-3.3.1-1] [MQTT-4.4.0-1]",
  withBroker(async ({ connect }) => {
    const session = { clientId: "again", cleanStart: false };
    let client = await connect(session);
    await client.subscribe("a", { qos: 2 });
    const publisher = await connect();
    await publisher.publish("a", "one", { qos: 1 });
    await publisher.publish("a", "two", { qos: 2 });
    await client.expect("publish", { payload: "one", dup: false });
    await client.expect("publish", { payload: "two", dup: false });
    for (let round = 0; round < 3; round++) {
      client = await connect(session);
      await client.expect("publish", { payload: "one", dup: true });
      await client.expect("publish", { payload: "two", dup: true });
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: DUP with QoS 0 is a violation, and the broker never sends it [MQTT-3.3.1-2] [MQTT-4.3.1-1]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("a", { qos: 0 });
    await expectEachCloses(() => connect(), [["DUP with QoS 0", rawPacket(0x38, field("a"))]]);
    const publisher = await connect();
    await publisher.send(publishPacket("a", "repeated", { qos: 1, packetId: 1, dup: true }));
    await publisher.expect("puback");
    await watcher.expect("publish", { payload: "repeated", qos: 0, dup: false });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: DUP of an incoming PUBLISH is not passed on [MQTT-3.3.1-3]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 2 });
    const publisher = await connect();
    await publisher.send(
      publishPacket("a", "one", { qos: 1, packetId: 1, dup: true }),
      publishPacket("a", "two", { qos: 2, packetId: 2, dup: true }),
    );
    await publisher.expect("puback");
    await publisher.expect("pubrec");
    await publisher.send({ type: "pubrel", packetId: 2, reasonCode: 0 });
    await client.expect("publish", { payload: "one", dup: false, qos: 1 });
    await client.expect("publish", { payload: "two", dup: false, qos: 2 });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: QoS 3 ends the connection [MQTT-3.3.1-4]",
  withBroker(async ({ connect }) => {
    await expectEachCloses(() => connect(), [
      ["QoS 3", rawPacket(0x36, field("a"), uint16(1))],
      ["QoS 3 with DUP and RETAIN", rawPacket(0x3f, field("a"), uint16(1))],
    ]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a retained message is kept with its QoS for later subscribers [MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-3.3.1-8]",
  withBroker(async ({ connect }) => {
    const publisher = await connect();
    for (const qos of [0, 1, 2] as const) await publisher.publish(`r/${qos}`, `qos ${qos}`, { qos, retain: true });
    await publisher.barrier();
    const client = await connect();
    await client.subscribe("r/+", { qos: 2 });
    for (const packet of await client.publications()) {
      const qos = Number(packet.topic.slice(2));
      assertEquals([packet.qos, packet.retain, packet.dup], [qos, true, false]);
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a subscriber gets the last retained message of each topic that matches [MQTT-3.3.1-6] [MQTT-3.3.1-5]",
  withBroker(async ({ connect }) => {
    const publisher = await connect();
    for (const payload of ["old", "new"]) {
      for (const topic of ["r", "r/a", "r/a/b", "/r", "other"]) {
        await publisher.publish(topic, payload, { qos: 1, retain: true });
      }
    }
    const client = await connect();
    assertEquals(await retainedFor(client, "r"), ["r=new"]);
    assertEquals(await retainedFor(client, "r/+"), ["r/a=new"]);
    assertEquals(await retainedFor(client, "r/#"), ["r/a/b=new", "r/a=new", "r=new"]);
    assertEquals(await retainedFor(client, "+/r"), ["/r=new"]);
    assertEquals(await retainedFor(client, "+"), ["other=new", "r=new"]);
    assertEquals(await retainedFor(client, "r/a/b/+"), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a retained message of QoS 0 replaces the older one [MQTT-3.3.1-7]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.publish("a", "older", { qos: 2, retain: true });
    await client.publish("a", "newer", { qos: 0, retain: true });
    await client.subscribe("a", { qos: 2 });
    await client.expect("publish", { payload: "newer", qos: 0, retain: true });
    assertEquals(await client.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: an established subscription gets RETAIN 0, a new one RETAIN 1 [MQTT-3.3.1-8] [MQTT-3.3.1-9]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 2 });
    const publisher = await connect();
    for (const qos of [0, 1, 2] as const) {
      await publisher.publish("a", `live ${qos}`, { qos, retain: true });
      await client.expect("publish", { payload: `live ${qos}`, qos, retain: false });
      const later = await connect();
      await later.subscribe("a", { qos: 2 });
      await later.expect("publish", { payload: `live ${qos}`, qos, retain: true });
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: RETAIN is 0 for a message that waited in the session [MQTT-3.3.1-9]",
  withBroker(async ({ connect }) => {
    const session = { clientId: "away", cleanStart: false };
    const before = await connect(session);
    await before.subscribe("a", { qos: 1 });
    await before.disconnect();
    await (await connect()).publish("a", "while away", { qos: 1, retain: true });
    const after = await connect(session);
    await after.expect("publish", { payload: "while away", retain: false });
    assertEquals(await after.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: RETAIN is 0 for what waited, also if a 5.0 connection has subscribed [MQTT-3.3.1-9]",
  withBroker(async ({ connect }) => {
    const session = { clientId: "away", cleanStart: false };
    const before = await connect({ ...session, version: 5, properties: { sessionExpiryInterval: 1_000 } });
    await before.subscribe("a", { qos: 1, retainAsPublished: true });
    await before.disconnect();
    const publisher = await connect();
    await publisher.publish("a", "while away", { qos: 1, retain: true });
    const after = await connect(session);
    await after.expect("publish", { payload: "while away", retain: false });
    await publisher.publish("a", "live", { qos: 1, retain: true });
    await after.expect("publish", { payload: "live", retain: false });
    await after.subscribe("a", { qos: 1 });
    await after.expect("publish", { payload: "live", retain: true });
    assertEquals(await after.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a retained empty message is routed, deletes, and is not kept [MQTT-3.3.1-10] [MQTT-3.3.1-11]",
  withBroker({ sysInterval: 0 }, async ({ connect, broker }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 1 });
    const publisher = await connect();
    await publisher.publish("a", "there", { qos: 1, retain: true });
    await client.expect("publish", { payload: "there" });
    for (let round = 0; round < 2; round++) {
      await publisher.publish("a", "", { qos: 1, retain: true });
      await client.expect("publish", { topic: "a", payload: "", retain: false, qos: 1 });
    }
    assertEquals(await retainedFor(await connect(), "#"), []);
    assertEquals(broker.counts().retained, 0);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: RETAIN 0 neither keeps nor replaces nor deletes [MQTT-3.3.1-12]",
  withBroker(async ({ connect }) => {
    const publisher = await connect();
    await publisher.publish("a", "kept", { qos: 1, retain: true });
    for (const qos of [0, 1, 2] as const) {
      await publisher.publish("a", "passing", { qos });
      await publisher.publish("a", "", { qos });
      await publisher.publish("b", "passing", { qos });
    }
    assertEquals(await retainedFor(await connect(), "#"), ["a=kept"]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: the topic name is the first field, a string, and reaches subscribers unchanged [MQTT-3.3.2-1]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("#", { qos: 1 });
    await client.sendBytes(rawPacket(0x32, field("a/ b"), uint16(3), Uint8Array.of(9)));
    const { packetId = 0 } = await client.take("publish");
    assertEquals(client.lastBytes, rawPacket(0x32, field("a/ b"), uint16(packetId), Uint8Array.of(9)));
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: wildcards or nothing as a topic name end the connection [MQTT-3.3.2-2] [MQTT-4.7.1-1] [MQTT-4.7.3-1]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("#");
    const names = ["#", "+", "a/#", "a/+/b", "a#", "+a", "a/b+", ""];
    await expectEachCloses(() => connect(), names.map((name) => [`topic ${name}`, rawPacket(0x30, field(name))]));
    await expectEachCloses(
      () => connect(),
      names.map((name) => [`topic ${name} with QoS 2`, rawPacket(0x34, field(name), uint16(1))]),
    );
    assertEquals(await watcher.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a client gets only what matches its filters [MQTT-3.3.2-3]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe(["a/+", "b/#"], { qos: 1 });
    const publisher = await connect();
    for (const topic of ["a", "a/1", "a/1/2", "b", "b/1", "b/1/2", "c", "/a/1", "A/1", "$b/1"]) {
      await publisher.publish(topic, "", { qos: 1 });
    }
    assertEquals((await client.publications()).map(({ topic }) => topic), ["a/1", "b", "b/1", "b/1/2"]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: QoS 0 is not answered, QoS 1 by PUBACK, QoS 2 by PUBREC [MQTT-3.3.4-1]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.send(
      publishPacket("a", ""),
      publishPacket("a", "", { qos: 1, packetId: 1 }),
      publishPacket("a", "", { qos: 2, packetId: 2 }),
      publishPacket("a", ""),
      publishPacket("a", "", { qos: 1, packetId: 3 }),
    );
    await client.expect("puback", { packetId: 1 });
    await client.expect("pubrec", { packetId: 2 });
    await client.expect("puback", { packetId: 3 });
    assertEquals(await client.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: overlapping subscriptions bring the highest QoS among them [MQTT-3.3.5-1]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe([
      { filter: "a/#", qos: 0 },
      { filter: "a/+", qos: 2 },
      { filter: "a/b", qos: 1 },
      { filter: "#", qos: 1 },
    ]);
    const publisher = await connect();
    for (const qos of [0, 1, 2] as const) {
      await publisher.publish("a/b", "", { qos });
      await publisher.barrier();
      const copies = await client.publications();
      assertEquals(Math.max(...copies.map((copy) => copy.qos)), qos);
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a PUBLISH that is not authorized is acknowledged and dropped [MQTT-3.3.5-2]",
  withBroker({ authorizePublish: (_client, { topic }) => topic !== "secret" }, async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("#", { qos: 2 });
    const client = await connect();
    await client.publish("secret", "0", { qos: 0, retain: true });
    await client.send(publishPacket("secret", "1", { qos: 1, packetId: 1, retain: true }));
    await client.expect("puback", { packetId: 1 });
    assertEquals(client.lastBytes, rawPacket(0x40, uint16(1)));
    await client.send(publishPacket("secret", "2", { qos: 2, packetId: 2, retain: true }));
    await client.expect("pubrec", { packetId: 2 });
    assertEquals(client.lastBytes, rawPacket(0x50, uint16(2)));
    await client.send({ type: "pubrel", packetId: 2, reasonCode: 0 });
    await client.expect("pubcomp", { packetId: 2 });
    assertEquals(client.lastBytes, rawPacket(0x70, uint16(2)));
    await client.publish("open", "fine", { qos: 1 });
    assertEquals((await watcher.publications()).map(({ topic }) => topic), ["open"]);
    assertEquals(await retainedFor(await connect(), "#"), []);
  }),
);
