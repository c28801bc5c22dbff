/**
 * Every limit, one after the other: driven over its bound by 3.1.1 and 5.0 clients, it answers with its reason code,
 * has a line in the log and a counter under `$SYS`, and harms nobody who stays within it.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { Broker, type BrokerOptions, listen, type ListenOptions, type LogLevel } from "../../broker/mod.ts";
import { findOption } from "../../broker/config/option_table.ts";
import { DEFAULT_HANDSHAKE_TIMEOUT, DEFAULT_MAX_HANDSHAKES } from "../../broker/deno/listen_options.ts";
import { LIMIT_NAMES } from "../../broker/limits.ts";
import { resolveOptions } from "../../broker/options.ts";
import type { Packet } from "../../codec/packets.ts";
import { ManualClock } from "../../engine/manual_clock.ts";
import { bounded, until } from "../support/broker.ts";
import { checkExample, examplesIn } from "../support/examples.ts";
import { repository } from "../support/process.ts";
import { RawClient } from "../support/raw_client.ts";
import { publishPacket, type RawConnectOptions } from "../support/raw_packets.ts";

/** Whoever goes beyond a limit. */
interface Attack {
  readonly version: 4 | 5;
  readonly broker: Broker;
  readonly clock: ManualClock;
  /** Of the listener that has the limit. */
  readonly port: number;
  connect(options?: RawConnectOptions): Promise<RawClient>;
  open(): Promise<RawClient>;
  /** Ends with this code in 5.0, and without a word before. */
  ends(client: RawClient, reasonCode: number): Promise<unknown>;
  /** CONNECT is refused with this code in 5.0; before, with that one, or without a word. */
  refused(options: RawConnectOptions, reasonCode: number, before?: number): Promise<unknown>;
}

interface Row {
  /** Below `$SYS/broker/`. */
  readonly counter: string;
  /** What it must say after both versions have had their turn; absent: anything above 0. */
  readonly count?: number;
  /** A line of the log. */
  readonly line: RegExp;
  readonly options?: BrokerOptions;
  /** For the listener that is attacked. */
  readonly listener?: ListenOptions;
  readonly versions?: readonly (4 | 5)[];
  drive(attack: Attack): Promise<unknown>;
}

let isMemoryFull = false;

