/** What waits for a client as its listener says: which messages give way, and for how long they wait. */

import { assertEquals } from "@std/assert";
import { Broker, type BrokerOptions, type ListenerPolicy, MemoryStore } from "../../broker/mod.ts";
import { ManualClock } from "../../engine/manual_clock.ts";
import { memoryTransportPair } from "../../engine/memory_transport.ts";
import { bounded, withBroker } from "../support/broker.ts";
import { RawClient } from "../support/raw_client.ts";

const LASTING = { clientId: "c", cleanStart: false, properties: { sessionExpiryInterval: 0xffff_ffff } };

/** Connects a client with such a policy. */
async function connectWith(broker: Broker, policy: ListenerPolicy): Promise<RawClient> {
  const [mine, theirs] = memoryTransportPair();
  void broker.serve(theirs, policy);
  return await RawClient.connect(mine, LASTING);
}

/** What comes to the client until so many messages are there. */
async function payloads(client: RawClient, count: number): Promise<number[]> {
  const found: number[] = [];
  while (found.length < count) {
    const { payload, packetId = 0 } = await client.expect("publish");
    found.push(Number(new TextDecoder().decode(payload)));
    await client.send({ type: "puback", packetId, reasonCode: 0 });
  }
  await client.expectNothing();
  return found;
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

function publish(broker: Broker, from: number, to: number, expiry?: number): void {
  const properties = expiry === undefined ? undefined : { messageExpiryInterval: expiry };
  for (const number of numbers(from, to)) broker.publish({ topic: "t", payload: String(number), qos: 1, properties });
}

for (const isStored of [false, true]) {
  const where = isStored ? "in a store" : "in memory";
  const optionsOf = (store: MemoryStore): BrokerOptions => ({ sysInterval: 0, ...isStored ? { store } : {} });

  Deno.test(`broker queue: with drop-oldest the newest messages wait, ${where}`, () =>
    bounded(async () => {
      const store = new MemoryStore();
      const policy: ListenerPolicy = { maxQueuedMessages: 600, queueOverflow: "drop-oldest" };
      await using broker = new Broker(optionsOf(store));
      {
        await using client = await connectWith(broker, policy);
        await client.subscribe("t", { qos: 1 });
      }
      publish(broker, 0, 2_000);
      const { queued, dropped } = broker.inspection.session("c") ?? {};
      assertEquals([queued, dropped, broker.counts().dropped.queueFull], [600, 1_400, 1_400]);
      await using client = await connectWith(broker, policy);
      assertEquals(await payloads(client, 600), numbers(1_400, 2_000));
      assertEquals(broker.inspection.session("c")?.queuedBytes, 0);
      await client.close();
      // What is dropped while others wait in the store is not there after a restart either.
      publish(broker, 0, 1_000);
      if (!isStored) return;
      await broker.close();
      await using second = new Broker(optionsOf(store));
      assertEquals(second.inspection.session("c")?.queued, 600);
      await using again = await connectWith(second, policy);
      assertEquals(await payloads(again, 600), numbers(400, 1_000));
    }));

  Deno.test(`broker queue: a message waits for so long at most, ${where}`, () =>
    bounded(async () => {
      const clock = new ManualClock();
      const policy: ListenerPolicy = { maxQueuedAge: 60 };
      await using broker = new Broker({ ...optionsOf(new MemoryStore()), clock });
      {
        await using client = await connectWith(broker, policy);
        await client.subscribe("t", { qos: 1 });
      }
      publish(broker, 0, 3);
      publish(broker, 3, 4, 30);
      clock.advance(40_000);
      publish(broker, 4, 5);
      publish(broker, 5, 6, 3_600);
      clock.advance(30_000);
      // The oldest go when another one comes; the one that expires by itself has gone before them.
      publish(broker, 6, 7);
      assertEquals(broker.inspection.session("c")?.dropped, 4);
      await using client = await connectWith(broker, policy);
      assertEquals(await payloads(client, 3), [4, 5, 6]);
      assertEquals([broker.inspection.session("c")?.dropped, broker.counts().dropped.expired], [4, 4]);
    }));
}

Deno.test("broker queue: a listener's own bounds, and QoS 0 for those who are away", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0, maxQueuedMessages: 5 });
    const policy: ListenerPolicy = { maxQueuedMessages: 2, queueQoS0Messages: true, maxInflightMessages: 1 };
    {
      await using client = await connectWith(broker, policy);
      await client.subscribe("t", { qos: 1 });
    }
    broker.publish({ topic: "t", payload: "1" });
    publish(broker, 2, 5);
    assertEquals(broker.inspection.session("c")?.queued, 2);
    await using client = await connectWith(broker, policy);
    assertEquals((await client.expect("publish")).qos, 0);
    assertEquals((await client.expect("publish")).qos, 1);
  }));

Deno.test(
  "broker queue: a share group whose members are all away gives nothing to a full queue while another one has room",
  withBroker({ maxQueuedMessages: 2 }, async ({ broker, connect }) => {
    const properties = { sessionExpiryInterval: 100 };
    for (const clientId of ["full", "free"]) {
      const member = await connect({ clientId, properties });
      await member.subscribe([clientId, "$share/g/t"], { qos: 1 });
      await member.disconnect();
    }
    for (const topic of ["full", "full", "t", "t"]) broker.publish({ topic, payload: "", qos: 1 });
    assertEquals(broker.counts().dropped.queueFull, 0);
    const free = await connect({ clientId: "free", cleanStart: false, properties });
    assertEquals((await free.publications()).map(({ topic }) => topic), ["t", "t"]);
  }),
);
