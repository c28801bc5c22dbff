/** MQTT 3.1: subscriptions, publications, retained messages, quality of service, topics. */

import { assertEquals } from "@std/assert";
import { field, publishPacket, rawPacket, toText, uint16 } from "../support/raw_packets.ts";
import { expectEachCloses, withBrokerFor } from "./broker_v311_support.ts";

const withBroker = withBrokerFor(3);
const session = { clientId: "keeper", cleanStart: false };

Deno.test(
  "mqtt 3.1 broker: SUBACK has the granted QoS of each filter in order, and no failure code",
  withBroker({ authorizeSubscribe: (_client, { filter }) => !filter.startsWith("secret") }, async ({ connect }) => {
    const client = await connect();
    const suback = await client.trySubscribe([
      { filter: "a", qos: 2 },
      { filter: "secret", qos: 1 },
      { filter: "b", qos: 0 },
      { filter: "c", qos: 1 },
    ]);
    assertEquals(suback.reasonCodes.length, 4);
    assertEquals(suback.reasonCodes.filter((code) => code > 2), []);
    assertEquals([suback.reasonCodes[0], suback.reasonCodes[2], suback.reasonCodes[3]], [2, 0, 1]);
    for (const topic of ["a", "secret", "b"]) await client.publish(topic, "");
    assertEquals((await client.publications()).map(({ topic }) => topic), ["a", "b"]);
  }),
);

Deno.test(
  "mqtt 3.1 broker: UNSUBACK has the identifier alone, whether a subscription was deleted or not",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a");
    for (const packetId of [7, 0x1234]) {
      await client.send({ type: "unsubscribe", packetId, filters: ["a", "b"] });
      await client.expect("unsuback", { packetId });
      assertEquals(client.lastBytes, rawPacket(0xb0, uint16(packetId)));
    }
    await client.publish("a");
    assertEquals(await client.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1 broker: each QoS has its exchange, with four bytes an answer",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.send(publishPacket("a", ""), publishPacket("a", "", { qos: 1, packetId: 0x1234 }));
    await client.expect("puback", { packetId: 0x1234 });
    assertEquals(client.lastBytes, Uint8Array.of(0x40, 2, 0x12, 0x34));
    await client.send(publishPacket("a", "", { qos: 2, packetId: 0x1234 }));
    await client.expect("pubrec", { packetId: 0x1234 });
    assertEquals(client.lastBytes, Uint8Array.of(0x50, 2, 0x12, 0x34));
    await client.send({ type: "pubrel", packetId: 0x1234, reasonCode: 0 });
    await client.expect("pubcomp", { packetId: 0x1234 });
    assertEquals(client.lastBytes, Uint8Array.of(0x70, 2, 0x12, 0x34));
    assertEquals(await client.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1 broker: a delivery has the lower QoS of publication and subscription",
  withBroker(async ({ connect }) => {
    for (const granted of [0, 1, 2] as const) {
      const client = await connect();
      await client.subscribe("a", { qos: granted });
      for (const published of [0, 1, 2] as const) {
        const publisher = await connect();
        await publisher.publish("a", "", { qos: published });
        await publisher.barrier();
        await client.expect("publish", { qos: granted < published ? granted : published, dup: false });
      }
    }
  }),
);

Deno.test(
  "mqtt 3.1 broker: QoS 2 is delivered once, however often PUBLISH and PUBREL are sent again",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("a");
    const client = await connect(session);
    for (const dup of [false, true, true]) {
      await client.send(publishPacket("a", "once", { qos: 2, packetId: 3, dup }));
      await client.expect("pubrec", { packetId: 3 });
    }
    for (let round = 0; round < 3; round++) {
      await client.send({ type: "pubrel", packetId: 3, reasonCode: 0 });
      await client.expect("pubcomp", { packetId: 3 });
    }
    assertEquals((await watcher.publications()).length, 1);
  }),
);

