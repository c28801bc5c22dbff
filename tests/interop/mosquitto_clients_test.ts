/** What `mosquitto_pub` and `mosquitto_sub` do in every version of the protocol, against our broker. @module */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { testClients, type Version } from "./mosquitto_clients.ts";

const ALL: readonly Version[] = ["31", "311", "5"];

/** A payload of the given size that no cut, shift or repetition leaves equal. */
function pattern(size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, index) => (index * 31 + (index >> 8) * 7 + (index >> 16)) & 0xff);
}

testClients("a message arrives at the lower QoS of publication and subscription", ALL, async (clients) => {
  for (const granted of [0, 1, 2]) {
    await using subscriber = await clients.subscribe(["-t", "room/+/temp", "-q", String(granted)]);
    for (const qos of [0, 1, 2]) await clients.publish(["-t", "room/1/temp", "-q", String(qos), "-m", `21.${qos}`]);
    const messages = await subscriber.messages(3);
    assertEquals(
      messages.map(({ topic, qos, retain, payload }) => [topic, qos, retain, payload]),
      [0, 1, 2].map((qos) => ["room/1/temp", Math.min(qos, granted), 0, `21.${qos}`]),
    );
  }
});

testClients("retained messages come first to a new subscriber, until they are cleared", ALL, async (clients) => {
  await clients.publish(["-t", "state/a", "-r", "-q", "1", "-m", "on"]);
  await clients.publish(["-t", "state/b", "-r", "-m", "off"]);
  {
    await using subscriber = await clients.subscribe(["-t", "state/#", "-q", "1"]);
    await clients.publish(["-t", "state/a", "-r", "-m", "live"]);
    const messages = await subscriber.messages(3);
    const shown = messages.map(({ topic, retain, qos, payload }) => `${topic} ${retain} ${qos} ${payload}`);
    assertEquals(shown.slice(0, 2).toSorted(), ["state/a 1 1 on", "state/b 1 0 off"]);
    assertEquals(shown[2], "state/a 0 0 live");
  }
  await clients.publish(["-t", "state/a", "-r", "-n"]);
  await clients.publish(["-t", "state/b", "-r", "-n"]);
  await using subscriber = await clients.subscribe(["-t", "state/#"]);
  await clients.publish(["-t", "state/end", "-m", "end"]);
  const [first] = await subscriber.messages(1);
  assertEquals(first?.topic, "state/end");
});

testClients("a will is published when its client is killed, not when it disconnects", ALL, async (clients) => {
  await using watcher = await clients.subscribe(["-t", "will/#", "-q", "2"]);
  const will = (id: string) => ["-i", id, "-t", "x", "--will-topic", `will/${id}`, "--will-payload", "gone"];
  await using killed = await clients.subscribe([...will("killed"), "--will-qos", "2", "--will-retain"]);
  await using polite = await clients.subscribe([...will("polite"), "-C", "1"]);
  await clients.publish(["-t", "x", "-m", "ends the polite one"]);
  await polite.ended();
  await killed.stop("SIGKILL");
  const messages = await watcher.messages(1);
  assertEquals(messages.map(({ topic, qos, payload }) => [topic, qos, payload]), [["will/killed", 2, "gone"]]);

  await using late = await clients.subscribe(["-t", "will/#"]);
  const [retained] = await late.messages(1);
  assertEquals([retained?.topic, retained?.retain], ["will/killed", 1]);
});

