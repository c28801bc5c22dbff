/** MQTT 3.1.1, sections 4.1 to 4.6: quality of service, redelivery, order. */

import { assert, assertEquals } from "@std/assert";
import type { Packet } from "../../codec/packets.ts";
import type { RawClient } from "../support/raw_client.ts";
import { field, publishPacket, rawPacket, toText } from "../support/raw_packets.ts";
import { withBrokerFor } from "./broker_v311_support.ts";

const withBroker = withBrokerFor(4);
const session = { clientId: "qos", cleanStart: false };

/** An answer in a QoS exchange. */
function answer(type: "puback" | "pubrec" | "pubrel" | "pubcomp", packetId: number | undefined): Packet {
  return { type, packetId: packetId ?? 0, reasonCode: 0 };
}

/** Payloads "0", "1" and so on. */
function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, at) => String(at));
}

async function publishEach(publisher: RawClient, payloads: string[], qos: 0 | 1 | 2): Promise<void> {
  for (const payload of payloads) await publisher.publish("a", payload, { qos });
  await publisher.barrier();
}

/** Goes on with that many exchanges of QoS 2: PUBREL for each PUBREC as it comes. */
async function release(publisher: RawClient, count: number): Promise<void> {
  for (let released = 0; released < count; released++) {
    const { packetId } = await publisher.take("pubrec");
    await publisher.send(answer("pubrel", packetId));
  }
}

