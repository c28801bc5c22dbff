/** The cap on memory holds, whatever is sent. */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { Broker } from "../../broker/mod.ts";
import { startConfigured } from "../config/program.ts";
import { bounded, withBroker } from "../support/broker.ts";
import { RawClient } from "../support/raw_client.ts";

const MB = 1_000_000;
const LIMIT = 60 * MB;
/** What a broker that does nothing has in memory, and what V8 adds for a while before it looks. */
const OWN = 130 * MB;
/** Sent in each way, many times the limit. */
const SENT = 400 * MB;

/** Kilobytes of memory that the process has had at most, as Linux counts them. */
async function peakOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return 1024 * Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]);
}

const FLOODS: Readonly<Record<string, (port: number) => Promise<void>>> = {
  async "queues of clients that are away"(port) {
    for (let at = 0; at < 20; at++) {
      const properties = { sessionExpiryInterval: 600 };
      await using away = await RawClient.connect(port, { clientId: `away${at}`, properties });
      await away.subscribe("flood/#", { qos: 1 });
    }
    await flood(port, 1, () => "flood/queued");
  },
  "retained messages": (port) => flood(port, 1, (number) => `retained/${number}`, true),
  async "subscribers that stop reading"(port) {
    const stuck = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(port)));
    for (const client of stuck) {
      await client.subscribe("flood/#");
      client.pause();
    }
    await flood(port, 0, () => "flood/stuck");
    await Promise.all(stuck.map((client) => client.close()));
  },
};

async function flood(port: number, qos: 0 | 1, topicOf: (number: number) => string, retain = false): Promise<void> {
  await using publisher = await RawClient.connect(port, { autoAck: true });
  const payload = new Uint8Array(40_000).fill(7);
  for (let number = 0; number < SENT / payload.length; number++) {
    const packet = { type: "publish", topic: topicOf(number), payload, qos, retain, dup: false } as const;
    await publisher.send(qos === 0 ? packet : { ...packet, packetId: 1 + number % 10 });
    if (qos === 1) await publisher.expect("puback");
  }
  await publisher.barrier();
}

Deno.test({
  name: "memory_limit: a flood of each kind leaves the broker within its cap, and others are served",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    bounded(async () => {
      const lines = [
        "listener {port} 127.0.0.1",
        "allow_anonymous true",
        `memory_limit ${LIMIT}`,
        "max_queued_messages 1000000",
        "max_queued_bytes 1000000000",
      ];
      for (const [name, run] of Object.entries(FLOODS)) {
        await using configured = await startConfigured(lines);
        await using witness = await RawClient.connect(configured.port, { clientId: "witness" });
        await run(configured.port);
        const peak = await peakOf(configured.process.pid);
        assertLess(peak, LIMIT + OWN, `${name}: ${Math.round(peak / MB)} MB`);
        assertEquals(await witness.barrier(), []);
      }
    }, 60_000),
});

Deno.test("memory_limit: garbage does not count", async () => {
  let [used, collections] = [200, 0];
  const heapUsed = () => used;
  const collectGarbage = () => {
    collections++;
    used = 50;
  };
  await using broker = new Broker({ sysInterval: 0, memoryLimit: 100, heapUsed, collectGarbage });
  assertEquals([collections, broker.counts().dropped.memoryFull], [1, 0]);
});

Deno.test(
  "memory_limit: what comes in is looked at by its bytes, not by the clock alone",
  () => {
    let used = 0;
    const options = { memoryLimit: 100 * MB, heapUsed: () => used };
    return withBroker(options, async ({ connect, broker }) => {
      const publisher = await connect();
      used = 200 * MB;
      const payload = new Uint8Array(MB);
      // The clock stands still.
      for (let number = 0; number < 30; number++) await publisher.publish("t", payload, { qos: 0 });
      await publisher.barrier();
      const { memoryFull } = broker.counts().dropped;
      assertGreater(memoryFull, 10);
      assert(memoryFull < 30, "it looks now and then, not at each message");
    })();
  },
);
