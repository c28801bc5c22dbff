/** MQTT 3.1.1, section 4.7: topic names and topic filters. */

import { assert, assertEquals } from "@std/assert";
import { field, rawPacket, uint16 } from "../support/raw_packets.ts";
import { expectEachCloses, withBrokerFor } from "./broker_v311_support.ts";

const withBroker = withBrokerFor(4);

/** Filter, and what it matches and does not match of the topics published. */
const MATCHES: readonly (readonly [filter: string, yes: readonly string[], no: readonly string[]])[] = [
  ["a/b", ["a/b"], ["a", "a/b/", "/a/b", "A/b", "a/B", "a//b", "a/bb"]],
  ["#", ["a", "a/b", "/", "//", "a/"], ["$a", "$a/b", "$"]],
  ["a/#", ["a", "a/b", "a/b/c", "a/", "a//"], ["b", "/a", "aa", "aa/b", "A/b"]],
  ["/#", ["/", "//", "/a", "/a/b"], ["a", "a/"]],
  ["+", ["a", "b"], ["/", "a/", "/a", "$a"]],
  ["+/+", ["a/b", "/", "/a", "a/"], ["a", "//", "a/b/c", "$a/b"]],
  ["/+", ["/", "/a"], ["a", "//", "/a/b"]],
  ["+/b", ["a/b", "/b", "b/b"], ["b", "a/b/c", "$a/b"]],
  ["a/+", ["a/b", "a/"], ["a", "a/b/c", "a//"]],
  ["a/+/c", ["a/b/c", "a//c"], ["a/c", "a/b/c/d", "a/b/b/c"]],
  ["+/#", ["a", "a/b", "/", "/a", "a/"], ["$a", "$a/b"]],
  ["+/+/#", ["a/b", "/", "a/b/c"], ["a", "$a/b"]],
  ["a/+/#", ["a/b", "a/", "a/b/c", "a//"], ["a", "b/a"]],
  ["$a/#", ["$a", "$a/b"], ["a", "a/b", "$b"]],
  ["$a/+", ["$a/b"], ["$a", "$a/b/c", "a/b"]],
  ["/", ["/"], ["", "a", "//", "/a"]],
  ["a//b", ["a//b"], ["a/b", "a///b", "a/x/b"]],
];

Deno.test(
  "mqtt 3.1.1 broker: filters match whole levels, # the parent as well, + an empty level as well [MQTT-4.7.1-2] [MQTT-4.7.1-3] [MQTT-4.7.1-1] [MQTT-3.3.2-3] [MQTT-4.7.3-4]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    const publisher = await connect();
    for (const [filter, yes, no] of MATCHES) {
      await client.subscribe(filter);
      for (const topic of [...yes, ...no]) if (topic !== "") await publisher.publish(topic, "");
      await publisher.barrier();
      assertEquals((await client.publications()).map(({ topic }) => topic), [...yes], `filter ${filter}`);
      await client.unsubscribe(filter);
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: retained messages are found by the same rules [MQTT-4.7.1-2] [MQTT-4.7.1-3] [MQTT-4.7.2-1] [MQTT-3.3.1-6]",
  withBroker(async ({ connect }) => {
    const publisher = await connect();
    const client = await connect();
    for (const [filter, yes, no] of MATCHES) {
      const topics = [...yes, ...no].filter((topic) => topic !== "");
      for (const topic of topics) await publisher.publish(topic, "kept", { retain: true });
      await publisher.barrier();
      await client.subscribe(filter);
      const found = (await client.publications()).map(({ topic }) => topic);
      assertEquals(found.toSorted(), yes.toSorted(), `filter ${filter}`);
      await client.unsubscribe(filter);
      for (const topic of topics) await publisher.publish(topic, "", { retain: true });
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: misplaced wildcards make a filter invalid and end the connection [MQTT-4.7.1-2] [MQTT-4.7.1-3]",
  withBroker(async ({ connect }) => {
    const filters = ["a#", "#a", "a/#/b", "#/a", "##", "a/##", "a+", "+a", "a/b+", "a/+b/c", "++", "+#", "a/+#"];
    await expectEachCloses(
      () => connect(),
      filters.map((filter) => [filter, rawPacket(0x82, uint16(1), field(filter), Uint8Array.of(0))]),
    );
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a filter that begins with a wildcard matches no topic that begins with $ [MQTT-4.7.2-1]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe(["#", "+/x", "+/#", "$own/#", "$other/+"]);
    const publisher = await connect();
    for (const topic of ["$own/x", "$own", "$other/x", "$", "$/x", "$third/x", "own/$x", "a/$own/x"]) {
      await publisher.publish(topic, "");
    }
    await publisher.barrier();
    const received = new Set((await client.publications()).map(({ topic }) => topic));
    assertEquals([...received].toSorted(), ["$other/x", "$own", "$own/x", "a/$own/x", "own/$x"]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: $SYS topics are for those who ask for them by name [MQTT-4.7.2-1]",
  withBroker({ sysInterval: 1 }, async ({ connect, clock }) => {
    const everything = await connect();
    await everything.subscribe(["#", "+/#", "+/broker/#"]);
    const named = await connect();
    await named.subscribe("$SYS/broker/version");
    clock.advance(5_000);
    const { topic } = await named.expect("publish");
    assertEquals(topic, "$SYS/broker/version");
    assertEquals(await everything.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: empty names and filters end the connection [MQTT-4.7.3-1]",
  withBroker(async ({ connect }) => {
    await expectEachCloses(() => connect(), [
      ["PUBLISH", rawPacket(0x30, field(""))],
      ["SUBSCRIBE", rawPacket(0x82, uint16(1), field(""), Uint8Array.of(0))],
      ["UNSUBSCRIBE", rawPacket(0xa2, uint16(1), field(""))],
    ]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: names and filters may take 65,535 bytes [MQTT-4.7.3-3]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    const long = "a/" + "x".repeat(65_533);
    for (const filter of [long, "a/+"]) {
      await client.subscribe(filter);
      await client.publish(long, "arrived");
      await client.expect("publish", { topic: long, payload: "arrived" });
      await client.unsubscribe(filter);
    }
    const wide = "\u20ac".repeat(21_845);
    await client.subscribe(wide);
    await client.publish(wide, "arrived");
    await client.expect("publish", { topic: wide, payload: "arrived" });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: nothing is normalized, folded or replaced [MQTT-4.7.3-4]",
  withBroker(async ({ connect }) => {
    const topics = ["\u00e9", "e\u0301", "E\u0301", "a", "A", "/a", "a/", " a", "a ", "\u212b", "\u00c5", "ß", "ss"];
    const publisher = await connect();
    const clients = await Promise.all(topics.map(async (topic) => {
      const client = await connect();
      await client.subscribe(topic);
      return [topic, client] as const;
    }));
    for (const topic of topics) await publisher.publish(topic, topic);
    await publisher.barrier();
    for (const [topic, client] of clients) {
      assertEquals((await client.publications()).map((packet) => packet.topic), [topic]);
    }
    assert(new Set(topics).size === topics.length);
  }),
);
