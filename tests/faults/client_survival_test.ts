/** Our client where nothing can be relied on: every call comes to its end, and nothing piles up. */

import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { type Client, connect, type ConnectInit } from "../../client/mod.ts";
import { memoryInUse } from "../broker/memory.ts";
import { bounded, startBroker, until } from "../support/broker.ts";
import { type ConnectionFaults, type Fault, startProxy } from "../support/proxy.ts";
import { random } from "../support/random.ts";
import { RawClient } from "../support/raw_client.ts";
import { fastClock } from "./fast_clock.ts";

const WATCHDOG = 60_000;
/** Seconds of the client's time in one of the wall's. */
const SPEED = 10;

function options(init: ConnectInit = {}): ConnectInit {
  return {
    clock: fastClock(SPEED),
    keepAlive: 1,
    pingTimeout: 2_000,
    connectTimeout: 5_000,
    reconnect: { initial: true, minimumDelay: 10, maximumDelay: 100 },
    ...init,
  };
}

/** A test with a broker and a proxy in front of it. */
function withProxy(
  faults: (index: number) => ConnectionFaults,
  body: (url: string, proxy: ReturnType<typeof startProxy>, direct: number) => Promise<void>,
): () => Promise<void> {
  return () =>
    bounded(async () => {
      await using running = await startBroker({ sysInterval: 0 });
      await using proxy = startProxy(running.port, { faults });
      await body(`mqtt://127.0.0.1:${proxy.port}`, proxy, running.port);
    }, WATCHDOG);
}

/** Rounds with a client each; connections of each that are garbled. */
const GARBLED = { rounds: 40, connections: 4 };

function garbled(seed: number): () => ConnectionFaults {
  const next = random(seed);
  const garble = (): Fault => ({ kind: "corrupt", at: Math.floor(next() * 200), mask: 1 + Math.floor(next() * 255) });
  return () => next() < 0.5 ? { up: [garble(), garble()] } : { down: [garble(), garble()] };
}

/** Each way to call a client; all of them settle, one way or the other, with the connections that there will be. */
async function callAll(client: Client): Promise<void> {
  const subscription = client.subscribe("a/#", { qos: 2 });
  const calls: Promise<unknown>[] = [subscription.ready, client.ready, client.stored];
  for (let at = 0; at < 10; at++) {
    for (const qos of [0, 1, 2] as const) calls.push(client.publish(`a/${qos}`, `${at}`, { qos }));
  }
  calls.push(client.request("a/nobody", "?", { timeout: 1_000 }));
  await Promise.allSettled(calls);
  await subscription.return();
}

Deno.test("client: garbled bytes end at most their connection: every call comes to its end", () =>
  bounded(async () => {
    await using running = await startBroker({ sysInterval: 0 });
    let ended = 0;
    for (let round = 0; round < GARBLED.rounds; round++) {
      const faults = garbled(round);
      await using proxy = startProxy(running.port, {
        faults: (index) => index < GARBLED.connections ? faults() : {},
      });
      const init = options({ protocolVersion: round % 2 === 0 ? 5 : 4, clientId: `garbled${round}` });
      // A garbled CONNACK may say that trying again is no use.
      const client = await connect(`mqtt://127.0.0.1:${proxy.port}`, init).catch(() => undefined);
      if (client === undefined) continue;
      client.addEventListener("disconnect", () => ended++);
      // What a garbled acknowledgement was for is sent again on the next connection, and at no other time.
      const cutting = setInterval(() => proxy.cut(), 300);
      await callAll(client);
      clearInterval(cutting);
      await client.close();
      assertEquals(client.pending, { messages: 0, bytes: 0 });
    }
    assert(ended > 10, `some garbled connections end, ${ended} did`);
    await using witness = await RawClient.connect(running.port);
    assertEquals(await witness.barrier(), []);
  }, WATCHDOG));

const SILENT: Readonly<Record<string, ConnectionFaults>> = {
  "takes nothing": { up: [{ kind: "stall", after: 0 }] },
  "says nothing": { down: [{ kind: "stall", after: 0 }] },
};

