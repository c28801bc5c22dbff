/** Small parts of the admin page that need no browser. @module */

import { assertEquals, assertRejects } from "@std/assert";
import { eventData } from "../../../broker/admin/page/event_stream.ts";
import { bytes, compact, count, duration, milliseconds, rate } from "../../../broker/admin/page/format.ts";

Deno.test("admin page: numbers are as short as people read them", () => {
  assertEquals([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
  assertEquals([0, 9_999, 12_345, 1_234_567].map(compact), ["0", "9,999", "12.3K", "1.23M"]);
  assertEquals([0, 0.04, 0.25, 4, 9.96, 85.4, 123_456].map(rate), ["0", "0", "0.3", "4", "10", "85", "123K"]);
  assertEquals([0, 999, 999.7, 1_000, 999_600, 15_300, 2.5e9].map(bytes), [
    "0 B",
    "999 B",
    "1.0 KB",
    "1.0 KB",
    "1.0 MB",
    "15 KB",
    "2.5 GB",
  ]);
  assertEquals([0, 0.314, 1.55, 12.4, 999.6, 1_400].map(milliseconds), [
    "0 ms",
    "0.31 ms",
    "1.6 ms",
    "12 ms",
    "1.0 s",
    "1.4 s",
  ]);
  assertEquals([0, 59, 60, 3_661, 90_000].map(duration), ["0 s", "59 s", "1 min", "1 h 1 min", "1 d 1 h"]);
});

function streamOf(chunks: readonly string[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from(chunks.map((chunk) => new TextEncoder().encode(chunk)));
}

async function allOf(chunks: readonly string[]): Promise<string[]> {
  const data: string[] = [];
  for await (const batch of eventData(streamOf(chunks))) data.push(...batch);
  return data;
}

Deno.test("admin page: events are the same wherever their stream is cut", async () => {
  const text = ': a comment\n\nevent: log\ndata: {"a":"ä"}\n\ndata: one\ndata: two\n\ndata: not complete';
  const expected = ['{"a":"ä"}', "one\ntwo"];
  for (let at = 0; at <= text.length; at++) {
    assertEquals(await allOf([text.slice(0, at), text.slice(at)]), expected);
  }
  assertEquals(await allOf([...text]), expected);
});

Deno.test("admin page: an event without an end is not kept", async () => {
  await assertRejects(() => allOf(Array.from({ length: 50 }, () => "x".repeat(100_000))), Error, "at most");
});
