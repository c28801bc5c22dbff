/** Topic names and filters: MQTT 5.0 section 4.7. */

import { assertEquals } from "@std/assert";
import { withBroker } from "../support/broker.ts";
import { field, fromHex, rawPacket, toBytes } from "../support/raw_packets.ts";

/** Filters with topics that they match and topics that they do not match. */
const table: readonly [filter: string, matching: string[], others: string[]][] = [
  ["sport/tennis/player1/#", ["sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/w"], [
    "sport/tennis/player10",
    "sport/tennis",
  ]],
  ["sport/#", ["sport", "sport/", "sport/x"], ["sports", "/sport"]],
  ["#", ["a", "/", "/a", "a/b/c", " "], ["$a", "$SYS/x", "$"]],
  ["+", ["a", " "], ["/a", "a/b", "$a", "a/"]],
  ["/+", ["/finance", "/"], ["finance", "/a/b"]],
  ["+/+", ["/finance", "a/b", "/"], ["$SYS/x", "a", "a/b/c"]],
  ["+/#", ["a", "a/b", "/", "/a/b"], ["$a/b", "$"]],
  ["+/monitor/Clients", ["x/monitor/Clients", "/monitor/Clients"], ["$other/monitor/Clients"]],
  ["$other/#", ["$other", "$other/a/b"], ["other/a", "$otherwise"]],
  ["$other/monitor/+", ["$other/monitor/Clients", "$other/monitor/"], ["$other/monitor"]],
  ["sport/tennis/+", ["sport/tennis/player1", "sport/tennis/"], ["sport/tennis/player1/ranking", "sport/tennis"]],
  ["sport/+", ["sport/"], ["sport"]],
  ["+/tennis/#", ["a/tennis", "/tennis/b/c"], ["tennis/a"]],
  ["a/+/c/+/e", ["a/b/c/d/e", "a//c//e"], ["a/b/c/d", "a/b/c/d/e/f"]],
  ["a//b", ["a//b"], ["a/b", "a/x/b"]],
  ["/", ["/"], ["//", "a/"]],
  ["a/", ["a/"], ["a", "a//"]],
  ["ACCOUNTS", ["ACCOUNTS"], ["Accounts", "accounts"]],
  ["Accounts payable", ["Accounts payable"], ["Accountspayable"]],
];

Deno.test(
  "mqtt 5.0 broker: matches as the examples of the standard say [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.2-1] [MQTT-4.7.3-4] [MQTT-3.3.2-3]",
  withBroker({ maxInflightMessages: 1_000 }, async ({ connect }) => {
    const publisher = await connect();
    for (const [filter, matching, others] of table) {
      const client = await connect();
      await client.subscribe(filter);
      for (const topic of [...matching, ...others]) await publisher.publish(topic, "x");
      await publisher.barrier();
      assertEquals((await client.publications()).map(({ topic }) => topic), matching, filter);
      await client.close();
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: retained messages are found by the same rules [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.2-1] [MQTT-4.7.3-4]",
  async () => {
    for (const [filter, matching, others] of table) {
      await withBroker(async ({ connect }) => {
        const publisher = await connect();
        const topics = [...matching, ...others].filter((topic) => !topic.startsWith("$SYS"));
        for (const topic of topics) await publisher.publish(topic, "x", { retain: true });
        await publisher.barrier();
        const client = await connect();
        await client.subscribe(filter);
        const received = (await client.publications()).map(({ topic }) => topic);
        assertEquals(received.sort(), [...matching].sort(), filter);
      })();
    }
  },
);

Deno.test(
  "mqtt 5.0 broker: $SYS/# gets what # does not [MQTT-4.7.2-1]",
  withBroker({ sysInterval: 10 }, async ({ connect, clock }) => {
    const all = await connect();
    await all.subscribe(["#", "+/#", "+/broker/#"]);
    const sys = await connect();
    await sys.subscribe("$SYS/#");
    clock.advance(11_000);
    assertEquals((await sys.publications()).every(({ topic }) => topic.startsWith("$SYS/")), true);
    const late = await connect();
    await late.subscribe("$SYS/#");
    assertEquals((await late.publications()).length > 0, true, "there are $SYS topics");
    const lateAll = await connect();
    await lateAll.subscribe(["#", "+/#", "+/broker/#", "$share/g/#"]);
    assertEquals(await lateAll.publications(), []);
    clock.advance(11_000);
    assertEquals(await lateAll.publications(), []);
    assertEquals(await all.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a subscription with an empty filter fails [MQTT-4.7.3-1]",
  withBroker(async ({ connect, broker }) => {
    const client = await connect();
    await client.sendBytes("82 06 00 01 00 00 00 00");
    const answer = await client.next();
    if (answer.type === "suback") assertEquals(answer.reasonCodes, [0x8f]);
    else assertEquals(answer.type, "disconnect");
    assertEquals(broker.counts().subscriptions, 0);
  }),
);

Deno.test(
  "mqtt 5.0 broker: U+0000 in a name or a filter is malformed [MQTT-4.7.3-2]",
  withBroker(async ({ connect }) => {
    const packets = [
      rawPacket(0x30, field("a\0"), Uint8Array.of(0)),
      rawPacket(0x82, fromHex("00 01 00"), field("a/\0/b"), Uint8Array.of(0)),
      rawPacket(0xa2, fromHex("00 01 00"), field("\0")),
    ];
    for (const packet of packets) {
      const client = await connect();
      await client.sendBytes(packet);
      await client.expectDisconnect(0x81);
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: names and filters of 65,535 bytes work [MQTT-4.7.3-3]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    const longest = `l/${"\u00e9".repeat(32_766)}x`;
    assertEquals(toBytes(longest).length, 65_535);
    await client.subscribe(longest, { qos: 1 });
    await client.publish(longest, "x", { qos: 1, retain: true });
    await client.expect("publish", { topic: longest });
    await client.unsubscribe(longest);
    const other = await connect();
    await other.subscribe(`l/+`);
    await other.expect("publish", { topic: longest, retain: true });
  }),
);

Deno.test(
  "mqtt 5.0 broker: compares without normalizing, folding or replacing [MQTT-4.7.3-4]",
  withBroker(async ({ connect }) => {
    const names = [
      "\u00e9",
      "e\u0301",
      "E\u0301",
      "\u212b",
      "\u00c5",
      "A\u030a",
      "a",
      "A",
      "/a",
      "a/",
      "\ufb01",
      "fi",
      "\u00df",
      "ss",
    ];
    const publisher = await connect();
    for (const name of names) {
      const client = await connect();
      await client.subscribe(name);
      for (const topic of names) await publisher.publish(topic, "x");
      await publisher.barrier();
      assertEquals((await client.publications()).map(({ topic }) => topic), [name]);
      await client.close();
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: a name keeps its bytes on the way [MQTT-4.7.3-4] [MQTT-3.3.2-3]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("#");
    for (const topic of ["a//b", "/", "//", " a ", "e\u0301", "a/\u0001", "%2F", "a\\b", "\u{1f600}/x"]) {
      await client.publish(topic, "x");
      await client.expect("publish", { topic });
    }
  }),
);
