/** Shared subscriptions: MQTT 5.0 section 4.8.2. */

import { assert, assertEquals } from "@std/assert";
import { type BrokerTest, until, withBroker } from "../support/broker.ts";
import type { RawClient } from "../support/raw_client.ts";
import { field, fromHex, rawPacket, toText } from "../support/raw_packets.ts";

const kept = { sessionExpiryInterval: 1_000 };

async function member(
  { connect }: BrokerTest,
  clientId: string,
  qos: 0 | 1 | 2,
  filter = "$share/g/a",
): Promise<RawClient> {
  const client = await connect({ clientId, properties: kept });
  await client.subscribe(filter, { qos });
  return client;
}

async function payloads(client: RawClient): Promise<string[]> {
  return (await client.publications()).map(({ payload }) => toText(payload));
}

Deno.test(
  "mqtt 5.0 broker: each message goes to one member of the group, and to all groups and plain subscriptions [MQTT-4.8.2-1] [MQTT-4.8.2-2]",
  withBroker(async (test) => {
    const members = await Promise.all(["m1", "m2", "m3"].map((id) => member(test, id, 0)));
    const otherGroup = await member(test, "other", 0, "$share/\u00e9 $h/a");
    const plain = await test.connect();
    await plain.subscribe("a");
    const publisher = await test.connect();
    const sent = Array.from({ length: 30 }, (_, at) => `${at}`);
    for (const payload of sent) await publisher.publish("a", payload);
    await publisher.barrier();
    const received = await Promise.all(members.map(payloads));
    assertEquals(received.flat().sort(), [...sent].sort());
    assert(received.every((list) => list.length > 0), "every member takes part");
    assertEquals(await payloads(otherGroup), sent);
    assertEquals(await payloads(plain), sent);
  }),
);

Deno.test(
  "mqtt 5.0 broker: refuses a share name that is empty or holds a wildcard, or an empty filter [MQTT-4.8.2-1] [MQTT-4.8.2-2]",
  withBroker(async ({ connect, broker }) => {
    for (
      const filter of ["$share//a", "$share/g", "$share/g/", "$share/+/a", "$share/a#/a", "$share/", "$share/g+/a"]
    ) {
      const client = await connect();
      await client.sendBytes(rawPacket(0x82, fromHex("00 01 00"), field(filter), fromHex("00")));
      const answer = await client.next();
      const code = answer.type === "suback"
        ? answer.reasonCodes[0]
        : answer.type === "disconnect"
        ? answer.reasonCode
        : 0;
      assert([0x8f, 0x82, 0x81].includes(code ?? 0), filter);
      await client.close();
    }
    assertEquals(broker.counts().subscriptions, 0);
  }),
);