const ROWS: readonly Row[] = [
  {
    counter: "limits/max_connections/count",
    count: 2,
    line: /^Client connection from 127\.0\.0\.1:\d+ denied: maxConnections exceeded\.$/,
    options: { maxConnections: 2 },
    async drive({ connect, open, broker }) {
      const other = await connect();
      await (await open()).expectClosed();
      await other.close();
      await until(() => broker.counts().connections === 1, "a free place");
    },
  },
  {
    counter: "limits/max_connections/count",
    count: 2,
    line: /denied: maxConnections exceeded\.$/,
    listener: { policy: { maxConnections: 1 } },
    async drive({ connect, open, broker }) {
      const other = await connect();
      await (await open()).expectClosed();
      await other.close();
      await until(() => broker.counts().connections === 1, "a free place");
    },
  },
  {
    counter: "limits/max_connection_rate/count",
    line: /^Client connection from 127\.0\.0\.1:\d+ has to wait: it passes maxConnectionRate$/,
    listener: { policy: { maxConnectionRate: 5 } },
    async drive({ connect }) {
      await Promise.all([1, 2, 3, 4, 5, 6].map(() => connect()));
    },
  },
  {
    counter: "limits/max_handshakes/count",
    count: 1,
    line: /was the oldest of too many unfinished handshakes, closing\.$/,
    listener: { policy: { maxHandshakes: 1 } },
    versions: [5], // it takes a second
    async drive({ open, connect }) {
      const silent = await open();
      await Promise.all([connect(), silent.expectClosed()]);
    },
  },
  {
    counter: "limits/handshake_timeout/count",
    count: 2,
    line: /did not finish its handshake in time, closing\.$/,
    listener: { port: 0, protocol: "websockets", policy: { handshakeTimeout: 50 } },
    drive: async ({ open }) => (await open()).expectClosed(),
  },
  {
    counter: "refused/handshakes/count",
    count: 2,
    line: /failed its WebSocket handshake: .*, closing\.$/,
    listener: { port: 0, protocol: "websockets" },
    async drive({ port }) {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port });
      await connection.write(new TextEncoder().encode("NONSENSE\r\n\r\n"));
      const answer = new Uint8Array(1_000);
      while (await connection.read(answer) !== null);
    },
  },
  {
    counter: "limits/connect_timeout/count",
    count: 2,
    line: /^Client 127\.0\.0\.1:\d+ sent no CONNECT in time, closing\.$/,
    listener: { policy: { connectTimeout: 500 } },
    async drive({ open, clock, broker }) {
      const silent = await open();
      await until(() => broker.counts().connections === 2, "the connection");
      clock.advance(500);
      await silent.expectClosed();
    },
  },
  {
    counter: "refused/connections/count",
    count: 2,
    line: /^Client 127\.0\.0\.1:\d+ refused: .*bad user name or password \(client "x", user "mallory"\)$/,
    options: { authenticate: ({ username }) => username !== "mallory" },
    drive: ({ refused }) => refused({ clientId: "x", username: "mallory" }, 0x86, 0x04),
  },
  {
    counter: "limits/max_sessions/count",
    count: 2,
    line: /^Client 127\.0\.0\.1:\d+ refused: .*there must be at most 1 sessions \(client "x", no user\)$/,
    options: { maxSessions: 1 },
    drive: ({ refused }) => refused({ clientId: "x" }, 0x97),
  },
  {
    counter: "limits/max_keepalive/count",
    count: 1,
    line: /refused: .*keep alive must be 1 to 60 seconds, received 61/,
    options: { maxKeepAlive: 60 },
    versions: [4],
    drive: ({ refused }) => refused({ keepAlive: 61 }, 0x85, 0x02),
  },
  {
    counter: "limits/memory_limit/count",
    count: 4,
    line: /^Denied PUBLISH from 127\.0\.0\.1:\d+ \(client "x", no user\): memory_limit is reached$/,
    options: { memoryLimit: 100, heapUsed: () => isMemoryFull ? 200 : 0 },
    async drive({ connect, refused, clock, version, ends }) {
      const client = await connect({ clientId: "x" });
      isMemoryFull = true;
      clock.advance(1_000);
      await refused({ clientId: "y" }, 0x97);
      await client.send(publishPacket("t", "", { qos: 1, packetId: 1 }));
      if (version === 5) await client.expect("puback", { reasonCode: 0x97 });
      else await ends(client, 0x97);
      isMemoryFull = false;
      clock.advance(1_000);
    },
  },
  {
    counter: "limits/max_packet_size/count",
    count: 2,
    line: /^Client x disconnected: Packet too large .*at most 100 bytes/,
    listener: { policy: { maxPacketSize: 100 } },
    async drive({ connect, ends }) {
      const client = await connect({ clientId: "x" });
      await client.send(publishPacket("t", new Uint8Array(100)));
      await ends(client, 0x95);
    },
  },
  {
    counter: "limits/message_size_limit/count",
    count: 4,
    line: /^Dropped too large PUBLISH from client "x", no user$/,
    listener: { policy: { messageSizeLimit: 10 } },
    async drive({ connect, version }) {
      const client = await connect({ clientId: "x" });
      await client.send(publishPacket("t", new Uint8Array(11), { qos: 1, packetId: 1 }));
      await client.expect("puback", { reasonCode: version === 5 ? 0x83 : 0 });
      await client.send(publishPacket("t", new Uint8Array(11)));
      await client.barrier();
    },
  },
  {
    counter: "limits/max_qos/count",
    count: 2,
    line: /^Client x disconnected: QoS not supported/,
    listener: { policy: { maximumQoS: 1 } },
    async drive({ connect, ends }) {
      const client = await connect({ clientId: "x" });
      await client.send(publishPacket("t", "", { qos: 2, packetId: 1 }));
      await ends(client, 0x9b);
    },
  },
  {
    counter: "limits/max_topic_alias/count",
    count: 1,
    line: /^Client x disconnected: Topic alias invalid/i,
    listener: { policy: { maxTopicAlias: 2 } },
    versions: [5],
    async drive({ connect, ends }) {
      const client = await connect({ clientId: "x" });
      await client.send(publishPacket("t", "", { properties: { topicAlias: 3 } }));
      await ends(client, 0x94);
    },
  },
  {
    counter: "limits/receive_maximum/count",
    count: 1,
    line: /^Client x disconnected: Receive maximum exceeded/i,
    options: { receiveMaximum: 2 },
    versions: [5],
    async drive({ connect }) {
      const client = await connect({ clientId: "x" });
      await client.send(...[1, 2, 3].map((packetId) => publishPacket("t", "", { qos: 2, packetId })));
      await client.expectMany("pubrec", 2);
      await client.expectDisconnect(0x93);
    },
  },
  {
    counter: "limits/max_topic_levels/count",
    count: 4,
    line: /^Denied SUBSCRIBE from 127\.0\.0\.1:\d+ \(client "x", no user\) to "a\/b\/c\/d"/,
    options: { maxTopicLevels: 3 },
    drive: (attack) => passTopicLimit(attack, "a/b/c/d"),
  },
  {
    counter: "limits/max_topic_length/count",
    count: 4,
    line: /^Client x disconnected: Topic name invalid .*at most 10 bytes, received 12/i,
    options: { maxTopicLength: 10 },
    drive: (attack) => passTopicLimit(attack, "ääääää"),
  },
  {
    counter: "limits/max_subscriptions/count",
    count: 2,
    line: /^Denied SUBSCRIBE from .* to "c": quota exceeded$/,
    listener: { policy: { maxSubscriptions: 2 } },
    async drive({ connect, version }) {
      const client = await connect();
      const { reasonCodes } = await client.trySubscribe(["a", "b", "c"]);
      assertEquals(reasonCodes, [0, 0, version === 5 ? 0x97 : 0x80]);
    },
  },
  {
    counter: "limits/max_filters_per_packet/count",
    count: 4,
    line: /^Client x disconnected: Quota exceeded .*at most 2 topic filters/,
    listener: { policy: { maxFiltersPerPacket: 2 } },
    async drive({ connect, ends }) {
      const client = await connect({ clientId: "x" });
      await client.subscribe(["a", "b"]);
      await client.send({
        type: "subscribe",
        packetId: 9,
        subscriptions: ["a", "b", "c"].map((filter) => ({ filter, qos: 0 })),
      });
      await ends(client, 0x97);
      const other = await connect({ clientId: "x" });
      await other.send({ type: "unsubscribe", packetId: 9, filters: ["a", "b", "c"] });
      await ends(other, 0x97);
    },
  },
  {
    counter: "limits/max_packet_size/count",
    count: 4,
    versions: [5],
    line: /^Client x disconnected: Quota exceeded .*properties must have at most 524288 bytes/,
    async drive({ connect, ends }) {
      const properties: { userProperties: [string, string][] } = {
        userProperties: Array.from({ length: 104_900 }, () => ["", ""]),
      };
      const tooMuch: Packet[] = [
        { type: "puback", packetId: 1, reasonCode: 0, properties },
        { type: "subscribe", packetId: 1, subscriptions: [{ filter: "a", qos: 0 }], properties },
        { type: "unsubscribe", packetId: 1, filters: ["a"], properties },
        { type: "disconnect", reasonCode: 0, properties },
      ];
      for (const packet of tooMuch) {
        const client = await connect({ clientId: "x" });
        await client.send(packet);
        await ends(client, 0x97);
      }
      properties.userProperties.length = 104_857; // five bytes each
      const client = await connect({ clientId: "x" });
      await client.send({ type: "puback", packetId: 1, reasonCode: 0, properties });
      await client.barrier();
    },
  },
  {
    counter: "limits/max_publish_rate/count",
    count: 2,
    line: /^Client 127\.0\.0\.1:\d+ \(client "x", no user\) has to wait: it passes maxPublishRate$/,
    listener: { policy: { maxPublishRate: 1 } },
    async drive({ connect, clock, broker }) {
      const before = broker.counts().limits.maxPublishRate;
      const client = await connect({ clientId: "x" });
      await client.send(publishPacket("t", ""), publishPacket("t", ""));
      await until(() => broker.counts().limits.maxPublishRate > before, "the pause");
      clock.advance(1_000);
      await client.barrier();
    },
  },
  {
    counter: "limits/max_publish_bytes_rate/count",
    count: 2,
    line: /has to wait: it passes maxPublishBytesRate$/,
    listener: { policy: { maxPublishBytesRate: 100 } },
    async drive({ connect, clock, broker }) {
      const before = broker.counts().limits.maxPublishBytesRate;
      const client = await connect({ clientId: "x" });
      await client.send(publishPacket("t", new Uint8Array(90)), publishPacket("t", new Uint8Array(90)));
      await until(() => broker.counts().limits.maxPublishBytesRate > before, "the pause");
      clock.advance(1_000);
      await client.barrier();
    },
  },
  {
    counter: "refused/publications/count",
    count: 2,
    line: /^Denied PUBLISH from .* to "secret": not authorized$/,
    options: { authorizePublish: (_client, { topic }) => topic !== "secret" },
    async drive({ connect, version }) {
      const client = await connect();
      await client.send(publishPacket("secret", "", { qos: 1, packetId: 1 }));
      await client.expect("puback", { reasonCode: version === 5 ? 0x87 : 0 });
    },
  },
  {
    counter: "refused/subscriptions/count",
    count: 2,
    line: /^Denied SUBSCRIBE from .* to "secret": not authorized$/,
    options: { authorizeSubscribe: (_client, { filter }) => filter !== "secret" },
    async drive({ connect, version }) {
      const client = await connect();
      assertEquals((await client.trySubscribe("secret")).reasonCodes, [version === 5 ? 0x87 : 0x80]);
    },
  },
  {
    counter: "publish/messages/dropped/queue_full",
    count: 4,
    line: /^Outgoing messages are being dropped for client "x5": queueFull$/,
    listener: { policy: { maxQueuedMessages: 2 } },
    drive: (attack) => overfillQueue(attack, 1),
  },
  {
    counter: "publish/messages/dropped/queue_full",
    count: 4,
    line: /^Outgoing messages are being dropped for client "x5": queueFull$/,
    listener: { policy: { maxQueuedBytes: 200 } },
    drive: (attack) => overfillQueue(attack, 100),
  },
  {
    counter: "publish/messages/dropped/output_full",
    line: /^Outgoing messages are being dropped for client "x": outputFull$/,
    options: { maxOutputBytes: 1_024 },
    async drive({ connect, broker }) {
      const client = await connect({ clientId: "x" });
      await client.subscribe("t");
      // Nothing is written before all are published.
      for (let at = 0; at < 10; at++) broker.publish({ topic: "t", payload: new Uint8Array(500) });
      await client.barrier();
      await client.close();
    },
  },
  {
    counter: "publish/messages/dropped/retained_full",
    count: 2,
    line: /^No room to retain the message on "c"$/,
    // Those of the broker count, too.
    options: { maxRetainedMessages: 0 },
    drive: ({ connect, version }) => retainTooMuch(connect, version),
  },
  {
    counter: "publish/messages/dropped/retained_full",
    count: 2,
    line: /^No room to retain the message on "c"$/,
    options: { maxRetainedBytes: 0 },
    drive: ({ connect, version }) => retainTooMuch(connect, version),
  },
];

