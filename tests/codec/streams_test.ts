/** The codec as Web streams. */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { encodePacket } from "../../codec/encode.ts";
import { MqttError } from "../../codec/errors.ts";
import type { Packet } from "../../codec/packets.ts";
import { PacketDecoderStream, PacketEncoderStream } from "../../codec/streams.ts";
import { RandomPackets } from "./random_packets.ts";

const connect5: Packet = { type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0 };
const puback: Packet = { type: "puback", packetId: 1, reasonCode: 0x87 };

async function collect<T>(stream: ReadableStream<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

function decode(chunks: Uint8Array[], stream: PacketDecoderStream = new PacketDecoderStream()): Promise<Packet[][]> {
  return collect(ReadableStream.from(chunks).pipeThrough(stream));
}

Deno.test("PacketDecoderStream is a TransformStream", () => {
  assertInstanceOf(new PacketDecoderStream(), TransformStream);
  assertInstanceOf(new PacketEncoderStream(), TransformStream);
});

Deno.test("PacketDecoderStream gives a batch for each chunk that completes a packet, and no empty one", async () => {
  const ping = encodePacket({ type: "pingreq" }, 4);
  const publish = encodePacket(
    { type: "publish", topic: "a", payload: new Uint8Array(3), qos: 0, retain: false, dup: false },
    4,
  );
  const bytes = Uint8Array.from([...ping, ...publish, ...ping, ...ping]);
  const batches = await decode([
    bytes.slice(0, 4),
    bytes.slice(4, 5),
    new Uint8Array(0),
    bytes.slice(5, 11),
    bytes.slice(11),
  ]);
  const types = batches.map((batch) => batch.map(({ type }) => type));
  assertEquals(types, [["pingreq"], ["publish"], ["pingreq", "pingreq"]]);
});

Deno.test("PacketDecoderStream reads on in the version of the CONNECT", async () => {
  const bytes = [connect5, puback].map((packet) => encodePacket(packet, 5));
  assertEquals((await decode(bytes)).flat(), [connect5, puback]);
});

Deno.test("PacketDecoderStream reads in the version that it is told, 3.1.1 else", async () => {
  const bytes = encodePacket(puback, 5);
  assertEquals((await decode([bytes], new PacketDecoderStream({ protocolVersion: 5 }))).flat(), [puback]);
  const error = await assertRejects(() => decode([bytes]), MqttError);
  assertEquals(error.reasonCode, 0x81);
});

Deno.test("PacketDecoderStream gives the packets before a bad one, then fails", async () => {
  const stream = new PacketDecoderStream();
  const reader = stream.readable.getReader();
  const writer = stream.writable.getWriter();
  const written = writer.write(Uint8Array.of(0xc0, 0, 0xc0, 0, 0x00, 0)).catch((error: unknown) => error);
  assertEquals(await reader.read(), { done: false, value: [{ type: "pingreq" }, { type: "pingreq" }] });
  const error = await assertRejects(() => reader.read(), MqttError);
  assertEquals(error.reasonCode, 0x81);
  assertEquals(await written, error);
  await assertRejects(() => writer.closed, MqttError);
});

Deno.test("PacketDecoderStream fails when the bytes end within a packet", async () => {
  const error = await assertRejects(() => decode([Uint8Array.of(0xc0, 0, 0x30)]), MqttError);
  assertEquals(error.reasonCode, 0x81);
});

Deno.test("PacketDecoderStream refuses packets above its maximum size", async () => {
  const stream = new PacketDecoderStream({ maximumPacketSize: 10 });
  const error = await assertRejects(() => decode([Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x7f)], stream), MqttError);
  assertEquals(error.reasonCode, 0x95);
});

Deno.test("PacketDecoderStream: payloads may be kept, of packets that span chunks too", async () => {
  const packet = (byte: number): Packet => {
    const payload = new Uint8Array(40).fill(byte);
    return { type: "publish", topic: "a", payload, qos: 0, retain: false, dup: false };
  };
  const bytes = Uint8Array.from([1, 2, 3, 4, 5].flatMap((byte) => Array.from(encodePacket(packet(byte), 4))));
  const chunks = Array.from({ length: Math.ceil(bytes.length / 30) }, (_, i) => bytes.slice(30 * i, 30 * i + 30));
  assertEquals((await decode(chunks)).flat(), [1, 2, 3, 4, 5].map(packet));
});

Deno.test("PacketEncoderStream gives a chunk for each batch that is not empty", async () => {
  const batches: Packet[][] = [[{ type: "pingreq" }, { type: "pingresp" }], [], [{
    type: "disconnect",
    reasonCode: 0,
  }]];
  const chunks = await collect(ReadableStream.from(batches).pipeThrough(new PacketEncoderStream()));
  assertEquals(chunks, [Uint8Array.of(0xc0, 0, 0xd0, 0), Uint8Array.of(0xe0, 0)]);
});

Deno.test("PacketEncoderStream writes on in the version of the CONNECT, before in the one that it is told", async () => {
  const chunks = await collect(
    ReadableStream.from([[puback], [connect5, puback]]).pipeThrough(new PacketEncoderStream()),
  );
  assertEquals(chunks[0], encodePacket(puback, 4));
  assertEquals(chunks[1], Uint8Array.from([...encodePacket(connect5, 5), ...encodePacket(puback, 5)]));
  const told = new PacketEncoderStream({ protocolVersion: 5 });
  assertEquals(await collect(ReadableStream.from([[puback]]).pipeThrough(told)), [encodePacket(puback, 5)]);
});

Deno.test("PacketEncoderStream fails with what encodePacket throws", async () => {
  const bad: Packet[][] = [[{ type: "pingreq" }, { type: "puback", packetId: 0, reasonCode: 0 }]];
  const stream = new PacketEncoderStream();
  await assertRejects(() => collect(ReadableStream.from(bad).pipeThrough(stream)), RangeError, "packet identifier");
});

Deno.test("packets go through both streams, cut anyhow", async () => {
  const random = new RandomPackets(31);
  const batches = Array.from(
    { length: 100 },
    () => Array.from({ length: random.integer(0, 5) }, () => random.packet(5)),
  );
  const cutter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      for (let at = 0; at < chunk.length;) {
        const end = at + random.integer(1, 100);
        controller.enqueue(chunk.slice(at, end));
        at = end;
      }
    },
  });
  const packets = await collect(
    ReadableStream.from(batches)
      .pipeThrough(new PacketEncoderStream({ protocolVersion: 5 }))
      .pipeThrough(cutter)
      .pipeThrough(new PacketDecoderStream({ protocolVersion: 5 })),
  );
  const expected = batches.flat();
  assert(expected.length > 100);
  assertEquals(packets.flat(), expected);
});
