/** MQTT 3.1.1, sections 1.5.3, 2.2, 2.3 and 4.8: strings, fixed headers, packet identifiers, malformed packets. */

import { assertEquals } from "@std/assert";
import type { RawClient } from "../support/raw_client.ts";
import { field, publishPacket, rawPacket, uint16 } from "../support/raw_packets.ts";
import {
  connectBytes,
  ConnectFlag,
  expectEachCloses,
  ILL_FORMED_UTF8,
  NUL_STRING,
  withBrokerFor,
} from "./broker_v311_support.ts";

const withBroker = withBrokerFor(4);
const ID = uint16(1);
const QOS_0 = Uint8Array.of(0);

/** The packets of a client that hold a string, with this one in its place. */
function packetsWith(text: Uint8Array): [string, Uint8Array][] {
  return [
    ["PUBLISH", rawPacket(0x30, field(text), Uint8Array.of(1, 2, 3))],
    ["PUBLISH of QoS 1", rawPacket(0x32, field(text), ID)],
    ["SUBSCRIBE", rawPacket(0x82, ID, field(text), QOS_0)],
    ["SUBSCRIBE as its second filter", rawPacket(0x82, ID, field("a"), QOS_0, field(text), QOS_0)],
    ["UNSUBSCRIBE", rawPacket(0xa2, ID, field(text))],
    ["UNSUBSCRIBE as its second filter", rawPacket(0xa2, ID, field("a"), field(text))],
  ];
}

