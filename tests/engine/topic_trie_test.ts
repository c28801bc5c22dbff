import { assertEquals, assertGreater, assertStrictEquals } from "@std/assert";
import { TopicTrie } from "../../engine/topic_trie.ts";

function trieOf(...keys: string[]): TopicTrie<string> {
  const trie = new TopicTrie<string>();
  for (const key of keys) trie.set(key, key);
  return trie;
}

function matched(trie: TopicTrie<unknown>, topicName: string): string[] {
  const filters: string[] = [];
  trie.match(topicName, (_, filter) => filters.push(filter));
  return filters.sort();
}

function found(trie: TopicTrie<unknown>, filter: string): string[] {
  const names: string[] = [];
  trie.search(filter, (_, name) => names.push(name));
  return names.sort();
}

/** Checks which names each filter matches, both ways round, with each filter alone and among all others. */
function checkFilters(table: Record<string, { yes: string[]; no: string[] }>): void {
  const all = trieOf(...Object.keys(table));
  for (const [filter, { yes, no }] of Object.entries(table)) {
    assertEquals(found(trieOf(...yes, ...no), filter), yes.toSorted(), `search ${filter}`);
    for (const name of yes) assertEquals(matched(trieOf(filter), name), [filter], `${filter} must match ${name}`);
    for (const name of no) assertEquals(matched(trieOf(filter), name), [], `${filter} must not match ${name}`);
    for (const name of yes) assertEquals(matched(all, name).includes(filter), true, `${filter} must match ${name}`);
    for (const name of no) assertEquals(matched(all, name).includes(filter), false, `${filter} must not match ${name}`);
  }
}

function multiLevelWildcard(): void {
  checkFilters({
    "#": { yes: ["a", "a/b", "/", "/a", "a/"], no: ["$SYS", "$SYS/a", "$"] },
    "sport/tennis/player1/#": {
      yes: ["sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/wimbledon"],
      no: ["sport/tennis", "sport/tennis/player10", "sport/tennis/player2/ranking"],
    },
    "sport/#": { yes: ["sport", "sport/", "sport/a", "sport/a/b"], no: ["sports", "spor", "a/sport"] },
    "/#": { yes: ["/", "/a", "//"], no: ["a", "a/"] },
    "+/#": { yes: ["a", "/", "a/b", "/a", "a/b/c"], no: ["$SYS", "$SYS/a"] },
    "a/+/#": { yes: ["a/", "a/b", "a/b/c"], no: ["a", "b/a"] },
  });
}

function singleLevelWildcard(): void {
  checkFilters({
    "+": { yes: ["a", "finance"], no: ["/", "/finance", "a/b", "$SYS"] },
    "sport/+": { yes: ["sport/", "sport/a"], no: ["sport", "sport/a/b", "sports/a"] },
    "+/+": { yes: ["/finance", "a/b", "/", "a/"], no: ["a", "a/b/c", "$SYS/a"] },
    "/+": { yes: ["/finance", "/"], no: ["finance", "/a/b"] },
    "sport/+/player1": { yes: ["sport/tennis/player1", "sport//player1"], no: ["sport/player1", "sport/a/b/player1"] },
    "+/tennis/+": { yes: ["sport/tennis/a", "/tennis/"], no: ["sport/tennis", "sport/tennis/a/b"] },
  });
}

function dollar(): void {
  checkFilters({
    "#": { yes: ["a$", "a/$SYS"], no: ["$SYS/uptime", "$other/x", "$"] },
    "+/monitor/Clients": { yes: ["SYS/monitor/Clients"], no: ["$SYS/monitor/Clients", "$x/monitor/Clients"] },
    "+/#": { yes: ["a/$SYS"], no: ["$SYS/a"] },
    "$SYS/#": { yes: ["$SYS", "$SYS/a", "$SYS/a/b"], no: ["SYS/a", "$SY/a"] },
    "$SYS/monitor/+": { yes: ["$SYS/monitor/Clients"], no: ["$SYS/monitor"] },
    "$SYS/+": { yes: ["$SYS/$a"], no: [] },
    "a/+": { yes: ["a/$b"], no: [] },
    "a/#": { yes: ["a/$b", "a/$b/c"], no: [] },
  });
}

