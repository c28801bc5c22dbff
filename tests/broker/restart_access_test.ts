/** Access rules hold after a restart as before it: for those who are away, and for what they have left. */

import { assertEquals } from "@std/assert";
import { accessControl, listen, type ListenerPolicy } from "../../broker/mod.ts";
import { RawClient } from "../support/raw_client.ts";
import { LASTING, type Lives, testLives } from "./lives.ts";

/** The topics of the retained messages that a client gets. */
async function retainedTopics(lives: Lives, username: string): Promise<string[]> {
  const reader = await lives.connect({ username });
  await reader.subscribe("#", { qos: 0 });
  return (await reader.publications()).map(({ topic }) => topic).sort();
}

const sources = accessControl("");
testLives("a retained message is sent only while its publisher may still publish it", async (lives) => {
  sources.reload("user ann\ntopic #\nuser bob\ntopic #");
  const ann = await lives.connect({ username: "ann", clientId: "a" });
  const bob = await lives.connect({ username: "bob", clientId: "b" });
  await ann.publish("ann", "1", { qos: 1, retain: true });
  await bob.publish("bob", "2", { qos: 1, retain: true });
  lives.broker.publish({ topic: "own", payload: "3", qos: 1, retain: true });
  await bob.publish("both", "4", { qos: 1, retain: true });
  await ann.publish("both", "5", { qos: 1, retain: true });
  await lives.crash();
  assertEquals(await retainedTopics(lives, "bob"), ["ann", "bob", "both", "own"]);
  sources.reload("user bob\ntopic #");
  assertEquals(await retainedTopics(lives, "bob"), ["bob", "own"]);
  await lives.crash();
  assertEquals(await retainedTopics(lives, "bob"), ["bob", "own"]);
  sources.reload("user bob\ntopic #\nuser ann\ntopic both");
  assertEquals(await retainedTopics(lives, "bob"), ["bob", "both", "own"]);
}, { access: sources.access });

const inner = accessControl("");
const policy: ListenerPolicy = { name: "inner", access: inner.access };
testLives("the rules of a listener hold for what its clients have left", async (lives) => {
  inner.reload("topic #");
  await using listener = listen(lives.broker, { hostname: "127.0.0.1", port: 0, policy });
  await using client = await RawClient.connect(listener.address.port, {
    clientId: "c",
    ...LASTING,
    will: { topic: "will", payload: "w", qos: 1, retain: true },
  });
  await client.publish("kept", "1", { qos: 1, retain: true });
  const outer = await lives.connect();
  await outer.publish("outer", "2", { qos: 1, retain: true });
  inner.reload("topic read #");
  await lives.crash();
  assertEquals(await retainedTopics(lives, ""), ["outer"]);
  inner.reload("topic #");
  assertEquals(await retainedTopics(lives, ""), ["kept", "outer"]);
}, { listeners: [policy] });

const gone: ListenerPolicy = { name: "gone", access: inner.access };
const left: ListenerPolicy = { name: "left", access: inner.access };
for (
  const [what, others, expected] of [
    ["what the others have in common holds", [left, { ...left, name: "more" }], ["outer"]],
    ["it is not allowed if these have nothing in common", [left, { name: "open" }], ["outer"]],
    ["it is allowed if these have no rules", [{ name: "open" }], ["kept", "outer", "will"]],
  ] as const
) {
  testLives(`what clients of a listener have left that is there no more: ${what}`, async (lives) => {
    inner.reload("topic #");
    await using listener = listen(lives.broker, { hostname: "127.0.0.1", port: 0, policy: gone });
    const will = { topic: "will", payload: "w", qos: 1, retain: true } as const;
    await using client = await RawClient.connect(listener.address.port, { clientId: "c", ...LASTING, will });
    await client.publish("kept", "1", { qos: 1, retain: true });
    const outer = await lives.connect();
    await outer.publish("outer", "2", { qos: 1, retain: true });
    inner.reload("topic read #");
    await lives.crash();
    assertEquals(await retainedTopics(lives, ""), [...expected]);
  }, { listeners: others });
}

const readers = accessControl("");
testLives("what a client that is away may not read takes no room in its queue", async (lives) => {
  readers.reload("user ann\ntopic read a/#\nuser bob\ntopic write #");
  const away = await lives.connect({ clientId: "c", username: "ann", ...LASTING });
  await away.subscribe("#", { qos: 1 });
  await away.disconnect();
  await lives.crash();
  const publisher = await lives.connect({ username: "bob" });
  for (const topic of ["b/1", "b/2", "b/3", "a/1"]) await publisher.publish(topic, "", { qos: 1 });
  const back = await lives.connect({ clientId: "c", username: "ann", ...LASTING });
  await back.expect("publish", { topic: "a/1" });
  assertEquals(await back.barrier(), []);
}, { access: readers.access, maxQueuedMessages: 2 });

testLives("a client's permissions hold for its will", async (lives) => {
  const watcher = { clientId: "watcher", username: "watcher", ...LASTING };
  await (await lives.connect(watcher)).subscribe("#", { qos: 1 });
  const will = (topic: string) => ({ topic, payload: "x", qos: 1 as const });
  await lives.connect({ clientId: "a", username: "a", ...LASTING, will: will("permitted") });
  await lives.connect({ clientId: "b", username: "b", ...LASTING, will: will("forbidden") });
  await lives.crash();
  const after = await lives.connect(watcher);
  await after.expect("publish", { topic: "permitted" });
  assertEquals(await after.barrier(), []);
}, {
  authenticate: ({ username }) => {
    if (username === "watcher") return true;
    return { accepted: true, permissions: { publish: ["permitted"] } };
  },
});
