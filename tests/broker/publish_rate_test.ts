/** How fast clients may publish: who sends faster waits, loses nothing, and delays nobody else. */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Broker, type BrokerOptions, listen, type LogLevel } from "../../broker/mod.ts";
import { bounded, until, withBroker } from "../support/broker.ts";
import { RawClient } from "../support/raw_client.ts";
import { publishPacket } from "../support/raw_packets.ts";

/** PUBLISH packets to `t` whose payloads are their numbers. */
function numbered(count: number, from = 0) {
  return Array.from({ length: count }, (_, at) => publishPacket("t", String(from + at)));
}

/** How many PUBLISH packets the broker has handled: a subscriber's barrier is behind all that was routed to it. */
async function payloads(subscriber: RawClient): Promise<number[]> {
  return (await subscriber.publications()).map(({ payload }) => Number(new TextDecoder().decode(payload)));
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);

Deno.test(
  "broker publish rate: a burst is taken at once, the rest at the rate, in order and without loss",
  withBroker({ maxPublishRate: 10, maxPublishBurst: 5 }, async ({ connect, clock, broker }) => {
    const subscriber = await connect();
    await subscriber.subscribe("t");
    const publisher = await connect({ version: 4, clientId: "fast" });
    await publisher.send(...numbered(12));
    await until(() => broker.counts().limits.maxPublishRate === 1, "the first pause");
    assertEquals(await payloads(subscriber), range(0, 5));
    clock.advance(99);
    assertEquals(await payloads(subscriber), []);
    clock.advance(1);
    await until(() => broker.counts().limits.maxPublishRate === 2, "the second pause");
    assertEquals(await payloads(subscriber), [5]);
    for (let next = 6; next < 12; next++) {
      clock.advance(100);
      await subscriber.expect("publish", { payload: String(next) });
    }
    assertEquals(await publisher.barrier(), []);
    assertEquals(broker.counts().dropped.queueFull, 0);
    clock.advance(10_000); // a quiet time fills the bucket, and no more than that
    await publisher.send(...numbered(6, 12));
    const before = broker.counts().limits.maxPublishRate;
    await until(() => broker.counts().limits.maxPublishRate === before + 1, "the next pause");
    assertEquals(await payloads(subscriber), range(12, 17));
    clock.advance(100);
    await subscriber.expect("publish", { payload: "17" });
  }),
);

Deno.test(
  "broker publish rate: bytes have a rate of their own; a packet above the burst passes, and is paid for afterwards",
  withBroker({ maxPublishBytesRate: 1_000, maxPublishBytesBurst: 500 }, async ({ connect, clock, broker }) => {
    const subscriber = await connect();
    await subscriber.subscribe("t");
    const publisher = await connect({ version: 4 });
    const sized = (bytes: number) => publishPacket("t", new Uint8Array(bytes - (bytes > 129 ? 6 : 5)));
    await publisher.send(sized(2_500), sized(100));
    await until(() => broker.counts().limits.maxPublishBytesRate === 1, "the pause");
    assertEquals((await subscriber.publications()).length, 1);
    clock.advance(2_099); // 2,000 bytes of debt and 100 of the next one
    assertEquals(await subscriber.barrier(), []);
    clock.advance(1);
    await subscriber.expect("publish");
    assertEquals(broker.counts().limits.maxPublishRate, 0);
  }),
);

Deno.test(
  "broker publish rate: a client that waits is alive, whatever its keep alive, and others are not delayed",
  withBroker({ maxPublishRate: 1 }, async ({ connect, clock, broker }) => {
    const other = await connect();
    await other.subscribe("t");
    const publisher = await connect({ version: 4, keepAlive: 1 });
    await publisher.send(...numbered(4));
    for (let second = 0; second < 3; second++) {
      await until(() => broker.counts().limits.maxPublishRate === second + 1, "the pause");
      await publisher.send({ type: "pingreq" });
      for (let tenth = 0; tenth < 9; tenth++) clock.advance(100);
      await other.barrier();
      await other.publish("other", "x", { qos: 1 });
      clock.advance(100);
    }
    await publisher.expectMany("pingresp", 3);
    clock.advance(1_600); // and now it has nothing more to say
    await publisher.expectClosed();
  }),
);

