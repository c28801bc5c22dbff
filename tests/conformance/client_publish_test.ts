/** What the client publishes and receives: flags, topic names, aliases, properties, flow control. */

import { assertEquals, assertRejects } from "@std/assert";
import { MqttError } from "../../client/mod.ts";
import { clientTest, deliver, grant, ignoreFailure, type Peer, settle } from "../client/scripted.ts";
import { field, propertySection, rawPacket, toHex } from "../support/raw_packets.ts";

/** The client ends the connection: with this code in 5.0. */
async function expectRejection(peer: Peer, ...codes: number[]): Promise<void> {
  if (peer.version === 5) await peer.expectDisconnect(...codes);
  else await peer.expectClosed();
}

clientTest(
  { "3.1": "", "3.1.1": "3.3.1-1 3.3.1-2 4.3.1-1", "5.0": "3.3.1-1 3.3.1-2 4.3.1-1" },
  "sets DUP on a repetition and on nothing else, never with QoS 0",
  async (script) => {
    const { client, peer } = await script.connect({ cleanStart: script.version === 5 });
    for (const qos of [0, 1, 2] as const) {
      ignoreFailure(client.publish("a", `${qos}`, { qos }));
      await peer.expect("publish", { qos, dup: false, payload: `${qos}` });
    }
    const again = await script.reconnect(peer, { sessionPresent: script.version > 3 });
    await again.peer.expect("publish", { qos: 1, dup: true });
    await again.peer.expect("publish", { qos: 2, dup: true });
    await again.peer.expectNothing();
  },
);

clientTest(
  { "3.1": "", "3.1.1": "3.3.1-4", "5.0": "3.3.1-4" },
  "refuses QoS 3, given and received",
  async ({ connect }) => {
    const { client, peer } = await connect({ reconnect: false });
    await assertRejects(
      () => client.publish("a", "", { qos: 3 as 2 }),
      RangeError,
      "QoS must be 0, 1 or 2, received 3",
    );
    await peer.sendBytes("36 05 00 01 61 00 01");
    await expectRejection(peer, 0x81);
  },
);

clientTest(
  {
    "3.1.1": "3.3.2-1 3.3.2-2 4.7.1-1 4.7.3-1 4.7.3-2 4.7.3-3",
    "5.0": "3.3.2-1 3.3.2-2 4.7.0-1 4.7.3-1 4.7.3-2 4.7.3-3",
  },
  "publishes to topic names alone, and writes them first",
  async ({ connect }) => {
    const { client, peer } = await connect();
    for (
      const topic of ["", "#", "a/#", "+", "a/+/b", "a+", "a\0b", "\uDC00", "x".repeat(65_536), "é".repeat(32_768)]
    ) {
      for (const qos of [0, 1, 2] as const) {
        const error = await assertRejects(() => client.publish(topic, "", { qos }), MqttError, "Cannot use topic name");
        assertEquals(error.reasonCode, 0x90);
      }
    }
    for (const topic of ["/", "a//b", "$SYS/x", " ", "x".repeat(65_535), "é".repeat(32_767)]) {
      await client.publish(topic, "");
      await peer.expect("publish", { topic });
      const { length } = new TextEncoder().encode(topic);
      const at = length < 100 ? 2 : 4;
      assertEquals([...peer.lastBytes.subarray(at, at + 2)], [length >> 8, length & 0xff]);
    }
  },
);

clientTest(
  { "3.1": "", "3.1.1": "3.3.2-2 4.7.1-1", "5.0": "3.3.2-2 4.7.0-1" },
  "ends the connection on a topic name with wildcards or without a character",
  async ({ connect, version }) => {
    for (const topic of ["a/#", "+/b", ""]) {
      const { peer } = await connect({ reconnect: false });
      const properties = version === 5 ? Uint8Array.of(0) : Uint8Array.of();
      await peer.sendBytes(rawPacket(0x30, field(topic), properties));
      await expectRejection(peer, topic === "" ? 0x82 : 0x90);
    }
  },
);