function exactCharacters(): void {
  checkFilters({
    "a": { yes: ["a"], no: ["A", "/a", "a/", "a ", "á"] },
    "/a": { yes: ["/a"], no: ["a", "//a"] },
    "caf\u00e9": { yes: ["caf\u00e9"], no: ["cafe\u0301", "cafe"] },
    "cafe\u0301/+": { yes: ["cafe\u0301/x"], no: ["caf\u00e9/x"] },
    "a b/\u{1f600}": { yes: ["a b/\u{1f600}"], no: ["a b/\u{1f601}"] },
    "\ufeffa": { yes: ["\ufeffa"], no: ["a"] },
  });
}

for (const [version, id] of [["3.1.1", "MQTT-4.7.1-2"], ["5.0", "MQTT-4.7.1-1"]]) {
  Deno.test(`mqtt ${version} broker client: # matches its parent level and all below [${id}]`, multiLevelWildcard);
}
for (const [version, id] of [["3.1.1", "MQTT-4.7.1-3"], ["5.0", "MQTT-4.7.1-2"]]) {
  Deno.test(`mqtt ${version} broker client: + matches one whole level, an empty one too [${id}]`, singleLevelWildcard);
}
for (const version of ["3.1.1", "5.0"]) {
  Deno.test(`mqtt ${version} broker: a leading wildcard matches no name that begins with $ [MQTT-4.7.2-1]`, dollar);
  Deno.test(`mqtt ${version} broker: characters are compared as they are [MQTT-4.7.3-4]`, exactCharacters);
}

Deno.test("a key that replaces another keeps one node path and returns the former value", () => {
  const trie = new TopicTrie<number>();
  assertEquals(trie.set("a/b", 1), undefined);
  const { version, nodes } = trie;
  assertEquals(trie.set("a/b", 2), 1);
  assertEquals([trie.get("a/b"), trie.size, trie.nodes, trie.version], [2, 1, nodes, version]);
});

Deno.test("version grows with each key that comes or goes, and with nothing else", () => {
  const trie = new TopicTrie<number>();
  const versions = [trie.version];
  const step = (change: () => void) => {
    change();
    versions.push(trie.version);
  };
  step(() => trie.set("a/#", 1));
  step(() => trie.set("a/+", 1));
  step(() => trie.delete("a/#"));
  step(() => trie.clear());
  for (let i = 1; i < versions.length; i++) assertGreater(versions[i], versions[i - 1]);
  const before = trie.version;
  trie.delete("a/+");
  trie.get("a/+");
  trie.match("a", () => {});
  trie.search("#", () => {});
  trie.clear();
  assertEquals(trie.version, before);
});

Deno.test("undefined is a value like any other", () => {
  const trie = new TopicTrie<undefined>();
  trie.set("a/b", undefined);
  trie.set("a", undefined);
  assertEquals(trie.size, 2);
  assertEquals(matched(trie, "a/b"), ["a/b"]);
  assertEquals([...trie.entries()].map(([key]) => key).sort(), ["a", "a/b"]);
  trie.delete("a/b");
  assertEquals([trie.size, matched(trie, "a/b")], [1, []]);
});

Deno.test("getOrInsertComputed makes a value for a key that has none, and only then", () => {
  const trie = new TopicTrie<string | undefined>();
  const asked: string[] = [];
  const compute = (key: string) => {
    asked.push(key);
    return key === "u" ? undefined : `made for ${key}`;
  };
  trie.set("a/b/c", "there");
  assertEquals(["a/b/c", "a/b", "a/+", "a/b", "u", "u", "#"].map((key) => trie.getOrInsertComputed(key, compute)), [
    "there",
    "made for a/b",
    "made for a/+",
    "made for a/b",
    undefined,
    undefined,
    "made for #",
  ]);
  assertEquals(asked, ["a/b", "a/+", "u", "#"]);
  assertEquals(trie.size, 5);
  for (const key of ["a/b/c", "a/b", "a/+", "u", "#"]) trie.delete(key);
  assertEquals(trie.nodes, 0);
});

