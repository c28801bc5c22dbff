/** SUBSCRIBE and UNSUBSCRIBE: MQTT 5.0 sections 3.8 to 3.11. */

import { assert, assertEquals } from "@std/assert";
import { withBroker } from "../support/broker.ts";
import { field, fromHex, publishPacket, rawPacket } from "../support/raw_packets.ts";

Deno.test(
  "mqtt 5.0 broker: answers SUBSCRIBE with a SUBACK of its identifier, one code per filter in their order [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-2.2.1-6]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    for (const packetId of [1, 256, 65_535]) {
      await client.send({
        type: "subscribe",
        packetId,
        subscriptions: [{ filter: "a", qos: 2 }, { filter: "b/#", qos: 0 }, { filter: "c/+", qos: 1 }],
      });
      await client.expect("suback", { packetId, reasonCodes: [2, 0, 1] });
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: refuses one filter and grants the others [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2]",
  withBroker({ authorizeSubscribe: (_, { filter }) => !filter.startsWith("secret") }, async ({ connect, broker }) => {
    const client = await connect();
    const { reasonCodes } = await client.trySubscribe([
      { filter: "a", qos: 1 },
      { filter: "secret/#", qos: 1 },
      { filter: "b", qos: 2 },
    ]);
    assertEquals(reasonCodes, [1, 0x87, 2]);
    assertEquals(broker.counts().subscriptions, 2);
    await client.publish("secret/x", "x");
    await client.publish("a", "x");
    assertEquals((await client.publications()).map(({ topic }) => topic), ["a"]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: an invalid filter gets 0x8F, or ends the connection [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1] [MQTT-4.8.2-1] [MQTT-4.8.2-2] [MQTT-3.9.3-2]",
  withBroker(async ({ connect, broker }) => {
    const invalid = ["a#", "a/#/b", "#/a", "#a", "##", "a+", "+a", "a/+b/c", "a/b+", "++", "a/++", ""];
    const shared = [
      "$share/g",
      "$share/g/",
      "$share//a",
      "$share/",
      "$share",
      "$share/+/a",
      "$share/#/a",
      "$share/a+/b",
    ];
    for (const filter of [...invalid, ...shared.filter((it) => it !== "$share"), "$share/g/a#", "$share/g/a+/b"]) {
      const client = await connect();
      await client.sendBytes(
        rawPacket(0x82, fromHex("00 01 00"), field("fine"), fromHex("00"), field(filter), fromHex("00")),
      );
      const answer = await client.next();
      if (answer.type === "suback") assertEquals(answer.reasonCodes, [0, 0x8f], filter);
      else assert(answer.type === "disconnect" && [0x81, 0x82, 0x8f].includes(answer.reasonCode), filter);
      await client.close();
    }
    const fine = await connect();
    await fine.subscribe(["#", "+", "/", "//", "a/#", "+/#", "+/+/c", "/+", "+/", "a//b", " ", "a b/#"]);
    assertEquals(broker.counts().subscriptions >= 12, true);
  }),
);

Deno.test(
  "mqtt 5.0 broker: the same filter again replaces the subscription, options and identifier included [MQTT-3.8.4-3]",
  withBroker(async ({ connect, broker }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 0, properties: { subscriptionIdentifiers: [1] } });
    await client.subscribe("a", { qos: 2, retainAsPublished: true, properties: { subscriptionIdentifiers: [2] } });
    assertEquals(broker.counts().subscriptions, 1);
    const publisher = await connect();
    await publisher.publish("a", "x", { qos: 2, retain: true });
    await client.expect("publish", { qos: 2, retain: true, properties: { subscriptionIdentifiers: [2] } });
    assertEquals(await client.publications(), []);
    await client.subscribe("a", { qos: 1, noLocal: true, retainHandling: 2 });
    await publisher.publish("a", "y", { qos: 2, retain: true });
    await client.expect("publish", { qos: 1, retain: false, properties: { subscriptionIdentifiers: undefined } });
    await client.publish("a", "own", { qos: 1 });
    assertEquals(await client.publications(), []);
    assertEquals(broker.counts().subscriptions, 1);
  }),
);

Deno.test(
  "mqtt 5.0 broker: several filters of one SUBSCRIBE may be the same: the last one stands [MQTT-3.8.4-5] [MQTT-3.8.4-3]",
  withBroker(async ({ connect, broker }) => {
    const client = await connect();
    const { reasonCodes } = await client.subscribe([{ filter: "a", qos: 2 }, { filter: "a", qos: 0 }]);
    assertEquals(reasonCodes, [2, 0]);
    assertEquals(broker.counts().subscriptions, 1);
    await client.publish("a", "x", { qos: 2 });
    await client.expect("publish", { qos: 0 });
  }),
);

Deno.test(
  "mqtt 5.0 broker: replacing a subscription loses no message [MQTT-3.8.4-4]",
  withBroker({ maxInflightMessages: 1_000 }, async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 1, retainHandling: 2 });
    const publisher = await connect();
    const total = 200;
    const replacing = (async () => {
      for (let round = 0; round < 50; round++) await client.subscribe("a", { qos: 1, retainHandling: 2 });
    })();
    for (let count = 0; count < total; count++) await publisher.publish("a", `${count}`, { qos: 1 });
    await replacing;
    const texts = (await client.publications()).map(({ payload }) => new TextDecoder().decode(payload));
    assertEquals(texts, Array.from({ length: total }, (_, at) => `${at}`));
  }),
);

