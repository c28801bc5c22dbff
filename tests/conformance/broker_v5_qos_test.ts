/** QoS 1 and 2 from both ends, and what is sent again: MQTT 5.0 sections 3.2.2.3.4, 4.3 and 4.4. */

import { assertEquals } from "@std/assert";
import { type BrokerTest, until, withBroker } from "../support/broker.ts";
import type { RawClient } from "../support/raw_client.ts";
import { publishPacket, toText } from "../support/raw_packets.ts";

const kept = { sessionExpiryInterval: 1_000 };

/** A client with a session that stays, subscribed to `a` with QoS 2. */
async function subscriber({ connect }: BrokerTest): Promise<RawClient> {
  const client = await connect({ clientId: "s", properties: kept });
  await client.subscribe("a", { qos: 2 });
  return client;
}

/** Breaks the connection of that client and connects it again. */
async function reconnect({ connect }: BrokerTest, client: RawClient): Promise<RawClient> {
  await client.close();
  const again = await connect({ clientId: "s", cleanStart: false, properties: kept });
  assertEquals(again.connack?.sessionPresent, true);
  return again;
}

Deno.test(
  "mqtt 5.0 broker: QoS 1 out: unacknowledged until PUBACK, then never sent again [MQTT-4.3.2-3] [MQTT-4.3.2-2] [MQTT-4.4.0-1] [MQTT-3.3.1-1]",
  withBroker(async (test) => {
    const client = await subscriber(test);
    const publisher = await test.connect();
    await publisher.publish("a", "x", { qos: 1 });
    const { packetId } = await client.expect("publish", { qos: 1, dup: false });
    let again = await reconnect(test, client);
    await again.expect("publish", { packetId, qos: 1, dup: true, payload: "x" });
    again = await reconnect(test, again);
    await again.expect("publish", { packetId, qos: 1, dup: true, payload: "x" });
    await again.send({ type: "puback", packetId: packetId ?? 0, reasonCode: 0 });
    assertEquals(await again.barrier(), []);
    again = await reconnect(test, again);
    assertEquals(await again.barrier(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: QoS 2 out: PUBLISH until PUBREC, PUBREL until PUBCOMP, and no PUBLISH after the PUBREL [MQTT-4.3.3-3] [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT-4.3.3-6] [MQTT-4.4.0-1]",
  withBroker(async (test) => {
    const client = await subscriber(test);
    const publisher = await test.connect();
    await publisher.publish("a", "x", { qos: 2 });
    const { packetId = 0 } = await client.expect("publish", { qos: 2, dup: false });
    let again = await reconnect(test, client);
    await again.expect("publish", { packetId, qos: 2, dup: true, payload: "x" });
    await again.send({ type: "pubrec", packetId, reasonCode: 0 });
    await again.expect("pubrel", { packetId, reasonCode: 0 });
    again = await reconnect(test, again);
    await again.expect("pubrel", { packetId, reasonCode: 0 });
    assertEquals(await again.barrier(), []);
    again = await reconnect(test, again);
    await again.expect("pubrel", { packetId, reasonCode: 0 });
    await again.send({ type: "pubcomp", packetId, reasonCode: 0 });
    again = await reconnect(test, again);
    assertEquals(await again.barrier(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: sends nothing again while the connection lasts [MQTT-4.4.0-1]",
  withBroker(async (test) => {
    const client = await subscriber(test);
    const publisher = await test.connect();
    await publisher.publish("a", "1", { qos: 1 });
    await publisher.publish("a", "2", { qos: 2 });
    await client.expect("publish", { payload: "1" });
    const { packetId = 0 } = await client.expect("publish", { payload: "2" });
    await client.send({ type: "pubrec", packetId, reasonCode: 0 });
    await client.expect("pubrel");
    for (let minute = 0; minute < 120; minute++) test.clock.advance(60_000);
    assertEquals(await client.barrier(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a new session gets nothing of the old one again [MQTT-4.4.0-1]",
  withBroker(async (test) => {
    const client = await subscriber(test);
    await client.publish("a", "1", { qos: 1 });
    await client.take("publish");
    await client.close();
    const again = await test.connect({ clientId: "s", cleanStart: true });
    assertEquals(await again.barrier(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a PUBACK or PUBREC of 0x80 or above ends the delivery [MQTT-4.4.0-2] [MQTT-4.3.3-4]",
  withBroker(async (test) => {
    for (const reasonCode of [0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]) {
      const client = await subscriber(test);
      const publisher = await test.connect();
      await publisher.publish("a", "1", { qos: 1 });
      await publisher.publish("a", "2", { qos: 2 });
      const [one, two] = await client.expectMany("publish", 2);
      await client.send({ type: "puback", packetId: one?.packetId ?? 0, reasonCode });
      await client.send({ type: "pubrec", packetId: two?.packetId ?? 0, reasonCode });
      assertEquals(await client.barrier(), [], "no PUBREL");
      const again = await reconnect(test, client);
      assertEquals(await again.barrier(), []);
      await again.disconnect();
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: a PUBREC with code 0x10 goes on with PUBREL [MQTT-4.3.3-4]",
  withBroker(async (test) => {
    const client = await subscriber(test);
    await client.publish("a", "x", { qos: 2 });
    const { packetId = 0 } = await client.take("publish");
    await client.send({ type: "pubrec", packetId, reasonCode: 0x10 });
    await client.expect("pubrel", { packetId });
  }),
);

Deno.test(
  "mqtt 5.0 broker: expiry does not end a delivery that was begun [MQTT-4.3.3-7]",
  withBroker(async (test) => {
    const client = await subscriber(test);
    const publisher = await test.connect();
    await publisher.publish("a", "x", { qos: 2, properties: { messageExpiryInterval: 5 } });
    const { packetId = 0 } = await client.expect("publish", { qos: 2 });
    await client.close();
    test.clock.advance(60_000);
    const again = await test.connect({ clientId: "s", cleanStart: false });
    await again.expect("publish", { packetId, dup: true, payload: "x" });
    await again.send({ type: "pubrec", packetId, reasonCode: 0 });
    await again.expect("pubrel", { packetId });
    await again.send({ type: "pubcomp", packetId, reasonCode: 0 });
    assertEquals(await again.barrier(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: QoS 1 in: after the PUBACK the identifier stands for a new message, whatever DUP says [MQTT-4.3.2-5] [MQTT-4.3.2-4]",
  withBroker(async (test) => {
    const watcher = await test.connect();
    await watcher.subscribe("a", { qos: 0 });
    const client = await test.connect();
    for (const [payload, dup] of [["1", false], ["2", true], ["3", false], ["4", true]] as const) {
      await client.send(publishPacket("a", payload, { qos: 1, packetId: 5, dup }));
      await client.expect("puback", { packetId: 5, reasonCode: 0 });
    }
    assertEquals((await watcher.publications()).map(({ payload }) => toText(payload)), ["1", "2", "3", "4"]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: QoS 2 in: until PUBREL the identifier is one message, whatever DUP says [MQTT-4.3.3-10] [MQTT-4.3.3-8]",
  withBroker(async (test) => {
    const watcher = await test.connect();
    await watcher.subscribe("a", { qos: 2 });
    const client = await test.connect();
    for (const dup of [false, true, false, true]) {
      await client.send(publishPacket("a", "x", { qos: 2, packetId: 5, dup }));
      await client.expect("pubrec", { packetId: 5, reasonCode: 0 });
    }
    assertEquals((await watcher.publications()).length, 1);
    await client.send({ type: "pubrel", packetId: 5, reasonCode: 0 });
    await client.expect("pubcomp", { packetId: 5, reasonCode: 0 });
    assertEquals((await watcher.publications()).length, 0);
  }),
);

Deno.test(
  "mqtt 5.0 broker: QoS 2 in: an identifier between PUBLISH and PUBREL survives a reconnect [MQTT-4.3.3-10] [MQTT-3.1.2-5]",
  withBroker(async (test) => {
    const watcher = await test.connect();
    await watcher.subscribe("a", { qos: 1 });
    const client = await test.connect({ clientId: "s", properties: kept });
    await client.send(publishPacket("a", "x", { qos: 2, packetId: 9 }));
    await client.expect("pubrec", { packetId: 9 });
    await watcher.expect("publish");
    const again = await reconnect(test, client);
    await again.send(publishPacket("a", "x", { qos: 2, packetId: 9, dup: true }));
    await again.expect("pubrec", { packetId: 9, reasonCode: 0 });
    await again.send({ type: "pubrel", packetId: 9, reasonCode: 0 });
    await again.expect("pubcomp", { packetId: 9, reasonCode: 0 });
    assertEquals(await watcher.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: QoS 2 in: after the PUBCOMP the identifier stands for a new message [MQTT-4.3.3-12] [MQTT-4.3.3-11]",
  withBroker(async (test) => {
    const watcher = await test.connect();
    await watcher.subscribe("a");
    const client = await test.connect();
    for (const [payload, dup] of [["1", false], ["2", true], ["3", false]] as const) {
      await client.publish("a", payload, { qos: 2, packetId: 5, dup });
    }
    assertEquals((await watcher.publications()).map(({ payload }) => toText(payload)), ["1", "2", "3"]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: QoS 2 in: a PUBREL of an unknown identifier gets PUBCOMP 0x92 [MQTT-4.3.3-11] [MQTT-2.2.1-5] [MQTT-3.7.2-1]",
  withBroker(async (test) => {
    const client = await test.connect();
    await client.send({ type: "pubrel", packetId: 77, reasonCode: 0 });
    await client.expect("pubcomp", { packetId: 77, reasonCode: 0x92 });
    await client.publish("a", "x", { qos: 2, packetId: 77 });
    await client.send({ type: "pubrel", packetId: 77, reasonCode: 0 });
    await client.expect("pubcomp", { packetId: 77, reasonCode: 0x92 });
  }),
);

Deno.test(
  "mqtt 5.0 broker: a PUBREC of an unknown identifier gets PUBREL 0x92 [MQTT-3.6.2-1]",
  withBroker(async (test) => {
    const client = await test.connect();
    await client.send({ type: "pubrec", packetId: 77, reasonCode: 0 });
    await client.expect("pubrel", { packetId: 77, reasonCode: 0x92 });
    await client.send({ type: "pubcomp", packetId: 77, reasonCode: 0x92 });
    assertEquals(await client.barrier(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: QoS 2 in: after a PUBREC of 0x80 or above the identifier stands for a new message [MQTT-4.3.3-9] [MQTT-4.4.0-2]",
  withBroker({ authorizePublish: (_, { topic }) => topic !== "forbidden" }, async (test) => {
    const watcher = await test.connect();
    await watcher.subscribe("#");
    const client = await test.connect();
    await client.send(publishPacket("forbidden", "1", { qos: 2, packetId: 5 }));
    await client.expect("pubrec", { packetId: 5, reasonCode: 0x87 });
    await client.send(publishPacket("allowed", "2", { qos: 2, packetId: 5, dup: true }));
    await client.expect("pubrec", { packetId: 5, reasonCode: 0 });
    await client.send({ type: "pubrel", packetId: 5, reasonCode: 0 });
    await client.expect("pubcomp", { packetId: 5, reasonCode: 0 });
    assertEquals((await watcher.publications()).map(({ topic }) => topic), ["allowed"]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: QoS 2 in: the handshake goes on although the message expired [MQTT-4.3.3-13]",
  withBroker(async (test) => {
    const client = await test.connect();
    await client.send(publishPacket("a", "x", { qos: 2, packetId: 5, properties: { messageExpiryInterval: 1 } }));
    await client.expect("pubrec", { packetId: 5 });
    test.clock.advance(60_000);
    await client.send(publishPacket("a", "x", { qos: 2, packetId: 5, dup: true }));
    await client.expect("pubrec", { packetId: 5, reasonCode: 0 });
    await client.send({ type: "pubrel", packetId: 5, reasonCode: 0 });
    await client.expect("pubcomp", { packetId: 5, reasonCode: 0 });
  }),
);

Deno.test(
  "mqtt 5.0 broker: the same identifier may be in use in both directions [MQTT-2.2.1-4] [MQTT-4.3.3-10]",
  withBroker(async (test) => {
    const client = await test.connect();
    await client.subscribe("in", { qos: 2 });
    const publisher = await test.connect();
    await publisher.publish("in", "x", { qos: 2 });
    const { packetId = 0 } = await client.expect("publish", { topic: "in", qos: 2 });
    await client.send(publishPacket("out", "y", { qos: 2, packetId }));
    await client.expect("pubrec", { packetId });
    await client.send({ type: "pubrec", packetId, reasonCode: 0 });
    await client.expect("pubrel", { packetId, reasonCode: 0 });
    await client.send({ type: "pubrel", packetId, reasonCode: 0 });
    await client.expect("pubcomp", { packetId, reasonCode: 0 });
    await client.send({ type: "pubcomp", packetId, reasonCode: 0 });
    assertEquals(await client.barrier(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: delivers with the lower of published and granted QoS, live and queued [MQTT-3.8.4-8]",
  withBroker(async (test) => {
    const publisher = await test.connect();
    for (const granted of [0, 1, 2] as const) {
      const clientId = `granted${granted}`;
      const client = await test.connect({ clientId, properties: kept });
      await client.subscribe("a", { qos: granted });
      for (const qos of [0, 1, 2] as const) {
        await publisher.publish("a", "live", { qos });
        await client.expect("publish", { payload: "live", qos: Math.min(qos, granted) as 0 | 1 | 2 });
      }
      await client.disconnect();
      await until(() => test.broker.counts().connections === 1, "the connection to end");
      for (const qos of [0, 1, 2] as const) await publisher.publish("a", "queued", { qos });
      const again = await test.connect({ clientId, cleanStart: false });
      const queued = (await again.publications()).filter(({ payload }) => toText(payload) === "queued");
      assertEquals(queued.map(({ qos }) => qos), [[], [1, 1], [1, 2]][granted]);
      await again.disconnect();
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: announces a limited Maximum QoS, and no other [MQTT-3.2.2-9]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    assertEquals(client.connack?.properties?.maximumQoS, undefined);
    for (const maximumQoS of [0, 1] as const) {
      await withBroker({ maximumQoS }, async (limited) => {
        const other = await limited.connect();
        assertEquals(other.connack?.properties?.maximumQoS, maximumQoS);
      })();
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: with a limited Maximum QoS, SUBSCRIBE is still accepted with any [MQTT-3.2.2-10]",
  withBroker({ maximumQoS: 0 }, async ({ connect }) => {
    const client = await connect();
    const { reasonCodes } = await client.subscribe([
      { filter: "a", qos: 0 },
      { filter: "b", qos: 1 },
      { filter: "c", qos: 2 },
    ]);
    assertEquals(reasonCodes.length, 3);
    await client.publish("c", "x");
    await client.expect("publish", { topic: "c", qos: 0 });
  }),
);

Deno.test(
  "mqtt 5.0 broker: a PUBLISH above the Maximum QoS ends the connection with 0x9B [MQTT-3.2.2-11]",
  async () => {
    for (const [maximumQoS, qos] of [[0, 1], [0, 2], [1, 2]] as const) {
      await withBroker({ maximumQoS }, async ({ connect }) => {
        const watcher = await connect();
        await watcher.subscribe("#");
        const client = await connect();
        await client.send(publishPacket("a", "x", { qos, packetId: 1 }));
        await client.expectDisconnect(0x9b);
        assertEquals(await watcher.publications(), []);
      })();
    }
  },
);

Deno.test(
  "mqtt 5.0 broker: refuses a will above the Maximum QoS with 0x9B [MQTT-3.2.2-12]",
  withBroker({ maximumQoS: 1 }, async ({ connect, open }) => {
    const client = await open();
    await client.sendConnect({ will: { topic: "will", qos: 2 } });
    await client.expectRefused(0x9b);
    await connect({ will: { topic: "will", qos: 1 } });
  }),
);
