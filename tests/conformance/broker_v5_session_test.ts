/** Sessions, their expiry and take-over: MQTT 5.0 sections 3.1.2.4, 3.1.2.11.2, 3.1.4 and 4.1. */

import { assertEquals } from "@std/assert";
import { until, withBroker } from "../support/broker.ts";

const FOREVER = 0xffff_ffff;
const kept = { sessionExpiryInterval: 100 };

Deno.test(
  "mqtt 5.0 broker: Clean Start 1 throws the session away and begins an empty one [MQTT-3.1.2-4] [MQTT-3.2.2-2] [MQTT-3.1.4-4]",
  withBroker(async ({ connect }) => {
    const first = await connect({ clientId: "s", properties: kept });
    await first.subscribe("a", { qos: 1 });
    await first.disconnect();
    const publisher = await connect();
    await publisher.publish("a", "queued", { qos: 1 });

    const second = await connect({ clientId: "s", cleanStart: true, properties: kept });
    assertEquals(second.connack?.sessionPresent, false);
    await publisher.publish("a", "live", { qos: 1 });
    assertEquals(await second.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: Clean Start 1 also throws away what was in flight [MQTT-3.1.2-4]",
  withBroker(async ({ connect }) => {
    const publisher = await connect();
    const first = await connect({ clientId: "s", properties: kept });
    await first.subscribe("a", { qos: 2 });
    await publisher.publish("a", "one", { qos: 1 });
    await publisher.publish("a", "two", { qos: 2 });
    await first.expectMany("publish", 2);
    await first.close();
    const second = await connect({ clientId: "s", cleanStart: true, properties: kept });
    assertEquals(second.connack?.sessionPresent, false);
    assertEquals(await second.publications(), []);
    await second.disconnect();
    const third = await connect({ clientId: "s", cleanStart: false });
    assertEquals(await third.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: Clean Start 0 goes on with subscriptions, unfinished exchanges and queued messages [MQTT-3.1.2-5] [MQTT-3.2.2-3] [MQTT-3.1.2-23] [MQTT-4.5.0-1]",
  withBroker(async ({ connect, broker }) => {
    const publisher = await connect();
    const first = await connect({ clientId: "s", properties: kept });
    await first.subscribe("a", { qos: 2 });
    await publisher.publish("a", "in flight", { qos: 1 });
    const { packetId } = await first.expect("publish", { payload: "in flight", dup: false });
    await first.close();
    await until(() => broker.counts().connections === 1, "the connection to end");
    await publisher.publish("a", "queued", { qos: 2 });

    const second = await connect({ clientId: "s", cleanStart: false });
    assertEquals(second.connack?.sessionPresent, true);
    await second.expect("publish", { payload: "in flight", packetId, dup: true });
    await second.expect("publish", { payload: "queued", qos: 2, dup: false });
    await publisher.publish("a", "live");
    await second.expect("publish", { payload: "live", qos: 0 });
  }),
);

Deno.test(
  "mqtt 5.0 broker: Clean Start 0 without a session creates one [MQTT-3.1.2-6] [MQTT-3.2.2-3]",
  withBroker(async ({ connect }) => {
    const first = await connect({ clientId: "s", cleanStart: false, properties: kept });
    assertEquals(first.connack?.sessionPresent, false);
    await first.subscribe("a", { qos: 1 });
    await first.disconnect();
    const second = await connect({ clientId: "s", cleanStart: false });
    assertEquals(second.connack?.sessionPresent, true);
  }),
);

Deno.test(
  "mqtt 5.0 broker: Session Present is 1 for a session without subscriptions [MQTT-3.2.2-3] [MQTT-3.2.2-1]",
  withBroker(async ({ connect }) => {
    const first = await connect({ clientId: "s", properties: kept });
    assertEquals(first.lastBytes[2], 0);
    await first.disconnect();
    const second = await connect({ clientId: "s", cleanStart: false });
    assertEquals(second.connack?.sessionPresent, true);
    assertEquals(second.lastBytes[2], 1);
  }),
);

Deno.test(
  "mqtt 5.0 broker: session state goes by the client identifier, case and all [MQTT-3.1.3-2]",
  withBroker(async ({ connect }) => {
    for (const clientId of ["s", "S", "s ", "\u00e9", "e\u0301"]) {
      const client = await connect({ clientId, properties: kept });
      await client.subscribe(`of/${clientId}`, { qos: 1 });
      await client.disconnect();
    }
    const publisher = await connect();
    for (const clientId of ["s", "S", "s ", "\u00e9", "e\u0301"]) {
      await publisher.publish(`of/${clientId}`, "x", { qos: 1 });
      const client = await connect({ clientId, cleanStart: false });
      assertEquals(client.connack?.sessionPresent, true);
      await client.expect("publish", { topic: `of/${clientId}` });
      assertEquals(await client.publications(), []);
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: a session without Session Expiry Interval ends with its connection [MQTT-3.1.2-23] [MQTT-4.1.0-2]",
  withBroker(async ({ connect, broker }) => {
    const first = await connect({ clientId: "s" });
    await first.subscribe("a", { qos: 1 });
    await first.disconnect();
    await until(() => broker.counts().sessions === 0, "the session to end");
    assertEquals(broker.counts().subscriptions, 0);
    const second = await connect({ clientId: "s", cleanStart: false });
    assertEquals(second.connack?.sessionPresent, false);
  }),
);

Deno.test(
  "mqtt 5.0 broker: the Session Expiry Interval counts from the close [MQTT-3.1.2-23] [MQTT-4.1.0-2]",
  withBroker(async ({ connect, broker, clock }) => {
    const first = await connect({ clientId: "s", properties: { sessionExpiryInterval: 10 } });
    await first.subscribe("a", { qos: 1 });
    clock.advance(60_000); // an open connection uses up nothing
    await first.disconnect();
    await until(() => broker.counts().connections === 0, "the connection to end");
    clock.advance(9_900);
    const second = await connect({ clientId: "s", cleanStart: false, properties: { sessionExpiryInterval: 10 } });
    assertEquals(second.connack?.sessionPresent, true);
    await second.close();
    await until(() => broker.counts().connections === 0, "the connection to end");
    clock.advance(10_100);
    await until(() => broker.counts().sessions === 0, "the session to end");
    const third = await connect({ clientId: "s", cleanStart: false });
    assertEquals(third.connack?.sessionPresent, false);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a Session Expiry Interval of 0xFFFFFFFF never ends [MQTT-3.1.2-23]",
  withBroker(async ({ connect, broker, clock }) => {
    const first = await connect({ clientId: "s", properties: { sessionExpiryInterval: FOREVER } });
    await first.disconnect();
    await until(() => broker.counts().connections === 0, "the connection to end");
    clock.advance(FOREVER * 1_000 + 60_000);
    clock.advance(100 * 365 * 86_400_000);
    const second = await connect({ clientId: "s", cleanStart: false });
    assertEquals(second.connack?.sessionPresent, true);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a Session Expiry Interval above 2^31 seconds is unsigned [MQTT-3.1.2-23]",
  withBroker(async ({ connect, broker, clock }) => {
    const first = await connect({ clientId: "s", properties: { sessionExpiryInterval: 0xf000_0000 } });
    await first.disconnect();
    await until(() => broker.counts().connections === 0, "the connection to end");
    clock.advance(0xefff_0000 * 1_000);
    const second = await connect({ clientId: "s", cleanStart: false });
    assertEquals(second.connack?.sessionPresent, true);
  }),
);

Deno.test(
  "mqtt 5.0 broker: the session lives as long as the connection, however short its expiry [MQTT-4.1.0-1]",
  withBroker(async ({ connect, clock }) => {
    const client = await connect({ properties: { sessionExpiryInterval: 0 } });
    const other = await connect({ properties: { sessionExpiryInterval: 1 } });
    await client.subscribe("a", { qos: 1 });
    await other.subscribe("a", { qos: 1 });
    clock.advance(3_600_000);
    const publisher = await connect();
    await publisher.publish("a", "x", { qos: 1 });
    await client.expect("publish", { payload: "x" });
    await other.expect("publish", { payload: "x" });
  }),
);

Deno.test(
  "mqtt 5.0 broker: DISCONNECT may lower or raise the Session Expiry Interval [MQTT-3.1.2-23]",
  withBroker(async ({ connect, broker, clock }) => {
    const first = await connect({ clientId: "s", properties: kept });
    await first.disconnect(0, { sessionExpiryInterval: 0 });
    await until(() => broker.counts().sessions === 0, "the session to end");
    const second = await connect({ clientId: "s", cleanStart: false, properties: { sessionExpiryInterval: 1 } });
    assertEquals(second.connack?.sessionPresent, false);
    await second.disconnect(0, { sessionExpiryInterval: 1_000 });
    await until(() => broker.counts().connections === 0, "the connection to end");
    clock.advance(999_000);
    const third = await connect({ clientId: "s", cleanStart: false });
    assertEquals(third.connack?.sessionPresent, true);
  }),
);

Deno.test(
  "mqtt 5.0 broker: DISCONNECT cannot raise a Session Expiry Interval of 0: Protocol Error [MQTT-4.13.1-1]",
  withBroker(async ({ connect }) => {
    for (const properties of [undefined, { sessionExpiryInterval: 0 }]) {
      const client = await connect({ clientId: "s", ...(properties && { properties }) });
      await client.send({ type: "disconnect", reasonCode: 0, properties: { sessionExpiryInterval: 5 } });
      await client.expectDisconnect(0x82);
      const second = await connect({ clientId: "s", cleanStart: false });
      assertEquals(second.connack?.sessionPresent, false);
      await second.disconnect();
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: a new connection's Session Expiry Interval replaces the old one's [MQTT-3.1.2-23]",
  withBroker(async ({ connect, broker, clock }) => {
    await (await connect({ clientId: "s", properties: kept })).disconnect();
    await (await connect({ clientId: "s", cleanStart: false, properties: { sessionExpiryInterval: 5 } })).disconnect();
    await until(() => broker.counts().connections === 0, "the connection to end");
    clock.advance(5_100);
    await until(() => broker.counts().sessions === 0, "the session to end");
  }),
);

Deno.test(
  "mqtt 5.0 broker: take-over says DISCONNECT 0x8E to the old connection and closes it [MQTT-3.1.4-3] [MQTT-3.14.4-1] [MQTT-3.14.4-2]",
  withBroker(async ({ connect }) => {
    const first = await connect({ clientId: "s", properties: kept });
    await first.subscribe("a", { qos: 1 });
    const second = await connect({ clientId: "s", cleanStart: false, properties: kept });
    assertEquals(second.connack?.sessionPresent, true);
    await first.expectDisconnect(0x8e);
    await second.publish("a", "x", { qos: 1 });
    await second.expect("publish", { payload: "x" });
  }),
);

Deno.test(
  "mqtt 5.0 broker: take-over with Clean Start 1 begins an empty session [MQTT-3.1.4-3] [MQTT-3.1.2-4] [MQTT-3.2.2-2]",
  withBroker(async ({ connect, broker }) => {
    const first = await connect({ clientId: "s", properties: kept });
    await first.subscribe("a");
    const second = await connect({ clientId: "s", cleanStart: true });
    assertEquals(second.connack?.sessionPresent, false);
    await first.expectDisconnect(0x8e);
    assertEquals(broker.counts().subscriptions, 0);
    assertEquals(broker.counts().sessions, 1);
  }),
);

Deno.test(
  "mqtt 5.0 broker: take-over of a session with expiry 0 still resumes no state [MQTT-3.1.4-3] [MQTT-4.1.0-2]",
  withBroker(async ({ connect }) => {
    const first = await connect({ clientId: "s" });
    await first.subscribe("a");
    const second = await connect({ clientId: "s", cleanStart: false });
    await first.expectDisconnect(0x8e);
    // The old connection is closed before Clean Start is looked at, and with expiry 0 the session ends with it
    // (section 3.1.4, steps in their order).
    assertEquals(second.connack?.sessionPresent, false);
  }),
);

Deno.test(
  "mqtt 5.0 broker: keeps matching messages of QoS 1 and 2 for an absent client, in order [MQTT-4.5.0-1] [MQTT-3.1.2-5]",
  withBroker(async ({ connect }) => {
    const first = await connect({ clientId: "s", properties: kept });
    await first.subscribe("a/#", { qos: 2 });
    await first.disconnect();
    const publisher = await connect();
    await publisher.publish("a/1", "1", { qos: 1 });
    await publisher.publish("b", "not his", { qos: 1 });
    await publisher.publish("a/2", "2", { qos: 2 });
    await publisher.publish("a/3", "3", { qos: 1 });
    const second = await connect({ clientId: "s", cleanStart: false });
    for (const payload of ["1", "2", "3"]) await second.expect("publish", { topic: `a/${payload}`, payload });
    assertEquals(await second.publications(), []);
  }),
);
