/** Options of the broker that come from mosquitto.conf, in the library. */

import { assertEquals } from "@std/assert";
import { Broker, type ListenerPolicy } from "../../broker/mod.ts";
import { memoryTransportPair } from "../../engine/memory_transport.ts";
import { ManualClock } from "../../engine/manual_clock.ts";
import { bounded, withBroker } from "../support/broker.ts";
import { RawClient } from "../support/raw_client.ts";
import type { RawConnectOptions } from "../support/raw_packets.ts";

const KEPT = { clientId: "keeper", version: 4, cleanStart: false } as const;

/** Connects by way of a listener with these settings. */
function connectTo(broker: Broker, listener: ListenerPolicy, options: RawConnectOptions = {}): Promise<RawClient> {
  const [client, server] = memoryTransportPair();
  broker.serve(server, listener);
  return RawClient.connect(client, options);
}

Deno.test(
  "broker options: queueQoS0Messages keeps QoS 0 messages for a client that is away",
  withBroker({ queueQoS0Messages: true }, async ({ connect }) => {
    const client = await connect(KEPT);
    await client.subscribe("a", { qos: 0 });
    await client.disconnect();
    const sender = await connect();
    await sender.publish("a", "waits");
    await sender.publish("a", "too", { qos: 1 });
    const back = await connect(KEPT);
    await back.expect("publish", { payload: "waits", qos: 0 });
    await back.expect("publish", { payload: "too", qos: 0 });
    // Whose session has ended has nothing.
    const short = await connect({ clientId: "short", version: 4 });
    await short.subscribe("a", { qos: 0 });
    await short.disconnect();
    await sender.publish("a", "for nobody");
    assertEquals(await (await connect({ clientId: "short", version: 4 })).barrier(), []);
  }),
);

Deno.test(
  "broker options: queueQoS0Messages keeps QoS 0 messages for a share group whose members are all away",
  withBroker({ queueQoS0Messages: true }, async ({ connect }) => {
    const client = await connect(KEPT);
    await client.subscribe("$share/g/a", { qos: 0 });
    await client.disconnect();
    await (await connect()).publish("a", "waits");
    await (await connect(KEPT)).expect("publish", { payload: "waits", qos: 0 });
  }),
);

Deno.test(
  "broker options: maxInflightBytes lets one message through, and more as long as they are small",
  withBroker({ maxInflightBytes: 10 }, async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 1 });
    const sender = await connect();
    for (const payload of ["x".repeat(100), "12345", "67890", "more"]) await sender.publish("a", payload, { qos: 1 });
    const expectAlone = async (payload: string) => {
      const { packetId = 0 } = await client.expect("publish", { payload });
      assertEquals(await client.barrier(), []);
      return packetId;
    };
    const first = await expectAlone("x".repeat(100));
    await client.send({ type: "puback", packetId: first, reasonCode: 0 });
    const { packetId = 0 } = await client.expect("publish", { payload: "12345" });
    await expectAlone("67890");
    await client.send({ type: "puback", packetId, reasonCode: 0 });
    await expectAlone("more");
  }),
);

Deno.test(
  "broker options: upgradeOutgoingQoS lets a share group's messages wait, and move on when a session ends",
  withBroker({ upgradeOutgoingQoS: true }, async ({ connect }) => {
    const client = await connect(KEPT);
    await client.subscribe("$share/g/a", { qos: 1 });
    await client.disconnect();
    await (await connect()).publish("a", "waits");
    const other = await connect({ ...KEPT, clientId: "other" });
    await other.subscribe("$share/g/a", { qos: 1 });
    await other.disconnect();
    await connect({ ...KEPT, cleanStart: true });
    const back = await connect({ ...KEPT, clientId: "other" });
    await back.expect("publish", { payload: "waits", qos: 1 });
  }),
);

Deno.test(
  "broker options: upgradeOutgoingQoS delivers with the QoS of the subscription",
  withBroker({ upgradeOutgoingQoS: true }, async ({ connect }) => {
    const client = await connect();
    await client.subscribe([{ filter: "a", qos: 1 }, { filter: "$share/g/b", qos: 2 }, { filter: "c", qos: 0 }]);
    const sender = await connect();
    await sender.publish("a", "1");
    await sender.publish("b", "2");
    await sender.publish("c", "0", { qos: 2 });
    await client.expect("publish", { topic: "a", qos: 1 });
    await client.expect("publish", { topic: "b", qos: 2 });
    await client.expect("publish", { topic: "c", qos: 0 });
    await sender.publish("r", "kept", { retain: true });
    await client.subscribe("r", { qos: 2 });
    await client.expect("publish", { topic: "r", qos: 2, retain: true });
  }),
);

Deno.test(
  "broker options: messageSizeLimit drops what is larger, and lets the client go on",
  withBroker({ messageSizeLimit: 5 }, async ({ connect, broker }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 0 });
    await client.send({
      type: "publish",
      topic: "a",
      payload: new Uint8Array(6),
      qos: 1,
      retain: false,
      dup: false,
      packetId: 7,
    });
    await client.expect("puback", { reasonCode: 0x83 });
    const old = await connect({ version: 4 });
    await old.publish("a", "123456", { qos: 2 });
    await old.publish("a", "12345");
    await client.expect("publish", { payload: "12345" });
    assertEquals(broker.counts().dropped.tooLarge, 2);
  }),
);

