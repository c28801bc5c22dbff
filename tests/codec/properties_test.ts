/** The table of properties, and properties apart from a packet. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { MqttError } from "../../codec/errors.ts";
import { PACKET_TYPES } from "../../codec/packet_types.ts";
import { propertiesLength, readProperties, writeProperties } from "../../codec/properties.ts";
import { PROPERTIES, PropertyType, WILL } from "../../codec/property_table.ts";
import { bytesOf } from "../vectors/vector.ts";
import { RandomPackets } from "./random_packets.ts";

/** How many properties each packet takes, counted in the packets' own sections of the standard. */
const counts: readonly [keyof typeof PACKET_TYPES | "will", number][] = [
  ["connect", 9],
  ["will", 7],
  ["connack", 17],
  ["publish", 8],
  ["puback", 2],
  ["pubrec", 2],
  ["pubrel", 2],
  ["pubcomp", 2],
  ["subscribe", 2],
  ["suback", 2],
  ["unsubscribe", 1],
  ["unsuback", 2],
  ["pingreq", 0],
  ["pingresp", 0],
  ["disconnect", 4],
  ["auth", 4],
];

for (const [owner, count] of counts) {
  Deno.test(`the table has ${count} properties of ${owner}`, () => {
    const number = owner === "will" ? WILL : PACKET_TYPES[owner];
    assertEquals(PROPERTIES.filter(({ packets }) => packets.includes(number)).length, count);
  });
}

Deno.test("the table has each of the 27 properties once", () => {
  assertEquals(PROPERTIES.length, 27);
  assertEquals(new Set(PROPERTIES.map(({ id }) => id)).size, 27);
  assertEquals(new Set(PROPERTIES.map(({ name }) => name)).size, 27);
});

Deno.test("only user properties, and subscription identifiers in PUBLISH, may repeat", () => {
  const repeatable = PROPERTIES.filter((property) => property.repeatable.length > 0);
  assertEquals(repeatable.map(({ name }) => name), ["subscriptionIdentifiers", "userProperties"]);
  assertEquals(repeatable[0]?.repeatable, [PACKET_TYPES.publish]);
  assertEquals(repeatable[1]?.repeatable, repeatable[1]?.packets);
});

Deno.test("PUBLISH has one property of each numeric type, as its view takes for granted", () => {
  const types = PROPERTIES.filter(({ packets }) => packets.includes(PACKET_TYPES.publish)).map(({ type }) => type);
  const { Flag, Uint16, Uint32, VariableByteInteger } = PropertyType;
  for (const type of [Flag, Uint16, Uint32, VariableByteInteger]) {
    assertEquals(types.filter((other) => other === type).length, 1);
  }
});

Deno.test("readProperties reads the properties that stand from start to end", () => {
  const bytes = bytesOf(`ff 02 0000003c 26 "a" "b" ff`);
  assertEquals(readProperties(bytes, 1, 13, "publish"), { messageExpiryInterval: 60, userProperties: [["a", "b"]] });
  assertEquals(readProperties(bytes, 4, 4, "publish"), {});
  assertEquals(assertThrows(() => readProperties(bytes, 1, 5, "publish"), MqttError).reasonCode, 0x81);
  assertEquals(assertThrows(() => readProperties(bytes, 1, 13, "connect"), MqttError).reasonCode, 0x81);
});

Deno.test("readProperties gives copies", () => {
  const bytes = bytesOf(`09 0002 0102`);
  const { correlationData } = readProperties(bytes, 0, bytes.length, "publish");
  bytes.fill(9);
  assertEquals(correlationData, Uint8Array.of(1, 2));
});

Deno.test("writeProperties gives what readProperties reads, for every owner", () => {
  const random = new RandomPackets(41);
  for (const [owner] of counts) {
    for (let i = 0; i < 200; i++) {
      const properties = random.properties(owner === "will" ? WILL : PACKET_TYPES[owner]) ?? {};
      const bytes = writeProperties(properties, owner);
      assertEquals(bytes.length, propertiesLength(properties, owner));
      assertEquals(readProperties(bytes, 0, bytes.length, owner), properties);
    }
  }
});

Deno.test("writeProperties refuses what may not stand there", () => {
  assertThrows(() => writeProperties({ topicAlias: 1 }, "will"), TypeError, "topicAlias");
  assertThrows(() => writeProperties({ willDelayInterval: 1 }, "publish"), TypeError, "willDelayInterval");
  assertThrows(() => writeProperties({ receiveMaximum: 0 }, "connect"), RangeError, "receiveMaximum");
});

Deno.test("a property that the language knows is none of the table", () => {
  const properties = JSON.parse('{"__proto__": 1}');
  assertThrows(() => writeProperties(properties, "publish"), TypeError);
  assert(!Object.keys(readProperties(new Uint8Array(0), 0, 0, "publish")).includes("__proto__"));
});
