/** Retained messages stay what they are, however their bytes are moved, and memory follows them when they go. */

import { assert, assertEquals, assertLess } from "@std/assert";
import { Effort } from "../../broker/effort.ts";
import { publicationOf } from "../../broker/publication.ts";
import { RetainedStore } from "../../broker/retained.ts";
import { Stint } from "../../broker/stint.ts";
import { NOWHERE, type Piece, type Resident, RetainedMemory } from "../../broker/retained_memory.ts";
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

Deno.test("retained memory: what few residents hold in many pieces comes together", () => {
  const memory = new RetainedMemory();
  const residents = Array.from({ length: 20_000 }, () => settled(memory, 100));
  residents.forEach((resident, i) => {
    if (i % 20 !== 0) memory.leave(resident);
  });
  const pieces = new Set<Piece>(residents.filter((_, i) => i % 20 === 0).map(({ piece }) => piece));
  const held = [...pieces].reduce((sum, { bytes }) => sum + bytes.length, 0);
  // 1,000 residents of 100 bytes: four times as much, and a piece that is being filled.
  assertLess(held, 4 * 1_000 * 100 + 2 * 65_536);
});

function settled(memory: RetainedMemory, size: number): Resident {
  const resident: Resident = { piece: NOWHERE, start: 0, room: 0 };
  memory.settle(resident, size);
  return resident;
}
