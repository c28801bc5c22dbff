/** MQTT 3.1.1, wills: section 3.1.2.5 and what DISCONNECT does to them. */

import { assertEquals } from "@std/assert";
import { field, rawPacket } from "../support/raw_packets.ts";
import { withBrokerFor } from "./broker_v311_support.ts";

const withBroker = withBrokerFor(4);
const will = { topic: "will", payload: "gone" };

Deno.test(
  "mqtt 3.1.1 broker: a will is published when the network fails [MQTT-3.1.2-8]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("will", { qos: 2 });
    await (await connect({ will })).close();
    await watcher.expect("publish", { topic: "will", payload: "gone", qos: 0, retain: false, dup: false });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a will is published after a protocol violation [MQTT-3.1.2-8] [MQTT-4.8.0-1]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("will");
    const violations = [
      rawPacket(0x36, field("a"), Uint8Array.of(0, 1)), // QoS 3
      rawPacket(0x82, Uint8Array.of(0, 1)), // SUBSCRIBE without a filter
      Uint8Array.of(0xf0, 0), // type 15
      Uint8Array.of(0xc0, 0x80, 0x80, 0x80, 0x80, 0x00), // remaining length of five bytes
    ];
    for (const bytes of violations) {
      const client = await connect({ will });
      await client.sendBytes(bytes);
      await client.expectClosed();
      await watcher.expect("publish", { payload: "gone" });
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a will is not published while the connection lives [MQTT-3.1.2-8]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("will");
    const client = await connect({ will });
    await client.barrier();
    assertEquals(await watcher.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a will goes out with its own QoS and payload [MQTT-3.1.2-9] [MQTT-3.1.2-8]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("will/#", { qos: 2 });
    for (const qos of [0, 1, 2] as const) {
      await (await connect({ will: { topic: `will/${qos}`, payload: Uint8Array.of(qos, 0, 0xff), qos } })).close();
      await watcher.expect("publish", { topic: `will/${qos}`, qos, payload: Uint8Array.of(qos, 0, 0xff) });
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a will may be empty [MQTT-3.1.2-9]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("will");
    await (await connect({ will: { topic: "will", payload: "" } })).close();
    await watcher.expect("publish", { topic: "will", payload: "" });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a published will is dropped, the next connection has its own or none [MQTT-3.1.2-10] [MQTT-3.1.2-12]",
  withBroker(async ({ connect, broker }) => {
    const watcher = await connect();
    await watcher.subscribe("#");
    const session = { clientId: "mortal", cleanStart: false };
    await (await connect({ ...session, will })).close();
    await watcher.expect("publish", { payload: "gone" });
    const second = await connect(session);
    await second.close();
    const third = await connect({ ...session, will: { topic: "will", payload: "another" } });
    await third.close();
    await watcher.expect("publish", { payload: "another" });
    assertEquals(await watcher.barrier(), []);
    assertEquals(broker.counts().connections, 1);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: DISCONNECT discards the will for ever [MQTT-3.14.4-3] [MQTT-3.1.2-10]",
  withBroker(async ({ connect, clock }) => {
    const watcher = await connect();
    await watcher.subscribe("#");
    const client = await connect({ clientId: "polite", cleanStart: false, keepAlive: 10, will });
    await client.disconnect();
    clock.advance(60_000);
    const again = await connect({ clientId: "polite", cleanStart: false });
    await again.disconnect();
    assertEquals(await watcher.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a DISCONNECT with wrong flags or a body is no DISCONNECT, the will goes out [MQTT-3.14.1-1] [MQTT-3.1.2-8]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("will");
    const wrong = [...[1, 2, 4, 8].map((flags) => Uint8Array.of(0xe0 | flags, 0)), Uint8Array.of(0xe0, 1, 0)];
    for (const bytes of wrong) {
      const client = await connect({ will });
      await client.sendBytes(bytes);
      await client.expectClosed();
      await watcher.expect("publish", { payload: "gone" });
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: without a will nothing is published [MQTT-3.1.2-12]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("#");
    const client = await connect({ clientId: "quiet" });
    await client.sendBytes(Uint8Array.of(0xf0, 0));
    await client.expectClosed();
    assertEquals(await watcher.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a will without Will Retain is not retained [MQTT-3.1.2-16]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("will");
    await (await connect({ will: { ...will, qos: 1, retain: false } })).close();
    await watcher.expect("publish", { retain: false });
    const later = await connect();
    await later.subscribe("will");
    assertEquals(await later.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a will with Will Retain is retained [MQTT-3.1.2-17]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("will", { qos: 1 });
    await (await connect({ will: { ...will, qos: 1, retain: true } })).close();
    await watcher.expect("publish", { payload: "gone", retain: false, qos: 1 });
    const later = await connect();
    await later.subscribe("will", { qos: 1 });
    await later.expect("publish", { payload: "gone", retain: true, qos: 1 });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: an empty retained will deletes the retained message [MQTT-3.1.2-17] [MQTT-3.3.1-10] [MQTT-3.3.1-11]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.publish("will", "online", { qos: 1, retain: true });
    await watcher.subscribe("will");
    await watcher.expect("publish", { payload: "online", retain: true });
    await (await connect({ will: { topic: "will", payload: "", retain: true } })).close();
    await watcher.expect("publish", { payload: "", retain: false });
    const later = await connect();
    await later.subscribe("will");
    assertEquals(await later.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a will of QoS 1 or 2 waits for absent subscribers [MQTT-3.1.2-8] [MQTT-3.1.2-5]",
  withBroker(async ({ connect }) => {
    const absent = await connect({ clientId: "absent", cleanStart: false });
    await absent.subscribe("will", { qos: 2 });
    await absent.disconnect();
    const watcher = await connect();
    await watcher.subscribe("will");
    await (await connect({ will: { ...will, qos: 2 } })).close();
    await watcher.expect("publish", { payload: "gone" });
    const back = await connect({ clientId: "absent", cleanStart: false });
    await back.expect("publish", { payload: "gone", qos: 2 });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: packets sent right before the end are processed before the will [MQTT-3.1.2-8] [MQTT-4.6.0-6]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("#");
    const client = await connect({ will });
    await client.publish("last", "words");
    await client.sendBytes(Uint8Array.of(0xf0, 0));
    await client.expectClosed();
    await watcher.expect("publish", { topic: "last", payload: "words" });
    await watcher.expect("publish", { topic: "will" });
  }),
);