Deno.test(
  "broker options: persistentClientExpiration ends sessions that their clients want to last longer",
  withBroker({ persistentClientExpiration: 60 }, async ({ connect, broker, clock }) => {
    const old = await connect(KEPT);
    await old.disconnect();
    const modern = await connect({ clientId: "modern", properties: { sessionExpiryInterval: 100 } });
    assertEquals(modern.connack?.properties?.sessionExpiryInterval, 60);
    await modern.disconnect();
    const modest = await connect({ clientId: "modest", properties: { sessionExpiryInterval: 10 } });
    assertEquals(modest.connack?.properties?.sessionExpiryInterval, undefined);
    clock.advance(59_000);
    assertEquals(broker.counts().sessions, 3);
    clock.advance(1_100);
    assertEquals(broker.counts().sessions, 1);
  }),
);

Deno.test("broker options: memoryLimit refuses publications and clients until there is memory again", () =>
  bounded(async () => {
    const clock = new ManualClock();
    let used = 10;
    await using broker = new Broker({ clock, sysInterval: 0, memoryLimit: 100, heapUsed: () => used });
    await using client = await connectTo(broker, {});
    await using old = await connectTo(broker, {}, { version: 4, clientId: "old" });
    await client.publish("a", "fits", { qos: 1 });
    used = 100;
    clock.advance(1_000);
    await client.send({
      type: "publish",
      topic: "a",
      payload: new Uint8Array(1),
      qos: 1,
      retain: false,
      dup: false,
      packetId: 9,
    });
    await client.expect("puback", { reasonCode: 0x97 });
    await old.send({
      type: "publish",
      topic: "a",
      payload: new Uint8Array(1),
      qos: 1,
      retain: false,
      dup: false,
      packetId: 9,
    });
    await old.expectClosed();
    const [other, server] = memoryTransportPair();
    broker.serve(server);
    await using refused = await RawClient.open(other);
    await refused.sendConnect({ clientId: "refused" });
    await refused.expectRefused(0x97);
    assertEquals(broker.counts().dropped.memoryFull, 2);
    used = 99;
    clock.advance(1_000);
    await client.publish("a", "fits again", { qos: 1 });
  }));

Deno.test("broker options: listeners have settings of their own, and share one broker", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    const mounted: ListenerPolicy = { mountPoint: "one/", maxTopicAlias: 3, maximumQoS: 1, receiveMaximum: 7 };
    await using inside = await connectTo(broker, mounted, { clientId: "inside" });
    await using outside = await connectTo(broker, {}, { clientId: "outside" });
    assertEquals([inside.connack?.properties?.topicAliasMaximum, inside.connack?.properties?.maximumQoS], [3, 1]);
    assertEquals([outside.connack?.properties?.topicAliasMaximum, outside.connack?.properties?.maximumQoS], [
      10,
      undefined,
    ]);
    assertEquals([inside, outside].map(({ connack }) => connack?.properties?.receiveMaximum), [7, 20]);
    await inside.subscribe([{ filter: "#", qos: 0 }, { filter: "$share/g/t/+", qos: 0 }]);
    await outside.subscribe("#", { qos: 0 });
    await inside.publish("t/1", "hello");
    await inside.expect("publish", { topic: "t/1" });
    await inside.expect("publish", { topic: "t/1" });
    await outside.expect("publish", { topic: "one/t/1" });
    await outside.publish("two/t/1", "for others");
    await outside.expect("publish", { topic: "two/t/1" });
    assertEquals(await inside.barrier(), []);
  }));

Deno.test("broker options: a listener's maxConnections counts its own connections only", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    const small: ListenerPolicy = { maxConnections: 1 };
    await using _first = await connectTo(broker, small, { clientId: "first" });
    const [second, server] = memoryTransportPair();
    await broker.serve(server, small);
    await using refused = await RawClient.open(second);
    await refused.expectClosed();
    await using _other = await connectTo(broker, {}, { clientId: "other" });
    small.maxConnections = 2;
    await using _third = await connectTo(broker, small, { clientId: "third" });
  }));

Deno.test("broker options: update() changes limits at once, and disconnect() ends those who are picked", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    await using client = await connectTo(broker, {}, { clientId: "a" });
    await using other = await connectTo(broker, {}, { clientId: "b" });
    broker.update({ sysInterval: 0, maximumQoS: 0 });
    await using late = await connectTo(broker, {}, { clientId: "c" });
    assertEquals(late.connack?.properties?.maximumQoS, 0);
    await other.send({
      type: "publish",
      topic: "a",
      payload: new Uint8Array(0),
      qos: 1,
      retain: false,
      dup: false,
      packetId: 1,
    });
    await other.expectDisconnect(0x9b);
    assertEquals(broker.disconnect(({ clientId }) => clientId === "a"), 1);
    await client.expectDisconnect(0x87);
    assertEquals(await late.barrier(), []);
  }));
