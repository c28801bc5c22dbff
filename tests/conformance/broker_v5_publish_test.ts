/** PUBLISH through the broker: MQTT 5.0 sections 2.2.1, 3.3.1, 3.3.2 and 3.3.4. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { until, withBroker } from "../support/broker.ts";
import { field, fromHex, publishPacket, rawPacket, toText } from "../support/raw_packets.ts";

Deno.test(
  "mqtt 5.0 broker: answers a PUBLISH by its QoS, with its identifier [MQTT-3.3.4-1] [MQTT-2.2.1-5] [MQTT-4.3.2-4] [MQTT-4.3.3-8] [MQTT-4.3.3-11]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    const other = await connect();
    await other.subscribe("a", { qos: 2 });
    await client.send(publishPacket("a", "0"));
    assertEquals(await client.barrier(), []);
    for (const packetId of [1, 255, 256, 65_535]) {
      await client.send(publishPacket("a", "1", { qos: 1, packetId }));
      await client.expect("puback", { packetId, reasonCode: 0 });
      await client.send(publishPacket("a", "2", { qos: 2, packetId }));
      await client.expect("pubrec", { packetId, reasonCode: 0 });
      await client.send({ type: "pubrel", packetId, reasonCode: 0 });
      await client.expect("pubcomp", { packetId, reasonCode: 0 });
    }
    assertEquals(await client.barrier(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a PUBLISH with QoS 0 has no packet identifier and property length 0 [MQTT-2.2.1-2] [MQTT-2.2.2-1] [MQTT-4.3.1-1] [MQTT-3.3.2-1]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a/b");
    await client.sendBytes("30 09 00 03 61 2f 62 00 78 79 7a");
    await client.expect("publish", { topic: "a/b", payload: "xyz", qos: 0, dup: false });
    assertEquals(client.lastBytes, fromHex("30 09 00 03 61 2f 62 00 78 79 7a"));
  }),
);

Deno.test(
  "mqtt 5.0 broker: packets without properties say so with length 0, or leave it out where they may [MQTT-2.2.2-1] [MQTT-2.1.3-1]",
  withBroker({ maxTopicAlias: 0 }, async ({ connect }) => {
    const client = await connect();
    const publisher = await connect();
    await client.sendBytes("82 07 00 05 00 00 01 61 02");
    await client.expect("suback");
    assertEquals(client.lastBytes, fromHex("90 04 00 05 00 02"));
    await client.sendBytes("a2 06 00 06 00 00 01 62");
    await client.expect("unsuback");
    assertEquals(client.lastBytes, fromHex("b0 04 00 06 00 11"));
    await client.sendBytes("c0 00");
    await client.expect("pingresp");
    assertEquals(client.lastBytes, fromHex("d0 00"));

    await publisher.send(publishPacket("a", "x", { qos: 1, packetId: 9 }));
    await publisher.expect("puback");
    assert(
      ["40 02 00 09", "40 03 00 09 00", "40 04 00 09 00 00"].map(fromHex).some((b) => equal(b, publisher.lastBytes)),
    );
    await publisher.send(publishPacket("b", "x", { qos: 1, packetId: 9 }));
    await publisher.expect("puback", { reasonCode: 0x10 });
    assert(["40 03 00 09 10", "40 04 00 09 10 00"].map(fromHex).some((b) => equal(b, publisher.lastBytes)));
    await publisher.send(publishPacket("a", "x", { qos: 2, packetId: 9 }));
    await publisher.expect("pubrec");
    assert(
      ["50 02 00 09", "50 03 00 09 00", "50 04 00 09 00 00"].map(fromHex).some((b) => equal(b, publisher.lastBytes)),
    );
    await publisher.sendBytes("62 02 00 09");
    await publisher.expect("pubcomp");
    assert(
      ["70 02 00 09", "70 03 00 09 00", "70 04 00 09 00 00"].map(fromHex).some((b) => equal(b, publisher.lastBytes)),
    );

    const { packetId } = await client.expect("publish", { qos: 1 });
    assertEquals(client.lastBytes, rawPacket(0x32, field("a"), fromHex(`00 0${packetId} 00 78`)));
    await client.sendBytes(`40 02 00 0${packetId}`);
    const second = await client.expect("publish", { qos: 2 });
    await client.sendBytes(`50 02 00 0${second.packetId}`);
    await client.expect("pubrel");
    assertEquals(client.lastBytes[0], 0x62, "PUBREL has flags 0010");
    assert(client.lastBytes.length <= 6);
  }),
);

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

Deno.test(
  "mqtt 5.0 broker: PUBREL goes out with first byte 0x62 [MQTT-3.6.1-1] [MQTT-2.1.3-1] [MQTT-4.3.3-4]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 2 });
    await client.publish("a", "x", { qos: 2 });
    const { packetId = 0 } = await client.take("publish");
    await client.send({ type: "pubrec", packetId, reasonCode: 0 });
    await client.expect("pubrel", { packetId, reasonCode: 0 });
    assertEquals(client.lastBytes[0], 0x62);
  }),
);

Deno.test(
  "mqtt 5.0 broker: DUP of the publisher does not travel [MQTT-3.3.1-3] [MQTT-4.3.2-2] [MQTT-4.3.3-2] [MQTT-4.3.2-1] [MQTT-4.3.3-1]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 2 });
    const publisher = await connect();
    await publisher.publish("a", "1", { qos: 1, dup: true });
    await client.expect("publish", { payload: "1", qos: 1, dup: false });
    await publisher.publish("a", "2", { qos: 2, dup: true });
    await client.expect("publish", { payload: "2", qos: 2, dup: false });
  }),
);

Deno.test(
  "mqtt 5.0 broker: DUP is 1 when a PUBLISH is delivered again, and never with QoS 0 [MQTT-3.3.1-1] [MQTT-3.3.1-2]",
  withBroker(async ({ connect }) => {
    const first = await connect({ clientId: "s", properties: { sessionExpiryInterval: 100 } });
    await first.subscribe("a", { qos: 2 });
    const publisher = await connect();
    for (const qos of [0, 1, 2] as const) await publisher.publish("a", `${qos}`, { qos, retain: true });
    const sent = await first.expectMany("publish", 3);
    assertEquals(sent.map(({ dup }) => dup), [false, false, false]);
    await first.close();
    const second = await connect({ clientId: "s", cleanStart: false });
    const again = await second.publications();
    assertEquals(again.map(({ dup, payload }) => [toText(payload), dup]), [["1", true], ["2", true]]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: each open delivery has an identifier of its own that is not 0 [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1]",
  withBroker({ maxInflightMessages: 200 }, async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 2 });
    const publisher = await connect();
    for (let count = 0; count < 100; count++) await publisher.publish("a", "x", { qos: count % 2 === 0 ? 1 : 2 });
    const packets = await client.expectMany("publish", 100);
    const ids = new Set(packets.map(({ packetId }) => packetId));
    assertEquals(ids.size, 100);
    assertEquals(ids.has(0) || ids.has(undefined), false);
  }),
);

Deno.test(
  "mqtt 5.0 broker: refuses a topic name with wildcards and routes it nowhere [MQTT-3.3.2-2] [MQTT-4.7.0-1]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("#");
    for (const topic of ["#", "+", "a/#", "a/+/b", "a+", "#a"]) {
      for (const qos of [0, 1, 2]) {
        const client = await connect();
        const id = qos === 0 ? new Uint8Array(0) : Uint8Array.of(0, 1);
        await client.sendBytes(rawPacket(0x30 | qos << 1, field(topic), id, Uint8Array.of(0), Uint8Array.of(1)));
        await client.expectDisconnect(0x81, 0x82, 0x90);
      }
    }
    assertEquals(await watcher.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: refuses a topic name of length 0 without an alias [MQTT-3.3.2-1] [MQTT-4.7.3-1]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.sendBytes("30 03 00 00 00");
    await client.expectDisconnect(0x82, 0x81, 0x90);
  }),
);

Deno.test(
  "mqtt 5.0 broker: every PUBLISH to a client matches one of its filters [MQTT-3.3.2-3]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe(["a/+", "b/#", "c"]);
    const publisher = await connect();
    const topics = ["a", "a/", "a/1", "a/1/2", "b", "b/", "b/1/2", "c", "c/", "C", "/c", "d"];
    for (const topic of topics) await publisher.publish(topic, "x");
    await publisher.barrier();
    const received = (await client.publications()).map(({ topic }) => topic);
    assertEquals(received, ["a/", "a/1", "b", "b/", "b/1/2", "c"]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: passes the properties of a PUBLISH on unchanged [MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-13] [MQTT-3.3.2-19] [MQTT-3.3.2-20]",
  withBroker(async ({ connect }) => {
    const correlationData = Uint8Array.from({ length: 256 }, (_, at) => 255 - at);
    const userProperties = [["z", "1"], ["a", "2"], ["z", "1"], ["", ""], ["z", "0"], ["\u00e9", "\u{1f600}"]] as const;
    const all = [
      { payloadFormatIndicator: 0 },
      { payloadFormatIndicator: 1 },
      { responseTopic: "answers/here" },
      { correlationData },
      { correlationData: new Uint8Array(0) },
      { contentType: "application/json" },
      { contentType: "" },
      { userProperties },
      { payloadFormatIndicator: 1, responseTopic: "r", correlationData, contentType: "t", userProperties },
    ] as const;
    const live = await connect();
    await live.subscribe("a", { qos: 2 });
    const absent = await connect({ clientId: "absent", properties: { sessionExpiryInterval: 100 } });
    await absent.subscribe("a", { qos: 2 });
    await absent.disconnect();
    const publisher = await connect();
    for (const properties of all) await publisher.publish("a", "{}", { qos: 1, retain: true, properties });

    const back = await connect({ clientId: "absent", cleanStart: false });
    for (const properties of all) {
      for (const client of [live, back]) {
        const packet = await client.expect("publish", { topic: "a" });
        assertEquals(packet.properties, properties);
      }
    }
    const late = await connect();
    await late.subscribe("a");
    assertEquals((await late.expect("publish", { retain: true })).properties, all[8]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a publication of an application has its properties as given [MQTT-3.3.2-4] [MQTT-3.3.2-20]",
  withBroker(async ({ connect, broker }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 1 });
    const properties = { payloadFormatIndicator: 1, contentType: "t", userProperties: [["k", "v"]] } as const;
    broker.publish({ topic: "a", payload: new TextEncoder().encode("hi"), qos: 1, properties });
    const packet = await client.expect("publish", { payload: "hi", qos: 1, retain: false });
    assertEquals(packet.properties, properties);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a payload that is not the UTF-8 it claims to be goes through, or is refused with 0x99 [MQTT-3.3.2-4]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 1 });
    const publisher = await connect();
    const properties = { payloadFormatIndicator: 1 } as const;
    await publisher.send(publishPacket("a", Uint8Array.of(0xff), { qos: 1, packetId: 1, properties }));
    const { reasonCode } = await publisher.expect("puback");
    const expected = reasonCode === 0x99 ? 0 : 1;
    assertEquals((await client.publications()).length, expected);
  }),
);

const badProperties: readonly [what: string, hex: string, codes: number[]][] = [
  ["a Subscription Identifier [MQTT-3.3.4-6]", "0b 01", [0x82]],
  ["a Response Topic with # [MQTT-3.3.2-14] [MQTT-4.7.0-1]", "08 00 03 61 2f 23", [0x82, 0x81, 0x90]],
  ["a Response Topic with + [MQTT-3.3.2-14] [MQTT-4.7.0-1]", "08 00 01 2b", [0x82, 0x81, 0x90]],
  ["a Payload Format Indicator of 2 [MQTT-4.13.1-1]", "01 02", [0x82, 0x81]],
  ["a Payload Format Indicator twice [MQTT-4.13.1-1]", "01 01 01 01", [0x82]],
  ["a Message Expiry Interval twice [MQTT-4.13.1-1]", "02 00 00 00 09 02 00 00 00 09", [0x82]],
  ["a Topic Alias twice [MQTT-4.13.1-1]", "23 00 01 23 00 01", [0x82]],
  ["a Response Topic twice [MQTT-4.13.1-1]", "08 00 01 61 08 00 01 61", [0x82]],
  ["Correlation Data twice [MQTT-4.13.1-1]", "09 00 00 09 00 00", [0x82]],
  ["a Content Type twice [MQTT-4.13.1-1]", "03 00 00 03 00 00", [0x82]],
  ["a Reason String [MQTT-4.13.1-1]", "1f 00 00", [0x82, 0x81]],
  ["an unknown property [MQTT-4.13.1-1]", "7e 00", [0x81, 0x82]],
  ["a property that is cut off [MQTT-4.13.1-1]", "02 00 00", [0x81]],
];

for (const [what, hex, codes] of badProperties) {
  Deno.test(
    `mqtt 5.0 broker: closes on a PUBLISH with ${what} and routes it nowhere`,
    withBroker(async ({ connect }) => {
      const watcher = await connect();
      await watcher.subscribe("#");
      const properties = fromHex(hex);
      const client = await connect();
      await client.sendBytes(rawPacket(0x30, field("a"), Uint8Array.of(properties.length), properties));
      await client.expectDisconnect(...codes);
      assertEquals(await watcher.publications(), []);
    }),
  );
}

Deno.test(
  "mqtt 5.0 broker: a queued message that expired is not delivered [MQTT-3.3.2-5]",
  withBroker(async ({ connect, clock, broker }) => {
    const first = await connect({ clientId: "s", properties: { sessionExpiryInterval: 1_000 } });
    await first.subscribe("a", { qos: 1 });
    await first.disconnect();
    await until(() => broker.counts().connections === 0, "the connection to end");
    const publisher = await connect();
    await publisher.publish("a", "short", { qos: 1, properties: { messageExpiryInterval: 5 } });
    await publisher.publish("a", "long", { qos: 1, properties: { messageExpiryInterval: 50 } });
    await publisher.publish("a", "endless", { qos: 1 });
    clock.advance(10_000);
    const second = await connect({ clientId: "s", cleanStart: false });
    const received = await second.publications();
    assertEquals(received.map(({ payload }) => toText(payload)), ["long", "endless"]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: the Message Expiry Interval shrinks by the seconds that the message waited [MQTT-3.3.2-6]",
  withBroker(async ({ connect, clock, broker }) => {
    const first = await connect({ clientId: "s", properties: { sessionExpiryInterval: 1_000 } });
    await first.subscribe("a", { qos: 1 });
    const publisher = await connect();
    await publisher.publish("a", "live", { qos: 0, properties: { messageExpiryInterval: 50 } });
    await first.expect("publish", { properties: { messageExpiryInterval: 50 } });
    await first.disconnect();
    await until(() => broker.counts().connections === 1, "the connection to end");
    for (const messageExpiryInterval of [50, 0xffff_ffff]) {
      await publisher.publish("a", "queued", { qos: 1, properties: { messageExpiryInterval } });
    }
    clock.advance(10_000);
    const second = await connect({ clientId: "s", cleanStart: false });
    await second.expect("publish", { properties: { messageExpiryInterval: 40 } });
    await second.expect("publish", { properties: { messageExpiryInterval: 0xffff_ffff - 10 } });
  }),
);

Deno.test(
  "mqtt 5.0 broker: a message that waits for quota expires, too [MQTT-3.3.2-5]",
  withBroker(async ({ connect, clock }) => {
    const client = await connect({ properties: { receiveMaximum: 1 } });
    await client.subscribe("a", { qos: 1 });
    const publisher = await connect();
    await publisher.publish("a", "first", { qos: 1 });
    await publisher.publish("a", "short", { qos: 1, properties: { messageExpiryInterval: 5 } });
    await publisher.publish("a", "last", { qos: 1, properties: { messageExpiryInterval: 50 } });
    const { packetId = 0 } = await client.expect("publish", { payload: "first" });
    clock.advance(10_000);
    await client.send({ type: "puback", packetId, reasonCode: 0 });
    await client.expect("publish", { payload: "last", properties: { messageExpiryInterval: 40 } });
  }),
);

Deno.test(
  "mqtt 5.0 broker: the largest numbers of the properties are unsigned [MQTT-3.3.2-6] [MQTT-3.3.4-3]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a", { properties: { subscriptionIdentifiers: [268_435_455] } });
    await client.publish("a", "x", { properties: { messageExpiryInterval: 0xffff_ffff } });
    const { properties } = await client.expect("publish");
    assertEquals(properties, { messageExpiryInterval: 0xffff_ffff, subscriptionIdentifiers: [268_435_455] });
  }),
);

Deno.test(
  "mqtt 5.0 broker: one copy per message, with the highest QoS of the matching subscriptions [MQTT-3.3.4-2]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe([
      { filter: "a/#", qos: 0 },
      { filter: "a/+", qos: 2 },
      { filter: "+/b", qos: 1 },
    ]);
    const publisher = await connect();
    await publisher.publish("a/b", "x", { qos: 2 });
    const received = await client.publications();
    assertNotEquals(received.length, 0);
    assertEquals(Math.max(...received.map(({ qos }) => qos)), 2);
    assertEquals(received.length, 1, "our broker sends one copy");
    await publisher.publish("a/b", "y", { qos: 1 });
    assertEquals((await client.publications()).map(({ qos }) => qos), [1]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: sends along the identifiers of all subscriptions that match [MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT-3.3.4-5]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a/#", { properties: { subscriptionIdentifiers: [1] } });
    await client.subscribe("a/+", { qos: 1, properties: { subscriptionIdentifiers: [200] } });
    await client.subscribe("+/b", { qos: 1 });
    await client.subscribe("c", { properties: { subscriptionIdentifiers: [3] } });
    await client.subscribe("d");
    const publisher = await connect();
    await publisher.publish("a/b", "x", { qos: 1 });
    const packet = await client.expect("publish", { qos: 1 });
    assertEquals([...packet.properties?.subscriptionIdentifiers ?? []].sort(), [1, 200]);
    await publisher.publish("c", "x");
    await client.expect("publish", { topic: "c", properties: { subscriptionIdentifiers: [3] } });
    await publisher.publish("d", "x");
    await client.expect("publish", { topic: "d", properties: { subscriptionIdentifiers: undefined } });
    await publisher.publish("a/x/y", "x");
    await client.expect("publish", { topic: "a/x/y", properties: { subscriptionIdentifiers: [1] } });
    assertEquals(await client.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a Subscription Identifier goes with queued, resent and retained messages, too [MQTT-3.3.4-3]",
  withBroker(async ({ connect }) => {
    const publisher = await connect();
    await publisher.publish("a", "retained", { qos: 1, retain: true });
    const first = await connect({ clientId: "s", properties: { sessionExpiryInterval: 100 } });
    await first.subscribe("a", { qos: 1, properties: { subscriptionIdentifiers: [77] } });
    await first.expect("publish", { payload: "retained", properties: { subscriptionIdentifiers: [77] } });
    await first.close();
    await publisher.publish("a", "queued", { qos: 1 });
    const second = await connect({ clientId: "s", cleanStart: false });
    await second.expect("publish", { payload: "retained", properties: { subscriptionIdentifiers: [77] } });
    await second.expect("publish", { payload: "queued", properties: { subscriptionIdentifiers: [77] } });
  }),
);
