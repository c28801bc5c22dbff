/** `$SYS` topics: the names and forms of Mosquitto's, values that are true, at the interval that is set. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { bounded, withBroker } from "../support/broker.ts";
import { hasMosquitto, mosquittoSub, startMosquitto } from "../support/mosquitto.ts";
import type { RawClient } from "../support/raw_client.ts";
import { toText } from "../support/raw_packets.ts";

/** Everything below `$SYS` that is retained now, by topic. */
async function snapshot(client: RawClient): Promise<Map<string, string>> {
  await client.subscribe("$SYS/#");
  const found = new Map((await client.publications()).map(({ topic, payload }) => [topic, toText(payload)]));
  await client.unsubscribe("$SYS/#");
  return found;
}

/** What kind of text a value is; the version is free. */
function formOf(topic: string, value: string): string {
  if (topic === "$SYS/broker/version") return /version \d+\.\d+\.\d+/.test(value) ? "version" : value;
  if (/^\d+ seconds$/.test(value)) return "seconds";
  if (/^-?\d+$/.test(value)) return "whole number";
  if (/^-?\d+\.\d\d$/.test(value)) return "two decimals";
  return value;
}

Deno.test({
  name: "broker $SYS: every topic that Mosquitto publishes, with values of the same form",
  ignore: !hasMosquitto,
  fn: () =>
    bounded(async () => {
      await using mosquitto = await startMosquitto(["sys_interval 1"]);
      const args = ["-p", String(mosquitto.port), "-t", "$SYS/#", "-F", "%t\t%p", "-W", "2"];
      const { stdout } = await mosquittoSub(args);
      const theirs = new Map(
        stdout.trimEnd().split("\n").map((line) => {
          const [topic = "", value = ""] = line.split("\t");
          return [topic, formOf(topic, value)];
        }),
      );
      assert(theirs.size > 40, `Mosquitto publishes many topics, received ${theirs.size}`);
      await withBroker({ sysInterval: 10, heapUsed: () => 12_345 }, async ({ connect }) => {
        const ours = await snapshot(await connect());
        const missing = [...theirs.keys()].filter((topic) => !ours.has(topic));
        assertEquals(missing, [], "topics of Mosquitto's that we lack");
        for (const [topic, form] of theirs) assertEquals(formOf(topic, ours.get(topic) ?? ""), form, topic);
      })();
    }, 30_000),
});

Deno.test(
  "broker $SYS: values follow what happens",
  withBroker({ sysInterval: 10 }, async ({ connect, clock }) => {
    const client = await connect();
    const value = async (topic: string) => Number((await snapshot(client)).get(`$SYS/broker/${topic}`));
    assertEquals((await snapshot(client)).get("$SYS/broker/uptime"), "0 seconds");
    clock.advance(10_000);
    const before = await snapshot(client);
    const other = await connect({ clientId: "stays", properties: { sessionExpiryInterval: 1_000 } });
    await other.subscribe(["a", "b/+", "$share/g/c"]);
    for (let at = 0; at < 5; at++) await other.publish(`b/${at}`, "123", { qos: 1, retain: true });
    await other.barrier();
    await other.disconnect();
    clock.advance(10_000);
    const after = await snapshot(client);
    const difference = (topic: string) =>
      Number(after.get(`$SYS/broker/${topic}`)) - Number(before.get(`$SYS/broker/${topic}`));
    assertEquals(after.get("$SYS/broker/uptime"), "20 seconds");
    assertEquals(await value("clients/connected"), 1);
    assertEquals(await value("clients/disconnected"), 1);
    assertEquals(await value("clients/total"), 2);
    assertEquals(await value("clients/maximum"), 2);
    assertEquals(await value("subscriptions/count"), 3);
    assertEquals(await value("shared_subscriptions/count"), 1);
    assertEquals(difference("publish/messages/received"), 5);
    assertEquals(difference("publish/bytes/received"), 15);
    assertEquals(difference("retained messages/count"), 5);
    assert(difference("publish/messages/sent") >= 5);
    assert(difference("bytes/received") > 5 * 10);
    assert(difference("bytes/sent") > 5 * 4);
    assert(difference("messages/received") >= 8);
    assert(Number(after.get("$SYS/broker/load/publish/received/1min")) > 0);
    clock.advance(1_000_000);
    assertEquals(await value("clients/expired"), 1);
    assertEquals(await value("clients/total"), 1);
  }),
);

Deno.test(
  "broker $SYS: load averages rise and fall over their minutes",
  withBroker({ sysInterval: 10 }, async ({ connect, clock }) => {
    const client = await connect();
    const load = async (minutes: number) =>
      Number((await snapshot(client)).get(`$SYS/broker/load/publish/received/${minutes}min`));
    for (let at = 0; at < 100; at++) await client.publish("x", "");
    await client.barrier();
    clock.advance(10_000);
    // 100 in 10 s are 600 a minute; after one interval of 10 s a share of 1 - e^(-10/60n) has come in.
    for (const minutes of [1, 5, 15]) {
      const expected = 600 * (1 - Math.exp(-10 / (60 * minutes)));
      const actual = await load(minutes);
      assert(Math.abs(actual - expected) < 0.01, `${minutes} min: expected ${expected}, received ${actual}`);
    }
    const peak = await load(1);
    clock.advance(60_000);
    const later = await load(1);
    assert(Math.abs(later - peak * Math.exp(-1)) < 0.1, `falls to 1/e in a minute: ${peak} to ${later}`);
  }),
);

Deno.test(
  "broker $SYS: it is published every 10 s by default, and what has not changed is not sent again",
  withBroker({ sysInterval: undefined }, async ({ connect, clock }) => {
    const client = await connect();
    await client.subscribe("$SYS/broker/#");
    await client.publications();
    clock.advance(9_999);
    assertEquals(await client.barrier(), []);
    clock.advance(1);
    const packets = await client.publications();
    const topics = packets.map(({ topic }) => topic);
    assert(topics.includes("$SYS/broker/uptime"));
    assert(!topics.includes("$SYS/broker/version"));
    assertEquals(packets.filter(({ retain, qos }) => retain || qos !== 0), []);
  }),
);

Deno.test(
  "broker $SYS: sysInterval 0 turns it off",
  withBroker({ sysInterval: 0 }, async ({ connect, clock, broker }) => {
    const client = await connect();
    clock.advance(100_000);
    assertEquals((await snapshot(client)).size, 0);
    assertEquals(broker.counts().retained, 0);
  }),
);

Deno.test(
  "broker $SYS: no client can publish there, or change what is there",
  withBroker({ sysInterval: 10 }, async ({ connect }) => {
    const client = await connect();
    for (const topic of ["$SYS/broker/version", "$SYS/own", "$SYS"]) {
      for (const version of [4, 5] as const) {
        const forger = await connect({ version, will: { topic, payload: "forged will", retain: true } });
        for (const qos of [0, 1, 2] as const) {
          const answer = forger.publish(topic, "forged", { qos, retain: true });
          await answer.catch((error) => assertMatch(String(error), /0x87|135/));
        }
        await forger.close();
      }
    }
    await client.barrier();
    const values = await snapshot(client);
    assertEquals([...values.values()].filter((value) => value.includes("forged")), []);
    assert(!values.has("$SYS/own"));
  }),
);
