/** Receive maximum in both directions: MQTT 5.0 sections 3.1.2.11.3, 3.3.4 and 4.9. */

import { assertEquals } from "@std/assert";
import { type BrokerTest, withBroker } from "../support/broker.ts";
import type { RawClient } from "../support/raw_client.ts";
import { publishPacket, toText } from "../support/raw_packets.ts";

/** A client that takes so many publications at a time, subscribed to `a` with QoS 2. */
async function narrow({ connect }: BrokerTest, receiveMaximum: number, clientId = "narrow"): Promise<RawClient> {
  const properties = { receiveMaximum, sessionExpiryInterval: 1_000 };
  const client = await connect({ clientId, cleanStart: false, properties });
  if (client.connack?.sessionPresent === false) await client.subscribe("a", { qos: 2 });
  return client;
}

async function payloads(client: RawClient): Promise<string[]> {
  return (await client.publications()).map(({ payload }) => toText(payload));
}

Deno.test(
  "mqtt 5.0 broker: at most Receive Maximum publications are open, and each PUBACK lets one more out [MQTT-3.3.4-9] [MQTT-4.9.0-1] [MQTT-4.9.0-2]",
  withBroker(async (test) => {
    const client = await narrow(test, 2);
    const publisher = await test.connect();
    for (let count = 1; count <= 6; count++) await publisher.publish("a", `${count}`, { qos: 1 });
    const [first, second] = await client.expectMany("publish", 2);
    assertEquals(await client.barrier(), []);
    await client.send({ type: "puback", packetId: first?.packetId ?? 0, reasonCode: 0 });
    assertEquals(await payloads(client), ["3"]);
    await client.send({ type: "puback", packetId: second?.packetId ?? 0, reasonCode: 0x80 });
    assertEquals(await payloads(client), ["4"]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: QoS 2 gives its place back with PUBCOMP, or with a PUBREC of 0x80 or above [MQTT-4.9.0-2] [MQTT-3.3.4-9]",
  withBroker(async (test) => {
    const client = await narrow(test, 1);
    const publisher = await test.connect();
    for (let count = 1; count <= 3; count++) await publisher.publish("a", `${count}`, { qos: 2 });
    const first = await client.expect("publish", { payload: "1" });
    await client.send({ type: "pubrec", packetId: first.packetId ?? 0, reasonCode: 0 });
    await client.expect("pubrel");
    assertEquals(await client.barrier(), [], "PUBREC does not end the exchange");
    await client.send({ type: "pubcomp", packetId: first.packetId ?? 0, reasonCode: 0 });
    const second = await client.expect("publish", { payload: "2" });
    assertEquals(await client.barrier(), []);
    await client.send({ type: "pubrec", packetId: second.packetId ?? 0, reasonCode: 0x80 });
    await client.expect("publish", { payload: "3" });
  }),
);

Deno.test(
  "mqtt 5.0 broker: surplus acknowledgements do not lift the quota above its first value [MQTT-4.9.0-2] [MQTT-4.9.0-1]",
  withBroker(async (test) => {
    const client = await narrow(test, 2);
    for (const packetId of [1, 2, 3, 1000]) {
      await client.send({ type: "puback", packetId, reasonCode: 0 });
      await client.send({ type: "pubcomp", packetId, reasonCode: 0 });
      await client.send({ type: "pubrec", packetId, reasonCode: 0x80 });
    }
    await client.barrier();
    const publisher = await test.connect();
    for (let count = 1; count <= 5; count++) await publisher.publish("a", `${count}`, { qos: 1 });
    const open = await client.publications();
    assertEquals(open.map(({ payload }) => toText(payload)), ["1", "2"]);
    for (let count = 0; count < 3; count++) {
      await client.send({ type: "puback", packetId: open[0]?.packetId ?? 0, reasonCode: 0 });
    }
    assertEquals(await payloads(client), ["3"]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: with no quota left, everything but QoS 1 and 2 publications goes on [MQTT-3.3.4-10] [MQTT-4.9.0-3]",
  withBroker(async (test) => {
    const client = await narrow(test, 1);
    const publisher = await test.connect();
    await publisher.publish("a", "first", { qos: 1 });
    await publisher.publish("a", "waits", { qos: 1 });
    const { packetId = 0 } = await client.expect("publish", { payload: "first" });
    assertEquals(await client.barrier(), []);
    await client.subscribe("b", { qos: 0 });
    await client.unsubscribe("c");
    await client.publish("d", "x", { qos: 1 });
    await client.publish("d", "x", { qos: 2 });
    await publisher.publish("b", "QoS 0");
    await client.expect("publish", { payload: "QoS 0", qos: 0 });
    assertEquals(await client.barrier(), []);
    await client.send({ type: "puback", packetId, reasonCode: 0 });
    await client.expect("publish", { payload: "waits" });
  }),
);

Deno.test(
  "mqtt 5.0 broker: Receive Maximum belongs to the connection, and what is sent again counts [MQTT-4.9.0-1] [MQTT-4.9.0-2]",
  withBroker(async (test) => {
    const client = await narrow(test, 4);
    const publisher = await test.connect();
    for (let count = 1; count <= 6; count++) await publisher.publish("a", `${count}`, { qos: 1 });
    assertEquals(await payloads(client), ["1", "2", "3", "4"]);
    await client.close();

    const again = await narrow(test, 2);
    const [first, second] = await again.expectMany("publish", 2);
    assertEquals([first?.dup, second?.dup], [true, true]);
    assertEquals(await again.barrier(), []);
    await again.send({ type: "puback", packetId: first?.packetId ?? 0, reasonCode: 0 });
    await again.expect("publish", { payload: "3", dup: true });
    await again.send({ type: "puback", packetId: second?.packetId ?? 0, reasonCode: 0 });
    const fourth = await again.expect("publish", { payload: "4", dup: true });
    await again.send({ type: "puback", packetId: fourth.packetId ?? 0, reasonCode: 0 });
    await again.expect("publish", { payload: "5", dup: false });
    assertEquals(await again.barrier(), []);
    await again.close();

    const wide = await narrow(test, 100);
    assertEquals(await payloads(wide), ["3", "5", "6"]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: without a Receive Maximum the client takes 65,535 [MQTT-3.3.4-9] [MQTT-4.9.0-1]",
  withBroker({ maxInflightMessages: 65_535 }, async ({ connect }) => {
    const client = await connect();
    assertEquals(client.connack?.properties?.receiveMaximum ?? 65_535, 65_535);
    await client.subscribe("a", { qos: 1 });
    const publisher = await connect();
    for (let count = 0; count < 2_000; count++) await publisher.publish("a", "x", { qos: 1 });
    assertEquals((await client.publications()).length, 2_000);
  }),
);

Deno.test(
  "mqtt 5.0 broker: more open publications than it announced end the connection with 0x93 [MQTT-3.3.4-7]",
  withBroker({ maxInflightMessages: 3 }, async ({ connect }) => {
    const client = await connect();
    assertEquals(client.connack?.properties?.receiveMaximum, 3);
    for (let packetId = 1; packetId <= 3; packetId++) {
      await client.send(publishPacket("a", "x", { qos: 2, packetId }));
      await client.expect("pubrec", { packetId });
    }
    await client.send(publishPacket("a", "x", { qos: 2, packetId: 1, dup: true })); // counts only once
    await client.expect("pubrec", { packetId: 1 });
    await client.send(publishPacket("a", "x", { qos: 2, packetId: 4 }));
    await client.expectDisconnect(0x93);
  }),
);

Deno.test(
  "mqtt 5.0 broker: takes as many open publications as it announced, again and again [MQTT-3.3.4-7]",
  withBroker({ maxInflightMessages: 3 }, async ({ connect }) => {
    const client = await connect();
    for (let round = 0; round < 5; round++) {
      for (let packetId = 1; packetId <= 3; packetId++) {
        await client.send(publishPacket("a", "x", { qos: 2, packetId }));
        await client.expect("pubrec", { packetId });
      }
      for (let packetId = 1; packetId <= 3; packetId++) {
        await client.send({ type: "pubrel", packetId, reasonCode: 0 });
        await client.expect("pubcomp", { packetId, reasonCode: 0 });
      }
    }
    for (let packetId = 1; packetId <= 50; packetId++) {
      await client.send(publishPacket("a", "x", { qos: 1, packetId }));
    }
    await client.expectMany("puback", 50);
  }),
);

Deno.test(
  "mqtt 5.0 broker: what is open from before a reconnect counts only when it is sent again [MQTT-3.3.4-7] [MQTT-4.9.0-1]",
  withBroker({ maxInflightMessages: 2 }, async ({ connect }) => {
    const properties = { sessionExpiryInterval: 100 };
    const client = await connect({ clientId: "s", properties });
    for (let packetId = 1; packetId <= 2; packetId++) {
      await client.send(publishPacket("a", "x", { qos: 2, packetId }));
      await client.expect("pubrec", { packetId });
    }
    await client.close();
    const again = await connect({ clientId: "s", cleanStart: false, properties });
    for (let packetId = 1; packetId <= 2; packetId++) {
      await again.send(publishPacket("a", "x", { qos: 2, packetId, dup: true }));
      await again.expect("pubrec", { packetId });
      await again.send({ type: "pubrel", packetId, reasonCode: 0 });
      await again.expect("pubcomp", { packetId, reasonCode: 0 });
    }
    await again.send(publishPacket("a", "x", { qos: 2, packetId: 3 }));
    await again.expect("pubrec", { packetId: 3 });
  }),
);
