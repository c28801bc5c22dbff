/** Strings, integers, flags and packet forms that the broker must refuse: MQTT 5.0 sections 1.5, 2.1, 2.2 and 4.13. */

import { assertEquals } from "@std/assert";
import { withBroker } from "../support/broker.ts";
import { concatBytes, field, propertySection, publishPacket, rawPacket, toBytes } from "../support/raw_packets.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const none = bytes(0); // an empty property section
const id = bytes(0, 7);
const topic = field("a");

interface Malformed {
  readonly what: string;
  readonly packet: Uint8Array;
  /** The code that the standard gives, and others that it gives with the same right. */
  readonly codes: number[];
}

const invalidUtf8: readonly [what: string, text: Uint8Array][] = [
  ["a lone continuation byte", bytes(0x80)],
  ["a cut off sequence", bytes(0x61, 0xc3)],
  ["an overlong form", bytes(0xc0, 0xaf)],
  ["a surrogate", bytes(0xed, 0xa0, 0x80)],
  ["a pair of surrogates (CESU-8)", bytes(0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80)],
  ["a code point above U+10FFFF", bytes(0xf4, 0x90, 0x80, 0x80)],
  ["the byte FF", bytes(0xff)],
];

const malformed: Malformed[] = [
  ...invalidUtf8.flatMap(([what, text]): Malformed[] => [
    {
      what: `${what} in a topic name [MQTT-1.5.4-1] [MQTT-3.3.2-1]`,
      packet: rawPacket(0x30, field(text), none),
      codes: [0x81],
    },
    {
      what: `${what} in a topic filter [MQTT-1.5.4-1] [MQTT-3.8.3-1]`,
      packet: rawPacket(0x82, id, none, field(text), bytes(0)),
      codes: [0x81],
    },
    {
      what: `${what} in a filter of an UNSUBSCRIBE [MQTT-1.5.4-1] [MQTT-3.10.3-1]`,
      packet: rawPacket(0xa2, id, none, field(text)),
      codes: [0x81],
    },
    {
      what: `${what} in a Response Topic [MQTT-1.5.4-1] [MQTT-3.3.2-13]`,
      packet: rawPacket(0x30, topic, propertySection(bytes(0x08), field(text))),
      codes: [0x81],
    },
    {
      what: `${what} in a Content Type [MQTT-1.5.4-1] [MQTT-3.3.2-19]`,
      packet: rawPacket(0x30, topic, propertySection(bytes(0x03), field(text))),
      codes: [0x81],
    },
    {
      what: `${what} in the name of a user property [MQTT-1.5.7-1]`,
      packet: rawPacket(0x30, topic, propertySection(bytes(0x26), field(text), field("v"))),
      codes: [0x81],
    },
    {
      what: `${what} in the value of a user property [MQTT-1.5.7-1]`,
      packet: rawPacket(0x30, topic, propertySection(bytes(0x26), field("k"), field(text))),
      codes: [0x81],
    },
    {
      what: `${what} in the reason string of a PUBACK [MQTT-1.5.4-1]`,
      packet: rawPacket(0x40, id, bytes(0), propertySection(bytes(0x1f), field(text))),
      codes: [0x81],
    },
  ]),
  {
    what: "U+0000 in a topic name [MQTT-1.5.4-2] [MQTT-4.7.3-2]",
    packet: rawPacket(0x30, field("a\0b"), none),
    codes: [0x81],
  },
  {
    what: "U+0000 in a topic filter [MQTT-1.5.4-2] [MQTT-4.7.3-2]",
    packet: rawPacket(0x82, id, none, field("a\0"), bytes(0)),
    codes: [0x81],
  },
  {
    what: "U+0000 in a filter of an UNSUBSCRIBE [MQTT-1.5.4-2] [MQTT-4.7.3-2]",
    packet: rawPacket(0xa2, id, none, field("\0")),
    codes: [0x81],
  },
  {
    what: "U+0000 in a user property [MQTT-1.5.4-2] [MQTT-1.5.7-1]",
    packet: rawPacket(0x30, topic, propertySection(bytes(0x26), field("k\0"), field("v"))),
    codes: [0x81],
  },
  { what: "a padded remaining length [MQTT-1.5.5-1]", packet: bytes(0xc0, 0x80, 0x00), codes: [0x81] },
  {
    what: "a remaining length of five bytes [MQTT-1.5.5-1]",
    packet: bytes(0x30, 255, 255, 255, 255, 1),
    codes: [0x81],
  },
  {
    what: "a padded property length [MQTT-1.5.5-1]",
    packet: rawPacket(0x30, topic, bytes(0x80, 0x00)),
    codes: [0x81],
  },
  {
    what: "a property length of five bytes [MQTT-1.5.5-1]",
    packet: rawPacket(0x30, topic, bytes(0x80, 0x80, 0x80, 0x80, 0x01)),
    codes: [0x81],
  },
  {
    what: "a padded Subscription Identifier [MQTT-1.5.5-1]",
    packet: rawPacket(0x82, id, propertySection(bytes(0x0b, 0x81, 0x00)), topic, bytes(0)),
    codes: [0x81],
  },
  ...reservedFlags(),
  {
    what: "both QoS bits in a PUBLISH [MQTT-3.3.1-4]",
    packet: rawPacket(0x36, topic, id, none, toBytes("x")),
    codes: [0x81],
  },
  {
    what: "both QoS bits, DUP and RETAIN in a PUBLISH [MQTT-3.3.1-4]",
    packet: rawPacket(0x3f, topic, id, none, toBytes("x")),
    codes: [0x81],
  },
  { what: "DUP in a PUBLISH with QoS 0 [MQTT-3.3.1-2]", packet: rawPacket(0x38, topic, none), codes: [0x81, 0x82] },
  {
    what: "packet identifier 0 in a PUBLISH with QoS 1 [MQTT-2.2.1-3]",
    packet: rawPacket(0x32, topic, bytes(0, 0), none),
    codes: [0x81, 0x82],
  },
  {
    what: "packet identifier 0 in a PUBLISH with QoS 2 [MQTT-2.2.1-3]",
    packet: rawPacket(0x34, topic, bytes(0, 0), none),
    codes: [0x81, 0x82],
  },
  {
    what: "packet identifier 0 in a SUBSCRIBE [MQTT-2.2.1-3]",
    packet: rawPacket(0x82, bytes(0, 0), none, topic, bytes(0)),
    codes: [0x81, 0x82],
  },
  {
    what: "packet identifier 0 in an UNSUBSCRIBE [MQTT-2.2.1-3]",
    packet: rawPacket(0xa2, bytes(0, 0), none, topic),
    codes: [0x81, 0x82],
  },
  { what: "no topic name in a PUBLISH [MQTT-3.3.2-1]", packet: bytes(0x30, 0), codes: [0x81] },
  { what: "a topic name that is cut off [MQTT-3.3.2-1]", packet: rawPacket(0x30, bytes(0, 9, 0x61)), codes: [0x81] },
  { what: "no property length in a PUBLISH [MQTT-2.2.2-1]", packet: rawPacket(0x30, topic), codes: [0x81] },
  {
    what: "a property length beyond the packet [MQTT-2.2.2-1]",
    packet: rawPacket(0x30, topic, bytes(9), toBytes("x")),
    codes: [0x81],
  },
  { what: "no property length in a SUBSCRIBE [MQTT-2.2.2-1]", packet: rawPacket(0x82, id), codes: [0x81, 0x82] },
  {
    what: "a SUBSCRIBE without a filter [MQTT-3.8.3-2]",
    packet: rawPacket(0x82, id, none),
    codes: [0x82],
  },
  {
    what: "a filter without its options [MQTT-3.8.3-2]",
    packet: rawPacket(0x82, id, none, topic),
    codes: [0x81],
  },
  {
    what: "an UNSUBSCRIBE without a filter [MQTT-3.10.3-2]",
    packet: rawPacket(0xa2, id, none),
    codes: [0x82],
  },
  {
    what: "bit 6 in subscription options [MQTT-3.8.3-5]",
    packet: rawPacket(0x82, id, none, topic, bytes(0x40)),
    codes: [0x81],
  },
  {
    what: "bit 7 in subscription options [MQTT-3.8.3-5]",
    packet: rawPacket(0x82, id, none, topic, bytes(0x80)),
    codes: [0x81],
  },
  {
    what: "a Maximum QoS of 3 in subscription options [MQTT-3.8.3-5]",
    packet: rawPacket(0x82, id, none, topic, bytes(0x03)),
    codes: [0x82],
  },
  {
    what: "a Retain Handling of 3 in subscription options [MQTT-3.8.3-5]",
    packet: rawPacket(0x82, id, none, topic, bytes(0x30)),
    codes: [0x82],
  },
  { what: "a body in a PINGREQ [MQTT-4.13.1-1]", packet: bytes(0xc0, 1, 0), codes: [0x81] },
  { what: "a PUBACK of one byte [MQTT-4.13.1-1]", packet: bytes(0x40, 1, 0), codes: [0x81] },
  { what: "packet type 0 [MQTT-4.13.1-1]", packet: bytes(0x00, 0), codes: [0x81, 0x82] },
  { what: "a CONNACK from a client [MQTT-4.13.1-1]", packet: bytes(0x20, 3, 0, 0, 0), codes: [0x82] },
  { what: "a SUBACK from a client [MQTT-4.13.1-1]", packet: bytes(0x90, 4, 0, 1, 0, 0), codes: [0x82] },
  { what: "an UNSUBACK from a client [MQTT-4.13.1-1]", packet: bytes(0xb0, 4, 0, 1, 0, 0), codes: [0x82] },
  { what: "a PINGRESP from a client [MQTT-4.13.1-1]", packet: bytes(0xd0, 0), codes: [0x82] },
];