clientTest(
  { "5.0": "3.2.2-17 3.2.2-18 3.3.2-8 3.3.2-9" },
  "assigns topic aliases from 1 to the server's maximum, none where it is 0",
  async ({ connect }) => {
    const { client, peer } = await connect({}, { properties: { topicAliasMaximum: 2 } });
    const sent: [string, number | undefined][] = [];
    for (const topic of ["a", "b", "c", "a", "b", "c", "a"]) {
      await client.publish(topic, "");
      const packet = await peer.expect("publish");
      sent.push([packet.topic, packet.properties?.topicAlias]);
    }
    assertEquals(sent.slice(0, 3), [["a", 1], ["b", 2], ["c", undefined]]);
    for (const [topic, alias] of sent) {
      assertEquals(alias === undefined || alias === 1 || alias === 2, true);
      assertEquals(topic === "" && alias === undefined, false);
    }
    assertEquals(sent.some(([topic]) => topic === ""), true);
    const none = await connect();
    for (let i = 0; i < 3; i++) {
      await none.client.publish("a", "");
      assertEquals((await none.peer.expect("publish", { topic: "a" })).properties, undefined);
    }
    const properties = { topicAlias: 1 } as Record<never, never>;
    await assertRejects(() => client.publish("a", "", { properties }), TypeError, "topic alias");
  },
);

clientTest({ "5.0": "3.3.2-7" }, "forgets all topic aliases with the connection", async (script) => {
  const init = { topicAliasMaximum: 5 };
  const { client, peer } = await script.connect(init, { properties: { topicAliasMaximum: 5 } });
  const subscription = client.subscribe("#");
  await grant(peer);
  await deliver(peer, "a", "1", { properties: { topicAlias: 1 } });
  await deliver(peer, "", "2", { properties: { topicAlias: 1 } });
  assertEquals((await subscription.next()).value?.topic, "a");
  assertEquals((await subscription.next()).value?.topic, "a");
  ignoreFailure(client.publish("b", "", { qos: 1 }));
  await peer.expect("publish", { topic: "b", properties: { topicAlias: 1 } });

  const again = await script.reconnect(peer, { sessionPresent: true, properties: { topicAliasMaximum: 5 } });
  // A repetition carries the full topic, and later messages assign the alias afresh.
  await again.peer.expect("publish", { topic: "b", dup: true, properties: { topicAlias: undefined } });
  await client.publish("b", "");
  await again.peer.expect("publish", { topic: "b", properties: { topicAlias: 1 } });
  await client.publish("b", "");
  await again.peer.expect("publish", { topic: "", properties: { topicAlias: 1 } });
  await deliver(again.peer, "", "3", { properties: { topicAlias: 1 } });
  await again.peer.expectDisconnect(0x82);
});

clientTest(
  { "5.0": "3.3.2-10 3.3.2-11 3.3.2-8" },
  "takes topic aliases from 1 to its own maximum, and answers others with 0x94",
  async ({ connect }) => {
    const { client, peer, packet } = await connect({ topicAliasMaximum: 3 });
    assertEquals(packet.properties?.topicAliasMaximum, 3);
    const subscription = client.subscribe("#");
    await grant(peer);
    for (const alias of [1, 2, 3]) await deliver(peer, `topic${alias}`, "", { properties: { topicAlias: alias } });
    await deliver(peer, "other", "", { properties: { topicAlias: 2 } });
    for (const alias of [3, 2, 1]) await deliver(peer, "", "", { properties: { topicAlias: alias } });
    const topics: (string | undefined)[] = [];
    for (let i = 0; i < 7; i++) topics.push((await subscription.next()).value?.topic);
    assertEquals(topics, ["topic1", "topic2", "topic3", "other", "topic3", "other", "topic1"]);
    for (const [maximum, alias] of [[3, 4], [0, 1]] as const) {
      const next = await connect({ topicAliasMaximum: maximum, reconnect: false });
      await deliver(next.peer, "a", "", { properties: { topicAlias: alias } });
      await next.peer.expectDisconnect(0x94);
    }
    const zero = await connect({ topicAliasMaximum: 3, reconnect: false });
    await zero.peer.sendBytes(rawPacket(0x30, field("a"), propertySection(Uint8Array.of(0x23, 0, 0))));
    await zero.peer.expectDisconnect(0x94);
  },
);

clientTest(
  { "5.0": "3.3.2-13 3.3.2-14 3.3.2-19" },
  "writes response topics and content types that the standard allows, and refuses others",
  async ({ connect }) => {
    const { client, peer } = await connect({ reconnect: false });
    for (
      const properties of [
        { responseTopic: "a/#" },
        { responseTopic: "+" },
        { responseTopic: "" },
        { responseTopic: "\uD800" },
        { contentType: "a\0" },
      ]
    ) {
      await assertRejects(() => client.publish("a", "", { properties }));
    }
    const properties = { responseTopic: "antwort/ä", contentType: "text/plain", correlationData: Uint8Array.of(1) };
    await client.publish("a", "", { properties });
    await peer.expect("publish", { properties });
    await peer.sendBytes(rawPacket(0x30, field("a"), propertySection(Uint8Array.of(0x08), field("a/#"))));
    await peer.expectDisconnect(0x82);
  },
);

