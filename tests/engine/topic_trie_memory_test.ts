import { assertEquals, assertLess } from "@std/assert";
import { TopicTrie } from "../../engine/topic_trie.ts";

Deno.test("a level's text does not keep the long key alive that it came from", () => {
  const before = Deno.memoryUsage().heapUsed;
  // In each trie a level stays that came with a key of 60 KB, 240 MB of keys in all.
  const tries = Array.from({ length: 4_000 }, (_, i) => {
    const level = `a level with a long name ${i}`;
    const long = `${level}/${"x/".repeat(30_000)}${i}`;
    const trie = new TopicTrie<number>();
    trie.set(long, i);
    trie.set(`${level}/short`, i);
    trie.delete(long);
    return trie;
  });
  assertLess(Deno.memoryUsage().heapUsed, before + 120_000_000);
  assertEquals(tries.every(({ size, nodes }) => size === 1 && nodes === 1), true);
});
