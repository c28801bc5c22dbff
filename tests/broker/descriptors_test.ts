/** The broker gives every file descriptor back, however a connection ends. @module */

import { encodePacket } from "../../codec/mod.ts";
import { PersistentClient } from "../faults/persistent_client.ts";
import { until } from "../support/broker.ts";
import { startBrokerProcess } from "../support/process.ts";
import { type ConnectionFaults, startProxy } from "../support/proxy.ts";
import { random } from "../support/random.ts";
import { RawClient } from "../support/raw_client.ts";

const COUNT = 50;
const MESSAGES = 1_000;

function openSockets(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return [...Deno.readDirSync(folder)].filter(({ name }) => isSocket(`${folder}/${name}`)).length;
}

function isSocket(link: string): boolean {
  try {
    return Deno.readLinkSync(link).startsWith("socket:");
  } catch (error) {
    // Closed since the folder was listed.
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Each way to end a connection, from opening it on. */
const ENDINGS: Readonly<Record<string, (port: number) => Promise<void>>> = {
  "DISCONNECT": async (port) => {
    await using _client = await RawClient.connect(port);
  },
  "silence": async (port) => {
    using _connection = await Deno.connect({ hostname: "127.0.0.1", port });
  },
  "a malformed packet, which the broker closes the connection for": async (port) => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0xff, 0xff));
    await connection.read(new Uint8Array(10));
  },
  "a half-close by the client": async (port) => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const packet = { type: "connect", protocolVersion: 4, clientId: "", cleanStart: true, keepAlive: 0 } as const;
    await connection.write(encodePacket(packet, 4));
    await connection.read(new Uint8Array(10));
    await connection.closeWrite();
    while (await connection.read(new Uint8Array(10)) !== null);
  },
};

/** Exchanges of QoS 2 through proxies that cut each connection within 200 bytes, mid-write more often than not. */
async function exchangeOverCuts(port: number): Promise<void> {
  await using above = startProxy(port, { faults: cuts(1) });
  await using below = startProxy(port, { faults: cuts(2) });
  const publisher = new PersistentClient({ port: above.port, clientId: "publisher", versions: [4] });
  const subscriber = new PersistentClient({ port: below.port, clientId: "subscriber", versions: [4] });
  await subscriber.subscribe(port, "a", 2);
  for (let index = 0; index < MESSAGES; index++) publisher.publish("a", String(index), 2);
  await Promise.all([
    publisher.runUntil(() => publisher.unfinished === 0),
    subscriber.runUntil(() => subscriber.isIdle && subscriber.received.length === MESSAGES),
  ]);
}

function cuts(seed: number): () => ConnectionFaults {
  const next = random(seed);
  return () => {
    const fault = { kind: "cut", after: Math.floor(next() * 200) } as const;
    return next() < 0.5 ? { up: [fault] } : { down: [fault] };
  };
}

for (const [how, end] of Object.entries(ENDINGS)) {
  testDescriptors(how, async (port) => {
    for (let index = 0; index < COUNT; index++) await end(port);
  });
}

testDescriptors("cuts at any byte", exchangeOverCuts);

function testDescriptors(how: string, useConnections: (port: number) => Promise<void>): void {
  Deno.test({
    name: `broker: no file descriptor stays behind after ${how}`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      await using broker = await startBrokerProcess();
      // The first connection opens some for the runtime itself.
      await RawClient.connect(broker.port).then((client) => client[Symbol.asyncDispose]());
      const before = openSockets(broker.process.pid);
      await useConnections(broker.port);
      await until(() => openSockets(broker.process.pid) <= before, `${before} open sockets, as in the beginning`);
    },
  });
}
