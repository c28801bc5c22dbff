/**
 * Our codec beside `npm:mqtt-packet`: what one writes, the other reads as the same packet, apart from the differences
 * that this file lists. Each difference is tested, so that the list stays true.
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { decodePacket } from "../../codec/decode.ts";
import { encodePacket } from "../../codec/encode.ts";
import { MqttError } from "../../codec/errors.ts";
import { frameOf } from "../../codec/framer.ts";
import type { Packet, ProtocolVersion } from "../../codec/packets.ts";
import { bytesOf } from "../vectors/vector.ts";
import { valid } from "../vectors/mod.ts";
import { type ForeignPacket, generate, parse, toForeign } from "./mqtt_packet.ts";
import { RandomPackets } from "./random_packets.ts";

const PACKETS = 5000;
const standards = { 3: "mqtt 3.1", 4: "mqtt 3.1.1", 5: "mqtt 5.0" };

interface Difference {
  readonly what: string;
  readonly version: ProtocolVersion;
  readonly bytes: string;
  /** Reason code with which we refuse it; absent if we read it. */
  readonly ours?: number;
  readonly theirs: "reads" | "refuses";
}

/** Where the two do not agree on bytes. mqtt-packet leaves most of these checks to those who use it. */
const differences: Difference[] = [
  { what: "invalid UTF-8 (becomes U+FFFD there)", version: 4, bytes: "30 * 0001 ff", ours: 0x81, theirs: "reads" },
  { what: "a surrogate in UTF-8", version: 4, bytes: "30 * 0003 eda080", ours: 0x81, theirs: "reads" },
  { what: "U+0000 in a string", version: 4, bytes: "30 * 0001 00", ours: 0x81, theirs: "reads" },
  { what: "a wildcard in a topic name", version: 4, bytes: `30 * "a/#"`, ours: 0x90, theirs: "reads" },
  { what: "an empty topic name", version: 4, bytes: `30 * ""`, ours: 0x90, theirs: "reads" },
  { what: "packet identifier 0", version: 4, bytes: "40 * 0000", ours: 0x82, theirs: "reads" },
  { what: "DUP with QoS 0", version: 4, bytes: `38 * "a"`, ours: 0x82, theirs: "reads" },
  { what: "bytes behind the last field", version: 4, bytes: "40 * 0001 00", ours: 0x81, theirs: "reads" },
  { what: "a body in a PINGREQ", version: 4, bytes: "c0 01 00", ours: 0x81, theirs: "reads" },
  { what: "a padded remaining length", version: 4, bytes: "c0 80 00", ours: 0x81, theirs: "reads" },
  { what: "a SUBSCRIBE without a filter", version: 4, bytes: "82 * 0001", ours: 0x82, theirs: "reads" },
  { what: "an UNSUBSCRIBE without a filter", version: 4, bytes: "a2 * 0001", ours: 0x82, theirs: "reads" },
  { what: "return code 6", version: 4, bytes: "20 02 00 06", ours: 0x82, theirs: "reads" },
  { what: "session present with a refusal", version: 4, bytes: "20 02 01 05", ours: 0x82, theirs: "reads" },
  {
    what: "a password without a user name",
    version: 4,
    bytes: `10 * "MQTT" 04 42 0000 "c" "p"`,
    ours: 0x81,
    theirs: "reads",
  },
  { what: "will QoS 3", version: 4, bytes: `10 * "MQTT" 04 1e 0000 "c" "t" "p"`, ours: 0x81, theirs: "reads" },
  {
    what: "level 4 by the name MQIsdp",
    version: 4,
    bytes: `10 * "MQIsdp" 04 02 0000 "c"`,
    ours: 0x84,
    theirs: "reads",
  },
  { what: "flags that MQTT 3.1 does not use", version: 3, bytes: "cf 00", theirs: "refuses" },
  { what: "a second SUBSCRIBE of MQTT 3.1, with DUP", version: 3, bytes: `8a * 0001 "a" 00`, theirs: "refuses" },
  {
    what: "a CONNECT of MQTT 3.1 that ends before its user name",
    version: 3,
    bytes: `10 * "MQIsdp" 03 82 0000 "c"`,
    theirs: "refuses",
  },
  {
    what: "a property that stands twice (becomes a list there)",
    version: 5,
    bytes: `30 * "a" (01 01 01 01)`,
    ours: 0x82,
    theirs: "reads",
  },
  { what: "a property of another packet", version: 5, bytes: `30 * "a" (21 0001)`, ours: 0x81, theirs: "reads" },
  { what: "receive maximum 0", version: 5, bytes: "20 * 00 00 (21 0000)", ours: 0x82, theirs: "reads" },
  { what: "topic alias 0", version: 5, bytes: `30 * "a" (23 0000)`, ours: 0x94, theirs: "reads" },
  { what: "a flag above 1 (true there)", version: 5, bytes: `30 * "a" (01 02)`, ours: 0x82, theirs: "reads" },
  { what: "a wildcard in a response topic", version: 5, bytes: `30 * "a" (08 "#")`, ours: 0x82, theirs: "reads" },
  { what: "neither topic name nor alias", version: 5, bytes: `30 * "" ()`, ours: 0x82, theirs: "reads" },
  {
    what: "no local for a shared subscription",
    version: 5,
    bytes: `82 * 0001 () "$share/g/a" 04`,
    ours: 0x82,
    theirs: "reads",
  },
  { what: "a CONNACK with an unknown reason code", version: 5, bytes: "20 03 00 01 00", ours: 0x82, theirs: "reads" },
  { what: "AUTH cut to nothing (section 3.15.2.1)", version: 5, bytes: "f0 00", theirs: "refuses" },
  { what: "AUTH without a method", version: 5, bytes: "f0 02 18 00", ours: 0x82, theirs: "reads" },
];

