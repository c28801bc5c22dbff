/** Retained messages stay what they are, however their bytes are moved, and memory follows them when they go. */

import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { Effort } from "../../broker/effort.ts";
import { publicationOf } from "../../broker/publication.ts";
import { RetainedStore } from "../../broker/retained.ts";
import { RetainedMemory } from "../../broker/retained_memory.ts";
import { lengthOf, type Piece } from "../../broker/retained_record.ts";
import { NamedTopic } from "../../broker/topic_cache.ts";
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
    const topic = `größe/${Math.floor(next() * 500)}`;
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
  const bytes = Array.from(expected, ([topic, { length, fill }]) => {
    const { topicLength, size } = publication(topic, length, fill);
    return topicLength + size;
  });
  assertEquals(store.bytes, bytes.reduce((sum, size) => sum + size, 0));
  for (const [topic, { length, fill }] of expected) {
    const kept = store.get(topic, clock)?.copy();
    assertEquals([kept?.qos, kept?.payload], [1, new Uint8Array(length).fill(fill)], topic);
    const properties = kept?.bytes.subarray(kept.propertiesStart, kept.propertiesEnd);
    assertEquals(new TextDecoder().decode(properties?.subarray(3)), `type ${fill}`);
  }
  for (const topic of expected.keys()) store.delete(topic);
  assertEquals([store.size, store.bytes], [0, 0]);
});

Deno.test("retained: the search for a message that expires goes by where it lies now", () => {
  const store = new RetainedStore(LIMITS);
  const clock = new ManualClock();
  const expiring = publication("expiring", 300, 1);
  const expiresAt = expiring.expiresAt = clock.now() + 1_000;
  store.set(expiring);
  for (let i = 0; i < 900; i++) store.set(publication(`t/${i}`, 300, 1));
  const search = store.find("expiring", clock, new Effort());
  assertEquals(search.current?.topic.name, "expiring");
  for (let i = 0; i < 900; i++) store.delete(`t/${i}`); // the last one in its piece moves
  assertEquals(search.current?.payload, new Uint8Array(300).fill(1));
  assertEquals(store.get("expiring", clock)?.expiresAt, expiresAt);
  clock.advance(1_000);
  assertEquals([search.current, store.get("expiring", clock), store.size], [undefined, undefined, 0]);
});

Deno.test("retained: what was met says what it was, and its copy what is retained now", () => {
  const store = new RetainedStore(LIMITS);
  const clock = new ManualClock();
  store.set(publication("a", 10, 1));
  const [entry] = store.walk("+", clock);
  assertEquals([entry?.name, entry?.qos, entry?.expiresAt], ["a", 1, Infinity]);
  store.set(publication("a", 20, 2));
  assertEquals(entry?.copy()?.payload, new Uint8Array(20).fill(2));
  store.delete("a");
  assertEquals(entry?.copy(), undefined);
});

Deno.test("retained: with no room for more, a message is replaced by one that is no larger", () => {
  const store = new RetainedStore({ ...LIMITS, maxRetainedMessages: 2, maxRetainedBytes: 250 });
  const sizes = [["a", 80], ["b", 80], ["c", 1], ["a", 200], ["a", 100], ["b", 150], ["b", 20]] as const;
  assertEquals(sizes.map(([topic, size]) => store.set(publication(topic, size, 1))), [
    true,
    true,
    false,
    false,
    true,
    false,
    true,
  ]);
});

Deno.test("retained: what no memory can be had for leaves nothing, and harms no other message", () => {
  const store = new RetainedStore({ ...LIMITS, maxRetainedBytes: Infinity });
  const clock = new ManualClock();
  store.set(publication("known", 10, 1));
  store.set(publication("other", 20, 2));
  for (const topic of ["new", "known"]) {
    const huge = publication(topic, 10, 3);
    huge.payloadEnd = 2 ** 52;
    assertThrows(() => store.set(huge), RangeError);
  }
  const left = [...store.walk(undefined, clock)];
  assertEquals(left.map(({ name }) => name), ["other"]);
  assertEquals(left[0]?.copy()?.payload, new Uint8Array(20).fill(2));
  assert(store.delete("other"));
  assertEquals([store.size, store.bytes], [0, 0]);
});

Deno.test("retained: a search goes on over messages that are replaced, deleted and moved meanwhile", () => {
  const store = new RetainedStore(LIMITS);
  const clock = new ManualClock();
  for (let i = 0; i < 900; i++) store.set(publication(`t/${i}`, 500, i % 256));
  const search = store.find("t/+", clock, new Effort());
  const first = search.current?.topic.name;
  // What the search has come to goes, so it comes to another one.
  store.delete(String(first));
  assert(search.current?.topic.name !== first);
  // All but each tenth go or are replaced, so that pieces are given up.
  for (let i = 0; i < 900; i++) {
    if (i % 10 === 0) continue;
    if (i % 2 === 0) store.delete(`t/${i}`);
    else store.set(publication(`t/${i}`, 1, 255));
  }
  const seen: string[] = [];
  for (let found = search.current; found !== undefined; found = search.current) {
    const { name } = found.topic;
    assertEquals(found.payload, new Uint8Array(500).fill(Number(name.slice(2)) % 256), name);
    seen.push(name);
    search.advance();
  }
  const untouched = Array.from({ length: 90 }, (_, i) => `t/${10 * i}`).filter((name) => name !== first);
  assertEquals(seen.sort(), untouched.sort());
});

Deno.test("retained memory: what few records hold in many pieces comes together", () => {
  const topics = Array.from({ length: 20_000 }, (_, i) => `topic/${i}`);
  const places = new Map<string, number>();
  const memory = new RetainedMemory((record, place) => places.set(record.name, place));
  for (const topic of topics) {
    const message = publication(topic, 50, 1);
    const place = memory.settle(message.topicLength + message.size);
    memory.at(place).take(message, 1);
    places.set(topic, place);
  }
  const left = topics.filter((_, i) => i % 20 === 0);
  for (const topic of topics.filter((_, i) => i % 20 !== 0)) memory.leave(places.get(topic) ?? NaN);
  const pieces = new Set<Piece>();
  let live = 0;
  for (const topic of left) {
    const record = memory.at(places.get(topic) ?? NaN);
    assertEquals(record.name, topic);
    pieces.add(record.piece);
    live += lengthOf(record.size);
  }
  const held = [...pieces].reduce((sum, { bytes }) => sum + bytes.length, 0);
  // Four times as much as what is left, and a piece that is being filled.
  assertLess(held, 4 * live + 2 * 65_536);
});

Deno.test("retained memory: pieces that are given up make room for others, large ones too", () => {
  const memory = new RetainedMemory(() => {});
  for (let round = 0; round < 1_000; round++) {
    const place = memory.settle(round % 2 === 0 ? 100_000 : 8_000);
    assertLess(memory.at(place).piece.id, 4);
    memory.leave(place);
  }
  assertEquals(memory.bytes, 0);
});
