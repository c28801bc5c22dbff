/** Each limit of the options: its default, the reason code beyond it, what is logged and counted. */

import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { resolveOptions } from "../../broker/options.ts";
import type { LogSink } from "../../broker/mod.ts";
import { until, withBroker } from "../support/broker.ts";
import { publishPacket } from "../support/raw_packets.ts";

/** A log whose lines a test can look through. */
function recording(): LogSink & { readonly lines: string[] } {
  const lines: string[] = [];
  return { debug: false, lines, write: (level, line) => void lines.push(`${level} ${line}`) };
}

Deno.test("broker limits: defaults are those that the documentation states", async () => {
  const source = await Deno.readTextFile(new URL("../../broker/options.ts", import.meta.url));
  const units: Record<string, number> = { MiB: 1024 ** 2, GiB: 1024 ** 3 };
  const defaults: Record<string, unknown> = { ...resolveOptions({}) };
  let compared = 0;
  for (const match of source.matchAll(/Default `?([\w,-]+?)`?(?: (MiB|GiB))?\.(?:[^*]*)\*\/\s+readonly (\w+)\?/g)) {
    const [, value = "", unit, name = ""] = match;
    const number = Number(value.replaceAll(",", "")) * (unit === undefined ? 1 : units[unit] ?? 1);
    const expected = value === "true" ? true : value === "false" ? false : Number.isNaN(number) ? value : number;
    assertEquals(defaults[name], expected, name);
    compared++;
  }
  assertGreater(compared, 18);
});

Deno.test(
  "broker limits: maxConnections closes one more at once, and lets the next one in",
  withBroker({ maxConnections: 2 }, async ({ connect, open, broker }) => {
    const first = await connect();
    await connect();
    const third = await open();
    await third.expectClosed();
    assertEquals(broker.counts().connections, 2);
    await first.disconnect();
    await until(() => broker.counts().connections === 1, "a free place");
    await connect();
  }),
);

Deno.test("broker limits: maxConnections is logged", async () => {
  const log = recording();
  await withBroker({ maxConnections: 1, log }, async ({ connect, open }) => {
    await connect();
    await (await open()).expectClosed();
  })();
  assert(log.lines.some((line) => /denied/.test(line) && /maxConnections/.test(line)), log.lines.join("\n"));
});

Deno.test("broker limits: maxSessions refuses one more with 0x97, which 3.1.1 has no code for, and lets those it has come back", async () => {
  const log = recording();
  await withBroker({ maxSessions: 2, log }, async ({ connect, open, broker }) => {
    const lasting = { cleanStart: false, properties: { sessionExpiryInterval: 1_000 } };
    await (await connect({ clientId: "one", ...lasting })).disconnect();
    const two = await connect({ clientId: "two" });
    const five = await open(5);
    await five.sendConnect({ clientId: "three" });
    await five.expectRefused(0x97);
    const four = await open(4);
    await four.sendConnect({ clientId: "three" });
    await four.expectClosed();
    await connect({ clientId: "one", ...lasting });
    await two.disconnect();
    await until(() => broker.counts().sessions === 1, "a free place");
    await connect({ clientId: "three" });
  })();
  assert(log.lines.some((line) => /refused/.test(line) && /at most 2 sessions/.test(line)), log.lines.join("\n"));
});

Deno.test("broker limits: connectTimeout ends who says nothing, or too little", async () => {
  const log = recording();
  await withBroker({ connectTimeout: 500, log }, async ({ open, connect, clock, broker }) => {
    const served = await connect({ keepAlive: 0 });
    const silent = await open();
    const slow = await open();
    await slow.sendBytes("10 20 00 04");
    await until(() => broker.counts().connections === 3, "three connections");
    clock.advance(499);
    assertEquals(broker.counts().connections, 3);
    clock.advance(1);
    await silent.expectClosed();
    await slow.expectClosed();
    clock.advance(10_000);
    assertEquals(await served.barrier(), []);
  })();
  assertEquals(log.lines.filter((line) => /no CONNECT in time/.test(line)).length, 2);
});

Deno.test(
  "broker limits: maxKeepAlive is told to 5.0 as server keep alive, and refuses 3.1.1 as Mosquitto does",
  withBroker({ maxKeepAlive: 60 }, async ({ connect, open, clock }) => {
    const within = await connect({ keepAlive: 60 });
    assertEquals(within.connack?.properties?.serverKeepAlive, undefined);
    for (const keepAlive of [0, 61, 65_535]) {
      const client = await connect({ keepAlive });
      assertEquals(client.connack?.properties?.serverKeepAlive, 60);
    }
    await connect({ version: 4, keepAlive: 60 });
    for (const keepAlive of [0, 61]) {
      const old = await open(4);
      await old.sendConnect({ keepAlive });
      await old.expectRefused(0x02);
    }
    const last = await connect({ keepAlive: 0 });
    clock.advance(90_100);
    await last.expectDisconnect(0x8d);
  }),
);