for (const { what, version, bytes, ours, theirs } of differences) {
  Deno.test(`${standards[version]}: mqtt-packet ${theirs} what we ${ours === undefined ? "read" : "refuse"}: ${what}`, () => {
    const packet = bytesOf(bytes);
    if (ours === undefined) decodePacket(frameOf(packet), version);
    else assertEquals(assertThrows(() => decodePacket(frameOf(packet), version), MqttError).reasonCode, ours);
    if (theirs === "reads") assertEquals(parse(packet, version).length, 1);
    else assertThrows(() => parse(packet, version));
  });
}

for (const version of [3, 4, 5] as const) {
  Deno.test(`${standards[version]}: mqtt-packet reads what we write, ${PACKETS} times`, () => {
    const random = new RandomPackets(5000 + version);
    for (let i = 0; i < PACKETS; i++) {
      const packet = random.packet(version);
      if (!isCommon(packet)) continue;
      const [parsed, ...others] = parse(encodePacket(packet, version), version);
      assertEquals(others, []);
      assert(parsed !== undefined);
      assertIncludes(parsed, toForeign(packet, version));
    }
  });

  Deno.test(`${standards[version]}: we read what mqtt-packet writes, ${PACKETS} times`, () => {
    const random = new RandomPackets(6000 + version);
    for (let i = 0; i < PACKETS; i++) {
      const packet = random.packet(version);
      if (!isCommon(packet)) continue;
      const bytes = new Uint8Array(generate(toForeign(packet, version), version));
      assertEquals(decodePacket(frameOf(bytes), version), packet);
    }
  });

  Deno.test(`${standards[version]}: mqtt-packet reads all our vectors, but for the differences above`, () => {
    const listed = new Set(differences.map(({ bytes }) => String(bytesOf(bytes))));
    for (const { versions, bytes, packet, name } of valid) {
      if (!versions.includes(version) || listed.has(String(bytesOf(bytes))) || !isCommon(packet)) continue;
      if (version === 3 && /not used|announce|DUP, which/.test(name)) continue;
      assertIncludes(parse(bytesOf(bytes), version)[0] ?? {}, toForeign(packet, version));
    }
  });
}

/** Whether mqtt-packet can express this packet. */
function isCommon(packet: Packet): boolean {
  // It asks for a client identifier where the server would have to refuse the empty one.
  if (packet.type === "connect" && packet.clientId === "" && (packet.protocolVersion < 4 || !packet.cleanStart)) {
    return false;
  }
  // It writes a password with a user name only, in MQTT 5.0 too.
  if (packet.type === "connect" && packet.password !== undefined && packet.username === undefined) return false;
  // It cannot read an AUTH that is cut to nothing.
  if (packet.type === "auth" && packet.properties === undefined) return false;
  const properties = "properties" in packet ? packet.properties ?? {} : {};
  const pairs = "userProperties" in properties ? properties.userProperties ?? [] : [];
  const willPairs = packet.type === "connect" ? packet.will?.properties?.userProperties ?? [] : [];
  // Its user properties are an object by names: the order of different names among each other is lost, and a
  // property whose value is empty is replaced by the next one of that name.
  return [pairs, willPairs].every((list) => list.length < 2 && list.every(([name]) => !/^\d+$/.test(name)));
}

/** Asserts that `actual` has everything that `expected` has. */
function assertIncludes(actual: ForeignPacket, expected: ForeignPacket): void {
  const wanted = plain(expected);
  const found = plain(actual);
  for (const name of Object.keys(wanted)) assertEquals(found[name], wanted[name], name);
}

/** A copy without `undefined`, with bytes as arrays and objects as plain ones. */
function plain(packet: ForeignPacket): Record<string, unknown> {
  return JSON.parse(JSON.stringify(packet, (_, value) => {
    return value instanceof Uint8Array || value?.type === "Buffer" ? Array.from(value.data ?? value) : value;
  }));
}