function reservedFlags(): Malformed[] {
  const packets: readonly [name: string, flags: number, packet: Uint8Array, ids: string][] = [
    ["PUBACK", 0, bytes(0x40, 2, 0, 7), ""],
    ["PUBREC", 0, bytes(0x50, 2, 0, 7), ""],
    ["PUBREL", 2, bytes(0x60, 2, 0, 7), " [MQTT-3.6.1-1]"],
    ["PUBCOMP", 0, bytes(0x70, 2, 0, 7), ""],
    ["SUBSCRIBE", 2, bytes(0x80, 7, 0, 7, 0, 0, 1, 0x61, 0), " [MQTT-3.8.1-1]"],
    ["UNSUBSCRIBE", 2, bytes(0xa0, 6, 0, 7, 0, 0, 1, 0x61), " [MQTT-3.10.1-1]"],
    ["PINGREQ", 0, bytes(0xc0, 0), ""],
    ["DISCONNECT", 0, bytes(0xe0, 0), " [MQTT-3.14.1-1]"],
    ["AUTH", 0, bytes(0xf0, 2, 0x19, 0), " [MQTT-3.15.1-1]"],
  ];
  return packets.flatMap(([name, right, packet, ids]) =>
    Array.from({ length: 16 }, (_, flags) => flags).filter((flags) => flags !== right).map((flags): Malformed => {
      const wrong = packet.slice();
      wrong[0] = (packet[0] ?? 0) | flags;
      const bits = flags.toString(2).padStart(4, "0");
      return { what: `flags ${bits} in ${name} [MQTT-2.1.3-1]${ids}`, packet: wrong, codes: [0x81] };
    })
  );
}