for (const [what, faults] of Object.entries(SILENT)) {
  Deno.test(
    `client: connecting to a server that ${what} ends in time`,
    withProxy(() => faults, async (url, proxy) => {
      const init = options({ reconnect: false });
      await assertRejects(() => connect(url, init), DOMException, "it must take at most 5000 ms");
      const reason = new Error("enough");
      const controller = new AbortController();
      const connecting = connect(url, { ...options(), signal: controller.signal });
      await until(() => proxy.accepted >= 2, "the second connection");
      controller.abort(reason);
      assertEquals(await connecting.catch((error) => error), reason);
    }),
  );
}

Deno.test(
  "client: every call comes to its end when the network falls silent",
  withProxy(() => ({}), async (url, proxy) => {
    const client = await connect(url, options({ reconnect: false }));
    const subscription = client.subscribe("a");
    await subscription.ready;
    const message = subscription.next();
    proxy.stall();
    const calls = [
      client.publish("a", "1", { qos: 1 }),
      client.publish("a", "2", { qos: 2 }),
      client.subscribe("b").ready,
      client.request("c", "?", { timeout: 1_000 }),
      message,
    ];
    const results = await Promise.allSettled(calls);
    assertEquals(results.map(({ status }) => status), calls.map(() => "rejected"));
    await client.closed;
  }),
);

for (const force of [false, true]) {
  Deno.test(
    `client: close() ends when the network is silent, force ${force}`,
    withProxy(() => ({}), async (url, proxy) => {
      const client = await connect(url, options({ keepAlive: 0 }));
      proxy.stall();
      const open = assertRejects(() => client.publish("a", new Uint8Array(1_000_000), { qos: 1 }));
      await client.close({ force, timeout: 1_000 });
      await open;
      assertEquals(client.state.kind, "closed");
    }),
  );
}

/** Connections until what is measured has settled, and those after which it must not have grown. */
const RECONNECTS = { before: 1_000, more: 1_000 };
/** Bytes: measured are 20 a reconnect, and at times 150,000 at once for code that V8 has compiled anew. */
const GROWTH = 400_000;

function openFiles(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

Deno.test(
  "client: nothing grows over 1,000 reconnects",
  { ignore: Deno.build.os !== "linux" },
  () =>
    bounded(async () => {
      await using running = await startBroker({ sysInterval: 0 });
      await using proxy = startProxy(running.port);
      const init = options({ reconnect: { minimumDelay: 1, maximumDelay: 1 } });
      await using client = await connect(`mqtt://127.0.0.1:${proxy.port}`, init);
      const subscription = client.subscribe("a/+", { qos: 2 });
      await subscription.ready;
      let taken = 0;
      const taking = (async () => {
        for await (const _ of subscription) taken++;
      })();
      let published = 0;
      const reconnect = async () => {
        const connected = new Promise((resolve) => client.addEventListener("connect", resolve, { once: true }));
        const results = [0, 1, 2].map((at) => client.publish(`a/${at}`, "", { qos: at === 0 ? 1 : 2 }));
        proxy.cut();
        await connected;
        published += (await Promise.all(results)).length;
      };
      for (let at = 0; at < RECONNECTS.before; at++) await reconnect();
      const before = { memory: await memoryInUse(), files: openFiles() };
      for (let at = 0; at < RECONNECTS.more; at++) await reconnect();
      await until(() => taken >= published, "all messages");
      const after = { memory: await memoryInUse(), files: openFiles() };
      assertLess(after.memory.heap - before.memory.heap, GROWTH);
      assertLess(after.memory.buffers - before.memory.buffers, GROWTH);
      assert(after.files <= before.files, `${before.files} open files before, ${after.files} after`);
      assertEquals(client.pending, { messages: 0, bytes: 0 });
      assertEquals(proxy.open, 1);
      await subscription.return();
      await taking;
    }, WATCHDOG),
);