Deno.test("keys that are part of others do not stand for them", () => {
  const trie = trieOf("a/b/c", "a/b/cd/e");
  for (const key of ["a", "a/b", "a/b/", "a/b/c/", "a/b/cd", "a/b/cd/e/f", "b", ""]) {
    assertEquals(trie.get(key), undefined, key);
    assertEquals(trie.delete(key), undefined, key);
  }
  assertEquals(trie.size, 2);
});

Deno.test("names of object members are ordinary levels", () => {
  const names = ["__proto__", "constructor", "a/__proto__", "a/toString", "hasOwnProperty/x"];
  const trie = trieOf(...names);
  for (const name of names) assertEquals(matched(trie, name), [name]);
  assertEquals(matched(trie, "toString"), []);
});

Deno.test("removed filters leave no nodes, in any order of removal", () => {
  const keys = ["a/b/c/d", "a/b/c", "a/b/x", "a/+/c", "a/#", "#", "+", "+/+/#", "a", "/", "//", "$SYS/#"];
  for (let first = 0; first < keys.length; first++) {
    const trie = trieOf(...keys);
    const order = [...keys.slice(first), ...keys.slice(0, first)];
    for (const key of order) assertStrictEquals(trie.delete(key), key);
    assertEquals([trie.size, trie.nodes], [0, 0]);
  }
});

Deno.test("a key that comes and goes leaves the nodes of the others as they were", () => {
  const trie = trieOf("a/b/c/d/e", "x/+/y", "x/+/z");
  const { nodes } = trie;
  for (const key of ["a", "a/b/c", "a/b/c/d/f", "a/b/c/d/e/g/h", "a/+/c/#", "x/+", "x/+/y/z", "#"]) {
    trie.set(key, key);
    assertGreater(trie.nodes, nodes - 1);
    trie.delete(key);
    assertEquals(trie.nodes, nodes, key);
  }
});

Deno.test("clear removes all and leaves a trie that works", () => {
  const trie = trieOf("a/b", "+/b", "#");
  trie.clear();
  assertEquals([trie.size, trie.nodes, [...trie.entries()]], [0, 0, []]);
  trie.set("a/#", "again");
  assertEquals(matched(trie, "a/b"), ["a/#"]);
});

Deno.test("a visitor may change the trie and still gets what was there when it asked", () => {
  const keys = ["a/b", "a/+", "+/b", "#", "a/#", "a/b/#"];
  const trie = trieOf(...keys);
  const visited: string[] = [];
  trie.match("a/b", (value, filter) => {
    assertEquals(value, filter);
    visited.push(filter);
    for (const key of keys) trie.delete(key);
    trie.set("+/+", "new");
  });
  assertEquals(visited.sort(), keys.toSorted());
  assertEquals(matched(trie, "a/b"), ["+/+"]);

  const found: string[] = [];
  trie.clear();
  for (const name of ["a/1", "a/2", "a/3/4"]) trie.set(name, name);
  trie.search("a/#", (value, name) => {
    assertEquals(value, name);
    found.push(name);
    trie.delete(name);
    trie.set(`${name}/new`, "new");
  });
  assertEquals(found.sort(), ["a/1", "a/2", "a/3/4"]);
  assertEquals(trie.size, 3);
});

Deno.test("a visitor may match again", () => {
  const trie = trieOf("a", "+", "#");
  const pairs: string[] = [];
  trie.match("a", (outer) => trie.match("a", (inner) => pairs.push(`${outer} ${inner}`)));
  assertEquals(pairs.length, 9);
});

Deno.test("what a visitor throws comes out, and the trie goes on", () => {
  const trie = trieOf("a", "+", "#");
  const failure = new Error("visitor");
  let thrown: unknown;
  try {
    trie.match("a", () => {
      throw failure;
    });
  } catch (error) {
    thrown = error;
  }
  assertStrictEquals(thrown, failure);
  assertEquals(matched(trie, "a"), ["#", "+", "a"]);
});
