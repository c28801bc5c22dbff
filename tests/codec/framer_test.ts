/** The framer: limits, malformed headers, memory. */

import { assert, assertEquals, assertGreater, assertLess, assertStrictEquals, assertThrows } from "@std/assert";
import { MqttError } from "../../codec/errors.ts";
import { frameOf, Framer } from "../../codec/framer.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

function assertFails(run: () => unknown, reasonCode: number): void {
  assertEquals(assertThrows(run, MqttError).reasonCode, reasonCode);
}

Deno.test("Framer gives packets that lie within a chunk without copying them", () => {
  const framer = new Framer();
  const chunk = bytes(0xc0, 0, 0x30, 3, 0, 1, 0x61, 0xd0);
  framer.push(chunk);
  assert(framer.next());
  assertEquals([framer.start, framer.bodyStart, framer.end], [0, 2, 2]);
  assert(framer.next());
  assertStrictEquals(framer.bytes, chunk);
  assertEquals([framer.start, framer.bodyStart, framer.end], [2, 4, 7]);
  assertEquals(framer.next(), false);
  assertEquals(framer.buffered, 1);
  framer.push(bytes(0));
  assert(framer.next());
  assertEquals(framer.bytes.subarray(framer.start, framer.end), bytes(0xd0, 0));
  assertEquals(framer.next(), false);
  assertEquals(framer.buffered, 0);
});

Deno.test("Framer takes empty chunks and says false again and again", () => {
  const framer = new Framer();
  assertEquals(framer.next(), false);
  framer.push(bytes());
  assertEquals(framer.next(), false);
  framer.push(bytes(0x30));
  assertEquals(framer.next(), false);
  framer.push(bytes());
  assertEquals(framer.next(), false);
  assertEquals(framer.next(), false);
  assertEquals(framer.buffered, 1);
});

Deno.test("Framer says how long the packet is that it waits for", () => {
  const framer = new Framer();
  assertEquals(framer.awaited, 0);
  framer.push(bytes(0xc0, 0, 0x30));
  assert(framer.next());
  assertEquals([framer.next(), framer.awaited], [false, 0]);
  framer.push(bytes(3, 0));
  assertEquals([framer.next(), framer.awaited], [false, 5]);
  framer.push(bytes(1, 0x61, 0xd0, 0));
  assert(framer.next());
  assertEquals(framer.awaited, 0);
  assert(framer.next());
  assertEquals([framer.next(), framer.awaited], [false, 0]);
});

Deno.test("Framer refuses a chunk while packets are left", () => {
  const framer = new Framer();
  framer.push(bytes(0xc0, 0, 0xc0, 0));
  framer.next();
  assertThrows(() => framer.push(bytes(0xc0, 0)), Error, "next() must have said false");
});

Deno.test("Framer keeps the packet that it has put together while the next one comes", () => {
  const framer = new Framer();
  framer.push(bytes(0x30, 3, 0));
  assertEquals(framer.next(), false);
  framer.push(bytes(1, 0x61, 0x30, 3));
  assert(framer.next());
  const first = framer.bytes.subarray(framer.start, framer.end);
  assertEquals(framer.next(), false);
  framer.push(bytes(0, 1, 0x62));
  assert(framer.next());
  assertEquals(first, bytes(0x30, 3, 0, 1, 0x61));
  assertEquals(framer.bytes.subarray(framer.start, framer.end), bytes(0x30, 3, 0, 1, 0x62));
});

const lengths: readonly [number, number[]][] = [
  [0, [0]],
  [127, [0x7f]],
  [128, [0x80, 0x01]],
  [16_383, [0xff, 0x7f]],
  [16_384, [0x80, 0x80, 0x01]],
  [2_097_151, [0xff, 0xff, 0x7f]],
  [2_097_152, [0x80, 0x80, 0x80, 0x01]],
];
for (const [length, header] of lengths) {
  Deno.test(`mqtt 5.0 broker client: reads a remaining length of ${length} [MQTT-1.5.5-1]`, () => {
    const packet = new Uint8Array(1 + header.length + length);
    packet.set([0x30, ...header]);
    const frame = frameOf(packet);
    assertEquals([frame.start, frame.bodyStart, frame.end], [0, 1 + header.length, packet.length]);
  });
}

const malformedLengths: readonly [string, number[]][] = [
  ["of two bytes for 0", [0x80, 0x00]],
  ["of two bytes for 127", [0xff, 0x00]],
  ["of three bytes for 128", [0x80, 0x81, 0x00]],
  ["of four bytes for 16,384", [0x80, 0x80, 0x81, 0x00]],
  ["of five bytes", [0x80, 0x80, 0x80, 0x80, 0x01]],
  ["that does not end", [0xff, 0xff, 0xff, 0xff]],
];
for (const [what, header] of malformedLengths) {
  Deno.test(`mqtt 5.0 broker client: refuses a remaining length ${what}, whole or in pieces [MQTT-1.5.5-1]`, () => {
    const packet = bytes(0x30, ...header);
    assertFails(() => frameOf(packet), 0x81);
    const framer = new Framer();
    assertFails(() => {
      for (const byte of packet) {
        framer.push(bytes(byte));
        while (framer.next());
      }
    }, 0x81);
  });
}

