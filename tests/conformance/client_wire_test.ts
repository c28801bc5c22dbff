/** How the client writes and reads packets: strings, integers, flags, packet identifiers, properties. */

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { MqttError } from "../../client/mod.ts";
import { clientTest, deliver, grant, type Peer, settle } from "../client/scripted.ts";
import { concatBytes, field, fromHex, propertySection, rawPacket, toHex } from "../support/raw_packets.ts";

/** The client ends the connection because of what came: with DISCONNECT in 5.0, which has codes, and by closing before. */
async function expectRejection(peer: Peer, ...codes: number[]): Promise<void> {
  if (peer.version === 5) await peer.expectDisconnect(...codes);
  else await peer.expectClosed();
}

clientTest(
  { "3.1.1": "1.5.3-1 1.5.3-2", "5.0": "1.5.4-1 1.5.4-2" },
  "refuses to write lone surrogates and U+0000 in any string",
  async ({ connect, connecting }) => {
    const { client } = await connect();
    for (const text of ["a\uD800", "\uDC00a", "a\0b"]) {
      await assertRejects(() => client.publish(text, ""), MqttError, "Cannot use topic name");
      assertThrows(() => client.subscribe(text), MqttError, "Cannot use topic filter");
      await assertRejects(() => connecting({ clientId: text }), TypeError, "Cannot encode string");
      await assertRejects(() => connecting({ username: text }), TypeError, "Cannot encode string");
      await assertRejects(() => connecting({ will: { topic: text } }), MqttError, "Cannot use topic name");
    }
  },
);

for (
  const [what, bytes] of [["invalid UTF-8", "c3 28"], ["a surrogate", "ed a0 80"], ["U+0000", "61 00 62"]] as const
) {
  const [v3, v5] = what === "U+0000" ? ["1.5.3-2", "1.5.4-2"] : ["1.5.3-1", "1.5.4-1"];
  clientTest({ "3.1.1": v3, "5.0": v5 }, `ends the connection on a topic name with ${what}`, async ({ connect }) => {
    const { peer } = await connect({ reconnect: false });
    const properties = peer.version === 5 ? Uint8Array.of(0) : Uint8Array.of();
    await peer.sendBytes(rawPacket(0x30, field(fromHex(bytes)), properties));
    await expectRejection(peer, 0x81);
  });
}

clientTest(
  { "3.1.1": "1.5.3-3", "5.0": "1.5.4-3" },
  "keeps U+FEFF at the beginning of a string",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const subscription = client.subscribe("\uFEFFa/#");
    const { packetId, subscriptions } = await peer.expect("subscribe");
    assertEquals(subscriptions[0]?.filter, "\uFEFFa/#");
    await peer.send({ type: "suback", packetId, reasonCodes: [0] });
    await deliver(peer, "\uFEFFa/b", "x");
    assertEquals((await subscription.next()).value?.topic, "\uFEFFa/b");
    await client.publish("\uFEFFa", "");
    assertEquals((await peer.expect("publish")).topic, "\uFEFFa");
  },
);

clientTest({ "5.0": "1.5.5-1" }, "writes the remaining length in its shortest form", async ({ connect }) => {
  const { client, peer } = await connect({}, { properties: { topicAliasMaximum: 0 } });
  for (
    const [size, header] of [[123, "30 7f"], [124, "30 80 01"], [16_379, "30 ff 7f"], [16_380, "30 80 80 01"]] as const
  ) {
    await client.publish("a", new Uint8Array(size));
    await peer.expect("publish");
    assert(toHex(peer.lastBytes).startsWith(header), `${size}: ${toHex(peer.lastBytes.subarray(0, 5))}`);
  }
});

clientTest(
  { "5.0": "1.5.5-1" },
  "ends the connection on a padded or too long variable byte integer",
  async ({ connect }) => {
    for (const bytes of ["d0 80 00", "d0 80 80 80 80 01", "30 05 00 01 61 80 00"]) {
      const { peer } = await connect({ reconnect: false });
      await peer.sendBytes(bytes);
      await peer.expectDisconnect(0x81);
    }
  },
);

