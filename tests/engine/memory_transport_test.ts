import { assert, assertEquals, assertNotEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { channelOf, transportOf } from "../../engine/channel.ts";
import { memoryTransportPair } from "../../engine/memory_transport.ts";
import { testTransport } from "./transport_conformance.ts";

testTransport("memory", () => ({ ends: memoryTransportPair() }));
testTransport("memory (small, reused chunks)", () => ({
  ends: memoryTransportPair({ highWaterMark: 10_000, maximumChunkSize: 4_000, reuseChunks: true }),
}));
testTransport("memory (no buffer)", () => ({ ends: memoryTransportPair({ highWaterMark: 0 }) }));
testTransport("streams over a channel over streams", () => {
  const [one, other] = memoryTransportPair().map(({ readable, writable, peer }) =>
    transportOf(channelOf({ readable, writable, peer }), peer)
  );
  assert(one !== undefined && other !== undefined);
  return { ends: [one, other] };
});

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

Deno.test("what several writes have brought comes in one chunk, up to its greatest size", async () => {
  const [one, other] = memoryTransportPair({ maximumChunkSize: 4 });
  const writer = one.writable.getWriter();
  for (const chunk of [bytes(1, 2), bytes(3), bytes(4, 5, 6), bytes(7)]) await writer.write(chunk);
  await writer.close();
  const chunks: Uint8Array[] = [];
  for await (const chunk of other.readable) chunks.push(chunk);
  assertEquals(chunks, [bytes(1, 2, 3, 4), bytes(5, 6, 7)]);
});

Deno.test("a write waits exactly until no more than highWaterMark is left", async () => {
  const [one, other] = memoryTransportPair({ highWaterMark: 4, maximumChunkSize: 1 });
  const writer = one.writable.getWriter();
  const reader = other.readable.getReader();
  await writer.write(bytes(1, 2, 3, 4));
  let settled = false;
  const writing = writer.write(bytes(5, 6)).then(() => settled = true);
  for (const expected of [false, true]) {
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 0));
    assertEquals(settled, expected);
  }
  await writing;
});

Deno.test("with reuseChunks a chunk is good until the next read only", async () => {
  const [one, other] = memoryTransportPair({ maximumChunkSize: 2, reuseChunks: true });
  const writer = one.writable.getWriter();
  await writer.write(bytes(1, 2, 3, 4));
  const reader = other.readable.getReader();
  const { value: first } = await reader.read();
  assertEquals(first, bytes(1, 2));
  const { value: second } = await reader.read();
  assertEquals(second, bytes(3, 4));
  assertNotEquals(first, bytes(1, 2));
});

Deno.test("the bytes belong to the transport as soon as they are written", async () => {
  const [one, other] = memoryTransportPair();
  const chunk = bytes(1, 2);
  await one.writable.getWriter().write(chunk);
  chunk.fill(0);
  assertEquals((await other.readable.getReader().read()).value, bytes(1, 2));
});

Deno.test("an abort shows at both ends, with its reason", async () => {
  const [one, other] = memoryTransportPair();
  const reason = new Error("power cut");
  await one.writable.abort(reason);
  assertStrictEquals(await assertRejects(() => one.readable.getReader().read()), reason);
  const error = await assertRejects(() => other.readable.getReader().read(), Error, "the peer aborted it");
  assertStrictEquals(error.cause, reason);
  await assertRejects(() => other.writable.getWriter().write(bytes(1)), Error, "connection is closed");
});

Deno.test("a read of the channel that waits settles with an abort, and so does a write", async () => {
  const [{ channel: one }, { channel: other }] = memoryTransportPair({ highWaterMark: 0 });
  assert(one !== undefined && other !== undefined);
  const [reading, writing] = [one.read(), one.write(bytes(1))];
  one.abort();
  await assertRejects(() => reading, Error, "this end aborted it");
  await assertRejects(() => writing, Error, "aborted");
  await assertRejects(() => other.read(), Error, "the peer aborted it");
  await assertRejects(() => other.write(bytes(1)), Error, "connection is closed");
});

Deno.test("the two ends of a closed connection see an end, not an error", async () => {
  const [one, other] = memoryTransportPair();
  const writer = other.writable.getWriter();
  await writer.write(bytes(1));
  await one.writable.close();
  // What came before the close and was not read is gone, as with a socket that is closed.
  assertEquals((await one.readable.getReader().read()).done, true);
  assertEquals((await other.readable.getReader().read()).done, true);
  await assertRejects(() => writer.write(bytes(1)), Error, "connection is closed");
});

Deno.test("options must be in their ranges", () => {
  for (const wrong of [-1, NaN]) {
    assertThrows(() => memoryTransportPair({ highWaterMark: wrong }), RangeError, `0 or more, received ${wrong}`);
    assertThrows(() => memoryTransportPair({ maximumChunkSize: wrong }), RangeError, `1 or more, received ${wrong}`);
  }
});
