/** Packets of every kind to bytes and back, and the bytes through the framer in any pieces. */

import { assertEquals } from "@std/assert";
import { decodePacket } from "../../codec/decode.ts";
import { encodePacket, encodePacketInto } from "../../codec/encode.ts";
import { frameOf, Framer } from "../../codec/framer.ts";
import { PacketBuffer } from "../../codec/packet_buffer.ts";
import type { Packet, ProtocolVersion } from "../../codec/packets.ts";
import { RandomPackets } from "./random_packets.ts";

const PACKETS = 3000;
const standards = { 3: "mqtt 3.1", 4: "mqtt 3.1.1", 5: "mqtt 5.0" };

for (const version of [3, 4, 5] as const) {
  Deno.test(`${standards[version]} broker client: ${PACKETS} random packets survive encoding and decoding`, () => {
    const packets = new RandomPackets(version);
    for (let i = 0; i < PACKETS; i++) {
      const packet = packets.packet(version);
      assertEquals(decodePacket(frameOf(encodePacket(packet, version)), version), packet);
    }
  });

  Deno.test(`${standards[version]} broker client: packets are the same however their bytes are cut`, () => {
    const random = new RandomPackets(100 + version);
    for (let round = 0; round < 100; round++) {
      const packets = Array.from({ length: 10 }, () => random.packet(version));
      const stream = encodeAll(packets, version);
      const largest = random.pick([1, 3, 20, 200, 2000]);
      assertEquals(decodeAll(cut(stream, () => random.integer(1, largest)), version), packets);
    }
  });

  Deno.test(`${standards[version]} broker client: packets are the same if their bytes are cut at any one place`, () => {
    const random = new RandomPackets(200 + version);
    const packets = Array.from({ length: 30 }, () => random.packet(version));
    const stream = encodeAll(packets, version);
    for (let at = 0; at <= stream.length; at++) {
      assertEquals(decodeAll([stream.slice(0, at), stream.slice(at)], version), packets);
    }
  });
}

function encodeAll(packets: Packet[], version: ProtocolVersion): Uint8Array {
  const buffer = new PacketBuffer();
  for (const packet of packets) encodePacketInto(packet, version, buffer);
  return buffer.take();
}

function cut(bytes: Uint8Array, length: () => number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + length();
    chunks.push(bytes.slice(at, end));
    at = end;
  }
  return chunks;
}

/** Decodes chunks whose bytes are overwritten once the framer has said that it needs them no more. */
function decodeAll(chunks: Uint8Array[], version: ProtocolVersion): Packet[] {
  const framer = new Framer();
  const packets: Packet[] = [];
  for (const chunk of chunks) {
    framer.push(chunk);
    while (framer.next()) {
      const packet = decodePacket(framer, version);
      packets.push(packet.type === "publish" ? { ...packet, payload: packet.payload.slice() } : packet);
    }
    chunk.fill(0xff);
  }
  assertEquals(framer.buffered, 0);
  return packets;
}