clientTest({ "5.0": "1.5.7-1" }, "holds both halves of a string pair to the rules of strings", async ({ connect }) => {
  const { client, peer } = await connect({ reconnect: false });
  for (const pair of [["\uD800", "b"], ["a", "b\0"]] as const) {
    await assertRejects(() => client.publish("a", "", { properties: { userProperties: [pair] } }), TypeError);
  }
  const userProperty = concatBytes(Uint8Array.of(0x26), field("a"), field(fromHex("ff")));
  await peer.sendBytes(rawPacket(0x30, field("a"), propertySection(userProperty)));
  await peer.expectDisconnect(0x81);
});

clientTest(
  { "3.1.1": "2.2.2-1 3.6.1-1 3.8.1-1 3.10.1-1", "5.0": "2.1.3-1 3.6.1-1 3.8.1-1 3.10.1-1" },
  "writes the reserved flags as the standard fixes them",
  async ({ connect }) => {
    const { client, peer } = await connect({ keepAlive: 0 });
    const subscription = client.subscribe("a", { qos: 2 });
    await grant(peer);
    assertEquals(peer.lastBytes[0], 0x82);
    const published = client.publish("b", "", { qos: 2 });
    const { packetId = 0 } = await peer.expect("publish");
    await peer.send({ type: "pubrec", packetId, reasonCode: 0 });
    await peer.expect("pubrel");
    assertEquals(peer.lastBytes[0], 0x62);
    await peer.send({ type: "pubcomp", packetId, reasonCode: 0 });
    await published;

    for (const qos of [1, 2] as const) await deliver(peer, "a", "", { qos, packetId: qos });
    await subscription.next();
    await subscription.next();
    void subscription.next();
    await peer.expect("puback");
    assertEquals(peer.lastBytes[0], 0x40);
    await peer.expect("pubrec");
    assertEquals(peer.lastBytes[0], 0x50);
    await peer.send({ type: "pubrel", packetId: 2, reasonCode: 0 });
    await peer.expect("pubcomp");
    assertEquals(peer.lastBytes[0], 0x70);

    const unsubscribed = subscription.unsubscribe();
    const unsubscribe = await peer.expect("unsubscribe");
    assertEquals(peer.lastBytes[0], 0xa2);
    await peer.send({ type: "unsuback", packetId: unsubscribe.packetId, reasonCodes: [0] });
    await unsubscribed;
    const closed = client.close();
    await peer.expect("disconnect");
    assertEquals(peer.lastBytes[0], 0xe0);
    await closed;
  },
);

clientTest(
  { "3.1.1": "2.2.2-2 4.8.0-1", "5.0": "2.1.3-1" },
  "ends the connection on reserved flags with another value",
  async ({ connect, version }) => {
    const wrong = [
      "d1 00",
      "41 02 00 01",
      "50 02 00 01",
      "60 02 00 01",
      "71 02 00 01",
      "91 03 00 01 00",
      "b1 02 00 01",
    ];
    for (const bytes of version === 5 ? [...wrong, "e1 00", "f1 00"] : wrong) {
      const { peer } = await connect({ reconnect: false });
      // The flags of this one are those that PUBREL has; PUBREC must have none.
      await peer.sendBytes(bytes === "50 02 00 01" ? "52 02 00 01" : bytes);
      await expectRejection(peer, 0x81);
    }
  },
);

clientTest(
  { "3.1.1": "2.3.1-5", "5.0": "2.2.1-2 2.2.2-1" },
  "writes no packet identifier with QoS 0, and property length 0 without properties",
  async ({ connect, version }) => {
    const { client, peer } = await connect();
    await client.publish("a/b", "hi");
    await peer.expect("publish");
    assertEquals(toHex(peer.lastBytes), version === 5 ? "30 08 00 03 61 2f 62 00 68 69" : "30 07 00 03 61 2f 62 68 69");
    if (version < 5) return;
    client.subscribe("a");
    await peer.expect("subscribe");
    assertMatch(toHex(peer.lastBytes), /^82 09 00 .. 02 0b 01 00 01 61 00$/);
  },
);

