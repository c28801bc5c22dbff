/** MQTT 3.1.1, sessions: clean session, session present, take-over, keep alive and what survives a connection. */

import { assertEquals } from "@std/assert";
import { until } from "../support/broker.ts";
import { publishPacket, toText } from "../support/raw_packets.ts";
import { withBrokerFor } from "./broker_v311_support.ts";

const withBroker = withBrokerFor(4);
const persistent = { clientId: "keeper", cleanStart: false };

Deno.test(
  "mqtt 3.1.1 broker: without clean session the stored session goes on [MQTT-3.1.2-4] [MQTT-3.2.2-2] [MQTT-3.2.2-3] [MQTT-4.1.0-1]",
  withBroker(async ({ connect }) => {
    const first = await connect(persistent);
    assertEquals(first.connack?.sessionPresent, false);
    await first.subscribe(["a/+", "b"], { qos: 2 });
    await first.disconnect();
    const second = await connect(persistent);
    assertEquals(second.connack?.sessionPresent, true);
    assertEquals(second.lastBytes, Uint8Array.of(0x20, 2, 1, 0));
    const other = await connect();
    await other.publish("a/1", "one", { qos: 2 });
    await other.publish("b", "two", { qos: 1 });
    await second.expect("publish", { topic: "a/1", qos: 2 });
    await second.expect("publish", { topic: "b", qos: 1 });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a session without subscriptions is a session too [MQTT-3.2.2-2] [MQTT-4.1.0-1]",
  withBroker(async ({ connect }) => {
    await (await connect(persistent)).disconnect();
    const second = await connect(persistent);
    assertEquals(second.connack?.sessionPresent, true);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a session outlives a broken connection as well as a DISCONNECT [MQTT-3.1.2-4] [MQTT-4.1.0-1]",
  withBroker(async ({ connect, broker }) => {
    const first = await connect(persistent);
    await first.subscribe("a");
    await first.close();
    await until(() => broker.counts().connections === 0, "the end of the connection");
    const second = await connect(persistent);
    assertEquals(second.connack?.sessionPresent, true);
    await second.publish("a", "still subscribed", { qos: 1 });
    assertEquals((await second.barrier()).length, 1);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: QoS 1 and 2 messages wait for an absent client, in order and with their QoS [MQTT-3.1.2-5] [MQTT-4.5.0-1]",
  withBroker(async ({ connect }) => {
    const first = await connect(persistent);
    await first.subscribe("a/#", { qos: 2 });
    await first.disconnect();
    const other = await connect();
    for (const [index, qos] of ([1, 2, 2, 1, 1, 2] as const).entries()) {
      await other.publish(`a/${index}`, `number ${index}`, { qos });
    }
    await other.publish("b", "not subscribed", { qos: 2 });
    const second = await connect({ ...persistent, autoAck: true });
    for (const [index, qos] of [1, 2, 2, 1, 1, 2].entries()) {
      await second.take(
        "publish",
        (packet) => packet.topic === `a/${index}` && packet.qos === qos && !packet.dup && !packet.retain,
      );
    }
    assertEquals((await second.barrier()).filter(({ type }) => type === "publish"), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a waiting message is delivered once the session is back, and not again [MQTT-3.1.2-5] [MQTT-4.1.0-1]",
  withBroker(async ({ connect }) => {
    const first = await connect(persistent);
    await first.subscribe("a", { qos: 1 });
    await first.disconnect();
    await (await connect()).publish("a", "once", { qos: 1 });
    const second = await connect({ ...persistent, autoAck: true });
    await second.expect("publish", { payload: "once" });
    await second.barrier();
    await second.disconnect();
    const third = await connect(persistent);
    assertEquals(await third.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: clean session throws an earlier session away [MQTT-3.1.2-6] [MQTT-3.2.2-1]",
  withBroker(async ({ connect }) => {
    const first = await connect(persistent);
    await first.subscribe("a", { qos: 1 });
    await first.disconnect();
    const other = await connect();
    await other.publish("a", "for the old session", { qos: 1 });
    const clean = await connect({ ...persistent, cleanStart: true });
    assertEquals(clean.connack?.sessionPresent, false);
    await other.publish("a", "nobody listens", { qos: 1 });
    assertEquals(await clean.barrier(), []);
    await clean.disconnect();
    const after = await connect(persistent);
    assertEquals(after.connack?.sessionPresent, false);
    await other.publish("a", "still nobody", { qos: 1 });
    assertEquals(await after.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a clean session ends with its connection [MQTT-3.1.2-6] [MQTT-3.2.2-3] [MQTT-4.1.0-2]",
  withBroker(async ({ connect, broker }) => {
    for (const end of ["disconnect", "close"] as const) {
      const clean = await connect({ ...persistent, cleanStart: true });
      await clean.subscribe("a", { qos: 1 });
      await (await connect()).publish("a", "while it lives", { qos: 1 });
      await clean.expect("publish", { payload: "while it lives" });
      const before = broker.counts().connections;
      await clean[end]();
      await until(() => broker.counts().connections < before, "the end of the connection");
      const after = await connect(persistent);
      assertEquals(after.connack?.sessionPresent, false);
      assertEquals(await after.barrier(), []);
      await after.disconnect();
      await (await connect({ ...persistent, cleanStart: true })).disconnect();
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: unfinished QoS 2 receptions do not outlive a clean session [MQTT-3.1.2-6]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("a", { qos: 0 });
    const first = await connect({ clientId: "reborn" });
    await first.send(publishPacket("a", "first life", { qos: 2, packetId: 5, dup: false }));
    await first.expect("pubrec", { packetId: 5 });
    await first.disconnect();
    const second = await connect({ clientId: "reborn" });
    await second.send(publishPacket("a", "second life", { qos: 2, packetId: 5, dup: false }));
    await second.expect("pubrec", { packetId: 5 });
    await second.send({ type: "pubrel", packetId: 5, reasonCode: 0 });
    await second.expect("pubcomp", { packetId: 5 });
    await watcher.take("publish", ({ payload }) => toText(payload) === "second life");
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: retained messages outlive the session that published them [MQTT-3.1.2.7]",
  withBroker(async ({ connect }) => {
    const publisher = await connect();
    await publisher.publish("a", "kept", { qos: 1, retain: true });
    await publisher.disconnect();
    const subscriber = await connect();
    await subscriber.subscribe("a", { qos: 1 });
    await subscriber.expect("publish", { topic: "a", payload: "kept", retain: true, qos: 1 });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: each client id has a session of its own [MQTT-3.1.3-2]",
  withBroker(async ({ connect }) => {
    for (const clientId of ["one", "One", "one "]) {
      const client = await connect({ clientId, cleanStart: false });
      assertEquals(client.connack?.sessionPresent, false);
      await client.subscribe(`for/${clientId.replace(" ", "_")}`, { qos: 1 });
      await client.disconnect();
    }
    const other = await connect();
    await other.publish("for/one", "1", { qos: 1 });
    await other.publish("for/One", "2", { qos: 1 });
    for (const [clientId, payload] of [["One", "2"], ["one", "1"]] as const) {
      const client = await connect({ clientId, cleanStart: false });
      await client.expect("publish", { payload });
      await client.disconnect();
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a new connection of the same client id ends the old one [MQTT-3.1.4-2]",
  withBroker(async ({ connect, broker }) => {
    const watcher = await connect();
    await watcher.subscribe("will");
    const first = await connect({ clientId: "same", will: { topic: "will", payload: "taken over" } });
    const second = await connect({ clientId: "same" });
    await first.expectClosed();
    await watcher.expect("publish", { payload: "taken over" });
    assertEquals(await second.barrier(), []);
    assertEquals(broker.counts().connections, 2);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a take-over goes on with the session, and resends what was open [MQTT-3.1.4-2] [MQTT-3.1.4-3] [MQTT-4.4.0-1]",
  withBroker(async ({ connect }) => {
    const first = await connect(persistent);
    await first.subscribe("a", { qos: 1 });
    await (await connect()).publish("a", "open", { qos: 1 });
    const { packetId } = await first.expect("publish", { dup: false });
    const second = await connect(persistent);
    assertEquals(second.connack?.sessionPresent, true);
    await second.expect("publish", { packetId, payload: "open", dup: true });
    await first.expectClosed();
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a take-over with clean session starts afresh [MQTT-3.1.4-2] [MQTT-3.1.4-3] [MQTT-3.1.2-6]",
  withBroker(async ({ connect }) => {
    const first = await connect(persistent);
    await first.subscribe("a", { qos: 1 });
    const second = await connect({ ...persistent, cleanStart: true });
    assertEquals(second.connack?.sessionPresent, false);
    await first.expectClosed();
    await second.publish("a", "nobody", { qos: 1 });
    assertEquals(await second.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: 1.5 times the keep alive without a packet ends the connection, not less [MQTT-3.1.2-24]",
  withBroker(async ({ connect, clock }) => {
    const watcher = await connect();
    await watcher.subscribe("will");
    const client = await connect({ keepAlive: 10, will: { topic: "will", payload: "silent" } });
    clock.advance(14_900);
    assertEquals(await watcher.barrier(), []);
    clock.advance(1_200);
    await client.expectClosed();
    await watcher.expect("publish", { payload: "silent" });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: any packet starts the keep alive time afresh [MQTT-3.1.2-24] [MQTT-3.12.4-1]",
  withBroker(async ({ connect, clock }) => {
    const client = await connect({ keepAlive: 10 });
    const steps = [
      () => client.barrier(),
      () => client.subscribe("a", { qos: 1 }),
      () => client.publish("b", "", { qos: 1 }),
      () => client.publish("b", "", { qos: 2 }),
      () => client.unsubscribe("a"),
      () => client.barrier(),
    ];
    for (const step of steps) {
      clock.advance(14_000);
      await step();
    }
    clock.advance(16_100);
    await client.expectClosed();
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: what the broker sends does not keep a silent client alive [MQTT-3.1.2-24]",
  withBroker(async ({ connect, clock }) => {
    const client = await connect({ keepAlive: 10 });
    await client.subscribe("a");
    const other = await connect();
    clock.advance(10_000);
    await other.publish("a", "1", { qos: 1 });
    await client.expect("publish");
    clock.advance(6_100);
    await client.expectClosed();
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: keep alive 0 turns the check off [MQTT-3.1.2-24]",
  withBroker({ sysInterval: 0 }, async ({ connect, clock }) => {
    const client = await connect({ keepAlive: 0 });
    clock.advance(365 * 86_400_000);
    assertEquals(await client.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: the session of a silent client stays [MQTT-3.1.2-24] [MQTT-4.1.0-1]",
  withBroker(async ({ connect, clock }) => {
    const first = await connect({ ...persistent, keepAlive: 10 });
    await first.subscribe("a", { qos: 1 });
    clock.advance(16_100);
    await first.expectClosed();
    await (await connect()).publish("a", "waited", { qos: 1 });
    const second = await connect(persistent);
    assertEquals(second.connack?.sessionPresent, true);
    await second.expect("publish", { payload: "waited", dup: false });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a session lives as long as its connection, however long [MQTT-4.1.0-2]",
  withBroker({ sysInterval: 0 }, async ({ connect, clock }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 2 });
    const other = await connect();
    await client.send(publishPacket("b", "", { qos: 2, packetId: 9 }));
    await client.expect("pubrec", { packetId: 9 });
    clock.advance(30 * 86_400_000);
    await other.publish("a", "after a month", { qos: 2 });
    await client.expect("publish", { payload: "after a month", qos: 2 });
    await client.send({ type: "pubrel", packetId: 9, reasonCode: 0 });
    await client.expect("pubcomp", { packetId: 9 });
  }),
);
