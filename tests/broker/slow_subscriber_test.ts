/** A subscriber that stops reading: bounded in bytes and in messages, and nobody else notices. */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { Broker } from "../../broker/mod.ts";
import { encodePacket } from "../../codec/encode.ts";
import { memoryTransportPair } from "../../engine/memory_transport.ts";
import { bounded, startBroker, withBroker } from "../support/broker.ts";
import { RawClient } from "../support/raw_client.ts";
import { connectPacket, publishPacket, toText } from "../support/raw_packets.ts";
import { memoryInUse } from "./memory.ts";

const KIB = 1024;

/** More than the sockets of both ends and the proxy-less path between them can hold. */
const FLOOD = 24 * KIB * KIB;

Deno.test(
  "broker slow subscriber: QoS 0 beyond maxOutputBytes is dropped and counted, others get everything",
  withBroker({ maxOutputBytes: 256 * KIB }, async ({ connect, broker }) => {
    const stuck = await connect({ clientId: "stuck" });
    await stuck.subscribe("flood");
    stuck.pause();
    const healthy = await connect({ clientId: "healthy" });
    await healthy.subscribe("flood");
    const publisher = await connect();
    const payload = new Uint8Array(8 * KIB);
    const count = FLOOD / payload.length;
    for (let at = 0; at < count; at++) {
      new DataView(payload.buffer).setUint32(0, at);
      await publisher.publish("flood", payload.slice(), { qos: 0 });
      if (at % 16 === 15) {
        const received = await healthy.expectMany("publish", 16);
        const last = received.at(-1)?.payload ?? new Uint8Array(4);
        assertEquals(new DataView(last.buffer, last.byteOffset).getUint32(0), at);
      }
    }
    const dropped = broker.counts().dropped.outputFull;
    assertGreater(dropped, 0);
    assertLess(dropped, count);
    stuck.resume();
    const packets = await stuck.publications();
    assertEquals(packets.length + dropped, count);
    // What came is in order, and the subscriber is as good as new.
    const numbers = packets.map(({ payload }) => new DataView(payload.buffer, payload.byteOffset).getUint32(0));
    assertEquals(numbers, numbers.toSorted((a, b) => a - b));
    await publisher.publish("flood", "after");
    await publisher.barrier();
    assertEquals((await stuck.publications()).map(({ payload }) => toText(payload)), ["after"]);
  }),
);

Deno.test(
  "broker slow subscriber: QoS 1 waits up to maxQueuedMessages, the rest is dropped and counted",
  withBroker({ maxQueuedMessages: 100, maxInflightMessages: 10 }, async ({ connect, broker }) => {
    const stuck = await connect({ version: 4 });
    await stuck.subscribe("flood", { qos: 1 });
    const healthy = await connect({ version: 4, autoAck: true });
    await healthy.subscribe("flood", { qos: 1 });
    const publisher = await connect({ version: 4 });
    const count = 500;
    for (let at = 0; at < count; at++) {
      await publisher.publish("flood", String(at), { qos: 1 });
      assertEquals(toText((await healthy.expect("publish")).payload), String(at));
    }
    assertEquals(broker.counts().dropped.queueFull, count - 110);
    // It does not acknowledge: ten are in flight, a hundred wait.
    let received = 0;
    for (let packets = await stuck.publications(); packets.length > 0; packets = await stuck.publications()) {
      for (const { packetId = 0, payload } of packets) {
        assertEquals(toText(payload), String(received++));
        await stuck.send({ type: "puback", packetId, reasonCode: 0 });
      }
    }
    assertEquals(received, 110);
  }),
);

Deno.test(
  "broker slow subscriber: large QoS 1 messages wait up to maxQueuedBytes",
  withBroker({ maxQueuedBytes: 1024 * KIB, maxInflightMessages: 5 }, async ({ connect, broker }) => {
    const stuck = await connect({ version: 4 });
    await stuck.subscribe("flood", { qos: 1 });
    stuck.pause();
    const payload = new Uint8Array(64 * KIB);
    for (let at = 0; at < 100; at++) broker.publish({ topic: "flood", payload, qos: 1 });
    const kept = 100 - broker.counts().dropped.queueFull;
    // 16 wait, at most 5 are in flight.
    assert(kept >= 16 && kept <= 21, `${kept} of 100 were kept`);
    stuck.resume();
    let received = 0;
    for (let packets = await stuck.publications(); packets.length > 0; packets = await stuck.publications()) {
      received += packets.length;
      for (const { packetId = 0 } of packets) await stuck.send({ type: "puback", packetId, reasonCode: 0 });
    }
    assertEquals(received, kept);
  }),
);

