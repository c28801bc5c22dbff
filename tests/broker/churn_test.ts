/** Many connections in a short time: nothing stays behind, nobody is shut out. */

import { assert, assertEquals, assertLess } from "@std/assert";
import type { BrokerCounts } from "../../broker/mod.ts";
import { encodePacket } from "../../codec/encode.ts";
import type { Packet } from "../../codec/packets.ts";
import { bounded, type RunningBroker, startBroker, until, withBroker } from "../support/broker.ts";
import { RawClient } from "../support/raw_client.ts";
import { memoryInUse } from "./memory.ts";
import { concatBytes, connectPacket, publishPacket } from "../support/raw_packets.ts";

/** All that a client of a cycle says, in one write: cheap, and the broker meets it packet behind packet. */
function cycleBytes(version: 3 | 4 | 5, index: number): Uint8Array {
  const clientId = `cycle${index % 100}`;
  // As many names as the broker has met after the first rounds: its cache of topic names is bounded, not empty.
  const topic = `c/${index % 500}`;
  const packets: Packet[] = [
    connectPacket({ version, clientId, keepAlive: 60, will: { topic: `will/${clientId}`, payload: "w" } }),
    {
      type: "subscribe",
      packetId: 1,
      subscriptions: [{ filter: `${topic}/+/x`, qos: 1 }, { filter: "c/#", qos: 0 }],
    },
    publishPacket(`${topic}/y/x`, `payload ${index}`, { qos: 1, packetId: 2 }),
    publishPacket(topic, "unheard", { qos: 2, packetId: 3 }),
  ];
  if (index % 2 === 0) packets.push({ type: "disconnect", reasonCode: 0 });
  return concatBytes(...packets.map((packet) => encodePacket(packet, version)));
}

/** Connects, says it all, waits for an answer, closes. */
async function cycle(port: number, index: number, scratch: Uint8Array): Promise<void> {
  const version = index % 3 === 0 ? 3 : index % 3 === 1 ? 4 : 5;
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(cycleBytes(version, index));
  const count = await conn.read(scratch);
  assert(count !== null && scratch[0] === 0x20, `CONNACK for connection ${index}`);
}

async function cycles(running: RunningBroker, from: number, count: number): Promise<void> {
  const lanes = 8;
  const lane = async (offset: number) => {
    const scratch = new Uint8Array(4_096);
    for (let index = from + offset; index < from + count; index += lanes) await cycle(running.port, index, scratch);
  };
  await Promise.all(Array.from({ length: lanes }, (_, offset) => lane(offset)));
  await until(() => running.broker.counts().connections === 0, "the end of all connections");
}

function held(counts: BrokerCounts): Omit<BrokerCounts, "dropped"> {
  const { dropped: _, ...rest } = counts;
  return rest;
}

Deno.test("broker churn: 10,000 connect-subscribe-publish-close cycles end with the counts they began with", () =>
  bounded(async () => {
    await using running = await startBroker({ sysInterval: 0 });
    const before = held(running.broker.counts());
    await cycles(running, 0, 2_000); // until caches and pools have their size
    const warm = await memoryInUse();
    await cycles(running, 2_000, 8_000);
    assertEquals(held(running.broker.counts()), before);
    const after = await memoryInUse();
    assertLess(after.heap - warm.heap, 4 * 1024 * 1024);
    assertLess(after.buffers - warm.buffers, 1024 * 1024);
  }, 60_000));

Deno.test("broker churn: persistent sessions that come and go end with the counts they began with", () =>
  bounded(async () => {
    await using running = await startBroker({ sysInterval: 0 });
    const before = held(running.broker.counts());
    for (let index = 0; index < 500; index++) {
      const session = { version: 4, clientId: `p${index}`, cleanStart: false } as const;
      await using client = await RawClient.connect(running.port, session);
      await client.subscribe([`p/${index}/#`, "p/+"], { qos: 1 });
      await client.publish(`p/${index}`, "", { qos: 1 });
    }
    assertEquals(running.broker.counts().sessions, 500);
    for (let index = 0; index < 500; index++) {
      await using client = await RawClient.connect(running.port, { version: 4, clientId: `p${index}` });
      await client.disconnect();
    }
    await until(() => running.broker.counts().connections === 0, "the end of all connections");
    assertEquals(held(running.broker.counts()), before);
  }, 30_000));