Deno.test(
  "mqtt 5.0 broker: No Local keeps a client's own messages away, by subscription [MQTT-3.8.3-3]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    const other = await connect();
    await client.subscribe([{ filter: "a", qos: 1, noLocal: true }, { filter: "b", qos: 1 }]);
    await client.publish("a", "own", { qos: 1 });
    await client.publish("b", "own", { qos: 1 });
    await client.expect("publish", { topic: "b" });
    await other.publish("a", "other's", { qos: 1 });
    await client.expect("publish", { topic: "a", payload: "other's" });
    assertEquals(await client.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: No Local goes by the client identifier, also after a reconnect and for a will [MQTT-3.8.3-3]",
  withBroker(async ({ connect }) => {
    const properties = { sessionExpiryInterval: 100 };
    const will = { topic: "a", payload: "own will", qos: 1 } as const;
    const first = await connect({ clientId: "s", properties, will });
    await first.subscribe("a", { qos: 1, noLocal: true });
    const other = await connect();
    await other.subscribe("a", { qos: 1 });
    await first.close();
    await other.expect("publish", { payload: "own will" });
    const second = await connect({ clientId: "s", cleanStart: false, properties });
    await second.publish("a", "own", { qos: 1 });
    assertEquals(await second.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: No Local of a shared subscription is a Protocol Error [MQTT-3.8.3-4]",
  withBroker(async ({ connect, broker }) => {
    const client = await connect();
    await client.sendBytes(rawPacket(0x82, fromHex("00 01 00"), field("$share/g/a"), fromHex("04")));
    await client.expectDisconnect(0x82);
    assertEquals(broker.counts().subscriptions, 0);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a Subscription Identifier of 0, or two of them, is a Protocol Error [MQTT-4.13.1-1]",
  withBroker(async ({ connect }) => {
    for (const properties of ["02 0b 00", "04 0b 01 0b 02"]) {
      const length = properties === "02 0b 00" ? "09" : "0b";
      const client = await connect();
      await client.sendBytes(`82 ${length} 00 01 ${properties} 00 01 61 00`);
      await client.expectDisconnect(0x82);
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: UNSUBSCRIBE is answered with one code per filter, in their order [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6] [MQTT-3.11.3-1] [MQTT-3.11.3-2] [MQTT-2.2.1-6]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe(["a", "b/+", "c/#"]);
    for (const [packetId, codes] of [[65_535, [0, 0x11, 0, 0x11]], [1, [0x11, 0x11, 0x11, 0x11]]] as const) {
      await client.send({ type: "unsubscribe", packetId, filters: ["a", "b", "c/#", "a"] });
      await client.expect("unsuback", { packetId, reasonCodes: [...codes] });
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: UNSUBSCRIBE compares filters character by character [MQTT-3.10.4-1]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    const filters = ["a/b", "a/+", "a/#", "A/b", "/a/b", "a/b/", "e\u0301"];
    for (const filter of filters) {
      await client.subscribe(filters.filter((it) => it !== filter));
      assertEquals((await client.unsubscribe(filter)).reasonCodes, [0x11]);
      assertEquals((await client.unsubscribe("\u00e9")).reasonCodes, [0x11]);
      const { reasonCodes } = await client.unsubscribe(filters);
      assertEquals(reasonCodes, filters.map((it) => it === filter ? 0x11 : 0));
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: after UNSUBSCRIBE nothing new comes by that filter, others stay [MQTT-3.10.4-2] [MQTT-3.10.4-1]",
  withBroker(async ({ connect, broker }) => {
    const client = await connect({ clientId: "s", properties: { sessionExpiryInterval: 100 } });
    await client.subscribe(["a/b", "a/+"], { qos: 1 });
    await client.unsubscribe("a/b");
    const publisher = await connect();
    await publisher.publish("a/b", "by the other", { qos: 1 });
    await client.expect("publish", { payload: "by the other" });
    await client.unsubscribe("a/+");
    await publisher.publish("a/b", "gone", { qos: 1 });
    assertEquals(await client.publications(), []);
    assertEquals(broker.counts().subscriptions, 0);
    await client.disconnect();
    await publisher.publish("a/b", "gone", { qos: 1 });
    const again = await connect({ clientId: "s", cleanStart: false });
    assertEquals((await again.publications()).filter(({ dup }) => !dup), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: UNSUBSCRIBE lets deliveries that were begun come to their end [MQTT-3.10.4-3]",
  withBroker(async ({ connect }) => {
    const properties = { sessionExpiryInterval: 100 };
    const client = await connect({ clientId: "s", properties });
    await client.subscribe("a", { qos: 2 });
    const publisher = await connect();
    await publisher.publish("a", "1", { qos: 1 });
    await publisher.publish("a", "2", { qos: 2 });
    await publisher.publish("a", "3", { qos: 2 });
    const [one, two, three] = await client.expectMany("publish", 3);
    await client.send({ type: "pubrec", packetId: three?.packetId ?? 0, reasonCode: 0 });
    await client.expect("pubrel", { packetId: three?.packetId ?? 0 });
    await client.unsubscribe("a");
    await client.send({ type: "pubrec", packetId: two?.packetId ?? 0, reasonCode: 0 });
    await client.expect("pubrel", { packetId: two?.packetId ?? 0 });
    await client.close();
    const again = await connect({ clientId: "s", cleanStart: false, properties });
    await again.expect("publish", { payload: "1", packetId: one?.packetId ?? 0, dup: true });
    await again.expect("pubrel", { packetId: two?.packetId ?? 0 });
    await again.expect("pubrel", { packetId: three?.packetId ?? 0 });
    await again.send({ type: "puback", packetId: one?.packetId ?? 0, reasonCode: 0 });
    await again.send({ type: "pubcomp", packetId: two?.packetId ?? 0, reasonCode: 0 });
    await again.send({ type: "pubcomp", packetId: three?.packetId ?? 0, reasonCode: 0 });
    assertEquals(await again.barrier(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a subscription works from its SUBACK on, within one write, too [MQTT-3.8.4-1]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.send(
      { type: "subscribe", packetId: 1, subscriptions: [{ filter: "a", qos: 0 }] },
      publishPacket("a", "1"),
      { type: "unsubscribe", packetId: 2, filters: ["a"] },
      publishPacket("a", "2"),
      { type: "subscribe", packetId: 3, subscriptions: [{ filter: "a", qos: 0 }] },
      publishPacket("a", "3"),
    );
    const types = (await client.barrier()).map((packet) => packet.type === "publish" ? packet.payload[0] : packet.type);
    assertEquals(types, ["suback", 0x31, "unsuback", "suback", 0x33]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: uses only the codes of the standard in SUBACK and UNSUBACK [MQTT-3.9.3-2] [MQTT-3.11.3-2] [MQTT-3.8.4-7]",
  withBroker({ maxSubscriptions: 2, authorizeSubscribe: (_, { filter }) => filter !== "no" }, async ({ connect }) => {
    const client = await connect();
    const { reasonCodes } = await client.trySubscribe(["no", "a", "b", "c", "a"]);
    assertEquals(reasonCodes, [0x87, 0, 0, 0x97, 0]);
    const subackCodes = [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2];
    assert(reasonCodes.every((code) => subackCodes.includes(code)));
    const unsuback = await client.unsubscribe(["a", "c", "no"]);
    const unsubackCodes = [0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91];
    assert(unsuback.reasonCodes.every((code) => unsubackCodes.includes(code)));
  }),
);

Deno.test(
  "mqtt 5.0 broker: a hook that throws grants nothing, and says so with a code of the standard [MQTT-3.9.3-2]",
  withBroker({ authorizeSubscribe: () => Promise.reject(new Error("down")) }, async ({ connect, broker }) => {
    const client = await connect();
    await client.send({ type: "subscribe", packetId: 1, subscriptions: [{ filter: "a", qos: 0 }] });
    const answer = await client.next();
    const code = answer.type === "suback"
      ? answer.reasonCodes[0]
      : answer.type === "disconnect"
      ? answer.reasonCode
      : 0;
    assert([0x80, 0x83, 0x87].includes(code ?? 0), `${answer.type} ${code}`);
    assertEquals(broker.counts().subscriptions, 0);
  }),
);
