/** Peers that mean harm, or make no sense: they cost little, and everybody else is served. */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { type BrokerOptions, type ConnectRequest, type LogLevel, ReasonCode } from "../../broker/mod.ts";
import { encodePacket } from "../../codec/encode.ts";
import type { Packet } from "../../codec/packets.ts";
import { bounded, startBroker, until, withBroker } from "../support/broker.ts";
import { random } from "../support/random.ts";
import { RawClient } from "../support/raw_client.ts";
import {
  concatBytes,
  connectPacket,
  field,
  fromHex,
  publishPacket,
  rawPacket,
  toText,
} from "../support/raw_packets.ts";
import { memoryInUse } from "./memory.ts";

const VERSIONS = [3, 4, 5] as const;

/** Options of a broker that writes down whatever it calls an error, that is a failure of its own. */
function watched(): { options: BrokerOptions; errors: string[] } {
  const errors: string[] = [];
  const write = (level: LogLevel, line: string) => {
    if (level === "error") errors.push(line);
  };
  return { errors, options: { sysInterval: 0, log: { debug: false, write } } };
}

Deno.test(
  "broker hostile: half-open connections end when CONNECT is late, and cost others nothing",
  withBroker({ connectTimeout: 1_000 }, async ({ connect, open, clock, broker }) => {
    const witness = await connect();
    const silent = await Promise.all(Array.from({ length: 200 }, () => open()));
    await until(() => broker.counts().connections === 201, "all connections");
    await witness.publish("x", "", { qos: 1 });
    clock.advance(1_000);
    await Promise.all(silent.map((client) => client.expectClosed()));
    await until(() => broker.counts().connections === 1, "the end of the silent ones");
    assertEquals(await witness.barrier(), []);
  }),
);

Deno.test(
  "broker hostile: a CONNECT that drips in byte by byte is served in time, and not beyond it",
  withBroker({ connectTimeout: 1_000 }, async ({ open, clock, broker }) => {
    const bytes = encodePacket(connectPacket({ version: 5, clientId: "drip" }), 5);
    const patient = await open();
    for (const byte of bytes) await patient.sendBytes(Uint8Array.of(byte));
    await patient.expect("connack", { reasonCode: 0 });
    const late = await open();
    for (const byte of bytes.subarray(0, -1)) await late.sendBytes(Uint8Array.of(byte));
    await until(() => broker.counts().connections === 2, "both connections");
    clock.advance(1_000);
    await late.expectClosed();
  }),
);

Deno.test(
  "broker hostile: a remaining length that never ends closes the connection, before and after CONNECT",
  withBroker(async ({ open, connect }) => {
    const endless = Uint8Array.of(0x30, 0x80, 0x80, 0x80, 0x80);
    for (const first of [0x10, 0x30, 0xc0]) {
      const client = await open(4);
      await client.sendBytes(concatBytes(Uint8Array.of(first), endless.subarray(1)));
      await client.expectClosed();
    }
    const old = await connect({ version: 4 });
    await old.sendBytes(endless);
    await old.expectClosed();
    const modern = await connect({ version: 5 });
    await modern.sendBytes(endless);
    await modern.expectDisconnect(0x81);
  }),
);

Deno.test("broker hostile: a length that is claimed is no memory until its bytes come", () =>
  bounded(async () => {
    await using running = await startBroker({ sysInterval: 0 });
    const before = await memoryInUse();
    const clients: RawClient[] = [];
    for (let at = 0; at < 100; at++) {
      const client = await RawClient.connect(running.port, { version: 4 });
      await client.sendBytes(fromHex("30 ff ff ff 07 00 01 61")); // a PUBLISH of 16 MiB, that is what it says
      clients.push(client);
    }
    await using witness = await RawClient.connect(running.port);
    assertEquals(await witness.barrier(), []);
    const after = await memoryInUse();
    assertLess(after.buffers - before.buffers, 20 * 1024 * 1024); // and not 1.6 GB; most of it is the clients' own
    await Promise.all(clients.map((client) => client.close()));
  }));

Deno.test(
  "broker hostile: 10,000 topic levels are refused quickly, and 128 are served",
  withBroker(async ({ connect }) => {
    const deep = "a/".repeat(9_999) + "a";
    const witness = await connect();
    await witness.subscribe("#");
    const publisher = await connect();
    await publisher.send(publishPacket(deep, "", { qos: 1, packetId: 1 }));
    await publisher.expectDisconnect(0x90);
    const subscriber = await connect();
    const plus = "+/".repeat(9_999) + "#";
    assertEquals((await subscriber.trySubscribe([deep, plus, "a"])).reasonCodes, [0x8f, 0x8f, 0]);
    const allowed = "a/".repeat(127) + "a";
    await subscriber.subscribe(["+/".repeat(127) + "+", "a/".repeat(126) + "#"]);
    await witness.publish(allowed, "deep");
    await subscriber.expect("publish", { topic: allowed });
    await witness.expect("publish", { topic: allowed });
  }),
);

