/** Topic names, topic filters and which match (MQTT 5.0 and 3.1.1 section 4.7, 5.0 section 4.8.2). */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { MqttError } from "../../codec/errors.ts";
import {
  assertTopicFilter,
  assertTopicName,
  isTopicFilter,
  isTopicName,
  parseSharedFilter,
  topicMatches,
} from "../../codec/topic.ts";
import { RandomPackets } from "./random_packets.ts";

const BOTH = ["mqtt 5.0 broker client:", "mqtt 3.1.1 broker client:"] as const;

/** A statement under the id of each standard. */
function test(what: string, id5: string, id311: string, run: () => void): void {
  Deno.test(`${BOTH[0]} ${what} ${id5}`.trim(), run);
  if (id311 !== "") Deno.test(`${BOTH[1]} ${what} ${id311}`, run);
}

function assertNames(valid: string[], invalid: string[]): void {
  for (const topic of valid) {
    assert(isTopicName(topic), topic);
    assertTopicName(topic);
  }
  for (const topic of invalid) {
    assert(!isTopicName(topic), topic);
    assertEquals(assertThrows(() => assertTopicName(topic), MqttError).reasonCode, 0x90);
  }
}

function assertFilters(valid: string[], invalid: string[]): void {
  for (const filter of valid) {
    assert(isTopicFilter(filter), filter);
    assertTopicFilter(filter);
  }
  for (const filter of invalid) {
    assert(!isTopicFilter(filter), filter);
    assertEquals(assertThrows(() => assertTopicFilter(filter), MqttError).reasonCode, 0x8f);
  }
}

test("a topic name has no wildcards", "[MQTT-4.7.0-1]", "[MQTT-4.7.1-1]", () => {
  assertNames(["a", "/", "//", "a/b", "/a", "a/", "$SYS/x", " ", "ü/😀", "$share/g/a"], [
    "#",
    "+",
    "a/#",
    "a/+/b",
    "a+",
    "#a",
  ]);
});

test("# stands for whole levels at the end", "[MQTT-4.7.1-1]", "[MQTT-4.7.1-2]", () => {
  assertFilters(["#", "/#", "a/#", "a/b/#", "+/#", "$SYS/#"], ["a#", "#a", "a/#/b", "#/", "##", "a/b#", "/#/"]);
});

test("+ stands for a whole level anywhere", "[MQTT-4.7.1-2]", "[MQTT-4.7.1-3]", () => {
  assertFilters(["+", "+/+", "/+", "+/", "a/+/b", "+/a/#", "a//+"], ["a+", "+a", "a/+b", "++", "+#", "a/b+/c"]);
});

test("names and filters have at least one character", "[MQTT-4.7.3-1]", "[MQTT-4.7.3-1]", () => {
  assertNames([" "], [""]);
  assertFilters([" "], [""]);
});

test("names and filters have no U+0000", "[MQTT-4.7.3-2]", "[MQTT-4.7.3-2]", () => {
  assertNames(["\x01"], ["\0", "a\0", "a/\0/b"]);
  assertFilters(["\x01/+"], ["\0", "a\0", "+/\0"]);
});

test("names and filters have at most 65,535 bytes", "[MQTT-4.7.3-3]", "[MQTT-4.7.3-3]", () => {
  const longest = ["a".repeat(65_535), "ü".repeat(32_767), "€".repeat(21_845), "😀".repeat(16_383)];
  const tooLong = ["a".repeat(65_536), "ü".repeat(32_768), "€".repeat(21_846), "😀".repeat(16_384)];
  assertNames(longest, tooLong);
  assertFilters(longest, tooLong);
});

Deno.test("names and filters have no lone surrogates, which UTF-8 cannot hold", () => {
  assertNames(["😀"], ["\ud83d", "a\ude00", "\ude00\ud83d"]);
  assertFilters(["😀/+"], ["\ud83d/+", "\ude00\ud83d"]);
});

Deno.test("mqtt 5.0 broker client: a share has a name [MQTT-4.8.2-1]", () => {
  assertFilters(["$share/g/a", "$share/g//", "$share/ /a", "$share/$share/a"], ["$share//a", "$share//", "$share/"]);
});

Deno.test("mqtt 5.0 broker client: a share's name has no wildcards, and a filter follows [MQTT-4.8.2-2]", () => {
  assertFilters(
    ["$share/g/#", "$share/g/+/a", "$share/g/a/#", "$share/g//"],
    ["$share/+/a", "$share/g#/a", "$share/g", "$share/g/", "$share/g/a#", "$share/g/#/a", "$share/#"],
  );
});

Deno.test("a filter that begins like a share's and is none is a plain one", () => {
  assertFilters(["$share", "$shared/+", "$Share/g/a", "/$share/g"], []);
});