/** The same test for each entry of a group, in one broker: a broker that survives all is meant. */
const groups = Map.groupBy(malformed, ({ what }) => /\[.*\]$/.exec(what)?.[0] ?? "");

for (const [ids, cases] of groups) {
  const [first] = cases;
  const name = cases.length === 1 && first !== undefined
    ? first.what
    : `${cases.length} packets like one with ${first?.what.replace(/ \[.*$/, "")} ${ids}`;
  Deno.test(
    `mqtt 5.0 broker: says DISCONNECT with the reason and closes on ${name} [MQTT-4.13.1-1] [MQTT-4.13.2-1]`,
    withBroker(async ({ connect }) => {
      const other = await connect();
      await other.subscribe("other");
      for (const { what, packet, codes } of cases) {
        const client = await connect();
        await client.sendBytes(packet);
        const disconnect = await client.expect("disconnect");
        assertEquals(codes.includes(disconnect.reasonCode), true, `${what}: 0x${disconnect.reasonCode.toString(16)}`);
        await client.expectClosed();
      }
      await other.publish("other", "untouched", { qos: 1 });
      await other.expect("publish", { payload: "untouched" });
    }),
  );
}

Deno.test(
  "mqtt 5.0 broker: a CONNECT with reserved flags is malformed [MQTT-2.1.3-1]",
  withBroker(async ({ open }) => {
    for (let flags = 1; flags < 16; flags++) {
      const client = await open();
      await client.sendBytes(rawPacket(0x10 | flags, field("MQTT"), bytes(5, 2, 0, 0, 0), field("a")));
      const connack = await client.expectOptional("connack");
      assertEquals([undefined, 0x81].includes(connack?.reasonCode), true);
      await client.expectClosed();
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: nothing behind a malformed packet is processed [MQTT-4.13.1-1] [MQTT-3.14.4-1]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("#");
    const client = await connect();
    await client.sendBytes(concatBytes(bytes(0x36, 0), rawPacket(0x30, topic, none), bytes(0xc0, 0)));
    await client.expectDisconnect(0x81);
    assertEquals(await watcher.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: EF BB BF stays U+FEFF wherever it stands [MQTT-1.5.4-3]",
  withBroker(async ({ connect }) => {
    const bom = "\ufeff";
    const client = await connect({ clientId: `${bom}id`, properties: { sessionExpiryInterval: 10 } });
    await client.subscribe("#");
    const properties = { contentType: `${bom}type`, userProperties: [[bom, `${bom}v`]] } as const;
    for (const name of [`${bom}a`, `a${bom}`, `a/${bom}/b`, bom]) {
      await client.publish(name, "x", { properties });
      await client.expect("publish", { topic: name, properties });
    }
    await client.unsubscribe("#");
    await client.subscribe("plain");
    await client.publish(`${bom}plain`, "x");
    assertEquals(await client.publications(), []);
    await client.disconnect();
    const plain = await connect({ clientId: "id", cleanStart: false });
    assertEquals(plain.connack?.sessionPresent, false);
  }),
);

Deno.test(
  "mqtt 5.0 broker: strings of one to four bytes a character go through unchanged [MQTT-1.5.4-1] [MQTT-1.5.7-1]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("#");
    for (const text of ["a\u0001\u007f", "\u00e9\u07ff", "\u0800\u20ac\uffff", "\u{10000}\u{1f600}\u{10ffff}"]) {
      const properties = { responseTopic: text, contentType: text, userProperties: [[text, text]] } as const;
      const packet = publishPacket(text, text, { properties });
      await client.send(packet);
      await client.expect("publish", { topic: text, payload: text, properties });
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: throws instead of sending a string that is none [MQTT-1.5.4-1] [MQTT-1.5.4-2]",
  withBroker(async ({ connect, broker }) => {
    const client = await connect();
    await client.subscribe("#");
    for (const bad of ["\ud800", "a\udc00", "\0"]) {
      for (
        const message of [
          { topic: bad, payload: new Uint8Array(0) },
          { topic: "a", payload: new Uint8Array(0), properties: { contentType: bad } },
          { topic: "a", payload: new Uint8Array(0), properties: { userProperties: [[bad, "v"]] } } as const,
        ]
      ) {
        let threw = false;
        try {
          broker.publish(message);
        } catch {
          threw = true;
        }
        assertEquals(threw, true, JSON.stringify(message));
      }
    }
    assertEquals(await client.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: sends every length in its shortest form [MQTT-1.5.5-1]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a");
    // header, topic (3) and property length (1) leave 4 bytes before the payload
    for (const [payload, size] of [[123, 1], [124, 2], [16_379, 2], [16_380, 3], [2_097_147, 3], [2_097_148, 4]]) {
      await client.publish("a", new Uint8Array(payload ?? 0));
      await client.expect("publish");
      assertEquals(client.lastBytes.length, 1 + (size ?? 0) + 4 + (payload ?? 0));
    }
  }),
);