/** As filter, and as topic name. */
async function passTopicLimit({ connect, ends, version }: Attack, topic: string): Promise<void> {
  const client = await connect({ clientId: "x" });
  assertEquals((await client.trySubscribe([topic, "a"])).reasonCodes, [version === 5 ? 0x8f : 0x80, 0]);
  await client.send(publishPacket(topic, "", { qos: 1, packetId: 9 }));
  await ends(client, 0x90);
}

/** Two messages of so many bytes have room, two more have not. */
async function overfillQueue({ connect, broker, version }: Attack, bytes: number): Promise<void> {
  const session = { clientId: `x${version}`, cleanStart: false } as const;
  const client = await connect(
    version === 5 ? { ...session, properties: { sessionExpiryInterval: 100 } } : session,
  );
  await client.subscribe(`t${version}`, { qos: 1 });
  await client.disconnect();
  await until(() => broker.counts().connections === 1, "the end of the connection");
  for (let at = 0; at < 4; at++) {
    broker.publish({ topic: `t${version}`, payload: new Uint8Array(bytes), qos: 1 });
  }
}

async function retainTooMuch(connect: Attack["connect"], version: 4 | 5): Promise<void> {
  const client = await connect();
  await client.send(publishPacket("c", "", { qos: 1, packetId: 1, retain: true })); // deletes, which needs no room
  await client.expect("puback", { packetId: 1 });
  await client.send(publishPacket("c", "1", { qos: 1, packetId: 2, retain: true }));
  await client.expect("puback", { packetId: 2, reasonCode: version === 5 ? 0x97 : 0 });
}