Deno.test("parseSharedFilter takes a shared filter to pieces", () => {
  assertEquals(parseSharedFilter("$share/g/a/b/#"), { group: "g", filter: "a/b/#" });
  assertEquals(parseSharedFilter("$share/g//a"), { group: "g", filter: "/a" });
  for (const filter of ["a/b", "$share", "$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/#/a"]) {
    assertEquals(parseSharedFilter(filter), undefined, filter);
  }
});

const matching: readonly [filter: string, topics: string[], others: string[]][] = [
  ["a/b", ["a/b"], ["a", "a/b/", "/a/b", "a/b/c", "A/b", "a/B", "a//b"]],
  ["#", ["a", "/", "a/b/c", "/a"], ["$SYS", "$SYS/a", "$"]],
  ["a/#", ["a", "a/", "a/b", "a/b/c"], ["ab", "b", "/a", "A/b"]],
  ["+/#", ["a", "/", "a/b", "/a"], ["$SYS", "$SYS/a"]],
  ["+", ["a", "b"], ["a/", "/a", "a/b", "$a"]],
  ["+/+", ["/", "a/", "/a", "a/b"], ["a", "a/b/c", "$a/b"]],
  ["/+", ["/", "/a"], ["a", "//", "/a/b"]],
  ["+/", ["a/", "/"], ["a", "a/b"]],
  ["a/+/c", ["a/b/c", "a//c"], ["a/c", "a/b/c/d", "a/b"]],
  ["a/+", ["a/b", "a/"], ["a", "a/b/c"]],
  ["/", ["/"], ["", "a", "//"]],
  ["$SYS/#", ["$SYS", "$SYS/a/b"], ["a", "$SYSTEM"]],
  ["$SYS/+", ["$SYS/a"], ["$SYS", "$SYS/a/b"]],
  ["a/$b/+", ["a/$b/c"], ["a/b/c"]],
  ["+/$b", ["a/$b"], ["$a/$b"]],
  ["$share/g/a/+", ["a/b"], ["$share/g/a/b", "a"]],
  ["$share/g/#", ["a/b"], ["$SYS/a"]],
];

/** Which statement, of 5.0 and of 3.1.1, the topics beside a filter show; most show the meaning of wildcards. */
function statementsOf(filter: string): [string, string] {
  if (/^[#+]|^\$S/.test(filter)) return ["[MQTT-4.7.2-1]", "[MQTT-4.7.2-1]"];
  if (filter === "a/#") return ["[MQTT-4.7.1-1]", "[MQTT-4.7.1-2]"];
  return filter === "a/b" ? ["[MQTT-4.7.3-4]", "[MQTT-4.7.3-4]"] : ["", ""];
}

for (const [filter, topics, others] of matching) {
  test(`${filter} matches what it should`, ...statementsOf(filter), () => {
    for (const topic of topics) assert(topicMatches(filter, topic), `${filter} and ${topic}`);
    for (const topic of others) assert(!topicMatches(filter, topic), `${filter} and ${topic}`);
  });
}

test("topics match without being normalized", "[MQTT-4.7.3-4]", "[MQTT-4.7.3-4]", () => {
  const composed = "caf\u00e9", decomposed = "cafe\u0301";
  for (const filter of [composed, `${composed}/#`]) {
    assert(topicMatches(filter, composed));
    assert(!topicMatches(filter, decomposed));
  }
  assert(!topicMatches("a", "\ufeffa"));
});

Deno.test("an invalid filter matches nothing by its wildcards", () => {
  for (const filter of ["a#", "#a", "a+", "+a", "#/a", "a/#/b"]) {
    for (const topic of ["a", "ab", "ba", "a/b", "x/a", "a/x/b"]) assert(!topicMatches(filter, topic), filter);
  }
});

Deno.test("topicMatches agrees with a naive matcher, 100,000 times", () => {
  const random = new RandomPackets(7);
  let hits = 0;
  for (let i = 0; i < 100_000; i++) {
    const filter = levels(random, ["a", "b", "", "$x", "+", "+", "#"]);
    const topic = levels(random, ["a", "b", "", "$x", "ab"]);
    if (topic === "" || !isTopicFilter(filter)) continue;
    const expected = naiveMatch(filter, topic);
    if (expected) hits++;
    assertEquals(topicMatches(filter, topic), expected, `${filter} and ${topic}`);
  }
  assert(hits > 5000);
});

function levels(random: RandomPackets, from: string[]): string {
  return Array.from({ length: random.integer(1, 5) }, () => random.pick(from)).join("/");
}

/** Level by level, as the standard puts it. */
function naiveMatch(filter: string, topic: string): boolean {
  if (/^[+#]/.test(filter) && topic.startsWith("$")) return false;
  const names = topic.split("/");
  const parts = filter.split("/");
  const open = parts.at(-1) === "#";
  if (open) parts.pop();
  if (open ? names.length < parts.length : names.length !== parts.length) return false;
  return parts.every((part, i) => part === "+" || part === names[i]);
}