Deno.test(
  "mqtt 3.1 broker: open exchanges are resumed with DUP and their identifiers, in order",
  withBroker(async ({ connect }) => {
    const first = await connect(session);
    await first.subscribe("a", { qos: 2 });
    const publisher = await connect();
    await publisher.publish("a", "one", { qos: 1 });
    await publisher.publish("a", "two", { qos: 2 });
    await publisher.publish("a", "three", { qos: 2 });
    const ids = (await first.expectMany("publish", 3)).map(({ packetId }) => packetId ?? 0);
    await first.send({ type: "pubrec", packetId: ids[1] ?? 0, reasonCode: 0 });
    await first.expect("pubrel", { packetId: ids[1] ?? 0 });
    const second = await connect(session);
    await second.expect("publish", { payload: "one", packetId: ids[0], dup: true });
    await second.expect("pubrel", { packetId: ids[1] ?? 0 });
    await second.expect("publish", { payload: "three", packetId: ids[2], dup: true });
  }),
);

Deno.test(
  "mqtt 3.1 broker: DUP of an incoming PUBLISH is not passed on",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 1 });
    await (await connect()).send(publishPacket("a", "", { qos: 1, packetId: 1, dup: true }));
    await client.expect("publish", { dup: false });
  }),
);

Deno.test(
  "mqtt 3.1 broker: a retained message reaches new subscriptions with RETAIN 1, others with RETAIN 0",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a/b", { qos: 1 });
    const publisher = await connect();
    await publisher.publish("a/b", "kept", { qos: 1, retain: true });
    await client.expect("publish", { payload: "kept", retain: false });
    await client.subscribe("a/+", { qos: 0 });
    await client.expect("publish", { payload: "kept", retain: true, qos: 0 });
    await publisher.publish("a/b", "", { qos: 1, retain: true });
    assertEquals((await client.publications()).every(({ retain, payload }) => !retain && payload.length === 0), true);
    const later = await connect();
    await later.subscribe("a/#");
    assertEquals(await later.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1 broker: a PUBLISH that is not authorized is acknowledged and dropped",
  withBroker({ authorizePublish: (_client, { topic }) => topic !== "secret" }, async ({ connect }) => {
    const client = await connect();
    await client.subscribe("#");
    await client.publish("secret", "", { qos: 1 });
    await client.publish("secret", "", { qos: 2 });
    assertEquals(await client.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1 broker: messages of a broken-off session wait in their order",
  withBroker(async ({ connect }) => {
    const first = await connect(session);
    await first.subscribe("a/#", { qos: 2 });
    await first.disconnect();
    const publisher = await connect();
    const expected: string[] = [];
    for (let at = 0; at < 12; at++) {
      const qos = at % 2 === 0 ? 1 : 2;
      await publisher.publish(`a/${at}`, `${at}`, { qos });
      expected.push(`${at} ${qos}`);
    }
    const second = await connect({ ...session, autoAck: true });
    const received: string[] = [];
    while (received.length < expected.length) {
      const { payload, qos } = await second.take("publish");
      received.push(`${toText(payload)} ${qos}`);
    }
    assertEquals(received, expected);
  }),
);

Deno.test(
  "mqtt 3.1 broker: wildcards match as ever, and leave $ topics out",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe(["a/#", "+/b/+"]);
    for (const topic of ["a", "a/b", "b", "x/b/y", "x/b", "/b/", "$a/b/c"]) await client.publish(topic, "");
    assertEquals((await client.publications()).map(({ topic }) => topic), ["a", "a/b", "x/b/y", "/b/"]);
  }),
);

Deno.test(
  "mqtt 3.1 broker: malformed packets end the connection",
  withBroker(async ({ connect }) => {
    await expectEachCloses(() => connect(), [
      ["QoS 3", rawPacket(0x36, field("a"), uint16(1))],
      ["a wildcard in a topic name", rawPacket(0x30, field("a/#"))],
      ["an empty topic name", rawPacket(0x30, field(""))],
      ["a packet identifier of 0", rawPacket(0x32, field("a"), uint16(0))],
      ["no UTF-8", rawPacket(0x30, field(Uint8Array.of(0xc0, 0xaf)))],
      ["SUBSCRIBE without a filter", rawPacket(0x82, uint16(1))],
      ["AUTH", Uint8Array.of(0xf0, 0)],
      ["a remaining length of five bytes", Uint8Array.of(0x30, 0x80, 0x80, 0x80, 0x80, 0x01)],
    ]);
  }),
);
