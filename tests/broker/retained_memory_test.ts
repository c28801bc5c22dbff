/** Retained messages stay what they are, however their bytes are moved, and memory follows them when they go. */

import { assert, assertEquals, assertLess } from "@std/assert";
import { Effort } from "../../broker/effort.ts";
import { publicationOf } from "../../broker/publication.ts";
import { RetainedStore } from "../../broker/retained.ts";
import { Stint } from "../../broker/stint.ts";
import { RetainedMemory, roomFor, startOf } from "../../broker/retained_memory.ts";
import { NamedTopic } from "../../broker/topic_cache.ts";
import { decodeUtf8 } from "../../codec/bytes.ts";
import { ManualClock } from "../../engine/manual_clock.ts";
import { random } from "../support/random.ts";

const LIMITS = { maxRetainedMessages: 1_000, maxRetainedBytes: 10_000_000, checkRetainSource: true };

function publication(topic: string, length: number, fill: number) {
  const payload = new Uint8Array(length).fill(fill);
  const properties = { contentType: `type ${fill}` };
  return publicationOf(new NamedTopic(topic), { payload, qos: 1, retain: true, properties }, 0);
}

Deno.test("retained: thousands of changes of all sizes, and each message is the last of its topic", () => {
  const next = random(7);
  const store = new RetainedStore(LIMITS);
  const expected = new Map<string, { length: number; fill: number }>();
  const clock = new ManualClock();
  for (let round = 0; round < 20_000; round++) {
    const topic = `t/${Math.floor(next() * 500)}`;
    if (next() < 0.4) {
      assertEquals(store.delete(topic), expected.delete(topic));
      continue;
    }
    const length = Math.floor(next() < 0.02 ? next() * 20_000 : next() * 300) + 1;
    const fill = round % 256;
    assert(store.set(publication(topic, length, fill)));
    expected.set(topic, { length, fill });
  }
  assertEquals(store.size, expected.size);
  for (const [topic, { length, fill }] of expected) {
    const kept = store.get(topic, clock)?.copy();
    assertEquals([kept?.qos, kept?.payload], [1, new Uint8Array(length).fill(fill)], topic);
    const properties = kept?.bytes.subarray(kept.propertiesStart, kept.propertiesEnd);
    assertEquals(new TextDecoder().decode(properties?.subarray(3)), `type ${fill}`);
  }
  for (const topic of expected.keys()) store.delete(topic);
  assertEquals([store.size, store.bytes], [0, 0]);
});

Deno.test("retained: a search goes on over messages that are replaced, deleted and moved meanwhile", () => {
  const store = new RetainedStore(LIMITS);
  const clock = new ManualClock();
  for (let i = 0; i < 900; i++) store.set(publication(`t/${i}`, 500, i % 256));
  const search = store.find("t/+", clock, new Effort(new Stint()));
  const first = search?.current?.topic.name;
  // What the search has come to goes, so it comes to another one.
  store.delete(String(first));
  assert(search?.current?.topic.name !== first);
  // All but each tenth go or are replaced, so that pieces are given up.
  for (let i = 0; i < 900; i++) {
    if (i % 10 === 0) continue;
    if (i % 2 === 0) store.delete(`t/${i}`);
    else store.set(publication(`t/${i}`, 1, 255));
  }
  const seen: string[] = [];
  for (let found = search?.current; found !== undefined; found = search?.current) {
    const { name } = found.topic;
    assertEquals(found.payload, new Uint8Array(500).fill(Number(name.slice(2)) % 256), name);
    seen.push(name);
    search?.advance();
  }
  const untouched = Array.from({ length: 90 }, (_, i) => `t/${10 * i}`).filter((name) => name !== first);
  assertEquals(seen.sort(), untouched.sort());
});

Deno.test("retained memory: what few messages hold in many pieces comes together", () => {
  const places = new Map<string, number>();
  const nameAt = (place: number) => {
    const piece = memory.pieceOf(place);
    return decodeUtf8(piece.bytes, piece.topicStart(startOf(place)), piece.topicEnd(startOf(place)));
  };
  const memory: RetainedMemory = new RetainedMemory((place) => places.set(nameAt(place), place));
  for (let i = 0; i < 20_000; i++) {
    const message = publication(`t/${i}`, 60, i % 256);
    const place = memory.settle(roomFor(message.topicLength + message.size));
    assert(place !== undefined);
    memory.pieceOf(place).write(startOf(place), message, i);
    places.set(`t/${i}`, place);
  }
  const held = memory.size;
  for (let i = 0; i < 20_000; i++) if (i % 20 !== 0) memory.leave(places.get(`t/${i}`) ?? -1);
  // 1,000 messages in four times as much memory, and a piece that is being filled.
  assertLess(memory.size, 4 * held / 20 + 2 * 65_536);
  for (let i = 0; i < 20_000; i += 20) {
    const place = places.get(`t/${i}`) ?? -1;
    const piece = memory.pieceOf(place);
    assertEquals([nameAt(place), piece.order(startOf(place))], [`t/${i}`, i]);
    assertEquals(piece.bytes[piece.payloadEnd(startOf(place)) - 1], i % 256);
  }
});