Deno.test("broker limits: maxPacketSize is announced, and ends who passes it with 0x95", async () => {
  const log = recording();
  await withBroker({ maxPacketSize: 100, log }, async ({ connect, open }) => {
    const client = await connect({ clientId: "big" });
    assertEquals(client.connack?.properties?.maximumPacketSize, 100);
    await client.publish("a", new Uint8Array(94), { qos: 0 }); // 100 bytes in all
    await client.barrier();
    await client.send(publishPacket("a", new Uint8Array(95)));
    await client.expectDisconnect(0x95);
    const greeting = await open();
    await greeting.sendConnect({ clientId: "x".repeat(100) });
    await greeting.expectOptional("connack");
    await greeting.expectClosed();
  })();
  assert(log.lines.some((line) => /big/.test(line) && /too large/i.test(line)), log.lines.join("\n"));
});

Deno.test(
  "broker limits: maxInflightMessages is announced as receive maximum, and ends a 5.0 client beyond it with 0x93",
  withBroker({ maxInflightMessages: 3 }, async ({ connect }) => {
    const client = await connect();
    assertEquals(client.connack?.properties?.receiveMaximum, 3);
    await client.send(...[1, 2, 3].map((packetId) => publishPacket("a", "", { qos: 2, packetId })));
    await client.expectMany("pubrec", 3);
    await client.send(publishPacket("a", "", { qos: 2, packetId: 4 }));
    await client.expectDisconnect(0x93);
  }),
);

Deno.test(
  "broker limits: maxInflightMessages is the most that goes to a client unacknowledged",
  withBroker({ maxInflightMessages: 3 }, async ({ connect, broker }) => {
    for (const version of [3, 4, 5] as const) {
      const client = await connect({ version });
      await client.subscribe("a", { qos: 1 });
      for (let at = 0; at < 10; at++) broker.publish({ topic: "a", payload: "", qos: 1 });
      assertEquals((await client.publications()).length, 3);
      await client.disconnect();
    }
    const modest = await connect({ properties: { receiveMaximum: 2 } });
    await modest.subscribe("a", { qos: 1 });
    for (let at = 0; at < 10; at++) broker.publish({ topic: "a", payload: "", qos: 1 });
    assertEquals((await modest.publications()).length, 2);
  }),
);

Deno.test(
  "broker limits: maxQueuedMessages drops the newest beyond it, and counts",
  withBroker({ maxQueuedMessages: 5 }, async ({ connect, broker }) => {
    const session = { version: 4, clientId: "away", cleanStart: false } as const;
    const before = await connect(session);
    await before.subscribe("a", { qos: 1 });
    await before.disconnect();
    for (let at = 0; at < 8; at++) broker.publish({ topic: "a", payload: String(at), qos: 1 });
    assertEquals(broker.counts().dropped.queueFull, 3);
    const after = await connect(session);
    for (let at = 0; at < 5; at++) await after.expect("publish", { payload: String(at) });
    assertEquals(await after.barrier(), []);
  }),
);

Deno.test(
  "broker limits: maxQueuedBytes drops what does not fit, and counts",
  withBroker({ maxQueuedBytes: 1_000 }, async ({ connect, broker }) => {
    const session = { version: 4, clientId: "away", cleanStart: false } as const;
    const before = await connect(session);
    await before.subscribe("a", { qos: 1 });
    await before.disconnect();
    for (let at = 0; at < 6; at++) broker.publish({ topic: "a", payload: new Uint8Array(300).fill(at), qos: 1 });
    broker.publish({ topic: "a", payload: "small", qos: 1 });
    assertEquals(broker.counts().dropped.queueFull, 3);
    const after = await connect(session);
    const sizes = (await after.publications()).map(({ payload }) => payload.length);
    assertEquals(sizes, [300, 300, 300, 5]);
  }),
);

Deno.test(
  "broker limits: maxTopicAlias is announced, and ends a client beyond it with 0x94",
  withBroker({ maxTopicAlias: 2 }, async ({ connect }) => {
    const client = await connect();
    assertEquals(client.connack?.properties?.topicAliasMaximum, 2);
    await client.publish("a", "", { properties: { topicAlias: 2 } });
    await client.barrier();
    await client.send(publishPacket("a", "", { properties: { topicAlias: 3 } }));
    await client.expectDisconnect(0x94);
  }),
);

Deno.test(
  "broker limits: maxTopicAlias 0 gives and takes none",
  withBroker({ maxTopicAlias: 0 }, async ({ connect }) => {
    const client = await connect({ properties: { topicAliasMaximum: 10 } });
    assertEquals(client.connack?.properties?.topicAliasMaximum ?? 0, 0);
    await client.subscribe("a");
    for (let at = 0; at < 3; at++) {
      await client.publish("a", "");
      await client.expect("publish", { topic: "a", properties: undefined });
    }
    await client.send(publishPacket("a", "", { properties: { topicAlias: 1 } }));
    await client.expectDisconnect(0x94);
  }),
);