testClients("a persistent session keeps subscriptions and messages, in order", ALL, async (clients) => {
  await clients.leaveSession("keeper", "mail/#");
  for (let index = 0; index < 10; index++) {
    await clients.publish(["-t", "mail/in", "-q", "1", "-m", `letter ${index}`]);
  }
  const { stdout } = await clients.receive(["-i", "keeper", "-c", "-q", "2", "-t", "mail/#", "-C", "10", "-W", "10"]);
  assertEquals(stdout.trimEnd().split("\n"), Array.from({ length: 10 }, (_, index) => `letter ${index}`));

  // A clean session forgets what was left.
  await clients.publish(["-t", "mail/in", "-q", "1", "-m", "forgotten"]);
  await using fresh = await clients.subscribe(["-i", "keeper", "-q", "1", "-t", "mail/#"]);
  await clients.publish(["-t", "mail/in", "-q", "1", "-m", "new"]);
  const [first] = await fresh.messages(1);
  assertEquals(first?.payload, "new");
});

testClients("wildcards and unsubscribed filters", ALL, async (clients) => {
  await using subscriber = await clients.subscribe(["-t", "+/b", "-t", "c/#", "-t", "d", "-U", "d", "-t", "end"]);
  for (const topic of ["a/b", "/b", "a/b/c", "c", "c/1/2", "d", "end"]) await clients.publish(["-t", topic, "-m", "x"]);
  const messages = await subscriber.messages(5);
  assertEquals(messages.map(({ topic }) => topic), ["a/b", "/b", "c", "c/1/2", "end"]);
});

testClients("1,000 lines arrive in order at every QoS", ALL, async (clients) => {
  const lines = Array.from({ length: 1_000 }, (_, index) => `line ${index} ${"x".repeat(index % 100)}`);
  for (const qos of ["0", "1", "2"]) {
    await using subscriber = await clients.subscribe(["-t", "log", "-q", qos]);
    await clients.publish(["-t", "log", "-q", qos, "-l"], lines.join("\n") + "\n");
    const messages = await subscriber.messages(lines.length);
    assertEquals(messages.map(({ payload }) => payload), lines);
  }
});

testClients("a payload of 1 MiB arrives whole", ALL, async (clients) => {
  const payload = pattern(1 << 20);
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeFile(file, payload);
    await clients.publish(["-t", "big", "-r", "-q", "1", "-f", file]);
    const { stdout } = await clients.receive(["-t", "big", "-q", "1", "-C", "1", "-W", "15", "-F", "%x"]);
    assert(stdout.trimEnd() === payload.toHex(), "the payload differs");
  } finally {
    await Deno.remove(file);
  }
});

testClients("a later client with the same id takes over", ALL, async (clients) => {
  const id = ["-i", "twin", "-t", "x"];
  await using watcher = await clients.subscribe(["-t", "will/twin"]);
  await using first = await clients.subscribe([...id, "--will-topic", "will/twin", "--will-payload", "taken over"]);
  await clients.publish(["-i", "twin", "-t", "x", "-m", "from the second"]);
  const [will] = await watcher.messages(1);
  assertEquals(will?.payload, "taken over");
  await first.stop("SIGKILL");
});

testClients("`$SYS/#` tells about the broker, `#` does not", ALL, async (clients) => {
  await clients.publish(["-t", "plain", "-r", "-m", "x"]);
  const { stdout } = await clients.receive(["-t", "$SYS/broker/version", "-C", "1", "-W", "15"]);
  assert(stdout.trim() !== "");
  const topics = ["clients/connected", "clients/total", "uptime", "load/messages/received/1min"];
  const filters = topics.flatMap((topic) => ["-t", `$SYS/broker/${topic}`]);
  const some = await clients.receive(["-v", ...filters, "-C", String(topics.length), "-W", "15"]);
  for (const topic of topics) assertStringIncludes(some.stdout, `$SYS/broker/${topic} `);
  const all = await clients.receive(["-v", "-t", "$SYS/#", "-C", "10", "-W", "15"]);
  assertEquals(all.stdout.split("\n").filter((line) => line.startsWith("$SYS/broker/")).length, 10);
  await using everything = await clients.subscribe(["-t", "#"]);
  await clients.publish(["-t", "end", "-m", "x"]);
  const messages = await everything.messages(2);
  assertEquals(messages.map(({ topic }) => topic), ["plain", "end"]);
});