Deno.test(
  "broker slow subscriber: many retained messages are sent as they are taken, not all at once",
  withBroker({ maxOutputBytes: 256 * KIB }, async ({ connect, broker }) => {
    const payload = new Uint8Array(32 * KIB);
    const count = 400;
    for (let at = 0; at < count; at++) broker.publish({ topic: `r/${at}`, payload, retain: true, qos: 0 });
    const client = await connect({ version: 4 });
    client.pause();
    await client.send({ type: "subscribe", packetId: 1, subscriptions: [{ filter: "r/#", qos: 0 }] });
    const other = await connect({ version: 4 });
    await other.subscribe("x");
    for (let at = 0; at < 20; at++) {
      broker.publish({ topic: "x", payload: String(at) });
      await other.expect("publish", { payload: String(at) });
    }
    client.resume();
    await client.expect("suback");
    const topics = new Set((await client.expectMany("publish", count)).map(({ topic }) => topic));
    assertEquals(topics.size, count);
    assertEquals(broker.counts().dropped.outputFull, 0);
  }),
);

Deno.test("broker slow subscriber: who asks and does not take the answers is not listened to meanwhile", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0, maxOutputBytes: 64 * KIB });
    const [ours, theirs] = memoryTransportPair({ highWaterMark: 16 * KIB });
    const served = broker.serve(theirs);
    const writer = ours.writable.getWriter();
    const reader = ours.readable.getReader();
    await writer.write(encodePacket(connectPacket({ version: 4 }), 4));
    await reader.read(); // CONNACK
    const chunk = new Uint8Array(16 * KIB).map((_, at) => at % 2 === 0 ? 0xc0 : 0); // 8,192 PINGREQ
    const chunks = 64;
    let taken = 0;
    const flood = (async () => {
      for (; taken < chunks; taken++) await writer.write(chunk);
    })();
    for (let still = 0, last = -1; still < 20; still = taken === last ? still + 1 : 0) {
      last = taken;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    // 64 KiB of answers and what the connection holds, of 1 MiB.
    assertLess(taken, 16);
    let answered = 0;
    while (answered < chunks * chunk.length) answered += (await reader.read()).value?.length ?? Infinity;
    assertEquals(answered, chunks * chunk.length);
    await flood;
    await writer.close();
    await reader.cancel();
    await served;
  }));

Deno.test(
  "broker slow subscriber: it is thrown out by keep alive, and its bytes are free again",
  withBroker({ maxOutputBytes: 256 * KIB }, async ({ connect, broker, clock }) => {
    const stuck = await connect({ keepAlive: 10, properties: { sessionExpiryInterval: 0 } });
    await stuck.subscribe("flood");
    stuck.pause();
    const other = await connect();
    const payload = new Uint8Array(256 * KIB);
    for (let at = 0; at < 64; at++) broker.publish({ topic: "flood", payload });
    await other.barrier();
    assertGreater(broker.counts().dropped.outputFull, 0);
    clock.advance(15_100);
    // It takes nothing, not even the goodbye: after a short grace the connection is cut.
    for (let waited = 0; broker.counts().connections > 1 && waited < 50; waited++) {
      clock.advance(1_000);
      await other.barrier();
    }
    assertEquals(broker.counts().connections, 1);
    assertEquals([broker.counts().sessions, broker.counts().subscriptions], [1, 0]);
    const before = broker.counts().dropped.outputFull;
    broker.publish({ topic: "flood", payload });
    assertEquals(broker.counts().dropped.outputFull, before);
  }),
);

Deno.test("broker slow subscriber: one stuck among twenty costs memory within its bounds", () =>
  bounded(async () => {
    await using running = await startBroker({ sysInterval: 0, maxOutputBytes: 1024 * KIB });
    const clients: RawClient[] = [];
    for (let at = 0; at < 20; at++) clients.push(await RawClient.connect(running.port, { version: 4 }));
    const [stuck, ...others] = clients;
    assert(stuck !== undefined);
    for (const client of clients) await client.subscribe("flood");
    stuck.pause();
    await using publisher = await RawClient.connect(running.port, { version: 4 });
    const payload = new Uint8Array(32 * KIB);
    const before = await memoryInUse();
    for (let round = 0; round < 50; round++) {
      await publisher.send(...Array.from({ length: 16 }, () => publishPacket("flood", payload)));
      await Promise.all(others.map((client) => client.expectMany("publish", 16)));
    }
    const after = await memoryInUse();
    assertGreater(running.broker.counts().dropped.outputFull, 0);
    // 25 MiB were published to each. Kept for the stuck one are its output buffer and a few chunks.
    assertLess(after.buffers - before.buffers, 12 * KIB * KIB);
    await Promise.all(clients.map((client) => client.close()));
  }, 30_000));
