/** Where brokers go wrong with delivery: packet identifiers, redelivery, order, acknowledgements. */

import { assert, assertEquals } from "@std/assert";
import type { Packet } from "../../codec/packets.ts";
import { until, withBroker } from "../support/broker.ts";
import { random } from "../support/random.ts";
import { connectPacket, publishPacket, toText } from "../support/raw_packets.ts";

const kept = { sessionExpiryInterval: 1_000 };
const numbers = (count: number) => Array.from({ length: count }, (_, at) => `${at}`);

Deno.test(
  "broker pitfall: QoS 2 goes by the packet identifier alone, never by DUP",
  withBroker({ authorizePublish: (_, { topic }) => topic !== "no" }, async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("#", { qos: 2 });
    const client = await connect();
    const publish = (topic: string, dup: boolean) =>
      client.send(publishPacket(topic, topic, { qos: 2, packetId: 7, dup }));
    await publish("1", true); // DUP without a predecessor is a new message
    await client.expect("pubrec", { packetId: 7, reasonCode: 0 });
    await publish("1", false); // the same identifier without DUP is the same message
    await client.expect("pubrec", { packetId: 7, reasonCode: 0 });
    await client.send({ type: "pubrel", packetId: 7, reasonCode: 0 }, { type: "pubrel", packetId: 7, reasonCode: 0 });
    await client.expect("pubcomp", { packetId: 7, reasonCode: 0 });
    await client.expect("pubcomp", { packetId: 7, reasonCode: 0x92 });
    await publish("no", false);
    await client.expect("pubrec", { packetId: 7, reasonCode: 0x87 }); // and with that the identifier is free
    await publish("2", true);
    await client.expect("pubrec", { packetId: 7, reasonCode: 0 });
    assertEquals((await watcher.publications()).map(({ topic }) => topic), ["1", "2"]);
  }),
);

Deno.test(
  "broker pitfall: a known PUBREC repeats and gets its PUBREL again, an unknown PUBREL gets PUBCOMP 0x92",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 2 });
    const publisher = await connect();
    await publisher.publish("a", "x", { qos: 2 });
    const { packetId = 0 } = await client.expect("publish");
    for (let count = 0; count < 3; count++) {
      await client.send({ type: "pubrec", packetId, reasonCode: 0 });
      await client.expect("pubrel", { packetId, reasonCode: 0 });
    }
    await client.send({ type: "pubcomp", packetId, reasonCode: 0 }, { type: "pubrec", packetId, reasonCode: 0 });
    await client.expect("pubrel", { packetId, reasonCode: 0x92 });
    await client.send({ type: "pubrel", packetId: 9, reasonCode: 0 });
    await client.expect("pubcomp", { packetId: 9, reasonCode: 0x92 });
  }),
);

Deno.test(
  "broker pitfall: an acknowledgement of the wrong kind ends no exchange",
  withBroker(async ({ connect }) => {
    const client = await connect({ properties: { receiveMaximum: 2 } });
    await client.subscribe("a", { qos: 2 });
    const publisher = await connect();
    await publisher.publish("a", "1", { qos: 1 });
    await publisher.publish("a", "2", { qos: 2 });
    await publisher.publish("a", "3", { qos: 1 });
    const [one, two] = await client.expectMany("publish", 2);
    const first = one?.packetId ?? 0;
    const second = two?.packetId ?? 0;
    await client.send(
      { type: "puback", packetId: second, reasonCode: 0 },
      { type: "pubcomp", packetId: second, reasonCode: 0 },
      { type: "pubcomp", packetId: first, reasonCode: 0 },
    );
    assertEquals(await client.barrier(), []);
    await client.send({ type: "puback", packetId: first, reasonCode: 0 });
    await client.expect("publish", { payload: "3" });
    await client.send({ type: "pubrec", packetId: second, reasonCode: 0 });
    await client.expect("pubrel", { packetId: second, reasonCode: 0 });
  }),
);

