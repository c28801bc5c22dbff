/** A few bytes that ask for a great deal of work: others have their turn before it is done. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { accessControl, type AccessRules, Broker, type BrokerOptions } from "../../broker/mod.ts";
import { encodePacket } from "../../codec/encode.ts";
import type { Packet } from "../../codec/packets.ts";
import { ManualClock, memoryTransportPair } from "../../engine/mod.ts";
import { bounded, until } from "../support/broker.ts";
import { RawClient } from "../support/raw_client.ts";
import { concatBytes, publishPacket } from "../support/raw_packets.ts";

const PATIENCE = 10_000;

/** Counts the turns of the event loop. */
class Turns implements AsyncDisposable {
  count = 0;
  #isOver = false;
  readonly #ended: Promise<void>;

  constructor() {
    this.#ended = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      this.count++;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#ended;
  }
}

interface EffortTest {
  readonly broker: Broker;
  connect(): Promise<RawClient>;
  /** In how many turns something was noted. */
  turns(): number;
}

/** A broker whose connections hand over all that is sent in one piece. */
function withTurns(options: (note: () => void) => BrokerOptions, body: (test: EffortTest) => Promise<void>) {
  return () =>
    bounded(async () => {
      await using turns = new Turns();
      const noted = new Set<number>();
      await using broker = new Broker({ sysInterval: 0, ...options(() => noted.add(turns.count)) });
      await using clients = new AsyncDisposableStack();
      const connect = async () => {
        const [near, far] = memoryTransportPair({ highWaterMark: 1_048_576, maximumChunkSize: 1_048_576 });
        void broker.serve(far);
        return clients.use(await RawClient.connect(near));
      };
      await body({ broker, connect, turns: () => noted.size });
      await clients.disposeAsync();
      await until(() => broker.counts().subscriptions === 0, "the end of all subscriptions");
    }, 30_000);
}

function send(client: RawClient, packets: readonly Packet[]): Promise<void> {
  return client.sendBytes(concatBytes(...packets.map((packet) => encodePacket(packet, 5))));
}

/** Rules that let everybody read everything. */
const SILENT = { maySubscribe: () => true, mayReceive: () => true, onChange: () => () => {} };

function clientIdsOf({ inspection }: Broker): string[] {
  return [...inspection.sessions()].map(({ clientId }) => clientId);
}

function countingPublishes(note: () => void): BrokerOptions {
  return {
    authorizePublish() {
      note();
      return true;
    },
  };
}

Deno.test(
  "broker effort: messages about which many access rules have to be asked let others have their turn",
  withTurns((note) => {
    const { access } = accessControl("pattern write devices/%c/+/set\n".repeat(2_000) + "topic write known/#\n");
    const mayPublish = (...[client, topic]: Parameters<AccessRules["mayPublish"]>) => {
      note();
      return access.mayPublish(client, topic);
    };
    // The rules do not change here.
    return { access: { ...SILENT, mayPublish } };
  }, async ({ connect, turns }) => {
    const client = await connect();
    await send(client, Array.from({ length: 4_000 }, (_, at) => publishPacket(`${at}`, "")));
    await client.barrier();
    assertGreater(turns(), 1);
  }),
);

Deno.test(
  "broker effort: messages whose many subscriptions have to be found again and again let others have their turn",
  withTurns(countingPublishes, async ({ connect, turns }) => {
    const levels = 12;
    const client = await connect();
    // All filters of so many levels that are "a" or "+".
    const filters = Array.from(
      { length: 2 ** levels },
      (_, i) => Array.from({ length: levels }, (_, level) => (i >> level) & 1 ? "a" : "+").join("/"),
    );
    await client.subscribe(filters);
    const round: Packet[] = [
      { type: "unsubscribe", packetId: 9, filters: ["b"] },
      { type: "subscribe", packetId: 10, subscriptions: [{ filter: "b", qos: 0 }] },
      publishPacket(Array(levels).fill("a").join("/"), ""),
    ];
    await send(client, [...Array.from({ length: 50 }, () => round).flat(), { type: "pingreq" }]);
    await client.take("pingresp", undefined, PATIENCE);
    assertGreater(turns(), 3);
  }),
);

Deno.test(
  "broker effort: filters that all retained messages have to be compared with let others have their turn",
  withTurns((note) => ({ log: { debug: false, subscriptions: true, write: note } }), async (test) => {
    const { broker, connect, turns } = test;
    const client = await connect();
    for (let i = 0; i < 5_000; i++) broker.publish({ topic: `a/${i}/b`, payload: "x", retain: true });
    const before = turns();
    const subscriptions = Array.from({ length: 400 }, (_, i) => ({ filter: `+/+/c${i}`, qos: 0 as const }));
    await send(client, [{ type: "subscribe", packetId: 1, subscriptions }, publishPacket("a/b/c399", "heard")]);
    // All of them hold, in order.
    await client.expect("suback", { reasonCodes: Array(400).fill(0) }, PATIENCE);
    await client.expect("publish", { payload: "heard" });
    assertGreater(turns() - before, 3);
  }),
);

Deno.test(
  "broker effort: a burst of messages to many receivers lets others have their turn, and none gets lost",
  withTurns(countingPublishes, async ({ connect, turns }) => {
    const receivers = await Promise.all(Array.from({ length: 200 }, connect));
    await Promise.all(receivers.map((receiver) => receiver.subscribe("a")));
    // One of them shows what all get: reading is more work than sending.
    for (const receiver of receivers.slice(0, -1)) receiver.pause();
    const client = await connect();
    const count = 4_000;
    await send(client, Array.from({ length: count }, (_, i) => publishPacket("a", String(i))));
    const last = receivers.at(-1) ?? client;
    const messages = await last.expectMany("publish", count);
    const numbers = messages.map(({ payload }) => Number(new TextDecoder().decode(payload)));
    assertEquals(numbers, Array.from({ length: count }, (_, i) => i));
    for (const receiver of receivers) receiver.resume();
    assertGreater(turns(), 2);
  }),
);

