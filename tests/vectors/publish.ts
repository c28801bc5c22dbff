/** PUBLISH: section 3.3 of all versions. @module */

import type { MalformedVector, Statements, ValidVector } from "./vector.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** PUBLISHes that are read. */
export const valid: ValidVector[] = [
  {
    name: "PUBLISH with QoS 0",
    versions: [3, 4],
    bytes: "30 06 00 03 61 2f 62 31",
    packet: { type: "publish", topic: "a/b", payload: text("1"), qos: 0, retain: false, dup: false },
    statements: { 4: "[MQTT-2.3.1-5] [MQTT-3.3.2-1] [MQTT-4.3.1-1]" },
  },
  {
    name: "PUBLISH with QoS 0",
    versions: [5],
    bytes: "30 07 00 03 61 2f 62 00 31",
    packet: { type: "publish", topic: "a/b", payload: text("1"), qos: 0, retain: false, dup: false },
    statements: { 5: "[MQTT-2.2.1-2] [MQTT-2.2.2-1] [MQTT-3.3.2-1] [MQTT-4.3.1-1]" },
  },
  {
    name: "PUBLISH with QoS 1, retain and DUP",
    versions: [3, 4],
    bytes: `3b * "a/b" 000a 'payload'`,
    packet: { type: "publish", topic: "a/b", payload: text("payload"), qos: 1, retain: true, dup: true, packetId: 10 },
  },
  {
    name: "PUBLISH with QoS 2 and an empty payload",
    versions: [3, 4],
    bytes: `34 * "a/b" ffff`,
    packet: { type: "publish", topic: "a/b", payload: text(""), qos: 2, retain: false, dup: false, packetId: 65535 },
  },
  {
    name: "PUBLISH with QoS 2 and an empty payload",
    versions: [5],
    bytes: `34 * "a/b" ffff ()`,
    packet: { type: "publish", topic: "a/b", payload: text(""), qos: 2, retain: false, dup: false, packetId: 65535 },
  },
  {
    name: "PUBLISH with all properties",
    versions: [5],
    bytes: `3b * "a/b" 000a
      (01 01 02 00000000 03 "text/plain" 08 "x/y" 09 0002 0001 0b 01 0b ffffff7f 23 ffff 26 "a" "1" 26 "b" "2" 26 "a" "1")
      'hello'`,
    packet: {
      type: "publish",
      topic: "a/b",
      payload: text("hello"),
      qos: 1,
      retain: true,
      dup: true,
      packetId: 10,
      properties: {
        payloadFormatIndicator: 1,
        messageExpiryInterval: 0,
        contentType: "text/plain",
        responseTopic: "x/y",
        correlationData: Uint8Array.of(0, 1),
        subscriptionIdentifiers: [1, 268_435_455],
        topicAlias: 65535,
        userProperties: [["a", "1"], ["b", "2"], ["a", "1"]],
      },
    },
    statements: { 5: "[MQTT-1.5.7-1]" },
  },
  {
    name: "PUBLISH by topic alias alone",
    versions: [5],
    bytes: "30 * 0000 (23 0001) '!'",
    packet: {
      type: "publish",
      topic: "",
      payload: text("!"),
      qos: 0,
      retain: false,
      dup: false,
      properties: { topicAlias: 1 },
    },
    statements: { 5: "[MQTT-3.3.2-1] [MQTT-4.7.3-1]" },
  },
  ...unicode(
    "a byte order mark, which stays U+FEFF,",
    "0009 efbbbf 61 efbbbf 2f62",
    "\uFEFFa\uFEFF/b",
    { 4: "[MQTT-1.5.3-3]", 5: "[MQTT-1.5.4-3]" },
  ),
  ...unicode(
    "characters of one to four bytes",
    "000e c3bc e282ac f09f9880 f48fbfbd 7f",
    "ü€😀\u{10FFFD}\x7f",
    { 4: "[MQTT-1.5.3-1]", 5: "[MQTT-1.5.4-1]" },
  ),
];

/** The same topic name in all versions: 5.0 has a property length behind the packet identifier. */
function unicode(name: string, bytes: string, topic: string, statements: Statements): ValidVector[] {
  const packet = { type: "publish", topic, payload: text(""), qos: 1, retain: false, dup: false, packetId: 1 } as const;
  const common = { name: `PUBLISH with ${name}`, packet, statements };
  return [
    { ...common, versions: [3, 4], bytes: `32 * ${bytes} 0001` },
    { ...common, versions: [5], bytes: `32 * ${bytes} 0001 ()` },
  ];
}

