import { assertEquals } from "@std/assert";
import { TopicTrie } from "../../engine/topic_trie.ts";
import { pick, random } from "../support/random.ts";
import { naiveMatches, randomFilter, randomName } from "../support/topics.ts";

const RUNS = 2_000;

/** Sets and deletes at random, in a trie and in a plain map. */
function randomTrie(
  next: () => number,
  randomKey: () => string,
): { trie: TopicTrie<number>; model: Map<string, number> } {
  const trie = new TopicTrie<number>();
  const model = new Map<string, number>();
  const changes = Math.floor(next() * 60);
  for (let i = 0; i < changes; i++) {
    if (next() < 0.65) {
      const key = randomKey();
      assertEquals(trie.set(key, i), model.get(key), `set ${key}`);
      model.set(key, i);
    } else {
      const key = model.size > 0 && next() < 0.8 ? pick(next, [...model.keys()]) : randomKey();
      assertEquals(trie.delete(key), model.get(key), `delete ${key}`);
      model.delete(key);
    }
  }
  return { trie, model };
}

function sorted(entries: Iterable<[string, number]>): [string, number][] {
  return [...entries].sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
}

function checkContents(trie: TopicTrie<number>, model: Map<string, number>): void {
  assertEquals(trie.size, model.size);
  assertEquals(sorted(trie.entries()), sorted(model));
  for (const [key, value] of model) assertEquals(trie.get(key), value);
  // Nodes depend on the keys that are there, not on those that were.
  const fresh = new TopicTrie<number>();
  for (const [key, value] of [...model].reverse()) fresh.set(key, value);
  assertEquals(trie.nodes, fresh.nodes);
}

function checkEmptied(trie: TopicTrie<number>, model: Map<string, number>): void {
  for (const key of model.keys()) trie.delete(key);
  assertEquals([trie.size, trie.nodes], [0, 0]);
}

Deno.test(`match agrees with the rules as written, in ${RUNS} random tries`, () => {
  for (let seed = 1; seed <= RUNS; seed++) {
    const next = random(seed);
    const { trie, model } = randomTrie(next, () => randomFilter(next));
    checkContents(trie, model);
    for (let i = 0; i < 10; i++) {
      const name = randomName(next);
      const visited: [string, number][] = [];
      trie.match(name, (value, filter) => visited.push([filter, value]));
      const expected = sorted(model).filter(([filter]) => naiveMatches(filter, name));
      assertEquals(sorted(visited), expected, `seed ${seed}: match ${name}`);
    }
    checkEmptied(trie, model);
  }
});

Deno.test(`search agrees with the rules as written, in ${RUNS} random tries`, () => {
  for (let seed = 1; seed <= RUNS; seed++) {
    const next = random(-seed);
    const { trie, model } = randomTrie(next, () => randomName(next));
    checkContents(trie, model);
    for (let i = 0; i < 10; i++) {
      const filter = randomFilter(next);
      const visited: [string, number][] = [];
      trie.search(filter, (value, name) => visited.push([name, value]));
      const expected = sorted(model).filter(([name]) => naiveMatches(filter, name));
      assertEquals(sorted(visited), expected, `seed ${seed}: search ${filter}`);
    }
    checkEmptied(trie, model);
  }
});