clientTest(
  { "3.1": "", "3.1.1": "", "5.0": "" },
  "keeps all properties of a message, in order, where the version has them",
  async ({ connect, version }) => {
    const { client, peer } = await connect();
    const properties = {
      payloadFormatIndicator: 1,
      messageExpiryInterval: 4_294_967_295,
      contentType: "text/plain",
      responseTopic: "r",
      correlationData: Uint8Array.of(1, 2),
      userProperties: [["a", "1"], ["b", "2"], ["a", "3"]],
    } as const;
    await client.publish("a", "x", { properties });
    const packet = await peer.expect("publish");
    assertEquals(packet.properties, version === 5 ? properties : undefined);
    const subscription = client.subscribe("a");
    await grant(peer);
    await deliver(peer, "a", "x", { properties: { ...properties, subscriptionIdentifiers: [1] } });
    assertEquals((await subscription.next()).value?.properties, version === 5 ? properties : {});
  },
);

clientTest({ "5.0": "3.3.4-6" }, "puts no subscription identifier into a PUBLISH", async ({ connect }) => {
  const { client, peer } = await connect();
  const properties = { subscriptionIdentifiers: [1] } as Record<never, never>;
  await assertRejects(() => client.publish("a", "", { properties }), TypeError, "subscription identifiers");
  client.subscribe("a");
  await grant(peer);
  await client.publish("a", "");
  assertEquals((await peer.expect("publish")).properties, undefined);
});

clientTest(
  { "5.0": "3.3.4-7 3.3.4-8 4.9.0-1 4.9.0-2 4.9.0-3" },
  "has at most the server's receive maximum open, and holds back nothing but PUBLISH",
  async (script) => {
    const { client, peer } = await script.connect({}, { properties: { receiveMaximum: 3 } });
    const results = [1, 2, 1, 2, 1, 2].map((qos, i) => client.publish("a", `${i}`, { qos: qos as 1 | 2 }));
    results.forEach(ignoreFailure);
    const open = (await peer.expectMany("publish", 3)).map(({ packetId = 0 }) => packetId);
    await peer.expectNothing();
    // Everything else goes on: QoS 0, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, PUBACK, PUBREC, PUBCOMP.
    await client.publish("a", "passes");
    await peer.expect("publish", { qos: 0 });
    const subscription = client.subscribe("b", { qos: 2 });
    await grant(peer);
    await deliver(peer, "b", "", { qos: 1, packetId: 1 });
    await deliver(peer, "b", "", { qos: 2, packetId: 2 });
    await subscription.next();
    await subscription.next();
    void subscription.next();
    await peer.expect("puback");
    await peer.expect("pubrec");
    await peer.send({ type: "pubrel", packetId: 2, reasonCode: 0 });
    await peer.expect("pubcomp");
    // PUBREC below 0x80 gives nothing back, PUBCOMP does.
    await peer.send({ type: "pubrec", packetId: open[1] ?? 0, reasonCode: 0 });
    await peer.expect("pubrel");
    await peer.expectNothing();
    await peer.send({ type: "pubcomp", packetId: open[1] ?? 0, reasonCode: 0 });
    const fourth = await peer.expect("publish", { payload: "3", qos: 2 });
    await peer.expectNothing();
    // So does PUBREC of 0x80 and above.
    await peer.send({ type: "pubrec", packetId: fourth.packetId ?? 0, reasonCode: 0x97 });
    await peer.expect("publish", { payload: "4" });
    assertEquals((await results[3])?.reasonCode, 0x97);
    // A surplus acknowledgement adds nothing.
    await peer.send({ type: "pubcomp", packetId: open[1] ?? 0, reasonCode: 0 });
    await peer.send({ type: "puback", packetId: 999, reasonCode: 0 });
    await peer.expectNothing();

    // A new connection has a quota of its own, which repetitions take as well.
    const again = await script.reconnect(peer, { sessionPresent: true, properties: { receiveMaximum: 1 } });
    const first = await again.peer.expect("publish", { dup: true, payload: "0" });
    await again.peer.expectNothing();
    await again.peer.send({ type: "puback", packetId: first.packetId ?? 0, reasonCode: 0 });
    await again.peer.expect("publish", { dup: true, payload: "2" });
    await again.peer.expectNothing();
  },
);