Deno.test(
  "mqtt 3.1.1 broker: a string that is no UTF-8 ends the connection [MQTT-1.5.3-1] [MQTT-3.3.2-1] [MQTT-3.8.3-1] [MQTT-3.10.3-1]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("#");
    for (const [why, text] of ILL_FORMED_UTF8) {
      const cases = packetsWith(text).map(([packet, bytes]) => [`${why} in ${packet}`, bytes] as const);
      await expectEachCloses(() => connect(), cases);
    }
    assertEquals(await watcher.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a string with U+0000 ends the connection [MQTT-1.5.3-2] [MQTT-4.7.3-2]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("#");
    await expectEachCloses(() => connect(), packetsWith(NUL_STRING));
    await expectEachCloses(() => connect(), packetsWith(Uint8Array.of(0)));
    assertEquals(await watcher.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a byte order mark is a character like any other, wherever it stands [MQTT-1.5.3-3] [MQTT-1.5.3-1]",
  withBroker(async ({ connect }) => {
    const topic = "\uFEFFa/\uFEFF/b\uFEFF";
    const client = await connect();
    await client.subscribe([topic, "a/+/b"]);
    await client.publish(topic, "marked");
    await client.publish("a/\uFEFF/b", "half marked");
    await client.publish("a/b", "not marked");
    await client.expect("publish", { topic, payload: "marked" });
    assertEquals(client.lastBytes, rawPacket(0x30, field(topic), new TextEncoder().encode("marked")));
    await client.expect("publish", { topic: "a/\uFEFF/b", payload: "half marked" });
    assertEquals(await client.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: strings pass unchanged, whatever the planes of their characters [MQTT-1.5.3-1] [MQTT-1.5.3-3]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("#");
    const topics = [
      "Grüße",
      "\u0001\u007f\u0080",
      "日本/語",
      "\u{1f600}/\u{10ffff}",
      "\uffff\ufffe",
      "a\u0301",
      "\ufffd",
    ];
    for (const topic of topics) {
      await client.publish(topic, "x");
      await client.expect("publish", { topic });
      assertEquals(client.lastBytes, rawPacket(0x30, field(topic), Uint8Array.of(0x78)));
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: characters that are discouraged, but not forbidden, pass unchanged",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("#");
    for (const topic of ["\u0001\u001f", "\u007f\u009f", "\ufffe\uffff", "\ufdd0", "\u{1fffe}"]) {
      await client.publish(topic, "x");
      await client.expect("publish", { topic });
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: the broker's packets have the flags of the table [MQTT-2.2.2-1] [MQTT-3.6.1-1]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    const firstBytes: Record<string, number | undefined> = {};
    const note = (type: string) => firstBytes[type] = client.lastBytes[0];
    note("connack");
    await client.subscribe("a", { qos: 2 });
    note("suback");
    await client.send(publishPacket("b", "", { qos: 1, packetId: 9 }));
    await client.expect("puback");
    note("puback");
    await client.send(publishPacket("a", "", { qos: 2, packetId: 9 }));
    await client.take("pubrec");
    note("pubrec");
    await client.send({ type: "pubrel", packetId: 9, reasonCode: 0 });
    await client.take("pubcomp");
    note("pubcomp");
    const { packetId = 0 } = await client.take("publish");
    await client.send({ type: "pubrec", packetId, reasonCode: 0 });
    await client.expect("pubrel");
    note("pubrel");
    await client.send({ type: "pubcomp", packetId, reasonCode: 0 });
    await client.unsubscribe("a");
    note("unsuback");
    await client.send({ type: "pingreq" });
    await client.expect("pingresp");
    note("pingresp");
    assertEquals(firstBytes, {
      connack: 0x20,
      suback: 0x90,
      puback: 0x40,
      pubrec: 0x50,
      pubcomp: 0x70,
      pubrel: 0x62,
      unsuback: 0xb0,
      pingresp: 0xd0,
    });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: wrong flags in a fixed header end the connection [MQTT-2.2.2-2] [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.14.1-1]",
  withBroker(async ({ open, connect }) => {
    const cases: [string, Uint8Array][] = [];
    for (let flags = 0; flags < 16; flags++) {
      const at = ` with flags ${flags.toString(2).padStart(4, "0")}`;
      for (const [name, type] of [["PUBACK", 0x40], ["PUBREC", 0x50], ["PUBCOMP", 0x70]] as const) {
        if (flags !== 0) cases.push([name + at, rawPacket(type | flags, ID)]);
      }
      if (flags !== 2) {
        cases.push(["PUBREL" + at, rawPacket(0x60 | flags, ID)]);
        cases.push(["SUBSCRIBE" + at, rawPacket(0x80 | flags, ID, field("a"), QOS_0)]);
        cases.push(["UNSUBSCRIBE" + at, rawPacket(0xa0 | flags, ID, field("a"))]);
      }
      if (flags === 0) continue;
      cases.push(["PINGREQ" + at, rawPacket(0xc0 | flags)]);
      await expectEachCloses(open, [["CONNECT" + at, connectBytes({ firstByte: 0x10 | flags })]]);
    }
    await expectEachCloses(() => connect(), cases);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: packet types that no client sends end the connection [MQTT-4.8.0-1]",
  withBroker(async ({ connect }) => {
    await expectEachCloses(() => connect(), [
      ["type 0", Uint8Array.of(0, 0)],
      ["CONNACK", Uint8Array.of(0x20, 2, 0, 0)],
      ["SUBACK", rawPacket(0x90, ID, QOS_0)],
      ["UNSUBACK", rawPacket(0xb0, ID)],
      ["PINGRESP", Uint8Array.of(0xd0, 0)],
      ["type 15", Uint8Array.of(0xf0, 0)],
    ]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: packets of a wrong length end the connection [MQTT-4.8.0-1]",
  withBroker(async ({ connect }) => {
    await expectEachCloses(() => connect(), [
      ["PUBLISH without topic", rawPacket(0x30)],
      ["PUBLISH with half a topic length", rawPacket(0x30, Uint8Array.of(0))],
      ["PUBLISH whose topic passes its end", rawPacket(0x30, Uint8Array.of(0, 3, 0x61))],
      ["PUBLISH of QoS 1 without identifier", rawPacket(0x32, field("a"))],
      ["PUBLISH of QoS 2 with half an identifier", rawPacket(0x34, field("a"), Uint8Array.of(0))],
      ["PUBACK without identifier", rawPacket(0x40)],
      ["PUBACK with half an identifier", rawPacket(0x40, Uint8Array.of(1))],
      ["PUBACK with a byte too many", rawPacket(0x40, ID, Uint8Array.of(0))],
      ["PUBREL with a byte too many", rawPacket(0x62, ID, Uint8Array.of(0))],
      ["SUBSCRIBE with half an identifier", rawPacket(0x82, Uint8Array.of(1))],
      ["SUBSCRIBE without QoS", rawPacket(0x82, ID, field("a"))],
      ["SUBSCRIBE whose filter passes its end", rawPacket(0x82, ID, Uint8Array.of(0, 9, 0x61))],
      ["UNSUBSCRIBE whose filter passes its end", rawPacket(0xa2, ID, Uint8Array.of(0, 9, 0x61))],
      ["UNSUBSCRIBE with a byte too many", rawPacket(0xa2, ID, field("a"), QOS_0)],
      ["PINGREQ with a body", rawPacket(0xc0, QOS_0)],
      ["a remaining length of five bytes", Uint8Array.of(0x30, 0x80, 0x80, 0x80, 0x80, 0x01)],
      ["a remaining length without end", Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0xff)],
    ]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a violation ends its own connection and no other [MQTT-4.8.0-1] [MQTT-4.8.0-2]",
  withBroker(async ({ connect }) => {
    const bystander = await connect();
    await bystander.subscribe("a");
    const culprit = await connect();
    await culprit.send(publishPacket("a", "before"));
    await culprit.sendBytes(rawPacket(0x36, field("a"), ID));
    await culprit.sendBytes(rawPacket(0x30, field("a")));
    await culprit.expectClosed();
    await bystander.publish("a", "after");
    await bystander.expect("publish", { payload: "before" });
    await bystander.expect("publish", { payload: "after" });
    assertEquals(await bystander.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a packet above the broker's limit ends its own connection and no other [MQTT-4.8.0-2]",
  withBroker({ maxPacketSize: 1_000 }, async ({ connect }) => {
    const bystander = await connect();
    await bystander.subscribe("#");
    const culprit = await connect();
    const fits = new Uint8Array(1_000 - 3 - 3);
    await culprit.publish("a", fits, { qos: 0 });
    await bystander.expect("publish", { payload: fits });
    // The header is enough to refuse it: the body never comes.
    await culprit.sendBytes(Uint8Array.of(0x30, 0xe6, 0x07));
    await culprit.expectClosed();
    assertEquals(await bystander.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a transport of ordered bytes is all it needs, however they are cut [MQTT-7.1.1-1]",
  withBroker(async ({ open }) => {
    const byteByByte = async (client: RawClient, bytes: Uint8Array) => {
      for (const byte of bytes) await client.sendBytes(Uint8Array.of(byte));
    };
    const client = await open();
    await byteByByte(client, connectBytes());
    await client.expect("connack", { reasonCode: 0 });
    await byteByByte(client, rawPacket(0x82, ID, field("a/#"), Uint8Array.of(2)));
    await client.expect("suback", { reasonCodes: [2] });
    await byteByByte(client, rawPacket(0x32, field("a/b"), ID, new TextEncoder().encode("drop by drop")));
    await client.take("publish", ({ qos }) => qos === 1);
    const large = Uint8Array.from({ length: 300_000 }, (_, at) => at * 7 & 0xff);
    await client.publish("a/large", large);
    assertEquals((await client.take("publish")).payload, large);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: the bytes of the standard alone, written by hand, go through a whole life [MQTT-7.0.0-2]",
  withBroker(async ({ open, connect }) => {
    const watcher = await connect();
    await watcher.subscribe("w");
    const client = await open();
    const dialog = async (request: string, answer: string) => {
      await client.sendBytes(request);
      await client.next();
      assertEquals(Array.from(client.lastBytes, (byte) => byte.toString(16).padStart(2, "0")).join(" "), answer);
    };
    await dialog("10 15 0004 4d515454 04 06 003c 0001 63 0001 77 0003 626172", "20 02 00 00");
    await dialog("82 08 000a 0003 612f62 01", "90 03 00 0a 01");
    await client.sendBytes("30 07 0003 612f62 6869");
    await client.next();
    assertEquals(client.lastBytes, Uint8Array.of(0x30, 7, 0, 3, 0x61, 0x2f, 0x62, 0x68, 0x69));
    await dialog("c0 00", "d0 00");
    await dialog("34 05 0001 63 000b", "50 02 00 0b");
    await dialog("62 02 000b", "70 02 00 0b");
    await dialog("a2 07 000c 0003 612f62", "b0 02 00 0c");
    await client.sendBytes("e0 00");
    await client.expectClosed();
    assertEquals(await watcher.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: all connect flags together are read in their order [MQTT-3.1.2-9] [MQTT-3.1.3-1]",
  withBroker(async ({ open, connect }) => {
    const watcher = await connect();
    await watcher.subscribe("t", { qos: 2 });
    const { CleanSession, Password, UserName, Will, WillQoS2, WillRetain } = ConnectFlag;
    const client = await open();
    const flags = CleanSession | Password | UserName | Will | WillQoS2 | WillRetain;
    await client.sendBytes(connectBytes({ flags, payload: ["a", "t", "m", "u", "p"] }));
    await client.expect("connack", { reasonCode: 0 });
    await client.close();
    await watcher.expect("publish", { topic: "t", payload: "m", qos: 2, retain: false });
    await watcher.subscribe("t", { qos: 2 });
    await watcher.expect("publish", { topic: "t", payload: "m", qos: 2, retain: true });
  }),
);
