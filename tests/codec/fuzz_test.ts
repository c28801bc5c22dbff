/**
 * Packets with errors in them: whatever comes in, nothing but an `MqttError` comes out, what is accepted can be written
 * again, and the view that a broker forwards by is as strict as the decoder. Seeded: a failure names its bytes.
 */

import { assert, assertEquals } from "@std/assert";
import { decodeUtf8 } from "../../codec/bytes.ts";
import { connackVersion } from "../../codec/decode_connect.ts";
import { decodePacket } from "../../codec/decode.ts";
import { encodePacket } from "../../codec/encode.ts";
import { MqttError } from "../../codec/errors.ts";
import { type Frame, frameOf, Framer } from "../../codec/framer.ts";
import { PACKET_TYPES } from "../../codec/packet_types.ts";
import type { Packet, ProtocolVersion } from "../../codec/packets.ts";
import { readProperties, writeProperties } from "../../codec/properties.ts";
import { PublishPropertiesView, PublishView } from "../../codec/publish_view.ts";
import { RandomPackets } from "./random_packets.ts";

const ROUNDS = 40_000;
const REASON_CODES = [0x81, 0x82, 0x84, 0x90, 0x94];
const standards = { 3: "mqtt 3.1", 4: "mqtt 3.1.1", 5: "mqtt 5.0" };

for (const version of [3, 4, 5] as const) {
  Deno.test(`${standards[version]} broker client: ${ROUNDS} mutated packets are read or refused, never more`, () => {
    const random = new RandomPackets(1000 + version);
    let accepted = 0;
    for (let i = 0; i < ROUNDS; i++) {
      const bytes = withLength(mutate(encodePacket(random.packet(version), version), random));
      try {
        if (check(bytes, version)) accepted++;
      } catch (error) {
        throw new Error(`Failed with ${toHex(bytes)}`, { cause: error });
      }
    }
    // Both ways have to be taken often, else this tests nothing.
    assert(accepted > ROUNDS / 10, `${accepted} accepted`);
    assert(accepted < ROUNDS * 9 / 10, `${accepted} accepted`);
  });

  Deno.test(`${standards[version]} broker client: random bytes are read or refused, never more`, () => {
    const random = new RandomPackets(2000 + version);
    for (let i = 0; i < 5000; i++) {
      const bytes = random.bytes(40);
      const framer = new Framer({ maximumPacketSize: 1000 });
      const failure = failureOf(() => {
        framer.push(bytes);
        while (framer.next()) decodePacket(framer, version);
      });
      if (failure !== undefined) assertIsExpected(failure, [...REASON_CODES, 0x95]);
    }
  });
}

Deno.test(`mqtt 5.0 broker client: the view of a PUBLISH is as strict as the decoder, ${ROUNDS} times`, () => {
  const random = new RandomPackets(3000);
  let accepted = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const packet = random.packet(5);
    if (packet.type !== "publish") continue;
    const bytes = withLength(mutate(encodePacket({ ...packet, payload: packet.payload.subarray(0, 4) }, 5), random));
    if ((bytes[0] ?? 0) >> 4 !== PACKET_TYPES.publish) continue;
    const frame = frameOf(bytes);
    const decoded = failureOf(() => decodePacket(frame, 5));
    const viewed = failureOf(() => viewPublish(frame));
    assertEquals(viewed === undefined, decoded === undefined, toHex(bytes));
    if (decoded === undefined) accepted++;
    else assertIsExpected(viewed, REASON_CODES);
  }
  assert(accepted > 100);
});