/** PUBLISHes that are refused. */
export const malformed: MalformedVector[] = [
  { name: "PUBLISH of nothing", versions: [3, 4, 5], bytes: "30 00", reasonCode: 0x81 },
  { name: "PUBLISH of one byte", versions: [3, 4, 5], bytes: "30 01 00", reasonCode: 0x81 },
  {
    name: "PUBLISH that ends in the topic name",
    versions: [3, 4, 5],
    bytes: "30 04 00 03 61 2f",
    reasonCode: 0x81,
    statements: { 4: "[MQTT-3.3.2-1]", 5: "[MQTT-3.3.2-1]" },
  },
  {
    name: "PUBLISH with QoS 3",
    versions: [3, 4, 5],
    bytes: `36 * "a/b" 0001 00`,
    reasonCode: 0x81,
    statements: { 4: "[MQTT-3.3.1-4]", 5: "[MQTT-3.3.1-4]" },
  },
  {
    name: "PUBLISH with QoS 0 and DUP",
    versions: [3, 4, 5],
    bytes: `38 * "a/b" 00`,
    reasonCode: 0x82,
    statements: { 4: "[MQTT-3.3.1-2]", 5: "[MQTT-3.3.1-2]" },
  },
  {
    name: "PUBLISH with QoS 1 without a packet identifier",
    versions: [3, 4, 5],
    bytes: `32 * "a/b"`,
    reasonCode: 0x81,
  },
  { name: "PUBLISH with half a packet identifier", versions: [3, 4, 5], bytes: `32 * "a/b" 00`, reasonCode: 0x81 },
  {
    name: "PUBLISH with packet identifier 0",
    versions: [3, 4, 5],
    bytes: `32 * "a/b" 0000 00`,
    reasonCode: 0x82,
    statements: { 4: "[MQTT-2.3.1-1]" },
  },
  {
    name: "PUBLISH with # in its topic name",
    versions: [3, 4, 5],
    bytes: `30 * "a/#" 00`,
    reasonCode: 0x90,
    statements: { 4: "[MQTT-3.3.2-2] [MQTT-4.7.1-1]", 5: "[MQTT-3.3.2-2] [MQTT-4.7.0-1]" },
  },
  {
    name: "PUBLISH with + in its topic name",
    versions: [3, 4, 5],
    bytes: `30 * "a+" 00`,
    reasonCode: 0x90,
    statements: { 4: "[MQTT-3.3.2-2] [MQTT-4.7.1-1]", 5: "[MQTT-3.3.2-2] [MQTT-4.7.0-1]" },
  },
  {
    name: "PUBLISH with an empty topic name",
    versions: [3, 4],
    bytes: "30 * 0000 31",
    reasonCode: 0x90,
    statements: { 4: "[MQTT-4.7.3-1]" },
  },
  {
    name: "PUBLISH with neither topic name nor topic alias",
    versions: [5],
    bytes: "30 * 0000 () 31",
    reasonCode: 0x82,
    statements: { 5: "[MQTT-4.7.3-1]" },
  },
  {
    name: "PUBLISH with properties, neither topic name nor topic alias",
    versions: [5],
    bytes: "30 * 0000 (01 00) 31",
    reasonCode: 0x82,
  },
  {
    name: "PUBLISH without a property length",
    versions: [5],
    bytes: `30 * "a/b"`,
    reasonCode: 0x81,
    statements: { 5: "[MQTT-2.2.2-1]" },
  },
  { name: "PUBLISH with half a property length", versions: [5], bytes: `30 * "a/b" 80`, reasonCode: 0x81 },
  {
    name: "PUBLISH with a padded property length",
    versions: [5],
    bytes: `30 * "a/b" 8000`,
    reasonCode: 0x81,
    statements: { 5: "[MQTT-1.5.5-1]" },
  },
  {
    name: "PUBLISH with a property length of five bytes",
    versions: [5],
    bytes: `30 * "a/b" 8080808001`,
    reasonCode: 0x81,
    statements: { 5: "[MQTT-1.5.5-1]" },
  },
  { name: "PUBLISH with properties beyond its end", versions: [5], bytes: `30 * "a/b" 03 0101`, reasonCode: 0x81 },
  {
    name: "PUBLISH with topic alias 0",
    versions: [5],
    bytes: `30 * "a/b" (23 0000)`,
    reasonCode: 0x94,
    statements: { 5: "[MQTT-3.3.2-8]" },
  },
  { name: "PUBLISH with payload format indicator 2", versions: [5], bytes: `30 * "a/b" (01 02)`, reasonCode: 0x82 },
  { name: "PUBLISH with subscription identifier 0", versions: [5], bytes: `30 * "a/b" (0b 00)`, reasonCode: 0x82 },
  {
    name: "PUBLISH with a padded subscription identifier",
    versions: [5],
    bytes: `30 * "a/b" (0b 8100)`,
    reasonCode: 0x81,
    statements: { 5: "[MQTT-1.5.5-1]" },
  },
  {
    name: "PUBLISH with # in its response topic",
    versions: [5],
    bytes: `30 * "a/b" (08 "a/#")`,
    reasonCode: 0x82,
    statements: { 5: "[MQTT-3.3.2-14] [MQTT-4.7.0-1]" },
  },
  {
    name: "PUBLISH with + in its response topic",
    versions: [5],
    bytes: `30 * "a/b" (08 "+")`,
    reasonCode: 0x82,
    statements: { 5: "[MQTT-3.3.2-14] [MQTT-4.7.0-1]" },
  },
  {
    name: "PUBLISH with an empty response topic",
    versions: [5],
    bytes: `30 * "a/b" (08 "")`,
    reasonCode: 0x82,
    statements: { 5: "[MQTT-4.7.3-1]" },
  },
  {
    name: "PUBLISH with a response topic that is no UTF-8",
    versions: [5],
    bytes: `30 * "a/b" (08 0001 80)`,
    reasonCode: 0x81,
    statements: { 5: "[MQTT-3.3.2-13]" },
  },
  {
    name: "PUBLISH with a content type that is no UTF-8",
    versions: [5],
    bytes: `30 * "a/b" (03 0002 c0af)`,
    reasonCode: 0x81,
    statements: { 5: "[MQTT-3.3.2-19]" },
  },
  {
    name: "PUBLISH with a user property whose name is no UTF-8",
    versions: [5],
    bytes: `30 * "a/b" (26 0001 ff "v")`,
    reasonCode: 0x81,
    statements: { 5: "[MQTT-1.5.7-1]" },
  },
  {
    name: "PUBLISH with a user property whose value has U+0000",
    versions: [5],
    bytes: `30 * "a/b" (26 "n" 0001 00)`,
    reasonCode: 0x81,
    statements: { 5: "[MQTT-1.5.7-1] [MQTT-1.5.4-2]" },
  },
  {
    name: "PUBLISH with a user property without a value",
    versions: [5],
    bytes: `30 * "a/b" (26 "n")`,
    reasonCode: 0x81,
  },
  {
    name: "PUBLISH whose last property reaches into the payload",
    versions: [5],
    bytes: `30 * "a/b" (02 0000) 0001`,
    reasonCode: 0x81,
  },
  ...["01 00", "02 00000001", '03 "a"', '08 "a"', "09 0000", "23 0001"].map((property): MalformedVector => ({
    name: `PUBLISH with property 0x${property.slice(0, 2)} twice`,
    versions: [5],
    bytes: `30 * "a/b" (${property} ${property})`,
    reasonCode: 0x82,
  })),
  ...[
    '11 00000001, 12 "a", 13 0001, 15 "a", 16 0000, 17 00, 18 00000001, 19 00, 1a "a", 1c "a", 1f "a", 21 0001, 22 0001',
    "24 00, 25 00, 27 00000001, 28 00, 29 00, 2a 00, 00 00, 04 00, 2b 00, 7f 00, 80 01, ff 00",
  ].flatMap((list) => list.split(", ")).map((property): MalformedVector => ({
    name: `PUBLISH with property 0x${property.slice(0, 2)}, which is none of it,`,
    versions: [5],
    bytes: `30 * "a/b" (${property})`,
    reasonCode: 0x81,
  })),
  ...malformedTopics(),
];