async function run(row: Row): Promise<void> {
  const clock = new ManualClock();
  const lines: string[] = [];
  const write = (_level: LogLevel, line: string) => void lines.push(line);
  await using broker = new Broker({ clock, sysInterval: 0, log: { debug: false, write }, ...row.options });
  await using ordinary = listen(broker, { port: 0 });
  await using attacked = await listen(broker, row.listener ?? { port: 0 });
  await using clients = new AsyncDisposableStack();
  const witness = clients.use(
    await RawClient.connect(ordinary.address.port, { clientId: "witness", version: 4, keepAlive: 60 }),
  );
  await witness.subscribe("witness", { qos: 1 });
  const roundTrip = async (payload: string) => {
    await witness.publish("witness", payload, { qos: 1 });
    await witness.take("publish", ({ topic }) => topic === "witness");
  };
  await roundTrip("before");
  for (const version of row.versions ?? [4, 5] as const) {
    await row.drive(attackOf(broker, clock, attacked.address.port, version, clients));
    await roundTrip(`after ${version}`);
  }
  assert(lines.some((line) => row.line.test(line)), `a line like ${row.line} among:\n${lines.join("\n")}`);
  const count = await counterOf(broker, row.counter, witness);
  if (row.count === undefined) assertGreater(count, 0);
  else assertEquals(count, row.count);
  assertEquals(broker.counts().refused.notLogged, 0);
}