Deno.test(
  "broker effort: large retained messages that go out let others have their turn",
  withTurns(() => ({}), async ({ broker, connect }) => {
    const count = 600;
    const payload = new Uint8Array(100_000);
    for (let i = 0; i < count; i++) broker.publish({ topic: `large/${i}`, payload, retain: true });
    const client = await connect();
    await using turns = new Turns();
    await client.send({ type: "subscribe", packetId: 1, subscriptions: [{ filter: "large/#", qos: 0 }] });
    await client.expect("suback");
    await client.expectMany("publish", count);
    assertGreater(turns.count, 5);
  }),
);

Deno.test(
  "broker effort: an UNSUBSCRIBE with a great many filters lets others have their turn",
  withTurns(() => ({ maxFiltersPerPacket: 200_000 }), async ({ broker, connect }) => {
    const client = await connect();
    const filters = Array.from({ length: 100_000 }, (_, i) => `${i}`);
    await client.subscribe(filters);
    assertEquals(broker.counts().subscriptions, filters.length);
    await using turns = new Turns();
    await client.send({ type: "unsubscribe", packetId: 2, filters: [...filters, "other"] });
    await client.expect("unsuback", { reasonCodes: [...filters.map(() => 0), 0x11] }, PATIENCE);
    assertEquals(broker.counts().subscriptions, 0);
    assertGreater(turns.count, 5);
  }),
);

Deno.test(
  "broker effort: many sessions that end at once let others have their turn",
  withTurns(() => ({}), async ({ broker, connect }) => {
    const clients = await Promise.all(Array.from({ length: 100 }, connect));
    const filters = Array.from({ length: 1_000 }, (_, i) => `${i}/a`);
    for (const client of clients) await client.subscribe(filters);
    for (const clientId of clientIdsOf(broker)) broker.endSession(clientId);
    await using turns = new Turns();
    await until(() => broker.counts().subscriptions === 0, "the end of all subscriptions");
    assertGreater(turns.count, 5);
  }),
);

Deno.test(
  "broker effort: a publisher whose bytes are always there lets others have their turn",
  withTurns(() => ({}), async ({ connect }) => {
    const client = await connect();
    await using turns = new Turns();
    const burst = concatBytes(...Array.from({ length: 20_000 }, () => encodePacket(publishPacket("nobody", "x"), 5)));
    for (let i = 0; i < 100; i++) void client.sendBytes(burst);
    await client.send({ type: "pingreq" });
    await client.take("pingresp", undefined, PATIENCE);
    assertGreater(turns.count, 5);
  }),
);

Deno.test(
  "broker effort: a client that does nothing but ping lets others have their turn",
  withTurns(() => ({}), async ({ connect }) => {
    const client = await connect();
    await using turns = new Turns();
    const count = 500_000;
    const pings = new Uint8Array(2 * count);
    for (let i = 0; i < pings.length; i += 2) pings[i] = 0xc0;
    await client.sendBytes(pings);
    await client.send(publishPacket("a", ""));
    await client.send({ type: "subscribe", packetId: 1, subscriptions: [{ filter: "a", qos: 0 }] });
    await client.take("suback", undefined, PATIENCE);
    assertGreater(turns.count, 20);
  }),
);

Deno.test(
  "broker effort: many who ask for a great deal have no more of a turn together than one of them",
  withTurns(countingPublishes, async ({ connect, turns }) => {
    const levels = 12;
    const clients = await Promise.all(Array.from({ length: 8 }, connect));
    const filters = Array.from(
      { length: 2 ** levels },
      (_, i) => Array.from({ length: levels }, (_, level) => (i >> level) & 1 ? "a" : "+").join("/"),
    );
    await clients[0]?.subscribe(filters);
    await Promise.all(clients.map(async (client, number) => {
      // Each topic has to be looked up.
      const topics = Array.from({ length: 60 }, (_, i) => `${"a/".repeat(levels - 1)}${number}-${i}`);
      await send(client, [...topics.map((topic) => publishPacket(topic, "")), { type: "pingreq" }]);
      await client.take("pingresp", undefined, PATIENCE);
    }));
    assertGreater(turns(), 14);
  }),
);

Deno.test("broker effort: while others have their turn, keep alive stands still [MQTT-3.1.2-22]", () =>
  bounded(async () => {
    const clock = new ManualClock();
    let isLate = false;
    const authorizePublish = (_: unknown, { topic }: { topic: string }) => {
      if (topic !== "last") return true;
      for (const end = performance.now() + 10; performance.now() < end;);
      // Once the chunk is handled.
      queueMicrotask(() => {
        isLate = true;
        clock.advance(2_000);
      });
      return true;
    };
    await using broker = new Broker({ sysInterval: 0, clock, authorizePublish });
    const [near, far] = memoryTransportPair({ highWaterMark: 1_048_576, maximumChunkSize: 1_048_576 });
    void broker.serve(far);
    await using client = await RawClient.connect(near, { keepAlive: 1 });
    const burst = Array.from({ length: 20_000 }, () => encodePacket(publishPacket("nobody", "x"), 5));
    const last = encodePacket(publishPacket("last", "x"), 5);
    // The first one begins it, the second one ends in a rest.
    void client.sendBytes(concatBytes(...burst));
    await client.sendBytes(concatBytes(...burst, last));
    await client.send({ type: "pingreq" });
    await client.expect("pingresp");
    assert(isLate);
  }, 30_000));