Deno.test(
  "broker publish rate: keep alive begins anew after a pause, and ends who is silent then",
  withBroker({ maxPublishBytesRate: 1, maxPublishBytesBurst: 1 }, async ({ connect, clock, broker }) => {
    const other = await connect();
    const publisher = await connect({ keepAlive: 1 });
    await publisher.send(publishPacket("t", new Uint8Array(92)), publishPacket("t", ""));
    await until(() => broker.counts().limits.maxPublishBytesRate === 1, "the pause");
    clock.advance(60_000);
    assertEquals(await other.barrier(), []);
    assertEquals(broker.counts().connections, 2);
    clock.advance(37_500); // 92 bytes of payload and 6 more have been paid for
    assertEquals(await other.barrier(), []);
    clock.advance(1_499);
    assertEquals(await other.barrier(), []);
    assertEquals(broker.counts().connections, 2);
    clock.advance(1_500);
    await publisher.expectDisconnect(0x8d);
  }),
);

Deno.test(
  "broker publish rate: who waits can be taken over, disconnected, and can go",
  withBroker({ maxPublishRate: 1 }, async ({ connect, clock, broker }) => {
    const flooded = async (clientId: string) => {
      const client = await connect({ clientId, keepAlive: 0 });
      const before = broker.counts().limits.maxPublishRate;
      await client.send(...numbered(100));
      await until(() => broker.counts().limits.maxPublishRate === before + 1, "the pause");
      return client;
    };
    const first = await flooded("one");
    const second = await connect({ clientId: "one" });
    await first.expectDisconnect(0x8e);
    await second.disconnect();
    const third = await flooded("two");
    assertEquals(broker.disconnect(({ clientId }) => clientId === "two"), 1);
    await third.expectDisconnect(0x87);
    const fourth = await flooded("three");
    await fourth.close();
    for (let second = 0; second < 200 && broker.counts().connections > 0; second++) {
      clock.advance(1_000);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await until(() => broker.counts().connections === 0, "the end of all connections");
    assertEquals(broker.counts().timers, 0);
  }),
);

Deno.test(
  "broker publish rate: QoS 1 and 2, hooks that take time, and other packets keep their order",
  withBroker({
    maxPublishRate: 100,
    maxPublishBurst: 1,
    authorizePublish: (_client, { topic }) => topic === "t" || Promise.resolve(true),
  }, async ({ connect, clock }) => {
    const client = await connect();
    const packets = [
      publishPacket("t", "0", { qos: 1, packetId: 1 }),
      publishPacket("slow", "1", { qos: 2, packetId: 2 }),
      publishPacket("t", "2", { qos: 1, packetId: 3 }),
      { type: "pubrel", packetId: 2, reasonCode: 0 } as const,
      publishPacket("slow", "3", { qos: 1, packetId: 4 }),
      { type: "pingreq" } as const,
    ];
    await client.send(...packets);
    const answers: string[] = [];
    for (const type of ["puback", "pubrec", "puback", "pubcomp", "puback", "pingresp"] as const) {
      const ticking = setInterval(() => clock.advance(10), 1);
      const packet = await client.expect(type).finally(() => clearInterval(ticking));
      answers.push(`${type} ${"packetId" in packet ? packet.packetId : ""}`.trim());
    }
    assertEquals(answers, ["puback 1", "pubrec 2", "puback 3", "pubcomp 2", "puback 4", "pingresp"]);
  }),
);

Deno.test("broker publish rate: the decision about a client goes before its listener, and that before the broker", () =>
  bounded(async () => {
    const options: BrokerOptions = {
      sysInterval: 0,
      maxPublishRate: 1,
      authenticate: ({ username }) =>
        username === "trusted"
          ? { accepted: true, limits: { maxPublishRate: Infinity } }
          : username === "guest"
          ? { accepted: true, limits: { maxPublishBurst: 2 } }
          : true,
    };
    await using broker = new Broker(options);
    await using plain = listen(broker, { port: 0 });
    const policy = { maxPublishRate: 1, maxPublishBurst: 4 };
    await using other = listen(broker, { port: 0, policy });
    const taken = async (port: number, username?: string) => {
      await using client = await RawClient.connect(port, { username, autoAck: true });
      await client.subscribe(`own/${client.clientId}`);
      const before = broker.counts().limits.maxPublishRate;
      await client.send(...range(0, 6).map((at) => publishPacket(`own/${client.clientId}`, String(at))));
      let received = 0;
      while (received < 6 && broker.counts().limits.maxPublishRate === before) {
        await client.expect("publish");
        received++;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return received;
    };
    assert(await taken(plain.address.port) <= 1);
    assert(await taken(plain.address.port, "guest") <= 2);
    assert(await taken(other.address.port) <= 4);
    assertEquals(await taken(plain.address.port, "trusted"), 6);
  }));

Deno.test(
  "broker publish rate: options that change hold for clients that are there, also for one that waits",
  withBroker(async ({ connect, broker, clock }) => {
    const subscriber = await connect();
    await subscriber.subscribe("t");
    const publisher = await connect();
    await publisher.send(...numbered(100));
    assertEquals(await publisher.barrier(), []);
    assertEquals((await payloads(subscriber)).length, 100);
    broker.update({ sysInterval: 0, maxPublishRate: 1 });
    await publisher.send(...numbered(3));
    await until(() => broker.counts().limits.maxPublishRate === 1, "the pause");
    assertEquals(await payloads(subscriber), [0]);
    clock.advance(10);
    broker.update({ sysInterval: 0 });
    assertEquals(await publisher.barrier(), []);
    assertEquals(await payloads(subscriber), [1, 2]);
    assertEquals(broker.counts().timers, 0);
  }),
);

Deno.test("broker publish rate: who has to wait is said once a minute, in a line that names it", async () => {
  const lines: string[] = [];
  const write = (_level: LogLevel, line: string) => void lines.push(line);
  await withBroker({ maxPublishRate: 1, log: { debug: false, write } }, async ({ connect, clock, broker }) => {
    const publisher = await connect({ clientId: "quick", username: "ann" });
    await publisher.send(...numbered(70));
    for (let second = 1; second < 70; second++) {
      await until(() => broker.counts().limits.maxPublishRate === second, "a pause");
      clock.advance(1_000);
    }
    assertEquals(await publisher.barrier(), []);
  })();
  const said = lines.filter((line) => line.includes("has to wait"));
  assertEquals(said.length, 2);
  assertMatch(
    said[0] ?? "",
    /^Client 127\.0\.0\.1:\d+ \(client "quick", user "ann"\) has to wait: it passes maxPublishRate$/,
  );
});

Deno.test("broker publish rate: numbers that make no sense are refused", async () => {
  await using plain = new Broker({ sysInterval: 0 });
  for (const name of ["maxPublishRate", "maxPublishBurst", "maxPublishBytesRate", "maxPublishBytesBurst"]) {
    for (const value of [0, -1, 1.5, NaN]) {
      assertThrows(() => new Broker({ [name]: value }), RangeError, name);
      assertThrows(() => listen(plain, { port: 0, policy: { [name]: value } }), RangeError, name);
    }
  }
  const limits = { maxPublishRate: 0 };
  await withBroker({ authenticate: () => ({ accepted: true, limits }) }, async ({ open, broker }) => {
    const client = await open();
    await client.sendConnect();
    await client.expectRefused(0x80);
    assertEquals(broker.counts().sessions, 0);
  })();
});