clientTest({ "5.0": "3.3.4-9" }, "answers more than its own receive maximum with 0x93", async ({ connect }) => {
  const { client, peer, packet } = await connect({ receiveMaximum: 2, reconnect: false });
  assertEquals(packet.properties?.receiveMaximum, 2);
  client.subscribe("a", { qos: 2 });
  await grant(peer);
  await deliver(peer, "a", "", { qos: 1, packetId: 1 });
  await deliver(peer, "a", "", { qos: 2, packetId: 2 });
  await peer.expectNothing();
  await deliver(peer, "a", "", { qos: 1, packetId: 3 });
  await peer.expectDisconnect(0x93);
});

clientTest(
  { "5.0": "3.4.2-1 3.4.2-2 3.4.2-3 3.5.2-1 3.5.2-2 3.5.2-3 3.6.2-1 3.6.2-2 3.6.2-3 3.7.2-1 3.7.2-2 3.7.2-3" },
  "acknowledges with codes of the standard and without texts, so that every server has room for it",
  async ({ connect }) => {
    // The least that a server may allow here: a PUBREL with a reason code has five bytes.
    const { client, peer } = await connect({}, { properties: { maximumPacketSize: 20 } });
    const subscription = client.subscribe("a", { qos: 2 });
    await grant(peer);
    await deliver(peer, "a", "", { qos: 1, packetId: 1 });
    await deliver(peer, "a", "", { qos: 2, packetId: 2 });
    await subscription.next();
    await subscription.next();
    void subscription.next();
    await peer.expect("puback", { reasonCode: 0 });
    assertEquals(toHex(peer.lastBytes), "40 02 00 01");
    await peer.expect("pubrec", { reasonCode: 0 });
    assertEquals(toHex(peer.lastBytes), "50 02 00 02");
    await peer.send({ type: "pubrel", packetId: 2, reasonCode: 0 });
    await peer.expect("pubcomp", { reasonCode: 0 });
    assertEquals(toHex(peer.lastBytes), "70 02 00 02");
    await peer.send({ type: "pubrel", packetId: 2, reasonCode: 0 });
    await peer.expect("pubcomp", { reasonCode: 0x92 });
    assertEquals(toHex(peer.lastBytes), "70 03 00 02 92");
    await peer.send({ type: "pubrec", packetId: 77, reasonCode: 0 });
    await peer.expect("pubrel", { reasonCode: 0x92 });
    assertEquals(toHex(peer.lastBytes), "62 03 00 4d 92");
    ignoreFailure(client.publish("a", "", { qos: 2 }));
    const { packetId = 0 } = await peer.expect("publish");
    await peer.send({ type: "pubrec", packetId, reasonCode: 0x10 });
    await peer.expect("pubrel", { reasonCode: 0 });
    assertEquals(peer.lastBytes.length, 4);
  },
);

clientTest(
  { "5.0": "3.4.2-1 3.5.2-1 3.6.2-1 3.7.2-1" },
  "ends the connection on an acknowledgement with a code that it may not have",
  async ({ connect }) => {
    for (const bytes of ["40 03 00 01 92", "50 03 00 01 92", "62 03 00 01 80", "70 03 00 01 80"]) {
      const { peer } = await connect({ reconnect: false });
      await peer.sendBytes(bytes);
      await peer.expectDisconnect(0x81, 0x82);
    }
  },
);

clientTest({ "5.0": "" }, "tells the server's reason code and texts of a publication", async ({ connect }) => {
  const { client, peer } = await connect();
  const properties = { reasonString: "not here", userProperties: [["a", "b"]] as const };
  const refused = client.publish("a", "", { qos: 1 });
  await peer.send({
    type: "puback",
    packetId: (await peer.expect("publish")).packetId ?? 0,
    reasonCode: 0x87,
    properties,
  });
  assertEquals(await refused, { ok: false, reasonCode: 0x87, properties });
  const unheard = client.publish("a", "", { qos: 1 });
  const { packetId = 0 } = await peer.expect("publish");
  await peer.send({ type: "puback", packetId, reasonCode: 0x10 });
  assertEquals(await unheard, { ok: true, reasonCode: 0x10, properties: {} });
  await settle();
});