function attackOf(
  broker: Broker,
  clock: ManualClock,
  port: number,
  version: 4 | 5,
  clients: AsyncDisposableStack,
): Attack {
  const open = async () => clients.use(await RawClient.open(port, version));
  return {
    version,
    broker,
    clock,
    port,
    open,
    connect: async (options) => clients.use(await RawClient.connect(port, { version, ...options })),
    ends: (client, reasonCode) => version === 5 ? client.expectDisconnect(reasonCode) : client.expectClosed(),
    async refused(options, reasonCode, before) {
      const client = await open();
      await client.sendConnect({ version, ...options });
      if (version === 5) return client.expectRefused(reasonCode);
      return before === undefined ? client.expectClosed() : client.expectRefused(before);
    },
  };
}

/** What `$SYS` says. The limits are lifted before, as its topics are long, deep and retained. */
async function counterOf(broker: Broker, counter: string, witness: RawClient): Promise<number> {
  broker.update({ sysInterval: 10 });
  await witness.subscribe(`$SYS/broker/${counter}`);
  const { payload } = await witness.take("publish", ({ topic }) => topic === `$SYS/broker/${counter}`);
  return Number(new TextDecoder().decode(payload));
}

for (const row of ROWS) {
  const option = Object.keys({ ...row.options, ...row.listener?.policy }).join(", ") || "the protocol";
  Deno.test(`broker limits table: ${row.counter} (${option}): answer, log line, counter, and nobody else harmed`, () =>
    bounded(() => run(row)));
}