Deno.test(
  "broker hostile: as many levels as fit are matched without a stack, if they are allowed",
  withBroker({ maxTopicLevels: 65_536 }, async ({ connect, broker }) => {
    const client = await connect();
    const deep = "/".repeat(65_535);
    const filters = [deep, "+/".repeat(9_999) + "#", "/".repeat(30_000) + "#", "#"];
    assertEquals((await client.subscribe(filters)).reasonCodes, [0, 0, 0, 0]);
    await client.publish(deep, "deepest", { retain: true });
    await client.expect("publish", { topic: deep, payload: "deepest" });
    const other = await connect();
    await other.subscribe("/".repeat(40_000) + "#");
    await other.expect("publish", { topic: deep, retain: true });
    await client.unsubscribe(filters);
    await other.disconnect();
    await until(() => broker.counts().trieNodes === 0, "no nodes left");
  }),
);

Deno.test(
  "broker hostile: filters that match in many ways are matched in bounded time",
  withBroker(async ({ connect }) => {
    const client = await connect();
    const filters: string[] = [];
    // Every mixture of + and a over ten levels: a topic of ten levels matches 1,024 of them.
    for (let bits = 0; bits < 1_024; bits++) {
      filters.push(Array.from({ length: 10 }, (_, level) => (bits >> level) & 1 ? "+" : "a").join("/"));
    }
    await client.subscribe(filters);
    const started = performance.now();
    for (let at = 0; at < 20; at++) await client.publish("a/a/a/a/a/a/a/a/a/a", "", { qos: 0 });
    assertEquals((await client.publications()).length, 20);
    assertLess(performance.now() - started, 5_000); // a watchdog: the naive way takes hours
  }),
);

Deno.test(
  "broker hostile: a packet of a thousand filters, again and again, is an ordinary packet",
  withBroker(async ({ connect, broker }) => {
    const client = await connect();
    const subscriptions = Array.from({ length: 1_000 }, (_, at) => ({ filter: `f/${at}/+`, qos: 1 as const }));
    for (let packetId = 1; packetId <= 20; packetId++) {
      await client.send({ type: "subscribe", packetId, subscriptions });
      const { reasonCodes } = await client.expect("suback", { packetId });
      assertEquals(reasonCodes.length, 1_000);
    }
    assertEquals(broker.counts().subscriptions, 1_000);
  }),
);

Deno.test("broker hostile: other protocols on the port are closed and forgotten", () =>
  bounded(async () => {
    await using running = await startBroker({ sysInterval: 0 });
    const text = (content: string) => new TextEncoder().encode(content);
    const greetings = [
      text("GET / HTTP/1.1\r\nHost: broker\r\n\r\n"),
      text("SSH-2.0-OpenSSH_9.6\r\n"),
      text("*1\r\n$4\r\nPING\r\n"),
      fromHex("16 03 01 00 c4 01 00 00 c0 03 03"), // TLS ClientHello
      fromHex("00 00 00 00 00 00 00 00"),
      fromHex("ff ff ff ff ff ff ff ff"),
      text("\n"),
    ];
    for (const greeting of greetings) {
      await using client = await RawClient.open(running.port, 4);
      await client.sendBytes(greeting);
      await client.sendBytes(new Uint8Array(200).fill(0x41)); // as much as the length byte asks for
      await client.expectClosed();
    }
    await until(() => running.broker.counts().connections === 0, "the end of all connections");
  }));

Deno.test("broker hostile: random bytes end their connection, or wait for more, and that is all", () =>
  bounded(async () => {
    const next = random(2_026);
    const { options, errors } = watched();
    await using running = await startBroker(options);
    await using witness = await RawClient.connect(running.port, { version: 4 });
    await witness.subscribe("witness");
    for (let round = 0; round < 300; round++) {
      await using client = await RawClient.open(running.port, VERSIONS[round % 3]);
      if (round % 2 === 0) await client.sendConnect({ clientId: `garbage${round % 5}` });
      await client.sendBytes(Uint8Array.from({ length: 1 + Math.floor(next() * 200) }, () => Math.floor(next() * 256)));
      if (round % 10 > 0) continue;
      await witness.publish("witness", String(round));
      await witness.expect("publish", { payload: String(round) });
    }
    await until(() => running.broker.counts().connections === 1, "the end of all garbage");
    assertEquals(running.broker.counts().sessions, 1);
    assertEquals(errors, []);
  }, 30_000));