clientTest(
  { "3.1.1": "2.3.1-1 2.3.1-2", "5.0": "2.2.1-3" },
  "gives each exchange an identifier from 1 to 65535 that none has in use, also after wrapping",
  async ({ connect }) => {
    const { client, peer } = await connect({ queue: { messages: 100_000 } });
    // The first three stay open, of different kinds.
    const publications = [client.publish("stuck", "", { qos: 1 }), client.publish("stuck", "", { qos: 2 })];
    client.subscribe("stuck");
    const stuck = [await peer.expect("publish"), await peer.expect("publish"), await peer.expect("subscribe")];
    assertEquals(stuck.map(({ packetId }) => packetId), [1, 2, 3]);

    let last = 3;
    for (let batch = 0; batch < 70; batch++) {
      const open: Promise<unknown>[] = [];
      for (let i = 0; i < 1_000; i++) open.push(client.publish("a", "", { qos: 1 }));
      for (const { packetId = 0 } of await peer.expectMany("publish", open.length)) {
        assertEquals(packetId, last === 65_535 ? 4 : last + 1);
        last = packetId;
        peer.send({ type: "puback", packetId, reasonCode: 0 });
      }
      await Promise.all(open);
    }
    for (const publication of publications) publication.catch(() => {});
  },
);

clientTest({ "3.1.1": "2.3.1-1" }, "ends the connection on packet identifier 0", async ({ connect }) => {
  for (const bytes of ["32 05 00 01 61 00 00", "40 02 00 00", "90 03 00 00 00", "b0 02 00 00"]) {
    const { peer } = await connect({ reconnect: false });
    await peer.sendBytes(bytes);
    await peer.expectClosed();
  }
});

clientTest(
  { "3.1.1": "2.3.1-3", "5.0": "4.3.2-3 4.3.3-5" },
  "has an identifier free again after PUBACK, PUBCOMP, SUBACK and UNSUBACK, not before",
  async ({ connect }) => {
    const { client, peer } = await connect({}, { properties: { receiveMaximum: 65_535 } });
    const one = client.publish("a", "", { qos: 1 });
    const two = client.publish("a", "", { qos: 2 });
    const subscription = client.subscribe("a");
    assertEquals((await peer.expect("publish")).packetId, 1);
    assertEquals((await peer.expect("publish")).packetId, 2);
    assertEquals((await peer.expect("subscribe")).packetId, 3);
    await peer.send({ type: "pubrec", packetId: 2, reasonCode: 0 });
    await peer.expect("pubrel", { packetId: 2 });

    // Everything else is in use and acknowledged by turns, so that the identifiers go round once.
    async function round(): Promise<number[]> {
      const used = new Set<number>();
      for (let batch = 0; batch < 66; batch++) {
        const open: Promise<unknown>[] = [];
        for (let i = 0; i < 1_000; i++) open.push(client.publish("b", "", { qos: 1 }));
        for (const { packetId = 0 } of await peer.expectMany("publish", open.length)) {
          used.add(packetId);
          peer.send({ type: "puback", packetId, reasonCode: 0 });
        }
        await Promise.all(open);
      }
      return [1, 2, 3].filter((id) => used.has(id));
    }
    assertEquals(await round(), []);
    await peer.send({ type: "puback", packetId: 1, reasonCode: 0 });
    await peer.send({ type: "pubcomp", packetId: 2, reasonCode: 0 });
    await peer.send({ type: "suback", packetId: 3, reasonCodes: [0] });
    await Promise.all([one, two, subscription.ready]);
    assertEquals(await round(), [1, 2, 3]);
  },
);

clientTest(
  { "3.1.1": "2.3.1-6", "5.0": "2.2.1-5" },
  "echoes the identifier of a PUBLISH in all packets of its exchange",
  async ({ connect }) => {
    const { client, peer } = await connect();
    const subscription = client.subscribe("a", { qos: 2 });
    await grant(peer);
    await deliver(peer, "a", "", { qos: 1, packetId: 700 });
    await deliver(peer, "a", "", { qos: 2, packetId: 65_535 });
    await subscription.next();
    await subscription.next();
    void subscription.next();
    await peer.expect("puback", { packetId: 700 });
    await peer.expect("pubrec", { packetId: 65_535 });
    await peer.send({ type: "pubrel", packetId: 65_535, reasonCode: 0 });
    await peer.expect("pubcomp", { packetId: 65_535, reasonCode: 0 });
    const published = client.publish("a", "", { qos: 2 });
    const { packetId = 0 } = await peer.expect("publish");
    await peer.send({ type: "pubrec", packetId, reasonCode: 0 });
    await peer.expect("pubrel", { packetId });
    await peer.send({ type: "pubcomp", packetId, reasonCode: 0 });
    await published;
    await settle();
  },
);