Deno.test(
  "broker limits: maximumQoS is announced, ends who publishes above it with 0x9B, and still grants subscriptions",
  withBroker({ maximumQoS: 1 }, async ({ connect, open }) => {
    const client = await connect();
    assertEquals(client.connack?.properties?.maximumQoS, 1);
    await client.publish("a", "", { qos: 1 });
    await client.send(publishPacket("a", "", { qos: 2, packetId: 9 }));
    await client.expectDisconnect(0x9b);
    const willing = await open();
    await willing.sendConnect({ will: { topic: "a", qos: 2 } });
    await willing.expectRefused(0x9b);
    const old = await connect({ version: 4 });
    await old.send(publishPacket("a", "", { qos: 2, packetId: 9 }));
    await old.expectClosed();
  }),
);

Deno.test(
  "broker limits: retainAvailable false is announced, and ends who retains with 0x9A",
  withBroker({ retainAvailable: false }, async ({ connect, open }) => {
    const client = await connect();
    assertEquals(client.connack?.properties?.retainAvailable, 0);
    await client.send(publishPacket("a", "", { retain: true }));
    await client.expectDisconnect(0x9a);
    const willing = await open();
    await willing.sendConnect({ will: { topic: "a", retain: true } });
    await willing.expectRefused(0x9a);
  }),
);

Deno.test(
  "broker limits: maxRetainedMessages refuses one more with 0x97, replaces and deletes all the same",
  withBroker({ maxRetainedMessages: 2 }, async ({ connect, broker }) => {
    const client = await connect();
    await client.publish("a", "1", { qos: 1, retain: true });
    await client.publish("b", "1", { qos: 1, retain: true });
    await client.send(publishPacket("c", "1", { qos: 1, packetId: 90, retain: true }));
    await client.expect("puback", { packetId: 90, reasonCode: 0x97 });
    await client.send(publishPacket("c", "1", { qos: 2, packetId: 91, retain: true }));
    await client.expect("pubrec", { packetId: 91, reasonCode: 0x97 });
    assertEquals([broker.counts().retained, broker.counts().dropped.retainedFull], [2, 2]);
    await client.publish("a", "2", { qos: 1, retain: true });
    await client.publish("b", "", { qos: 1, retain: true });
    await client.publish("c", "2", { qos: 1, retain: true });
    await client.subscribe("+");
    assertEquals((await client.publications()).map(({ topic }) => topic).toSorted(), ["a", "c"]);
  }),
);

Deno.test(
  "broker limits: maxRetainedBytes bounds topics and payloads together",
  withBroker({ maxRetainedBytes: 1_000 }, async ({ connect, broker }) => {
    const client = await connect();
    await client.publish("a".repeat(300), new Uint8Array(600), { qos: 1, retain: true });
    await client.send(publishPacket("b", new Uint8Array(200), { qos: 1, packetId: 90, retain: true }));
    await client.expect("puback", { packetId: 90, reasonCode: 0x97 });
    await client.publish("b", new Uint8Array(50), { qos: 1, retain: true });
    await client.publish("a".repeat(300), "", { qos: 1, retain: true });
    await client.publish("b", new Uint8Array(900), { qos: 1, retain: true });
    assertEquals([broker.counts().retained, broker.counts().dropped.retainedFull], [1, 1]);
  }),
);

Deno.test(
  "broker limits: maxTopicLevels refuses deeper names with 0x90 and deeper filters with 0x8F",
  withBroker({ maxTopicLevels: 3 }, async ({ connect, open }) => {
    const client = await connect();
    await client.subscribe("a/b/c");
    await client.publish("a/b/c", "", { qos: 1 });
    await client.expect("publish", { topic: "a/b/c" });
    const { reasonCodes } = await client.trySubscribe(["a/b/c/d", "a/+/#", "///"]);
    assertEquals(reasonCodes, [0x8f, 0, 0x8f]);
    await client.send(publishPacket("a/b/c/d", "", { qos: 1, packetId: 90 }));
    await client.expectDisconnect(0x90);
    const willing = await open();
    await willing.sendConnect({ will: { topic: "a/b/c/d" } });
    await willing.expectRefused(0x90);
  }),
);

Deno.test(
  "broker limits: maxSubscriptions refuses one more with 0x97, replaces all the same",
  withBroker({ maxSubscriptions: 2 }, async ({ connect, broker }) => {
    const client = await connect();
    const { reasonCodes } = await client.trySubscribe(["a", "b", "c", "a"], { qos: 1 });
    assertEquals(reasonCodes, [1, 1, 0x97, 1]);
    await client.unsubscribe("b");
    await client.subscribe("c");
    assertEquals(broker.counts().subscriptions, 2);
    const other = await connect();
    await other.subscribe(["a", "b"]);
  }),
);

Deno.test(
  "broker limits: allowZeroLengthClientId false refuses an empty client id, autoIdPrefix begins an assigned one",
  async () => {
    await withBroker({ allowZeroLengthClientId: false }, async ({ open }) => {
      for (const [version, code] of [[4, 0x02], [5, 0x85]] as const) {
        const client = await open(version);
        await client.sendConnect({ clientId: "" });
        await client.expectRefused(code);
      }
    })();
    await withBroker({ autoIdPrefix: "guest/" }, async ({ connect }) => {
      const client = await connect({ clientId: "" });
      assertMatch(client.clientId, /^guest\/.{8,}$/);
    })();
  },
);