Deno.test("mqtt 5.0 broker client: refuses a packet that is too large as soon as its header is there", () => {
  for (const chunks of [[[0x30, 0x80, 0x01]], [[0x30], [0x80], [0x01]], [[0xc0, 0, 0x30, 0x80], [0x01, 0, 1]]]) {
    const framer = new Framer({ maximumPacketSize: 130 });
    assertFails(() => {
      for (const chunk of chunks) {
        framer.push(Uint8Array.from(chunk));
        while (framer.next());
      }
    }, 0x95);
    assertLess(framer.buffered, 5);
  }
});

Deno.test("Framer takes packets of exactly the maximum size, which counts the header", () => {
  const packet = new Uint8Array(131);
  packet.set([0x30, 0x80, 0x01]);
  const framer = new Framer({ maximumPacketSize: 131 });
  framer.push(packet);
  assert(framer.next());
});

Deno.test("Framer obeys a maximum size that was changed between packets", () => {
  const framer = new Framer();
  framer.push(bytes(0x30, 3, 0, 1, 0x61, 0x30, 3, 0, 1, 0x61));
  assert(framer.next());
  framer.maximumPacketSize = 4;
  assertFails(() => framer.next(), 0x95);
  assertFails(() => framer.next(), 0x95);
});

Deno.test("Framer's memory grows with the bytes that came, not with the length that is claimed", () => {
  const framer = new Framer();
  framer.push(bytes(0x30, 0xff, 0xff, 0xff, 0x7f)); // 256 MB
  assertEquals(framer.next(), false);
  let largest = 0;
  const chunk = new Uint8Array(1000);
  const original = Uint8Array;
  // Sees each array that is made; the framer asks for the global when it runs.
  globalThis.Uint8Array = new Proxy(original, {
    construct(target, [length]: [number]) {
      largest = Math.max(largest, length);
      return Reflect.construct(target, [length]);
    },
  });
  try {
    for (let i = 0; i < 100; i++) {
      framer.push(chunk);
      assertEquals(framer.next(), false);
    }
  } finally {
    globalThis.Uint8Array = original;
  }
  assertEquals(framer.buffered, 100_005);
  assertGreater(largest, 100_000);
  assertLess(largest, 200_011);
});

Deno.test("Framer reads a packet that comes byte by byte without quadratic work", () => {
  const size = 300_000;
  const packet = new Uint8Array(size);
  packet.set([0x30, ...[(size - 4) & 0x7f | 0x80, (size - 4) >> 7 & 0x7f | 0x80, (size - 4) >> 14]]);
  const framer = new Framer();
  let count = 0;
  for (let i = 0; i < size; i++) {
    framer.push(packet.subarray(i, i + 1));
    while (framer.next()) count++;
  }
  assertEquals(count, 1);
  assertEquals(framer.end, size);
});

Deno.test("frameOf refuses bytes that are not exactly one packet", () => {
  for (const wrong of [bytes(), bytes(0xc0), bytes(0xc0, 1), bytes(0xc0, 0, 0), bytes(0xc0, 0, 0xc0, 0)]) {
    assertFails(() => frameOf(wrong), 0x81);
  }
});

Deno.test("Framer takes memory for a packet in parts from its buffers, and gives it back after the packet", () => {
  const lent = new Set<Uint8Array>();
  const buffers = {
    lend(size: number) {
      if (size > 4_000) return undefined;
      const buffer = new Uint8Array(size + 1_000).fill(0xee);
      lent.add(buffer);
      return buffer;
    },
    give(buffer: Uint8Array) {
      assert(lent.delete(buffer), "only what was taken is given back, and once");
      buffer.fill(0xdd);
    },
  };
  const packet = new Uint8Array(3_003).fill(7);
  packet.set([0x30, 0xb8, 0x17]);
  const framer = new Framer({ buffers });
  for (let round = 0; round < 3; round++) {
    for (let at = 0; at < 3_000; at += 300) {
      framer.push(packet.subarray(at, at + 300));
      assertEquals(framer.next(), false);
      assertEquals(lent.size, 1);
    }
    framer.push(bytes(7, 7, 7, 0xc0, 0));
    assertEquals(framer.next(), true);
    assertEquals([framer.isOwned, lent.has(framer.bytes)], [false, true]);
    assertEquals(framer.bytes.subarray(framer.start, framer.end), packet);
    assertEquals(framer.next(), true);
    assertEquals([framer.isOwned, lent.size], [false, 0]);
    assertEquals(framer.next(), false);
  }
  // What the buffers do not lend is the packet's own.
  const large = new Uint8Array(5_003).fill(7);
  large.set([0x30, 0x88, 0x27]);
  for (let at = 0; at < 5_000; at += 500) {
    framer.push(large.subarray(at, at + 500));
    assertEquals(framer.next(), false);
  }
  framer.push(large.subarray(5_000));
  assertEquals([framer.next(), framer.isOwned, lent.size], [true, true, 0]);
  assertEquals(framer.bytes.subarray(framer.start, framer.end), large);
});