Deno.test(
  "broker pitfall: the identifiers of both directions are independent",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("to/client", { qos: 2 });
    const publisher = await connect();
    for (const payload of numbers(10)) await publisher.publish("to/client", payload, { qos: 2 });
    const incoming = await client.expectMany("publish", 10);
    const ids = incoming.map(({ packetId = 0 }) => packetId);
    for (const packetId of ids) {
      await client.send(publishPacket("from/client", "x", { qos: 2, packetId }));
      await client.expect("pubrec", { packetId });
    }
    for (const packetId of ids) {
      await client.send({ type: "pubrec", packetId, reasonCode: 0 }, { type: "pubrel", packetId, reasonCode: 0 });
      await client.expect("pubrel", { packetId, reasonCode: 0 });
      await client.expect("pubcomp", { packetId, reasonCode: 0 });
    }
    for (const packetId of ids) await client.send({ type: "pubcomp", packetId, reasonCode: 0 });
    assertEquals(await client.barrier(), []);
  }),
);

Deno.test(
  "broker pitfall: packet identifiers wrap at 65,535, skip 0 and what is in use",
  withBroker({ maxInflightMessages: 1_000 }, async ({ connect, broker }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 1 });
    const batch = 1_000;
    const total = 66_000;
    const held: number[] = []; // the very first one, and a few more, are never acknowledged
    const open = new Set<number>();
    const seen = new Set<number>();
    for (let sent = 0; sent < total; sent += batch - 100) {
      for (let count = 0; count < batch - 100; count++) broker.publish({ topic: "a", payload: "x", qos: 1 });
      const acks: Packet[] = [];
      for (const { packetId = 0 } of await client.expectMany("publish", batch - 100)) {
        assert(packetId >= 1 && packetId <= 65_535 && !open.has(packetId), `identifier ${packetId}`);
        seen.add(packetId);
        if (sent === 0 && held.length < 5) {
          held.push(packetId);
          open.add(packetId);
        } else acks.push({ type: "puback", packetId, reasonCode: 0 });
      }
      await client.send(...acks);
      await client.barrier();
    }
    assertEquals(seen.size, 65_535, "every identifier was used");
  }),
);

Deno.test(
  "broker pitfall: sends again only when the session is resumed, in the first order, PUBREL where PUBREC was seen",
  withBroker(async ({ connect, clock }) => {
    const client = await connect({ clientId: "s", properties: kept });
    await client.subscribe("a", { qos: 2 });
    const publisher = await connect();
    const properties = { messageExpiryInterval: 10 };
    for (const [at, qos] of ([2, 1, 2, 1, 2] as const).entries()) {
      await publisher.publish("a", `${at}`, { qos, properties });
    }
    const sent = await client.expectMany("publish", 5);
    assert(sent.every(({ dup }) => !dup));
    for (const at of [2, 0]) {
      await client.send({ type: "pubrec", packetId: sent[at]?.packetId ?? 0, reasonCode: 0 });
      await client.expect("pubrel");
    }
    clock.advance(3_600_000); // no timer, and no expiry of what was sent once
    assertEquals(await client.barrier(), []);
    await client.close();
    const again = await connect({ clientId: "s", cleanStart: false, properties: kept });
    const packets = (await again.barrier()).map((packet) => {
      if (packet.type === "publish") return `${toText(packet.payload)} dup ${packet.dup}`;
      return packet.type === "pubrel"
        ? `pubrel ${sent.findIndex((it) => it.packetId === packet.packetId)}`
        : packet.type;
    });
    assertEquals(packets, ["pubrel 0", "1 dup true", "pubrel 2", "3 dup true", "4 dup true"]);
    await again.close();
    const fresh = await connect({ clientId: "s", cleanStart: true });
    assertEquals(await fresh.barrier(), []);
  }),
);

Deno.test(
  "broker pitfall: receive maximum is the connection's, and its quota never passes the first value",
  withBroker(async ({ connect }) => {
    const client = await connect({ clientId: "s", properties: { ...kept, receiveMaximum: 3 } });
    await client.subscribe("a", { qos: 2 });
    const publisher = await connect();
    for (const payload of numbers(8)) await publisher.publish("a", payload, { qos: 2 });
    const first = await client.expectMany("publish", 3);
    const packetId = first[0]?.packetId ?? 0;
    await client.send({ type: "pubrec", packetId, reasonCode: 0 });
    await client.expect("pubrel");
    await client.close();

    // PUBREL is no PUBLISH: it takes no quota, and its PUBCOMP gives none.
    const again = await connect({ clientId: "s", cleanStart: false, properties: { ...kept, receiveMaximum: 1 } });
    await again.expect("pubrel", { packetId });
    const second = await again.expect("publish", { payload: "1", dup: true });
    assertEquals(await again.barrier(), []);
    for (let count = 0; count < 3; count++) await again.send({ type: "pubcomp", packetId, reasonCode: 0 });
    assertEquals(await again.barrier(), []);
    await again.send({ type: "pubrec", packetId: second.packetId ?? 0, reasonCode: 0x80 });
    await again.expect("publish", { payload: "2", dup: true });
    assertEquals(await again.barrier(), []);
  }),
);

