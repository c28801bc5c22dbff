/** The order of messages and acknowledgements: MQTT 5.0 section 4.6. */

import { assertEquals } from "@std/assert";
import { until, withBroker } from "../support/broker.ts";
import { publishPacket, toText } from "../support/raw_packets.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, at) => `${at}`);

for (const qos of [0, 1, 2] as const) {
  Deno.test(
    `mqtt 5.0 broker: QoS ${qos} of one publisher arrives as it was sent, at each consumer [MQTT-4.6.0-5] [MQTT-4.6.0-6]`,
    withBroker({ maxInflightMessages: 1_000 }, async ({ connect }) => {
      const exact = await connect({ autoAck: true });
      await exact.subscribe("a/b", { qos: 2 });
      const wild = await connect({ autoAck: true, properties: { receiveMaximum: 3 } });
      await wild.subscribe(["a/#", "+/b"], { qos: 2 });
      const publisher = await connect({ autoAck: true });
      const sent = numbers(300);
      const packets = sent.map((payload, at) =>
        publishPacket("a/b", payload, { qos, ...(qos > 0 && { packetId: at + 1 }) })
      );
      await publisher.send(...packets);
      for (const consumer of [exact, wild]) {
        const received: string[] = [];
        while (received.length < sent.length) {
          const packet = await consumer.next();
          if (packet.type === "publish") received.push(toText(packet.payload));
        }
        assertEquals(received, sent);
      }
    }),
  );
}

Deno.test(
  "mqtt 5.0 broker: acknowledgements leave in the order of the publications [MQTT-4.6.0-5]",
  withBroker({ maxInflightMessages: 1_000 }, async ({ connect }) => {
    const client = await connect();
    const ids = [9, 3, 65_535, 1, 200];
    await client.send(...ids.map((packetId) => publishPacket("a", "x", { qos: 1, packetId })));
    assertEquals((await client.expectMany("puback", 5)).map(({ packetId }) => packetId), ids);
    await client.send(...ids.map((packetId) => publishPacket("a", "x", { qos: 2, packetId })));
    assertEquals((await client.expectMany("pubrec", 5)).map(({ packetId }) => packetId), ids);
  }),
);

Deno.test(
  "mqtt 5.0 broker: PUBRELs leave in the order of the PUBRECs [MQTT-4.6.0-5]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 2 });
    const publisher = await connect();
    for (const payload of numbers(4)) await publisher.publish("a", payload, { qos: 2 });
    const ids = (await client.expectMany("publish", 4)).map(({ packetId = 0 }) => packetId).toReversed();
    for (const packetId of ids) await client.send({ type: "pubrec", packetId, reasonCode: 0 });
    assertEquals((await client.expectMany("pubrel", 4)).map(({ packetId }) => packetId), ids);
  }),
);

Deno.test(
  "mqtt 5.0 broker: what is sent again comes in its first order, before what waited [MQTT-4.6.0-5]",
  withBroker(async ({ connect, broker }) => {
    const first = await connect({ clientId: "s", properties: { sessionExpiryInterval: 100 } });
    await first.subscribe("a", { qos: 1 });
    const publisher = await connect();
    for (const payload of numbers(6)) await publisher.publish("a", payload, { qos: 1 });
    const sent = await first.expectMany("publish", 6);
    await first.send({ type: "puback", packetId: sent[2]?.packetId ?? 0, reasonCode: 0 });
    await first.barrier();
    await first.close();
    await until(() => broker.counts().connections === 1, "the connection to end");
    await publisher.publish("a", "queued 1", { qos: 1 });
    await publisher.publish("a", "queued 2", { qos: 1 });
    const again = await connect({ clientId: "s", cleanStart: false });
    const received = (await again.publications()).map(({ payload }) => toText(payload));
    assertEquals(received, ["0", "1", "3", "4", "5", "queued 1", "queued 2"]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: PUBLISH and PUBREL are sent again in the order of the publications [MQTT-4.6.0-5]",
  withBroker(async ({ connect }) => {
    const properties = { sessionExpiryInterval: 100 };
    const first = await connect({ clientId: "s", properties });
    await first.subscribe("a", { qos: 2 });
    const publisher = await connect();
    for (const payload of numbers(4)) await publisher.publish("a", payload, { qos: 2 });
    const sent = await first.expectMany("publish", 4);
    await first.send({ type: "pubrec", packetId: sent[1]?.packetId ?? 0, reasonCode: 0 });
    await first.expect("pubrel");
    await first.close();
    const again = await connect({ clientId: "s", cleanStart: false, properties });
    const packets = (await again.barrier()).map((packet) =>
      packet.type === "publish"
        ? [packet.type, packet.packetId]
        : packet.type === "pubrel"
        ? [packet.type, packet.packetId]
        : []
    );
    const ids = sent.map(({ packetId }) => packetId);
    const publications = packets.filter(([type]) => type === "publish").map(([, id]) => id);
    assertEquals(publications, [ids[0], ids[2], ids[3]]);
    assertEquals(packets.filter(([type]) => type === "pubrel"), [["pubrel", ids[1]]]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: two publishers' messages each keep their order [MQTT-4.6.0-5]",
  withBroker({ maxInflightMessages: 1_000 }, async ({ connect }) => {
    const consumer = await connect();
    await consumer.subscribe("a", { qos: 1 });
    const publishers = [await connect(), await connect()];
    await Promise.all(publishers.map(async (publisher, index) => {
      for (const payload of numbers(50)) await publisher.publish("a", `${index}:${payload}`, { qos: 1 });
    }));
    const received = (await consumer.publications()).map(({ payload }) => toText(payload));
    for (const index of [0, 1]) {
      assertEquals(
        received.filter((text) => text.startsWith(`${index}:`)),
        numbers(50).map((payload) => `${index}:${payload}`),
      );
    }
  }),
);
