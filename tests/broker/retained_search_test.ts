/** What a filter finds among retained messages, in whatever order they come, go and are replaced. */

import { assert, assertEquals } from "@std/assert";
import { Effort } from "../../broker/effort.ts";
import { publicationOf } from "../../broker/publication.ts";
import { RetainedStore } from "../../broker/retained.ts";
import { Stint } from "../../broker/stint.ts";
import { NamedTopic } from "../../broker/topic_cache.ts";
import { ManualClock } from "../../engine/manual_clock.ts";
import { random } from "../support/random.ts";
import { naiveMatches, randomFilter, randomName } from "../support/topics.ts";

const LIMITS = { maxRetainedMessages: 100_000, maxRetainedBytes: 100_000_000, checkRetainSource: false };
const RUNS = 500;
const clock = new ManualClock();

function set(store: RetainedStore, topic: string, length = 1): void {
  const message = { payload: new Uint8Array(length), qos: 0, retain: true } as const;
  assert(store.set(publicationOf(new NamedTopic(topic), message, 0)));
}

/** The topics that a search finds; `between` happens before each step but the first. */
function found(store: RetainedStore, filter: string, between: () => void = () => {}): string[] {
  const search = store.find(filter, clock, new Effort(new Stint()));
  const names: string[] = [];
  for (let shown = search?.current; shown !== undefined; shown = search?.current) {
    names.push(shown.topic.name);
    search?.advance();
    between();
  }
  return names;
}

/** Sets and deletes at random, in a store and in a plain set. */
function randomStore(next: () => number, changes: number): { store: RetainedStore; model: Set<string> } {
  const store = new RetainedStore(LIMITS);
  const model = new Set<string>();
  for (let i = 0; i < changes; i++) {
    const topic = randomName(next);
    if (next() < 0.3) assertEquals(store.delete(topic), model.delete(topic));
    else {
      set(store, topic, 1 + Math.floor(next() * 40));
      model.add(topic);
    }
  }
  return { store, model };
}

Deno.test(`retained: a filter finds what the rules say, in ${RUNS} random stores`, () => {
  for (let seed = 1; seed <= RUNS; seed++) {
    const next = random(seed);
    const { store, model } = randomStore(next, 200);
    assertEquals([...store.values()].map(({ name }) => name).sort(), [...model].sort());
    for (let i = 0; i < 20; i++) {
      const filter = randomFilter(next);
      const expected = [...model].filter((name) => naiveMatches(filter, name));
      assertEquals(found(store, filter).sort(), expected.sort(), `seed ${seed}: ${filter}`);
    }
    for (const name of model) assertEquals(store.get(name, clock)?.name, name);
    for (const name of model) assert(store.delete(name));
    assertEquals([store.size, store.bytes, found(store, "#")], [0, 0, []]);
  }
});

Deno.test(`retained: what stays is found once, whatever happens between any two steps, in ${RUNS} random stores`, () => {
  for (let seed = 1; seed <= RUNS; seed++) {
    const next = random(-seed);
    const { store, model } = randomStore(next, 200);
    const filter = randomFilter(next);
    const before = new Set([...model].filter((name) => naiveMatches(filter, name)));
    const untouched = new Set(before);
    const names = found(store, filter, () => {
      const topic = randomName(next);
      untouched.delete(topic);
      if (next() < 0.5) store.delete(topic);
      else set(store, topic, 1 + Math.floor(next() * 400));
    });
    assertEquals(new Set(names).size, names.length, `seed ${seed}: ${filter} found a message twice`);
    assertEquals(names.filter((name) => !before.has(name)), [], `seed ${seed}: ${filter} found a later message`);
    assertEquals(
      [...untouched].filter((name) => !names.includes(name)),
      [],
      `seed ${seed}: ${filter} missed a message`,
    );
  }
});

Deno.test("retained: tens of thousands of topics come and go in any order, and each is found", () => {
  const next = random(5);
  const topics = Array.from({ length: 30_000 }, (_, i) => `site/${i % 10}/device/${i}/state`);
  const orders = [topics, topics.toReversed(), topics.toSorted(() => next() - 0.5), topics.toSorted()];
  for (const order of orders) {
    const store = new RetainedStore(LIMITS);
    for (const topic of order) set(store, topic);
    assertEquals(store.size, topics.length);
    assertEquals(found(store, "site/3/device/+/state").length, 3_000);
    assertEquals(found(store, "site/+/device/1234/state"), ["site/4/device/1234/state"]);
    assertEquals(found(store, "site/7/#").length, 3_000);
    // All but each hundredth go.
    const rest = topics.filter((_, i) => i % 100 === 0);
    for (const topic of order) if (!rest.includes(topic)) assert(store.delete(topic));
    assertEquals(found(store, "#").sort(), rest.toSorted());
  }
});

Deno.test("retained: topics of 65,535 bytes that differ at their end alone are told apart", () => {
  const store = new RetainedStore(LIMITS);
  const long = "a/".repeat(32_767);
  for (const end of ["x", "", "z", "/", "y"]) set(store, long + end);
  assertEquals(found(store, `${long}#`), ["", "/", "x", "y", "z"].map((end) => long + end));
  assertEquals(found(store, `${long}+`), ["", "x", "y", "z"].map((end) => long + end));
  for (const end of ["y", "", "x", "/"]) assert(store.delete(long + end));
  assertEquals(found(store, "#"), [`${long}z`]);
});
