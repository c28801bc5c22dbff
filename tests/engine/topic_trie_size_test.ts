import { assertEquals } from "@std/assert";
import { TopicTrie } from "../../engine/topic_trie.ts";

function countMatches(trie: TopicTrie<number>, topicName: string): number {
  let count = 0;
  trie.match(topicName, () => count++);
  return count;
}

function countFound(trie: TopicTrie<number>, filter: string): number {
  let count = 0;
  trie.search(filter, () => count++);
  return count;
}

for (const levels of [10_000, 32_768, 65_536]) {
  Deno.test(`names and filters of ${levels} levels are set, matched, searched and removed`, () => {
    const deep = Array.from({ length: levels }, (_, i) => i % 3 === 0 ? "" : "x").join("/");
    const shallow = deep.slice(0, deep.lastIndexOf("/"));
    const wild = deep.replace("x", "+");
    const filters = new TopicTrie<number>();
    // Filters that have nearly all their levels in common, so that each level is a node.
    const keys = [deep, `${deep}/#`, `${deep}/y`, shallow, `${shallow}/#`, wild, `${wild}/#`, "#"];
    keys.forEach((key, index) => filters.set(key, index));
    assertEquals(countMatches(filters, deep), 6);
    assertEquals(countMatches(filters, `${deep}/y`), 5);
    assertEquals(countMatches(filters, "y"), 1);
    for (const key of keys) filters.delete(key);
    assertEquals([filters.size, filters.nodes], [0, 0]);

    const names = new TopicTrie<number>();
    names.set(deep, 1);
    names.set(`${deep}/y`, 2);
    names.set(`${deep}/z`, 3);
    assertEquals(countFound(names, "#"), 3);
    assertEquals(countFound(names, `${wild}/#`), 3);
    assertEquals(countFound(names, `${wild}/+`), 2);
    assertEquals([...names.entries()].length, 3);
    names.delete(`${deep}/y`);
    names.delete(deep);
    names.delete(`${deep}/z`);
    assertEquals(names.nodes, 0);
  });
}

Deno.test("a deep key that shares no level with another costs one node", () => {
  const trie = new TopicTrie<number>();
  trie.set("/".repeat(65_535), 1);
  trie.set("a/b/c/d/e/f/#", 2);
  assertEquals(trie.nodes, 2);
});

Deno.test("wildcards at every level do not multiply the work", () => {
  const trie = new TopicTrie<number>();
  // All 2^12 filters of 12 levels made of x and +: a match visits each node once.
  for (let bits = 0; bits < 4096; bits++) {
    trie.set(Array.from({ length: 12 }, (_, i) => bits >> i & 1 ? "+" : "x").join("/"), bits);
  }
  assertEquals(trie.nodes, 8190);
  assertEquals(countMatches(trie, "x/x/x/x/x/x/x/x/x/x/x/x"), 4096);
  assertEquals(countMatches(trie, "x/x/x/x/x/x/x/x/x/x/x/y"), 2048);
});

Deno.test("levels as long as the standard allows are compared to the last character", () => {
  const long = "x".repeat(65_530);
  const trie = new TopicTrie<number>();
  trie.set(`${long}/a`, 1);
  trie.set(`${long}y/a`, 2);
  trie.set(`${long}/+`, 3);
  assertEquals(countMatches(trie, `${long}/a`), 2);
  assertEquals(countMatches(trie, `${long}y/a`), 1);
  assertEquals(countMatches(trie, `${long}z/a`), 0);
});

Deno.test("a million filters load, match and go", () => {
  const size = 1_000_000;
  const trie = new TopicTrie<number>();
  const filterOf = (i: number) => {
    if (i % 10 === 0) return `site${i % 97}/+/device${i}/#`;
    return `site${i % 97}/line${i % 13}/device${i}/temperature`;
  };
  for (let i = 0; i < size; i++) trie.set(filterOf(i), i);
  trie.set("#", -1);
  assertEquals(trie.size, size + 1);
  for (let i = 0; i < size; i += 997) {
    assertEquals(countMatches(trie, `site${i % 97}/line${i % 13}/device${i}/temperature`), 2);
  }
  assertEquals(countMatches(trie, "site0/line0/device/temperature"), 1);
  for (let i = 0; i < size; i++) trie.delete(filterOf(i));
  trie.delete("#");
  assertEquals([trie.size, trie.nodes], [0, 0]);
});

Deno.test("# finds 100,000 names, in the order of their levels", () => {
  const size = 100_000;
  const trie = new TopicTrie<number>();
  for (let i = 0; i < size; i++) trie.set(`site${i % 10}/device${i}`, i);
  trie.set("$SYS/uptime", -1);
  assertEquals(countFound(trie, "#"), size);
  assertEquals(countFound(trie, "+/+"), size);
  assertEquals(countFound(trie, "site3/#"), size / 10);
  assertEquals(countFound(trie, "+/device77"), 1);
});