/** A packet that a client may send, with fields out of a small world, so that packets meet each other. */
function randomPacket(next: () => number, version: 3 | 4 | 5): Packet {
  const upTo = (count: number) => Math.floor(next() * count);
  const pick = <T>(...choices: [T, ...T[]]): T => choices[upTo(choices.length)] ?? choices[0];
  const topic = () => pick("a", "a/b", "a/b/c", "x", "$x/y", "/", "a//c");
  const filter = () => pick("a", "a/+", "#", "+/b", "a/#", "$share/g/a/#", "$share/h/+", "$x/#", "a/b/c");
  const packetId = 1 + upTo(8);
  const qos = pick<0 | 1 | 2>(0, 1, 2);
  switch (upTo(12)) {
    case 0:
      return { type: "unsubscribe", packetId, filters: [filter(), filter()].slice(upTo(2)) };
    case 1:
    case 2: {
      const options = version === 5
        ? { retainAsPublished: next() < 0.5, retainHandling: pick<0 | 1 | 2>(0, 1, 2) }
        : {};
      return { type: "subscribe", packetId, subscriptions: [{ filter: filter(), qos, ...options }] };
    }
    case 3:
      return { type: "pingreq" };
    case 4:
      return { type: pick("puback", "pubrec", "pubrel", "pubcomp"), packetId, reasonCode: 0 };
    case 5:
      return next() < 0.2 ? { type: "disconnect", reasonCode: 0 } : { type: "pingreq" };
    default: {
      const properties = version === 5 && next() < 0.3
        ? { topicAlias: 1 + upTo(11), messageExpiryInterval: upTo(3), userProperties: [["k", "v"]] as const }
        : undefined;
      return publishPacket(topic(), new Uint8Array(upTo(300)), {
        qos,
        retain: next() < 0.2,
        dup: qos > 0 && next() < 0.2,
        ...(qos > 0 && { packetId }),
        ...(properties && { properties }),
      });
    }
  }
}

/** The bytes of a packet, one time in ten with a byte changed, missing or added. */
function mutate(bytes: Uint8Array, next: () => number): Uint8Array {
  if (next() > 0.1) return bytes;
  const at = Math.floor(next() * bytes.length);
  switch (Math.floor(next() * 3)) {
    case 0:
      return bytes.with(at, Math.floor(next() * 256));
    case 1:
      return concatBytes(bytes.subarray(0, at), bytes.subarray(at + 1));
    default:
      return concatBytes(bytes.subarray(0, at), Uint8Array.of(Math.floor(next() * 256)), bytes.subarray(at));
  }
}

/** One fuzzed connection: a CONNECT, then packets right and wrong, until the broker has had enough or all are sent. */
async function fuzzedSession(port: number, next: () => number): Promise<void> {
  const version = VERSIONS[Math.floor(next() * 3)] ?? 4;
  await using client = await RawClient.open(port, version);
  await client.sendConnect({
    clientId: `fuzz${Math.floor(next() * 4)}`,
    cleanStart: next() < 0.5,
    autoAck: next() < 0.5,
    will: { topic: "a/will", payload: "w", qos: next() < 0.5 ? 1 : 0 },
    ...(version === 5 && { properties: { sessionExpiryInterval: 60, topicAliasMaximum: 3, receiveMaximum: 2 } }),
  });
  for (let sent = 0; sent < 40 && !client.ended; sent++) {
    await client.sendBytes(mutate(encodePacket(randomPacket(next, version), version), next));
  }
  await client.expectOptional("connack");
}