Deno.test("broker limits table: every limit is in it", () => {
  const counters = new Set(ROWS.map(({ counter }) => counter));
  for (const name of Object.values(LIMIT_NAMES)) assert(counters.has(`limits/${name}/count`), name);
});

const DOCUMENT = await Deno.readTextFile(new URL("broker/limits.md", repository));

Deno.test("broker limits table: the documentation has every counter, and the defaults that hold", () => {
  const defaults: Record<string, unknown> = {
    ...resolveOptions({}),
    maxConnectionRate: Infinity,
    maxHandshakes: DEFAULT_MAX_HANDSHAKES,
    handshakeTimeout: DEFAULT_HANDSHAKE_TIMEOUT,
  };
  const units: Record<string, number> = { MiB: 1024 ** 2, GiB: 1024 ** 3, s: 1_000 };
  let compared = 0;
  for (const match of DOCUMENT.matchAll(/^\| `(\w+)`( [●○])? +\| `(\w+)` +\| ([^|]+?) +\|/gm)) {
    const [, option = "", mark = "", name = "", text = ""] = match;
    assert(findOption(name) !== undefined, `${name} must be an option of the configuration file`);
    if (text === "of a second" || (option === "maxConnections" && mark === " ○")) continue;
    const [number = "", unit = ""] = text.split(" ");
    const inSeconds = option === "maxKeepAlive";
    const value = Number(number.replaceAll(",", "")) * (inSeconds ? 1 : units[unit] ?? 1);
    assertEquals(defaults[option], text === "none" ? Infinity : value, option);
    compared++;
  }
  assertEquals(compared, 26);
  for (const { counter } of ROWS) {
    assert(DOCUMENT.includes(`\`${counter}\``), counter);
  }
});

Deno.test("broker limits table: the example in the documentation runs", async () => {
  for (const { language, code } of examplesIn(DOCUMENT)) {
    assertEquals(language, "ts");
    await checkExample(code);
  }
});

Deno.test("broker limits table: the flags that MQTT 3.1 does not look at hide no topic filters", () =>
  bounded(async () => {
    await using broker = new Broker({ maxFiltersPerPacket: 2 });
    await using listener = listen(broker, { port: 0 });
    for (
      const packet of [
        "800e0001000161000001620000016300",
        "8f0e0001000161000001620000016300",
        "a00b0001000161000162000163",
      ]
    ) {
      await using client = await RawClient.connect(listener.address.port, { version: 3, clientId: "x" });
      await client.sendBytes(packet);
      await client.expectClosed();
    }
    assertEquals(broker.counts().limits.maxFiltersPerPacket, 3);
  }));

Deno.test("broker limits table: lines that the log has dropped are a topic, if the log counts them", () =>
  bounded(async () => {
    const log = { debug: false, dropped: 7, write: () => {} };
    await using broker = new Broker({ clock: new ManualClock(), log });
    await using listener = listen(broker, { port: 0 });
    await using client = await RawClient.connect(listener.address.port);
    await client.subscribe("$SYS/broker/log/dropped");
    assertMatch(new TextDecoder().decode((await client.expect("publish")).payload), /^7$/);
  }));