Deno.test(
  "broker pitfall: answers keep the order of receipt while authorization takes its time, and others go on",
  async () => {
    const waiting: ((yes: boolean) => void)[] = [];
    const authorizePublish = (_: unknown, { topic }: { topic: string }) => {
      if (!topic.startsWith("slow")) return true;
      return new Promise<boolean>((resolve) => waiting.push(resolve));
    };
    await withBroker({ authorizePublish }, async ({ connect }) => {
      const watcher = await connect();
      await watcher.subscribe("#", { qos: 0 });
      const client = await connect();
      await client.send(
        publishPacket("slow/1", "x", { qos: 1, packetId: 11 }),
        publishPacket("fast/2", "x", { qos: 1, packetId: 12 }),
        publishPacket("slow/3", "x", { qos: 2, packetId: 13 }),
        publishPacket("fast/4", "x"),
        { type: "subscribe", packetId: 14, subscriptions: [{ filter: "none", qos: 0 }] },
        publishPacket("slow/5", "x", { qos: 1, packetId: 15 }),
        { type: "pingreq" },
        publishPacket("fast/6", "x", { qos: 2, packetId: 16 }),
      );
      await until(() => waiting.length === 1, "the first question");
      await client.expectNothing();
      const other = await connect();
      await other.publish("fast/other", "x", { qos: 1 });
      await watcher.expect("publish", { topic: "fast/other" });
      for (const [at, yes] of [true, false, true].entries()) {
        await until(() => waiting.length > at, "the next question");
        waiting[at]?.(yes);
      }
      const answers: string[] = [];
      while (answers.length < 6) {
        const packet = await client.next();
        answers.push("packetId" in packet ? `${packet.type} ${packet.packetId}` : packet.type);
      }
      assertEquals(answers, ["puback 11", "puback 12", "pubrec 13", "suback 14", "puback 15", "pingresp"]);
      await client.expect("pubrec", { packetId: 16 });
      const topics = (await watcher.publications()).map(({ topic }) => topic);
      assertEquals(topics, ["slow/1", "fast/2", "fast/4", "slow/5", "fast/6"]);
    })();
  },
);

Deno.test("broker pitfall: random delays of all hooks change no order", async () => {
  const next = random(42);
  const perhapsLater = <T>(value: T): T | Promise<T> => {
    const ticks = Math.floor(next() * 4);
    if (ticks === 0) return value;
    return (async () => {
      for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
      if (next() < 0.1) await new Promise((resolve) => setTimeout(resolve));
      return value;
    })();
  };
  const options = {
    maxInflightMessages: 500,
    authorizePublish: () => perhapsLater(true),
    authorizeSubscribe: () => perhapsLater(true),
    authenticate: () => perhapsLater(true),
  };
  await withBroker(options, async ({ connect }) => {
    const consumer = await connect();
    await consumer.subscribe("a", { qos: 1 });
    const publishers = await Promise.all([connect(), connect(), connect()]);
    await Promise.all(publishers.map(async (publisher, index) => {
      const packets = numbers(100).map((payload, at) =>
        publishPacket("a", `${index}:${payload}`, { qos: 1, packetId: at + 1 })
      );
      await publisher.send(...packets);
      const ids = (await publisher.expectMany("puback", 100)).map(({ packetId }) => packetId);
      assertEquals(ids, packets.map(({ packetId }) => packetId));
    }));
    const received = (await consumer.publications()).map(({ payload }) => toText(payload));
    for (const index of [0, 1, 2]) {
      const own = received.filter((text) => text.startsWith(`${index}:`));
      assertEquals(own, numbers(100).map((payload) => `${index}:${payload}`));
    }
  })();
});