Deno.test(
  "mqtt 5.0 broker: the filter behind the share name may begin with a slash or hold wildcards [MQTT-4.8.2-2]",
  withBroker(async (test) => {
    const client = await member(test, "m", 0, "$share/g//a/+");
    const all = await member(test, "n", 0, "$share/g/#");
    const publisher = await test.connect();
    await publisher.publish("/a/b", "x");
    await publisher.publish("a/b", "y");
    await publisher.barrier();
    assertEquals(await payloads(client), ["x"]);
    assertEquals((await payloads(all)).sort(), ["x", "y"]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a shared subscription is one of its own beside the plain one [MQTT-4.8.2-2] [MQTT-3.8.4-3]",
  withBroker(async ({ connect, broker }) => {
    const client = await connect();
    await client.subscribe(["a", "$share/g/a", "$share/h/a"], { qos: 1 });
    await client.subscribe("$share/g/a", { qos: 1 });
    assertEquals(broker.counts().subscriptions, 3);
    const publisher = await connect();
    await publisher.publish("a", "x", { qos: 1 });
    assertEquals(await payloads(client), ["x", "x", "x"]);
    assertEquals((await client.unsubscribe("$share/g/a")).reasonCodes, [0]);
    assertEquals((await client.unsubscribe("$share/g/a")).reasonCodes, [0x11]);
    await publisher.publish("a", "y", { qos: 1 });
    assertEquals(await payloads(client), ["y", "y"]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: delivers to a member with its own granted QoS [MQTT-4.8.2-3] [MQTT-3.8.4-8]",
  withBroker(async (test) => {
    const publisher = await test.connect();
    for (const granted of [0, 1, 2] as const) {
      const client = await member(test, `m${granted}`, granted, `$share/g${granted}/a`);
      for (const qos of [0, 1, 2] as const) {
        await publisher.publish("a", "x", { qos });
        await client.expect("publish", { qos: Math.min(qos, granted) as 0 | 1 | 2 });
      }
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: sends no retained messages for a shared subscription [MQTT-3.3.1-9]",
  withBroker(async (test) => {
    const publisher = await test.connect();
    await publisher.publish("a", "kept", { qos: 1, retain: true });
    const client = await member(test, "m", 1);
    assertEquals(await payloads(client), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: an interrupted QoS 2 delivery is completed with the same member [MQTT-4.8.2-4]",
  withBroker(async (test) => {
    const first = await member(test, "m1", 2);
    const publisher = await test.connect();
    await publisher.publish("a", "1", { qos: 2 });
    await publisher.publish("a", "2", { qos: 2 });
    const [one, two] = await first.expectMany("publish", 2);
    await first.send({ type: "pubrec", packetId: two?.packetId ?? 0, reasonCode: 0 });
    await first.expect("pubrel");
    const second = await member(test, "m2", 2);
    await first.close();
    assertEquals(await payloads(second), []);
    const again = await test.connect({ clientId: "m1", cleanStart: false, properties: kept });
    await again.expect("publish", { payload: "1", dup: true, packetId: one?.packetId ?? 0 });
    await again.expect("pubrel", { packetId: two?.packetId ?? 0 });
    assertEquals(await payloads(second), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: when the member's session ends first, nobody gets its QoS 2 message [MQTT-4.8.2-5]",
  withBroker(async (test) => {
    const first = await member(test, "m1", 2);
    const publisher = await test.connect();
    await publisher.publish("a", "1", { qos: 2 });
    await first.expect("publish", { payload: "1" });
    const second = await member(test, "m2", 2);
    await first.disconnect(0, { sessionExpiryInterval: 0 });
    await until(() => test.broker.counts().sessions === 2, "the session to end");
    assertEquals(await payloads(second), []);
    await publisher.publish("a", "2", { qos: 2 });
    assertEquals(await payloads(second), ["2"]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: when the member's session ends first, another one gets its unfinished QoS 1 message [MQTT-4.8.2-3]",
  withBroker(async (test) => {
    const first = await member(test, "m1", 1);
    const publisher = await test.connect();
    await publisher.publish("a", "1", { qos: 1 });
    await first.expect("publish", { payload: "1" });
    const second = await member(test, "m2", 1);
    await first.disconnect(0, { sessionExpiryInterval: 0 });
    await second.expect("publish", { payload: "1", qos: 1, dup: false });
  }),
);

Deno.test(
  "mqtt 5.0 broker: a PUBACK or PUBREC of 0x80 or above from a member ends the message [MQTT-4.8.2-6]",
  withBroker(async (test) => {
    const first = await member(test, "m1", 2);
    const publisher = await test.connect();
    await publisher.publish("a", "1", { qos: 1 });
    await publisher.publish("a", "2", { qos: 2 });
    const [one, two] = await first.expectMany("publish", 2);
    const second = await member(test, "m2", 2);
    await first.send({ type: "puback", packetId: one?.packetId ?? 0, reasonCode: 0x97 });
    await first.send({ type: "pubrec", packetId: two?.packetId ?? 0, reasonCode: 0x80 });
    assertEquals(await first.barrier(), []);
    assertEquals(await payloads(second), []);
    await first.disconnect(0, { sessionExpiryInterval: 0 });
    await until(() => test.broker.counts().sessions === 2, "the session to end");
    assertEquals(await payloads(second), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: connected members come before absent ones, and absent ones before nobody [MQTT-4.5.0-1]",
  withBroker(async (test) => {
    const first = await member(test, "m1", 1);
    const second = await member(test, "m2", 1);
    const publisher = await test.connect();
    await first.disconnect();
    await until(() => test.broker.counts().connections === 2, "the connection to end");
    for (const payload of ["1", "2", "3"]) await publisher.publish("a", payload, { qos: 1 });
    assertEquals(await payloads(second), ["1", "2", "3"]);
    await second.disconnect();
    await until(() => test.broker.counts().connections === 1, "the connection to end");
    await publisher.publish("a", "kept", { qos: 1 });
    const back1 = await test.connect({ clientId: "m1", cleanStart: false });
    const back2 = await test.connect({ clientId: "m2", cleanStart: false });
    const fresh = [...await back1.publications(), ...await back2.publications()].filter(({ dup }) => !dup);
    assertEquals(fresh.map(({ payload }) => toText(payload)), ["kept"]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: Subscription Identifier and Retain As Published work for a shared subscription [MQTT-3.3.4-3] [MQTT-3.3.1-13]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("$share/g/a", { retainAsPublished: true, properties: { subscriptionIdentifiers: [9] } });
    const publisher = await connect();
    await publisher.publish("a", "x", { retain: true });
    await client.expect("publish", { retain: true, properties: { subscriptionIdentifiers: [9] } });
  }),
);
