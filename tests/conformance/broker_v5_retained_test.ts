/** Retained messages: MQTT 5.0 sections 3.3.1.3 and 3.8.3.1. */

import { assertEquals } from "@std/assert";
import { withBroker } from "../support/broker.ts";
import { publishPacket, toText } from "../support/raw_packets.ts";

Deno.test(
  "mqtt 5.0 broker: RETAIN 1 replaces the retained message of the topic [MQTT-3.3.1-5]",
  withBroker(async ({ connect, broker }) => {
    const publisher = await connect();
    for (const qos of [0, 1, 2] as const) {
      await publisher.publish("a", `first ${qos}`, { qos, retain: true });
      await publisher.publish("a", `second ${qos}`, { qos, retain: true });
      await publisher.publish("b", `other`, { qos, retain: true });
      await publisher.barrier();
      const late = await connect();
      await late.subscribe("a", { qos: 2 });
      await late.expect("publish", { topic: "a", payload: `second ${qos}`, qos, retain: true, dup: false });
      assertEquals(await late.publications(), []);
    }
    assertEquals(broker.counts().retained, 2);
  }),
);

Deno.test(
  "mqtt 5.0 broker: an empty payload deletes the retained message, is routed and is not stored [MQTT-3.3.1-6] [MQTT-3.3.1-7]",
  withBroker(async ({ connect, broker }) => {
    const watcher = await connect();
    await watcher.subscribe("a", { retainAsPublished: true });
    const publisher = await connect();
    await publisher.publish("a", "x", { retain: true });
    await publisher.publish("a", "", { retain: true });
    await publisher.barrier();
    const received = await watcher.publications();
    assertEquals(received.map(({ payload, retain }) => [toText(payload), retain]), [["x", true], ["", true]]);
    assertEquals(broker.counts().retained, 0);
    const late = await connect();
    await late.subscribe("#");
    assertEquals(await late.publications(), []);
    await publisher.publish("never/there", "", { qos: 1, retain: true });
    assertEquals(broker.counts().retained, 0);
  }),
);