for (const seed of [1, 2, 3]) {
  Deno.test(`broker hostile: fuzzed sessions beside a client that goes on unharmed, seed ${seed}`, () =>
    bounded(async () => {
      const next = random(seed);
      const { options, errors } = watched();
      await using running = await startBroker(options);
      await using witness = await RawClient.connect(running.port, { version: 4, clientId: "witness", autoAck: true });
      await witness.subscribe("witness/#", { qos: 2 });
      for (let round = 0; round < 60; round++) {
        await Promise.all([1, 2, 3].map(() => fuzzedSession(running.port, random(Math.floor(next() * 2 ** 31)))));
        const qos = round % 3 === 0 ? 0 : round % 3 === 1 ? 1 : 2;
        await witness.publish(`witness/${round}`, String(round), { qos });
        await witness.take(
          "publish",
          ({ topic, payload }) => topic === `witness/${round}` && toText(payload) === `${round}`,
        );
      }
      const left = (await witness.barrier()).filter(({ type }) => type === "publish");
      assertEquals(left, []);
      await until(() => running.broker.counts().connections === 1, "the end of the fuzzed connections");
      for (let at = 0; at < 4; at++) {
        await using client = await RawClient.connect(running.port, { version: 4, clientId: `fuzz${at}` });
        assertEquals(await client.barrier(), []);
        await client.disconnect();
      }
      const { sessions, subscriptions, trieNodes } = running.broker.counts();
      assertEquals([sessions, subscriptions], [1, 1]);
      assert(trieNodes <= 3, `only the witness has filters, ${trieNodes} nodes`);
      assertEquals(errors, []);
    }, 30_000));
}

Deno.test(
  "broker hostile: a will of the largest size, thousands of user properties and 65,535-byte strings are served",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("will/#", { qos: 1 });
    const userProperties = Array.from({ length: 2_000 }, (_, at) => [`name ${at}`, "v".repeat(50)] as const);
    const payload = new Uint8Array(65_535).fill(7);
    const will = { topic: "will/" + "x".repeat(65_530), payload, qos: 1 as const, properties: { userProperties } };
    await (await connect({ clientId: "c".repeat(65_535), username: "u".repeat(65_535), will })).close();
    const received = await watcher.expect("publish", { topic: will.topic, payload });
    assertEquals(received.properties?.userProperties?.length, 2_000);
  }),
);

Deno.test("broker hostile: an error whose code has no place in the answer ends one connection, and not the broker", async () => {
  const authenticate = ({ username }: ConnectRequest) =>
    Promise.resolve(username !== "odd" || { reasonCode: ReasonCode.TopicAliasInvalid });
  const next = () => Promise.resolve({ kind: "continue", data: Uint8Array.of(1) } as const);
  const authenticationMethods = { m: () => ({ next }) };
  await withBroker({ authenticate, authenticationMethods }, async ({ open, connect }) => {
    // What comes behind a packet that is decided about later is handled apart from what was read.
    const first = encodePacket(connectPacket({ version: 5 }), 5);
    const unknownVersion = rawPacket(0x10, field("MQTT"), Uint8Array.of(9, 2, 0, 0, 0), field("x"));
    const twice = await open(5);
    await twice.sendBytes(concatBytes(first, unknownVersion));
    await twice.expect("connack", { reasonCode: 0 });
    await twice.expectDisconnect(0x80);

    const asking = encodePacket(connectPacket({ version: 5, properties: { authenticationMethod: "m" } }), 5);
    const aliasOfNothing = rawPacket(0x30, field("a"), fromHex("03230000"));
    const early = await open(5);
    await early.sendBytes(concatBytes(asking, aliasOfNothing));
    await early.expect("auth", { reasonCode: 0x18 });
    await early.expect("connack", { reasonCode: 0x80 });
    await early.expectClosed();

    const odd = await open(5);
    await odd.sendConnect({ username: "odd" });
    await odd.expect("connack", { reasonCode: 0x80 });
    await odd.expectClosed();
    await (await connect()).barrier();
  })();
});

Deno.test("broker hostile: a decision that fails when nobody waits for it any more ends nothing", async () => {
  const decision = Promise.withResolvers<boolean>();
  await withBroker({ authorizeSubscribe: () => decision.promise }, async ({ connect }) => {
    const [client, witness] = [await connect({ version: 4 }), await connect()];
    // Before MQTT 5.0, the second one ends the connection.
    const filters = [field("a"), Uint8Array.of(0), field("#/b"), Uint8Array.of(0)];
    await client.sendBytes(rawPacket(0x82, fromHex("0001"), ...filters));
    await client.expectClosed();
    decision.reject(new Error("the service is down"));
    await witness.barrier();
  })();
});

