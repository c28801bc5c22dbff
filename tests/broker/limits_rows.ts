/**
 * Each limit of the broker, and somebody who goes beyond it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Broker, BrokerOptions, ListenOptions } from "../../broker/mod.ts";
import type { Packet } from "../../codec/packets.ts";
import type { ManualClock } from "../../engine/manual_clock.ts";
import { until } from "../support/broker.ts";
import type { RawClient } from "../support/raw_client.ts";
import { publishPacket, type RawConnectOptions } from "../support/raw_packets.ts";

/** Whoever goes beyond a limit. */
export interface Attack {
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

export interface Row {
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

/** All limits. */
export const ROWS: readonly Row[] = [
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