Deno.test(
  "mqtt 3.1.1 broker: QoS 0 goes out with QoS 0 and DUP 0, once, and is never resent [MQTT-4.3.1-1]",
  withBroker(async ({ connect }) => {
    const first = await connect(session);
    await first.subscribe("a", { qos: 0 });
    await publishEach(await connect(), ["x"], 0);
    await first.expect("publish", { qos: 0, dup: false });
    assertEquals(first.lastBytes, rawPacket(0x30, field("a"), Uint8Array.of(0x78)));
    const second = await connect(session);
    assertEquals(await second.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: as a QoS 1 sender it uses a new identifier for each message and holds it until PUBACK [MQTT-4.3.2-1] [MQTT-4.4.0-1]",
  withBroker(async ({ connect }) => {
    const first = await connect(session);
    await first.subscribe("a", { qos: 1 });
    await publishEach(await connect(), numbers(10), 1);
    const packets = await first.expectMany("publish", 10);
    assertEquals(new Set(packets.map(({ packetId }) => packetId)).size, 10);
    assert(packets.every(({ qos, dup }) => qos === 1 && !dup), "QoS 1 without DUP at first");
    for (const { packetId } of packets.filter((_, at) => at % 2 === 0)) await first.send(answer("puback", packetId));
    await first.barrier();
    const second = await connect(session);
    for (const { packetId, payload } of packets.filter((_, at) => at % 2 === 1)) {
      await second.expect("publish", { packetId, payload, qos: 1, dup: true });
    }
    assertEquals(await second.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: as a QoS 1 receiver it takes each PUBLISH after its PUBACK as a new message, whatever its DUP [MQTT-4.3.2-2]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("a", { qos: 0 });
    const client = await connect();
    for (const [payload, dup] of [["one", false], ["two", false], ["three", true]] as const) {
      await client.send(publishPacket("a", payload, { qos: 1, packetId: 4, dup }));
      await client.expect("puback", { packetId: 4 });
      await watcher.expect("publish", { payload });
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: as a QoS 2 sender it goes PUBLISH, PUBREL, and PUBLISH never after PUBREL [MQTT-4.3.3-1] [MQTT-4.4.0-1]",
  withBroker(async ({ connect }) => {
    const first = await connect(session);
    await first.subscribe("a", { qos: 2 });
    await publishEach(await connect(), ["x"], 2);
    const { packetId } = await first.expect("publish", { qos: 2, dup: false });
    const second = await connect(session);
    await second.expect("publish", { packetId, qos: 2, dup: true, payload: "x" });
    await second.send(answer("pubrec", packetId));
    await second.expect("pubrel", { packetId });
    for (let round = 0; round < 3; round++) {
      const next = await connect(session);
      await next.expect("pubrel", { packetId });
      assertEquals(await next.barrier(), []);
      // A repeated PUBREC gets PUBREL again, not the message.
      await next.send(answer("pubrec", packetId));
      await next.expect("pubrel", { packetId });
    }
    const last = await connect(session);
    await last.expect("pubrel", { packetId });
    await last.send(answer("pubcomp", packetId));
    await last.barrier();
    const after = await connect(session);
    assertEquals(await after.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: as a QoS 2 receiver it answers each repeat with PUBREC and delivers once [MQTT-4.3.3-2]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("a", { qos: 2 });
    let client = await connect(session);
    const packetId = 8;
    for (const dup of [false, true, false, true]) {
      await client.send(publishPacket("a", "once", { qos: 2, packetId, dup }));
      await client.expect("pubrec", { packetId });
    }
    client = await connect(session);
    await client.send(publishPacket("a", "once", { qos: 2, packetId, dup: true }));
    await client.expect("pubrec", { packetId });
    for (let round = 0; round < 3; round++) {
      await client.send(answer("pubrel", packetId));
      await client.expect("pubcomp", { packetId });
    }
    await client.send(publishPacket("a", "a new message", { qos: 2, packetId, dup: true }));
    await client.expect("pubrec", { packetId });
    await client.send(answer("pubrel", packetId));
    await client.expect("pubcomp", { packetId });
    assertEquals((await watcher.publications()).map(({ payload }) => toText(payload)), ["once", "a new message"]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a PUBREL for an unknown identifier gets PUBCOMP [MQTT-4.3.3-2]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.send(answer("pubrel", 999));
    await client.expect("pubcomp", { packetId: 999 });
    assertEquals(client.lastBytes, Uint8Array.of(0x70, 2, 0x03, 0xe7));
    await client.barrier();
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: an answer without an exchange does no harm [MQTT-4.3.2-1] [MQTT-4.3.3-1]",
  withBroker(async ({ connect }) => {
    const client = await connect({ autoAck: true });
    await client.subscribe("a", { qos: 2 });
    await client.send(answer("puback", 77), answer("pubcomp", 78), answer("puback", 65_535));
    await client.barrier();
    const publisher = await connect();
    await publishEach(publisher, numbers(50), 2);
    for (const payload of numbers(50)) await client.take("publish", (packet) => toText(packet.payload) === payload);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: open PUBLISHes and PUBRELs are resent in their order, with their identifiers, before anything new [MQTT-4.4.0-1] [MQTT-4.6.0-6]",
  withBroker(async ({ connect }) => {
    const first = await connect(session);
    await first.subscribe("a", { qos: 2 });
    const publisher = await connect();
    for (const [at, qos] of ([2, 1, 2, 1, 2] as const).entries()) await publisher.publish("a", `${at}`, { qos });
    const packets = await first.expectMany("publish", 5);
    const ids = packets.map(({ packetId }) => packetId ?? 0);
    await first.send(answer("pubrec", ids[2]));
    await first.expect("pubrel", { packetId: ids[2] ?? 0 });
    await first.disconnect();
    await publisher.publish("a", "new", { qos: 1 });
    const second = await connect(session);
    const resent = await second.barrier();
    const text = resent.map((packet) =>
      packet.type === "publish" ? `${toText(packet.payload)} ${packet.packetId} ${packet.dup}` : packet.type
    );
    const publish = (at: number) => `${at} ${ids[at]} true`;
    assertEquals(text.slice(0, 5), [publish(0), publish(1), "pubrel", publish(3), publish(4)]);
    assertEquals(text.length, 6);
    assert(text[5]?.startsWith("new ") && text[5].endsWith(" false"), "the new message behind the old ones");
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: nothing is resent while a connection lives [MQTT-4.4.0-1]",
  withBroker(async ({ connect, clock }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 2 });
    const publisher = await connect();
    await publisher.publish("a", "one", { qos: 1 });
    await publisher.publish("a", "two", { qos: 2 });
    await client.expectMany("publish", 2);
    for (let round = 0; round < 10; round++) clock.advance(60_000);
    assertEquals(await client.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a message goes into the session of every client whose subscriptions match [MQTT-4.5.0-1]",
  withBroker(async ({ connect }) => {
    const filters = ["#", "a/#", "a/+", "+/b", "a/b", "b", "A/b"];
    for (const [at, filter] of filters.entries()) {
      const client = await connect({ clientId: `s${at}`, cleanStart: false });
      await client.subscribe(filter, { qos: 2 });
      await client.disconnect();
    }
    const live = await connect();
    await live.subscribe("a/b", { qos: 1 });
    await (await connect()).publish("a/b", "for all", { qos: 2 });
    await live.expect("publish", { payload: "for all", qos: 1 });
    for (const [at, filter] of filters.entries()) {
      const client = await connect({ clientId: `s${at}`, cleanStart: false });
      const matches = at < 5;
      if (matches) await client.expect("publish", { topic: "a/b", payload: "for all", qos: 2 });
      else assertEquals(await client.barrier(), [], `filter ${filter}`);
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: each topic is ordered: what one publisher sends with one QoS arrives in its order [MQTT-4.6.0-5] [MQTT-4.6.0-6]",
  withBroker(async ({ connect }) => {
    for (const qos of [0, 1, 2] as const) {
      const clients = [await connect({ autoAck: true }), await connect({ autoAck: true })];
      for (const client of clients) await client.subscribe("a/#", { qos: 2 });
      const publisher = await connect();
      const count = 400;
      const ids = (at: number) => qos === 0 ? {} : { packetId: at + 1 };
      await publisher.send(
        ...numbers(count).map((payload, at) => publishPacket(`a/${at % 3}`, payload, { qos, ...ids(at) })),
      );
      if (qos === 2) await release(publisher, count);
      for (const client of clients) {
        const received: string[] = [];
        while (received.length < count) received.push(toText((await client.take("publish")).payload));
        assertEquals(received, numbers(count));
      }
      await Promise.all(clients.map((client) => client.close()));
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: answers leave in the order of what they answer [MQTT-4.6.0-6]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    const ids = [9, 3, 77, 1, 65_535, 2];
    await client.send(...ids.map((packetId) => publishPacket("a", "", { qos: 1, packetId })));
    for (const packetId of ids) await client.expect("puback", { packetId });
    await client.send(...ids.map((packetId) => publishPacket("a", "", { qos: 2, packetId })));
    for (const packetId of ids) await client.expect("pubrec", { packetId });
    await client.send(...ids.toReversed().map((packetId) => answer("pubrel", packetId)));
    for (const packetId of ids.toReversed()) await client.expect("pubcomp", { packetId });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: answers keep their order when authorization takes its time [MQTT-4.6.0-6] [MQTT-4.6.0-5]",
  withBroker({
    authorizePublish: (_client, { payload }) =>
      toText(payload).startsWith("slow")
        ? new Promise((resolve) => setTimeout(() => resolve(true), 20))
        : Promise.resolve(true),
  }, async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 0 });
    const payloads = ["slow 1", "fast 2", "slow 3", "fast 4"];
    await client.send(...payloads.map((payload, at) => publishPacket("a", payload, { qos: 1, packetId: at + 10 })));
    for (const [at, payload] of payloads.entries()) {
      await client.take("puback", ({ packetId }) => packetId === at + 10);
      assertEquals(toText((await client.take("publish")).payload), payload);
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: PUBRELs leave in the order of the PUBRECs [MQTT-4.6.0-6]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 2 });
    await publishEach(await connect(), numbers(6), 2);
    const ids = (await client.expectMany("publish", 6)).map(({ packetId }) => packetId ?? 0);
    const order = [3, 0, 5, 1, 4, 2].map((at) => ids[at] ?? 0);
    await client.send(...order.map((packetId) => answer("pubrec", packetId)));
    for (const packetId of order) await client.expect("pubrel", { packetId });
    await client.send(...order.map((packetId) => answer("pubcomp", packetId)));
    assertEquals(await client.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: messages beyond the window wait and follow in order as answers come [MQTT-4.6.0-6] [MQTT-3.1.2-5]",
  withBroker({ maxInflightMessages: 4 }, async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 1 });
    await publishEach(await connect(), numbers(12), 1);
    const first = await client.publications();
    assertEquals(first.map(({ payload }) => toText(payload)), numbers(12).slice(0, 4));
    const waiting = [...first];
    const rest: string[] = [];
    for (let packet = waiting.shift(); packet !== undefined; packet = waiting.shift()) {
      await client.send(answer("puback", packet.packetId));
      const more = await client.publications();
      rest.push(...more.map(({ payload }) => toText(payload)));
      waiting.push(...more);
    }
    assertEquals(rest, numbers(12).slice(4));
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a resend keeps to the window and to the order [MQTT-4.6.0-6] [MQTT-4.4.0-1]",
  withBroker({ maxInflightMessages: 3 }, async ({ connect }) => {
    const first = await connect(session);
    await first.subscribe("a", { qos: 2 });
    await publishEach(await connect(), numbers(9), 2);
    await first.expectMany("publish", 3);
    const second = await connect({ ...session, autoAck: true });
    const received: string[] = [];
    while (received.length < 9) received.push(toText((await second.take("publish")).payload));
    assertEquals(received, numbers(9));
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a client, which cannot know a limit, may have many messages in flight [MQTT-4.3.3-2] [MQTT-4.3.2-2]",
  withBroker({ maxInflightMessages: 2 }, async ({ connect }) => {
    const watcher = await connect({ autoAck: true });
    await watcher.subscribe("a", { qos: 2 });
    const client = await connect();
    const count = 100;
    await client.send(
      ...numbers(count).map((payload, at) => publishPacket("a", payload, { qos: 2, packetId: at + 1 })),
    );
    for (let packetId = 1; packetId <= count; packetId++) await client.expect("pubrec", { packetId });
    for (let packetId = 1; packetId <= count; packetId++) await client.send(answer("pubrel", packetId));
    for (let packetId = 1; packetId <= count; packetId++) await client.expect("pubcomp", { packetId });
    for (const payload of numbers(count)) assertEquals(toText((await watcher.take("publish")).payload), payload);
  }),
);