Deno.test("broker hostile: strangers send 4,096 user properties at a time, and no more, as each takes memory while they are not let in", async () => {
  const method = { authenticationMethod: "m" };
  const next = () => ({ kind: "continue", data: Uint8Array.of(1) }) as const;
  await withBroker({ authenticationMethods: { m: () => ({ next }) } }, async ({ open, broker }) => {
    const many = (count: number) => ({ userProperties: Array.from({ length: count }, () => ["", ""] as const) });
    const will = (count: number) => ({
      topic: "w",
      payload: new Uint8Array(1),
      qos: 0 as const,
      properties: many(count),
    });
    const refused = async (client: RawClient) => {
      await client.expect("connack", { reasonCode: 0x97 });
      await client.expectClosed();
    };
    for (const count of [4_096, 4_097]) {
      const [first, second, third] = [await open(), await open(), await open()];
      await first.sendConnect({ properties: many(count) });
      await second.sendConnect({ properties: many(4_096), will: will(count) });
      await third.sendConnect({ properties: method });
      await third.expect("auth", { reasonCode: 0x18 });
      await third.send({ type: "auth", reasonCode: 0x18, properties: { ...method, ...many(count) } });
      if (count > 4_096) {
        for (const client of [first, second, third]) await refused(client);
      } else {
        await first.expect("connack", { reasonCode: 0 });
        await second.expect("connack", { reasonCode: 0 });
        await third.expect("auth", { reasonCode: 0x18 });
      }
    }
    assertEquals(broker.counts().limits.maxPacketSize, 3);
  })();
});

Deno.test(
  "broker hostile: CONNECT again and again on new connections with the same wrong bytes is refused each time",
  withBroker(async ({ open, broker }) => {
    for (let round = 0; round < 300; round++) {
      const client = await open(4);
      await client.sendBytes(rawPacket(0x10, field("MQTT"), Uint8Array.of(4, 0x01, 0, 0), field("x")));
      await client.expectClosed();
    }
    await until(() => broker.counts().connections === 0, "the end of all connections");
    assertEquals([broker.counts().sessions, broker.counts().timers], [0, 0]);
  }),
);

Deno.test("broker hostile: who goes while its subscription is decided about leaves nothing behind", async () => {
  const asked = Promise.withResolvers<void>();
  const decision = Promise.withResolvers<boolean>();
  const authorizeSubscribe = () => {
    asked.resolve();
    return decision.promise;
  };
  await withBroker({ authorizeSubscribe }, async ({ connect, broker, clock }) => {
    const client = await connect({ clientId: "hasty" });
    await client.send({ type: "subscribe", packetId: 1, subscriptions: [{ filter: "a/b", qos: 0 }] });
    await asked.promise;
    // As long as the decision is pending nothing is read, so it takes another connection to end this one.
    const other = await connect({ clientId: "hasty", version: 4 });
    await other.disconnect();
    await client.expectDisconnect(0x8e);
    clock.advance(2_000); // the time that a connection has for its last bytes
    await until(() => broker.counts().connections === 0, "the end of both connections");
    decision.resolve(true);
    await new Promise((resolve) => setTimeout(resolve, 0));
    const { sessions, subscriptions, trieNodes } = broker.counts();
    assertEquals([sessions, subscriptions, trieNodes], [0, 0, 0]);
  })();
});

Deno.test("broker hostile: a packet with many filters is handled in parts, and dropped when its client goes", async () => {
  let asked = 0;
  let onAsked: (filter: string) => void = () => {};
  const authorizeSubscribe: BrokerOptions["authorizeSubscribe"] = (_client, { filter }) => {
    asked++;
    onAsked(filter);
    return true;
  };
  await withBroker({ authorizeSubscribe }, async ({ connect, broker }) => {
    const client = await connect({ clientId: "greedy" });
    const subscriptions = Array.from({ length: 10_000 }, (_, at) => ({ filter: `f/${at}`, qos: 0 as const }));
    await client.send({ type: "subscribe", packetId: 1, subscriptions });
    assertEquals((await client.expect("suback")).reasonCodes.length, 10_000);
    assertEquals(broker.counts().subscriptions, 10_000);
    await client.send({ type: "unsubscribe", packetId: 2, filters: subscriptions.map(({ filter }) => filter) });
    assertEquals((await client.expect("unsuback")).reasonCodes.length, 10_000);
    assertEquals(broker.counts().subscriptions, 0);
    asked = 0;
    onAsked = (filter) => {
      if (filter === "f/5000") broker.disconnect(() => true);
    };
    await client.send({ type: "subscribe", packetId: 3, subscriptions });
    await client.expectDisconnect(0x87);
    await until(() => broker.counts().connections === 0, "the end of the connection");
    await until(() => broker.counts().trieNodes === 0, "the end of the subscriptions");
    assertEquals(broker.counts().subscriptions, 0);
    assertLess(asked, 7_000); // to the end of the part that the 5,000th is in
    assertGreater(asked, 5_000);
  })();
});