Deno.test(`mqtt 5.0 broker client: properties are scanned as they are read, ${ROUNDS} times`, () => {
  const random = new RandomPackets(4000);
  const view = new PublishPropertiesView();
  for (let i = 0; i < ROUNDS; i++) {
    const bytes = mutate(writeProperties(random.properties(PACKET_TYPES.publish) ?? {}, "publish"), random);
    const read = failureOf(() => readProperties(bytes, 0, bytes.length, "publish"));
    const scanned = failureOf(() => view.scan(bytes, 0, bytes.length));
    assertEquals(reasonCodeOf(scanned), reasonCodeOf(read), toHex(bytes));
    if (read !== undefined) continue;
    const properties = readProperties(bytes, 0, bytes.length, "publish");
    assertEquals(view.topicAlias, properties.topicAlias ?? 0);
    assertEquals(view.messageExpiryInterval, properties.messageExpiryInterval ?? -1);
    assertEquals(view.hasSubscriptionIdentifiers, properties.subscriptionIdentifiers !== undefined);
    if (view.topicAlias > 0) assertEquals(bytes[view.topicAliasAt], 0x23);
    if (view.messageExpiryInterval >= 0) assertEquals(bytes[view.messageExpiryAt], 0x02);
  }
});

/** Reads the packet and, if that goes, writes it again; whether it went. */
function check(bytes: Uint8Array, version: ProtocolVersion): boolean {
  const frame = frameOf(bytes);
  connackVersion(frame);
  let packet: Packet;
  try {
    packet = decodePacket(frame, version);
  } catch (error) {
    assertIsExpected(error, REASON_CODES);
    return false;
  }
  const itsVersion = packet.type === "connect" ? packet.protocolVersion : version;
  const written = encodePacket(packet, itsVersion);
  const again = decodePacket(frameOf(written), itsVersion);
  assertEquals(encodePacket(again, itsVersion), written);
  assertEquals(again, packet);
  return true;
}

/** What a broker does with a PUBLISH. */
function viewPublish(frame: Frame): void {
  const view = new PublishView();
  view.read(frame, 5);
  const topic = decodeUtf8(frame.bytes, view.topicStart, view.topicEnd);
  const properties = new PublishPropertiesView();
  properties.scan(frame.bytes, view.propertiesStart, view.propertiesEnd);
  if (/[#+]/.test(topic) || topic === "" && properties.topicAlias === 0) throw new MqttError("topic", 0x82);
}

/** A copy with one to three errors, or none. */
function mutate(original: Uint8Array, random: RandomPackets): Uint8Array {
  let bytes = Array.from(original);
  for (let count = random.integer(0, 3); count > 0; count--) {
    const at = random.integer(0, Math.max(0, bytes.length - 1));
    const value = random.pick([0, 1, 2, 3, 0x7f, 0x80, 0xff, random.integer(0, 255)]);
    switch (random.integer(0, 5)) {
      case 0: // One bit.
        bytes[at] = (bytes[at] ?? 0) ^ 1 << random.integer(0, 7);
        break;
      case 1: // One byte.
        bytes[at] = value;
        break;
      case 2: // Another byte.
        bytes.splice(at, 0, value);
        break;
      case 3: // A few bytes less.
        bytes.splice(at, random.integer(1, 4));
        break;
      case 4: // The end is missing.
        bytes = bytes.slice(0, at);
        break;
      default: // A part is there twice.
        bytes.splice(at, 0, ...bytes.slice(at, at + random.integer(1, 8)));
    }
  }
  return Uint8Array.from(bytes);
}

/** Puts the remaining length right, so that the errors are met behind it. */
function withLength(bytes: Uint8Array): Uint8Array {
  let start = 1;
  while (start < 4 && (bytes[start] ?? 0) > 0x7f) start++;
  const body = bytes.subarray(start + 1);
  const length = body.length;
  const header = length < 0x80 ? [length] : [length & 0x7f | 0x80, length >> 7];
  return Uint8Array.from([bytes[0] ?? 0, ...header, ...body]);
}

function assertIsExpected(error: unknown, reasonCodes: number[]): void {
  if (!(error instanceof MqttError)) throw error;
  assert(reasonCodes.includes(error.reasonCode), `reason code 0x${error.reasonCode.toString(16)}: ${error.message}`);
}

function failureOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
}

function reasonCodeOf(error: unknown): number | undefined {
  if (error === undefined) return undefined;
  if (!(error instanceof MqttError)) throw error;
  return error.reasonCode;
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
