import { assert, assertEquals } from "@std/assert";
import { TextMap } from "../../engine/text_map.ts";
import { TopicTrie } from "../../engine/topic_trie.ts";
import { random } from "../support/random.ts";

const LENGTHS = [0, 1, 5, 16_381, 16_382, 16_383, 16_384, 20_000, 32_764, 32_765, 49_146, 49_147, 65_535];

Deno.test("a map of texts does what a Map does, whatever the lengths", () => {
  const next = random(7);
  const keys = [
    ...LENGTHS.flatMap((length) => ["a", "b"].map((end) => ("x".repeat(length) + end).slice(-length || 0))),
    ...["0", "7", "4294967295", "65536", "\u000065536", "\0\u000065536", "\0", "007", "7a", "$7", "99999999999"],
  ];
  const map = new TextMap<number>();
  const model = new Map<string, number>();
  const sorted = (entries: Iterable<[string, number]>) =>
    [...entries].map(([key, value]) => `${key.length} ${key.slice(0, 12)} ${key.slice(-1)} ${value}`).sort();
  for (let i = 0; i < 3_000; i++) {
    const key = keys[Math.floor(next() * keys.length)] ?? "";
    assertEquals([map.get(key), map.has(key)], [model.get(key), model.has(key)]);
    if (next() < 0.5) {
      map.set(key, i);
      model.set(key, i);
    } else assertEquals(map.delete(key), model.delete(key));
    assertEquals(map.size, model.size);
    if (i % 100 !== 0) continue;
    assertEquals(sorted(map), sorted(model));
    assertEquals([...map.values()].sort(), [...model.values()].sort());
  }
  map.clear();
  assertEquals([map.size, [...map], [...map.values()], map.has(keys[0] ?? "")], [0, [], [], false]);
});

Deno.test("tens of thousands of numbers as keys, picked to share a place, are no slower than others", () => {
  // In a Map this takes minutes.
  const count = 130_000;
  const map = new TextMap<number>();
  for (let i = 0; i < count; i++) map.set(String(i * 32_768), i);
  for (let i = 0; i < count; i++) assert(map.get(String(i * 32_768)) === i);
  assertEquals(map.size, count);

  const trie = new TopicTrie<number>();
  for (let i = 0; i < count; i++) trie.set(`a/${i * 32_768}`, i);
  for (let i = 0; i < count; i++) assert(trie.delete(`a/${i * 32_768}`) === i);
  assertEquals(trie.size, 0);
});

Deno.test("thousands of long keys that differ in the end only are no slower than short ones", () => {
  // In a Map this takes minutes.
  const longKey = (i: number) => "x".repeat(40_000) + i;
  const map = new TextMap<number>();
  for (let i = 0; i < 5_000; i++) map.set(longKey(i), i);
  for (let i = 0; i < 5_000; i += 50) assertEquals(map.get(longKey(i)), i);
  for (let i = 0; i < 5_000; i++) map.delete(longKey(i));
  assertEquals(map.size, 0);

  const trie = new TopicTrie<number>();
  for (let i = 0; i < 5_000; i++) trie.set(`${longKey(i)}/+`, i);
  let found = 0;
  for (let i = 0; i < 5_000; i += 50) trie.match(`${longKey(i)}/a`, () => found++);
  assertEquals(found, 100);
});

Deno.test("getOrInsertComputed makes a value for a key that has none, and only then", () => {
  const map = new TextMap<number | undefined>();
  const keys = ["a", "17", "\0a", "x".repeat(40_000), `${"x".repeat(40_000)}y`];
  for (const [index, key] of keys.entries()) {
    assertEquals(map.getOrInsertComputed(key, ({ length }) => length + index), key.length + index);
  }
  for (const [index, key] of keys.entries()) assertEquals(map.getOrInsertComputed(key, () => -1), key.length + index);
  map.set("a", undefined);
  assertEquals(map.getOrInsertComputed("a", () => -1), undefined);
  assertEquals(map.size, keys.length);
});
