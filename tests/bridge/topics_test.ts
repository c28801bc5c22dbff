/** What the topics of a bridge become on the other side, by the table of mosquitto.conf(5). */

import { assertEquals, assertThrows } from "@std/assert";
import { type BridgeTopic, TopicMap } from "../../broker/bridge/topics.ts";

function remoteOf(topics: readonly BridgeTopic[], topic: string): string | undefined {
  return new TopicMap(topics).toRemote(topic)?.topic;
}

function localOf(topics: readonly BridgeTopic[], topic: string): string | undefined {
  return new TopicMap(topics).toLocal(topic)?.topic;
}

Deno.test("bridge topics: prefixes are exchanged", () => {
  const table: [BridgeTopic, local: string, remote: string][] = [
    [{ pattern: "pattern", localPrefix: "L/", remotePrefix: "R/" }, "L/pattern", "R/pattern"],
    [{ pattern: "pattern", localPrefix: "L/" }, "L/pattern", "pattern"],
    [{ pattern: "pattern", remotePrefix: "R/" }, "pattern", "R/pattern"],
    [{ pattern: "pattern" }, "pattern", "pattern"],
    [{ localPrefix: "local", remotePrefix: "remote" }, "local", "remote"],
    [{ pattern: "", localPrefix: "a/b", remotePrefix: "c" }, "a/b", "c"],
    [{ pattern: "+/x/#", localPrefix: "L/", remotePrefix: "R/S/" }, "L/1/x/2/3", "R/S/1/x/2/3"],
    [{ pattern: "#", remotePrefix: "R/" }, "a", "R/a"],
    [
      { pattern: "clients/total", localPrefix: "test/", remotePrefix: "$SYS/broker/" },
      "test/clients/total",
      "$SYS/broker/clients/total",
    ],
  ];
  for (const [topic, local, remote] of table) {
    const both = [{ ...topic, direction: "both" as const }];
    assertEquals(remoteOf(both, local), remote);
    assertEquals(localOf(both, remote), local);
  }
});

Deno.test("bridge topics: what matches nothing, or goes the other way, does not go", () => {
  const topics: BridgeTopic[] = [{ pattern: "out/#" }, { pattern: "in/#", direction: "in" }];
  assertEquals([remoteOf(topics, "out/1"), remoteOf(topics, "in/1"), remoteOf(topics, "x")], [
    "out/1",
    undefined,
    undefined,
  ]);
  assertEquals([localOf(topics, "out/1"), localOf(topics, "in/1")], [undefined, "in/1"]);
});

Deno.test("bridge topics: the first entry with prefixes goes before those without", () => {
  const topics: BridgeTopic[] = [
    { pattern: "a/#", qos: 2 },
    { pattern: "a/b", qos: 1, remotePrefix: "one/" },
    { pattern: "#", qos: 0, remotePrefix: "two/" },
  ];
  assertEquals(remoteOf(topics, "a/b"), "one/a/b");
  assertEquals(remoteOf(topics, "a/c"), "two/a/c");
  assertEquals(new TopicMap(topics).toRemote("a/b")?.entry.qos, 1);
  assertEquals(remoteOf(topics.slice(0, 1), "a/b"), "a/b");
});

Deno.test("bridge topics: a parent that # matches has no prefix to lose", () => {
  assertEquals(remoteOf([{ pattern: "#", localPrefix: "L/", remotePrefix: "R/" }], "L"), "L");
});

Deno.test("bridge topics: what makes no filter is refused", () => {
  const wrong: BridgeTopic[] = [
    {},
    { localPrefix: "local" },
    { remotePrefix: "remote" },
    { pattern: "a/#/b" },
    { pattern: "a", localPrefix: "+/" },
    { pattern: "$share/g/a" },
  ];
  for (const topic of wrong) assertThrows(() => new TopicMap([topic]), Error, "Cannot");
});