Deno.test(
  "mqtt 5.0 broker: RETAIN 0 neither stores nor touches the retained message [MQTT-3.3.1-8]",
  withBroker(async ({ connect, broker }) => {
    const publisher = await connect();
    await publisher.publish("a", "kept", { qos: 1, retain: true });
    await publisher.publish("a", "not kept", { qos: 1 });
    await publisher.publish("a", "", { qos: 1 });
    await publisher.publish("b", "not kept", { qos: 1 });
    assertEquals(broker.counts().retained, 1);
    const late = await connect();
    await late.subscribe("#");
    await late.expect("publish", { topic: "a", payload: "kept" });
    assertEquals(await late.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: Retain Handling 0 sends retained messages on every SUBSCRIBE [MQTT-3.3.1-9] [MQTT-3.8.4-4]",
  withBroker(async ({ connect }) => {
    const publisher = await connect();
    await publisher.publish("a/1", "x", { qos: 1, retain: true });
    const client = await connect();
    for (let count = 0; count < 3; count++) {
      await client.subscribe("a/+", { retainHandling: 0 });
      await client.expect("publish", { topic: "a/1", retain: true });
      assertEquals(await client.publications(), []);
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: Retain Handling 1 sends them only for a new subscription [MQTT-3.3.1-10]",
  withBroker(async ({ connect }) => {
    const publisher = await connect();
    await publisher.publish("a/1", "x", { qos: 1, retain: true });
    const client = await connect({ clientId: "s", properties: { sessionExpiryInterval: 100 } });
    await client.subscribe("a/+", { retainHandling: 1 });
    await client.expect("publish", { topic: "a/1", retain: true });
    await client.subscribe("a/+", { retainHandling: 1, qos: 1 });
    assertEquals(await client.publications(), []);
    await client.subscribe("a/#", { retainHandling: 1 }); // another filter is another subscription
    await client.expect("publish", { topic: "a/1", retain: true });
    await client.disconnect();
    const again = await connect({ clientId: "s", cleanStart: false, properties: { sessionExpiryInterval: 100 } });
    await again.subscribe("a/+", { retainHandling: 1 });
    assertEquals(await again.publications(), [], "the session has had it");
    await again.unsubscribe("a/+");
    await again.subscribe("a/+", { retainHandling: 1 });
    await again.expect("publish", { topic: "a/1", retain: true });
  }),
);

Deno.test(
  "mqtt 5.0 broker: Retain Handling 2 sends none [MQTT-3.3.1-11]",
  withBroker(async ({ connect }) => {
    const publisher = await connect();
    await publisher.publish("a/1", "x", { qos: 1, retain: true });
    const client = await connect();
    await client.subscribe("a/+", { retainHandling: 2 });
    await client.subscribe("a/+", { retainHandling: 2 });
    assertEquals(await client.publications(), []);
    await publisher.publish("a/1", "live", { qos: 1, retain: true });
    await client.expect("publish", { payload: "live" });
  }),
);

Deno.test(
  "mqtt 5.0 broker: Retain As Published 0 forwards with RETAIN 0, but a new subscription gets RETAIN 1 [MQTT-3.3.1-12]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 2 });
    const publisher = await connect();
    for (const qos of [0, 1, 2] as const) {
      for (const retain of [false, true]) {
        await publisher.publish("a", "x", { qos, retain });
        await client.expect("publish", { qos, retain: false });
      }
    }
    const late = await connect();
    await late.subscribe("a", { retainAsPublished: false });
    await late.expect("publish", { retain: true });
  }),
);

Deno.test(
  "mqtt 5.0 broker: Retain As Published 1 forwards RETAIN as it came, also to an absent client [MQTT-3.3.1-13]",
  withBroker(async ({ connect }) => {
    const client = await connect({ clientId: "s", properties: { sessionExpiryInterval: 100 } });
    await client.subscribe("a", { qos: 2, retainAsPublished: true });
    const publisher = await connect();
    for (const qos of [0, 1, 2] as const) {
      for (const retain of [false, true]) {
        await publisher.publish("a", "x", { qos, retain });
        await client.expect("publish", { qos, retain });
      }
    }
    await client.disconnect();
    await publisher.publish("a", "kept", { qos: 1, retain: true });
    await publisher.publish("a", "not kept", { qos: 1, retain: false });
    const again = await connect({ clientId: "s", cleanStart: false });
    const queued = (await again.publications()).filter(({ dup }) => !dup);
    assertEquals(queued.map(({ payload, retain }) => [toText(payload), retain]), [["kept", true], ["not kept", false]]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: retained messages come with the lower of stored and granted QoS [MQTT-3.8.4-8]",
  withBroker(async ({ connect }) => {
    const publisher = await connect();
    for (const qos of [0, 1, 2] as const) await publisher.publish(`r/${qos}`, "x", { qos, retain: true });
    await publisher.barrier();
    for (const granted of [0, 1, 2] as const) {
      const client = await connect();
      await client.subscribe("r/+", { qos: granted });
      const received = (await client.publications()).map(({ topic, qos }) => [topic, qos]).sort();
      assertEquals(received, [0, 1, 2].map((qos) => [`r/${qos}`, Math.min(qos, granted)]));
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: a retained message that expired is not sent any more [MQTT-3.3.2-5] [MQTT-3.3.2-6]",
  withBroker(async ({ connect, clock, broker }) => {
    const publisher = await connect();
    await publisher.publish("short", "x", { qos: 1, retain: true, properties: { messageExpiryInterval: 5 } });
    await publisher.publish("long", "x", { qos: 1, retain: true, properties: { messageExpiryInterval: 60 } });
    clock.advance(10_000);
    const client = await connect();
    await client.subscribe("#");
    await client.expect("publish", { topic: "long", retain: true, properties: { messageExpiryInterval: 50 } });
    assertEquals(await client.publications(), []);
    clock.advance(10_000);
    const later = await connect();
    await later.subscribe("#");
    await later.expect("publish", { topic: "long", retain: true, properties: { messageExpiryInterval: 40 } });
    clock.advance(600_000);
    const last = await connect();
    await last.subscribe("#");
    assertEquals(await last.publications(), []);
    assertEquals(broker.counts().retained, 0);
  }),
);

Deno.test(
  "mqtt 5.0 broker: Retain Available 0 is announced, and RETAIN 1 ends the connection with 0x9A [MQTT-3.2.2-14]",
  withBroker({ retainAvailable: false }, async ({ connect, broker }) => {
    const watcher = await connect();
    assertEquals(watcher.connack?.properties?.retainAvailable, 0);
    await watcher.subscribe("#");
    for (const [qos, packetId] of [[0, undefined], [1, 1], [2, 2]] as const) {
      const client = await connect();
      await client.send(publishPacket("a", "x", { qos, retain: true, ...(packetId && { packetId }) }));
      await client.expectDisconnect(0x9a);
    }
    assertEquals(await watcher.publications(), []);
    assertEquals(broker.counts().retained, 0);
  }),
);

Deno.test(
  "mqtt 5.0 broker: without retained messages a CONNECT with Will Retain is refused with 0x9A [MQTT-3.2.2-13]",
  withBroker({ retainAvailable: false }, async ({ open }) => {
    const client = await open();
    await client.sendConnect({ will: { topic: "will", retain: true } });
    await client.expectRefused(0x9a);
  }),
);