/** Bytes that are no string, as a topic name. */
function malformedTopics(): MalformedVector[] {
  const texts: readonly [name: string, bytes: string][] = [
    ["a lone continuation byte", "80"],
    ["a sequence that is cut off", "61 e282"],
    ["a sequence that another character interrupts", "e2 28 a1"],
    ["an overlong /", "c0 af"],
    ["an overlong form of three bytes", "e0 80 af"],
    ["an overlong form of four bytes", "f0 80 80 af"],
    ["the lowest surrogate", "ed a0 80"],
    ["the highest surrogate", "ed bf bf"],
    ["a pair of surrogates", "ed a0 bd ed b8 80"],
    ["a code point above U+10FFFF", "f4 90 80 80"],
    ["a sequence of five bytes", "f8 88 80 80 80"],
    ["the byte FE", "fe"],
    ["the byte FF behind a long text", `${"61".repeat(200)} ff`],
  ];
  const vectors = texts.map(([name, bytes]): MalformedVector => ({
    name: `PUBLISH with ${name} in its topic name`,
    versions: [3, 4, 5],
    bytes: `30 * ${prefixed(bytes)} 00`,
    reasonCode: 0x81,
    statements: { 4: "[MQTT-1.5.3-1] [MQTT-3.3.2-1]", 5: "[MQTT-1.5.4-1] [MQTT-3.3.2-1]" },
  }));
  const nulls = ["00", "61 00 62", `${"61".repeat(200)} 00`, `${"c3bc".repeat(4)} 00`];
  return vectors.concat(nulls.map((bytes, index): MalformedVector => ({
    name: `PUBLISH with U+0000 in its topic name (${index + 1})`,
    versions: [3, 4, 5],
    bytes: `30 * ${prefixed(bytes)} 00`,
    reasonCode: 0x81,
    statements: { 4: "[MQTT-1.5.3-2] [MQTT-4.7.3-2]", 5: "[MQTT-1.5.4-2] [MQTT-4.7.3-2]" },
  })));
}

function prefixed(bytes: string): string {
  const length = bytes.replaceAll(" ", "").length / 2;
  return length.toString(16).padStart(4, "0") + bytes;
}