Deno.test(
  "broker pitfall: a live message queues behind the backlog",
  withBroker({ maxInflightMessages: 2 }, async ({ connect, broker }) => {
    const absent = await connect({ clientId: "s", properties: kept });
    await absent.subscribe("a", { qos: 1 });
    await absent.disconnect();
    await until(() => broker.counts().connections === 0, "the connection to end");
    const publisher = await connect();
    for (const payload of numbers(20)) await publisher.publish("a", payload, { qos: 1 });
    const again = await connect({ clientId: "s", cleanStart: false, properties: kept });
    const received: string[] = [];
    for (let live = 20; received.length < 30; live++) {
      const { payload, packetId = 0 } = await again.expect("publish");
      received.push(toText(payload));
      if (live < 30) await publisher.publish("a", `${live}`, { qos: 1 });
      await again.send({ type: "puback", packetId, reasonCode: 0 });
    }
    assertEquals(received, numbers(30));
  }),
);

Deno.test(
  "broker pitfall: messages published while a client reconnects keep their order and none is lost",
  withBroker({ maxInflightMessages: 10 }, async ({ connect }) => {
    const first = await connect({ clientId: "s", properties: kept });
    await first.subscribe("a", { qos: 1 });
    const publisher = await connect();
    const total = 200;
    const publishing = (async () => {
      for (const payload of numbers(total)) await publisher.publish("a", payload, { qos: 1 });
    })();
    const received: string[] = [];
    let client = first;
    while (received.length < total) {
      for (let count = 0; count < 17 && received.length < total; count++) {
        const { payload, packetId = 0, dup } = await client.expect("publish");
        const text = toText(payload);
        // What comes again was not acknowledged: it must be the first one that we have not acknowledged.
        assertEquals(text, `${received.length}`, `dup ${dup}`);
        await client.send({ type: "puback", packetId, reasonCode: 0 });
        received.push(text);
      }
      await client.barrier().catch(() => {}); // all PUBACKs have arrived
      client = await connect({ clientId: "s", cleanStart: false, properties: kept }); // takes over
    }
    await publishing;
  }),
);

Deno.test(
  "broker pitfall: who has a PUBACK can rely on it",
  withBroker({ maxRetainedMessages: 1 }, async ({ connect, broker }) => {
    const live = await connect();
    await live.subscribe("a", { qos: 1 });
    const absent = await connect({ clientId: "s", properties: kept });
    await absent.subscribe("a", { qos: 1 });
    await absent.disconnect();
    await until(() => broker.counts().connections === 1, "the connection to end");
    const publisher = await connect();
    for (const payload of numbers(10)) {
      await publisher.publish("a", payload, { qos: payload === "5" ? 2 : 1, retain: true });
      assertEquals((await live.publications()).map((packet) => toText(packet.payload)), [payload]);
    }
    assertEquals(broker.counts().retained, 1);
    const again = await connect({ clientId: "s", cleanStart: false });
    assertEquals((await again.publications()).map(({ payload }) => toText(payload)), numbers(10));
    // What cannot be kept is not acknowledged as kept.
    await publisher.send(publishPacket("b", "x", { qos: 1, retain: true, packetId: 99 }));
    await publisher.expect("puback", { packetId: 99, reasonCode: 0x97 });
  }),
);

Deno.test("broker pitfall: what is pipelined behind a CONNECT waits for the decision and keeps its order", async () => {
  const decision = Promise.withResolvers<boolean>();
  await withBroker({ authenticate: () => decision.promise }, async ({ open }) => {
    const client = await open();
    await client.send(
      connectPacket({ clientId: "s" }),
      { type: "subscribe", packetId: 1, subscriptions: [{ filter: "a", qos: 1 }] },
      publishPacket("a", "x", { qos: 1, packetId: 2 }),
      publishPacket("none", "x", { qos: 2, packetId: 3 }),
      { type: "pingreq" },
    );
    await client.expectNothing();
    decision.resolve(true);
    await client.expect("connack", { reasonCode: 0 });
    await client.expect("suback", { packetId: 1 });
    const rest = (await client.barrier()).map(({ type }) => type); // up to the first PINGRESP
    assertEquals(rest.sort(), ["puback", "publish", "pubrec"]);
    await client.expect("pingresp");
  })();
});
