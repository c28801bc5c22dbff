/** MQTT 3.1.1, sections 3.8 to 3.12: SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ. */

import { assertEquals } from "@std/assert";
import { field, publishPacket, rawPacket, uint16 } from "../support/raw_packets.ts";
import { expectEachCloses, withBrokerFor } from "./broker_v311_support.ts";

const withBroker = withBrokerFor(4);
const ID = uint16(1);

Deno.test(
  "mqtt 3.1.1 broker: SUBSCRIBE and UNSUBSCRIBE without a filter end the connection [MQTT-3.8.3-3] [MQTT-3.10.3-2]",
  withBroker(async ({ connect }) => {
    await expectEachCloses(() => connect(), [
      ["SUBSCRIBE", rawPacket(0x82, ID)],
      ["UNSUBSCRIBE", rawPacket(0xa2, ID)],
    ]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a QoS byte above 2 ends the connection [MQTT-3-8.3-4]",
  withBroker(async ({ connect }) => {
    const bytes = [3, 4, 5, 0x10, 0x40, 0x80, 0x82, 0xff];
    await expectEachCloses(
      () => connect(),
      bytes.map((byte) => [`QoS byte ${byte}`, rawPacket(0x82, ID, field("a"), Uint8Array.of(byte))]),
    );
    const second = rawPacket(0x82, ID, field("a"), Uint8Array.of(0), field("b"), Uint8Array.of(3));
    await expectEachCloses(() => connect(), [["the second QoS byte", second]]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: each SUBSCRIBE gets one SUBACK with its identifier [MQTT-3.8.4-1] [MQTT-3.8.4-2]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    const ids = [5, 4, 65_535, 4];
    await client.send(...ids.map((packetId) => ({
      type: "subscribe" as const,
      packetId,
      subscriptions: [{ filter: `a/${packetId}`, qos: 0 as const }],
    })));
    for (const packetId of ids) await client.expect("suback", { packetId, reasonCodes: [0] });
    assertEquals(await client.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: subscribing again replaces the QoS and brings the retained messages again [MQTT-3.8.4-3]",
  withBroker(async ({ connect, broker }) => {
    const client = await connect();
    const publisher = await connect();
    await publisher.publish("a/b", "kept", { qos: 2, retain: true });
    for (const qos of [2, 0, 1] as const) {
      await client.subscribe("a/+", { qos });
      await client.expect("publish", { payload: "kept", retain: true, qos });
      await publisher.publish("a/b", "live", { qos: 2 });
      await client.expect("publish", { payload: "live", retain: false, qos });
    }
    assertEquals(await client.barrier(), []);
    assertEquals(broker.counts().subscriptions, 1);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a subscription is replaced without a gap [MQTT-3.8.4-3]",
  withBroker(async ({ connect }) => {
    const client = await connect({ autoAck: true });
    await client.subscribe("a", { qos: 1 });
    const publisher = await connect();
    const count = 300;
    const publishing = publisher.send(
      ...Array.from({ length: count }, (_, at) => publishPacket("a", String(at), { qos: 1, packetId: at + 1 })),
    );
    for (let round = 0; round < 50; round++) await client.subscribe("a", { qos: round % 2 === 0 ? 2 : 1 });
    await publishing;
    await publisher.expectMany("puback", count);
    const received = new Set<string>();
    while (received.size < count) received.add(new TextDecoder().decode((await client.take("publish")).payload));
    assertEquals([...received], Array.from({ length: count }, (_, at) => String(at)));
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: several filters in one SUBSCRIBE count like several SUBSCRIBEs [MQTT-3.8.4-4] [MQTT-3.8.4-5] [MQTT-3.9.3-1]",
  withBroker(async ({ connect, broker }) => {
    const client = await connect();
    const publisher = await connect();
    for (const topic of ["a", "b", "c"]) await publisher.publish(topic, topic, { qos: 2, retain: true });
    const suback = await client.subscribe([
      { filter: "a", qos: 2 },
      { filter: "b", qos: 0 },
      { filter: "c", qos: 1 },
      { filter: "a", qos: 1 },
    ]);
    assertEquals(suback.reasonCodes, [2, 0, 1, 1]);
    const topics = (await client.publications()).map(({ topic, qos }) => `${topic}${qos}`);
    assertEquals(topics, ["a2", "b0", "c1", "a1"]);
    assertEquals(broker.counts().subscriptions, 3);
    await publisher.publish("a", "live", { qos: 2 });
    await client.expect("publish", { payload: "live", qos: 1 });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a refused filter gets 0x80 in its place [MQTT-3.8.4-5] [MQTT-3.9.3-1] [MQTT-3.9.3-2]",
  withBroker({ authorizeSubscribe: (_client, { filter }) => !filter.startsWith("secret") }, async ({ connect }) => {
    const client = await connect();
    const suback = await client.trySubscribe([
      { filter: "a", qos: 1 },
      { filter: "secret/1", qos: 2 },
      { filter: "b", qos: 2 },
      { filter: "secret/2", qos: 0 },
      { filter: "c", qos: 0 },
    ]);
    assertEquals(suback.reasonCodes, [1, 0x80, 2, 0x80, 0]);
    for (const topic of ["secret/1", "secret/2", "b"]) await client.publish(topic, "", { qos: 0 });
    assertEquals((await client.publications()).map(({ topic }) => topic), ["b"]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: SUBACK has no other codes than 0, 1, 2 and 0x80 [MQTT-3.9.3-2] [MQTT-3.8.4-5]",
  withBroker({ maxSubscriptions: 2, maxTopicLevels: 3 }, async ({ connect }) => {
    const client = await connect();
    const filters = ["a/b/c/d/e", "a", "b", "c", "$share/group/d", "e"];
    const suback = await client.trySubscribe(filters.map((filter) => ({ filter, qos: 1 })));
    assertEquals(suback.reasonCodes.filter((code) => code !== 1 && code !== 0x80), []);
    assertEquals(suback.reasonCodes.slice(0, 3), [0x80, 1, 1]);
    assertEquals(suback.reasonCodes.at(-1), 0x80);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: the QoS of a delivery is the lower one of publication and subscription [MQTT-3.8.4-6]",
  withBroker(async ({ connect }) => {
    for (const granted of [0, 1, 2] as const) {
      const client = await connect();
      assertEquals((await client.subscribe("a", { qos: granted })).reasonCodes, [granted]);
      for (const published of [0, 1, 2] as const) {
        const publisher = await connect();
        await publisher.publish("a", "", { qos: published });
        await publisher.barrier();
        await client.expect("publish", { qos: granted < published ? granted : published });
      }
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: UNSUBSCRIBE removes the filter that is equal, character by character [MQTT-3.10.4-1] [MQTT-3.10.4-5]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe(["a/+", "a/b", "A/b"]);
    const publisher = await connect();
    for (const filter of ["a/#", "+/b", "a/c", "#", "a/b/", "/a/b", "a"]) await client.unsubscribe(filter);
    await publisher.publish("a/b", "both", { qos: 1 });
    assertEquals((await client.publications()).length > 0, true);
    await client.unsubscribe("a/+");
    await publisher.publish("a/b", "exact", { qos: 1 });
    await publisher.publish("a/x", "no more", { qos: 1 });
    assertEquals((await client.publications()).map(({ topic }) => topic), ["a/b"]);
    await client.unsubscribe("a/b");
    await publisher.publish("a/b", "no more", { qos: 1 });
    await publisher.publish("A/b", "other case", { qos: 1 });
    assertEquals((await client.publications()).map(({ topic }) => topic), ["A/b"]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: nothing new is queued after UNSUBSCRIBE [MQTT-3.10.4-2]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    const publisher = await connect();
    for (const qos of [0, 1, 2] as const) {
      await client.subscribe("a", { qos });
      await client.unsubscribe("a");
      await publisher.publish("a", "", { qos });
      await publisher.barrier();
      assertEquals(await client.barrier(), []);
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: deliveries of QoS 1 and 2 that were begun are finished after UNSUBSCRIBE [MQTT-3.10.4-3]",
  withBroker(async ({ connect }) => {
    const session = { clientId: "leaver", cleanStart: false };
    const first = await connect(session);
    await first.subscribe("a", { qos: 2 });
    const publisher = await connect();
    await publisher.publish("a", "one", { qos: 1 });
    await publisher.publish("a", "two", { qos: 2 });
    await publisher.publish("a", "three", { qos: 2 });
    const ids = (await first.expectMany("publish", 3)).map(({ packetId }) => packetId ?? 0);
    const [one = 0, two = 0, three = 0] = ids;
    await first.unsubscribe("a");
    await first.send({ type: "pubrec", packetId: two, reasonCode: 0 });
    await first.expect("pubrel", { packetId: two });
    const second = await connect(session);
    await second.expect("publish", { payload: "one", packetId: one, dup: true });
    await second.expect("pubrel", { packetId: two });
    await second.expect("publish", { payload: "three", packetId: three, dup: true });
    await second.send({ type: "pubcomp", packetId: two, reasonCode: 0 });
    await second.send({ type: "pubrec", packetId: three, reasonCode: 0 });
    await second.expect("pubrel", { packetId: three });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: each UNSUBSCRIBE gets one UNSUBACK, whether it deleted or not [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6]",
  withBroker(async ({ connect, broker }) => {
    const client = await connect();
    await client.subscribe(["a", "b", "c"]);
    await client.send({ type: "unsubscribe", packetId: 77, filters: ["a", "never", "c", "a"] });
    await client.expect("unsuback", { packetId: 77 });
    assertEquals(client.lastBytes, rawPacket(0xb0, uint16(77)));
    await client.send({ type: "unsubscribe", packetId: 78, filters: ["a"] });
    await client.expect("unsuback", { packetId: 78 });
    assertEquals(await client.barrier(), []);
    assertEquals(broker.counts().subscriptions, 1);
    for (const topic of ["a", "b", "c"]) await client.publish(topic);
    assertEquals((await client.publications()).map(({ topic }) => topic), ["b"]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: each PINGREQ gets a PINGRESP [MQTT-3.12.4-1]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.send({ type: "pingreq" }, { type: "pingreq" }, { type: "pingreq" });
    for (let count = 0; count < 3; count++) {
      await client.expect("pingresp");
      assertEquals(client.lastBytes, Uint8Array.of(0xd0, 0));
    }
    await client.expectNothing();
  }),
);