Deno.test(
  "broker churn: of many who want one client id the last one has it, and nothing else is left",
  withBroker(async ({ port, broker, connect }) => {
    const watcher = await connect({ version: 4 });
    await watcher.subscribe("will", { qos: 0 });
    const count = 200;
    const rivals = await Promise.all(Array.from({ length: count }, () => RawClient.open(port, 4)));
    await Promise.all(
      rivals.map((rival, at) =>
        rival.sendConnect({
          clientId: "throne",
          cleanStart: at % 2 === 0,
          will: { topic: "will", payload: String(at) },
        })
      ),
    );
    await until(() => broker.counts().connections === 2, "one winner");
    await until(() => rivals.filter((rival) => !rival.ended).length === 1, "all others to see their end");
    const winner = rivals.find((rival) => !rival.ended);
    assert(winner !== undefined);
    await winner.expect("connack", { reasonCode: 0 });
    assertEquals((await winner.barrier()).length, 0);
    assertEquals((await watcher.publications()).length, count - 1);
    assertEquals([broker.counts().sessions, broker.counts().timers], [2, 0]);
    await Promise.all(rivals.map((rival) => rival.close()));
  }),
);

Deno.test(
  "broker churn: two clients that throw each other out in turn lose nothing that is sent to them",
  withBroker(async ({ connect, broker }) => {
    const session = { version: 4, clientId: "contested", cleanStart: false } as const;
    const first = await connect(session);
    await first.subscribe("a", { qos: 2 });
    const received = new Set<number>();
    for (let round = 0; round < 100; round++) {
      broker.publish({ topic: "a", payload: Uint8Array.of(round), qos: round % 2 === 0 ? 1 : 2 });
      const next = await connect({ ...session, autoAck: true });
      for (const packet of await next.barrier()) {
        if (packet.type === "publish") received.add(packet.payload[0] ?? -1);
      }
    }
    assertEquals(received.size, 100);
  }),
);

Deno.test("broker churn: 1,000 connections at once are all served", () =>
  bounded(async () => {
    await using running = await startBroker({ sysInterval: 0 });
    const count = 1_000;
    await using publisher = await RawClient.connect(running.port, { version: 4 });
    const clients = await Promise.all(
      Array.from({ length: count }, async (_, at) => {
        const client = await RawClient.connect(running.port, { version: at % 2 === 0 ? 4 : 5, clientId: `storm${at}` });
        await client.subscribe("storm");
        return client;
      }),
    );
    await publisher.publish("storm", "for all", { qos: 1 });
    await Promise.all(clients.map((client) => client.expect("publish", { payload: "for all" })));
    assertEquals(running.broker.counts().connections, count + 1);
    await Promise.all(clients.map((client) => client.close()));
    await until(() => running.broker.counts().connections === 1, "the end of the storm");
    assertEquals([running.broker.counts().sessions, running.broker.counts().trieNodes], [1, 0]);
  }, 40_000));

Deno.test(
  "broker churn: subscribing and unsubscribing leaves no nodes",
  withBroker(async ({ connect, broker }) => {
    const client = await connect({ version: 5 });
    for (let round = 0; round < 20; round++) {
      const filters = Array.from(
        { length: 200 },
        (_, at) => [`a/${at}/b/${round}`, `+/${at}/#`, `$share/g${at}/a/${at}`],
      );
      await client.subscribe(filters.flat());
      assertEquals(broker.counts().subscriptions, 600);
      await client.unsubscribe(filters.flat().toReversed());
      assertEquals([broker.counts().subscriptions, broker.counts().trieNodes], [0, 0]);
    }
  }),
);

Deno.test("broker churn: topics that were published on hold on to no session that has ended", () =>
  bounded(async () => {
    await using running = await startBroker({ sysInterval: 0 });
    const topics = 5_000;
    const round = async (clientId: string) => {
      await using client = await RawClient.connect(running.port, { version: 4, clientId });
      // Many filters, so that a session which stays behind is seen.
      await client.subscribe(Array.from({ length: 2_000 }, (_, at) => `${clientId}/${at}/#`));
      await client.subscribe("t/+");
      for (let at = 0; at < topics; at++) running.broker.publish({ topic: `t/${at}`, payload: "" });
      await client.barrier();
      await client.disconnect();
    };
    await round("warm");
    const before = await memoryInUse();
    for (let at = 0; at < 10; at++) await round(`session${at}`);
    const after = await memoryInUse();
    assertLess(after.heap - before.heap, 3 * 1024 * 1024);
  }, 30_000));
