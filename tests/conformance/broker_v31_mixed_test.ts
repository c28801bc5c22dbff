/** Clients of MQTT 3.1, 3.1.1 and 5.0 on one broker: who publishes, who receives, who resumes whose session. */

import { assertEquals } from "@std/assert";
import type { ProtocolVersion } from "../../codec/packets.ts";
import { withBroker } from "../support/broker.ts";
import type { RawClient } from "../support/raw_client.ts";
import { type RawConnectOptions, toText } from "../support/raw_packets.ts";

const VERSIONS = [3, 4, 5] as const;
const QOS = [0, 1, 2] as const;
const NAMES: Record<ProtocolVersion, string> = { 3: "3.1", 4: "3.1.1", 5: "5.0" };

/** A CONNECT that opens or resumes a session which lasts, in whichever version. */
function lasting(version: ProtocolVersion, clientId: string): RawConnectOptions {
  const properties = version === 5 ? { properties: { sessionExpiryInterval: 1_000 } } : {};
  return { version, clientId, cleanStart: false, ...properties };
}

/** Publishes with every property that a publisher of 5.0 may set. */
function publishRich(client: RawClient, topic: string, payload: string, qos: 0 | 1 | 2, retain = false): Promise<void> {
  if (client.version < 5) return client.publish(topic, payload, { qos, retain });
  return client.publish(topic, payload, { qos, retain, properties: RICH });
}

const RICH = {
  payloadFormatIndicator: 1,
  messageExpiryInterval: 1_000,
  contentType: "text/plain",
  responseTopic: "answers",
  correlationData: Uint8Array.of(1, 2, 3),
  userProperties: [["a", "1"], ["a", "2"]],
} as const;

for (const from of VERSIONS) {
  for (const to of VERSIONS) {
    Deno.test(
      `mqtt ${NAMES[to]} broker: what a client of ${
        NAMES[from]
      } publishes arrives in every QoS, with the properties that both versions have`,
      withBroker(async ({ connect }) => {
        const publisher = await connect({ version: from });
        for (const granted of QOS) {
          const subscriber = await connect({ version: to });
          await subscriber.subscribe("a/+", { qos: granted });
          for (const qos of QOS) {
            await publishRich(publisher, `a/${qos}`, `grüße ${qos}`, qos);
            await publisher.barrier();
            await subscriber.expect("publish", {
              topic: `a/${qos}`,
              payload: `grüße ${qos}`,
              qos: qos < granted ? qos : granted,
              retain: false,
              dup: false,
              properties: from === 5 && to === 5 ? { ...RICH } : undefined,
            });
          }
        }
      }),
    );

    Deno.test(
      `mqtt ${NAMES[to]} broker: what a client of ${NAMES[from]} retained arrives in every QoS`,
      withBroker(async ({ connect }) => {
        const publisher = await connect({ version: from });
        for (const qos of QOS) await publishRich(publisher, `a/${qos}`, `kept ${qos}`, qos, true);
        await publisher.barrier();
        for (const granted of QOS) {
          const subscriber = await connect({ version: to });
          for (const qos of QOS) {
            await subscriber.subscribe(`a/${qos}`, { qos: granted });
            await subscriber.expect("publish", {
              topic: `a/${qos}`,
              payload: `kept ${qos}`,
              qos: qos < granted ? qos : granted,
              retain: true,
              properties: from === 5 && to === 5 ? { ...RICH } : undefined,
            });
          }
        }
      }),
    );

    Deno.test(
      `mqtt ${NAMES[to]} broker: goes on with a session opened in ${
        NAMES[from]
      }: subscriptions, open exchanges, waiting messages`,
      withBroker(async ({ connect }) => {
        const before = await connect(lasting(from, "wanderer"));
        await before.subscribe("a", { qos: 2 });
        const publisher = await connect({ version: 5 });
        await publishRich(publisher, "a", "one", 1);
        await publishRich(publisher, "a", "two", 2);
        await publishRich(publisher, "a", "three", 2);
        const ids = (await before.expectMany("publish", 3)).map(({ packetId }) => packetId ?? 0);
        const [one = 0, two = 0, three = 0] = ids;
        await before.send({ type: "pubrec", packetId: two, reasonCode: 0 });
        await before.expect("pubrel", { packetId: two });
        await before.disconnect();
        await publishRich(publisher, "a", "waited", 1);
        const after = await connect(lasting(to, "wanderer"));
        assertEquals(after.connack?.sessionPresent, to !== 3);
        const properties = to === 5 ? { contentType: "text/plain" } : undefined;
        await after.expect("publish", { payload: "one", packetId: one, dup: true, qos: 1, properties });
        await after.expect("pubrel", { packetId: two });
        await after.expect("publish", { payload: "three", packetId: three, dup: true, qos: 2, properties });
        await after.expect("publish", { payload: "waited", dup: false, qos: 1, properties });
        await publishRich(publisher, "a", "live", 0);
        await after.expect("publish", { payload: "live", qos: 0, properties });
      }),
    );

    Deno.test(
      `mqtt ${NAMES[to]} broker: takes a connection of ${NAMES[from]} over, and its unfinished QoS 2 reception`,
      withBroker(async ({ connect }) => {
        const watcher = await connect({ version: 5 });
        await watcher.subscribe("a", { qos: 0 });
        const before = await connect(lasting(from, "wanderer"));
        const publish = { type: "publish", topic: "a", payload: new Uint8Array(1), qos: 2, retain: false } as const;
        await before.send({ ...publish, packetId: 9, dup: false });
        await before.expect("pubrec", { packetId: 9 });
        const after = await connect(lasting(to, "wanderer"));
        if (from === 5) await before.expectDisconnect(0x8e);
        else await before.expectClosed();
        await after.send({ ...publish, packetId: 9, dup: true });
        await after.expect("pubrec", { packetId: 9 });
        await after.send({ type: "pubrel", packetId: 9, reasonCode: 0 });
        await after.expect("pubcomp", { packetId: 9, reasonCode: 0 });
        assertEquals((await watcher.publications()).length, 1);
      }),
    );

    Deno.test(
      `mqtt ${NAMES[to]} broker: the will of a client of ${NAMES[from]} arrives in every QoS`,
      withBroker(async ({ connect }) => {
        const watcher = await connect({ version: to });
        await watcher.subscribe("will", { qos: 2 });
        for (const qos of QOS) {
          await (await connect({ version: from, will: { topic: "will", payload: `gone ${qos}`, qos } })).close();
          await watcher.expect("publish", { topic: "will", payload: `gone ${qos}`, qos });
        }
      }),
    );
  }
}

Deno.test(
  "mqtt 3.1.1 broker: a session of 5.0 that 3.1.1 has resumed lasts for ever, one that 5.0 has resumed ends in time",
  withBroker({ sysInterval: 0 }, async ({ connect, clock }) => {
    await (await connect(lasting(5, "wanderer"))).disconnect();
    const old = await connect(lasting(4, "wanderer"));
    assertEquals(old.connack?.sessionPresent, true);
    await old.disconnect();
    clock.advance(365 * 86_400_000);
    const next = await connect(lasting(5, "wanderer"));
    assertEquals(next.connack?.sessionPresent, true);
    await next.disconnect();
    clock.advance(1_001_000);
    const last = await connect(lasting(4, "wanderer"));
    assertEquals(last.connack?.sessionPresent, false);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: options of a 5.0 subscription outlive a resumption by 3.1.1",
  withBroker(async ({ connect }) => {
    const first = await connect(lasting(5, "wanderer"));
    await first.subscribe({ filter: "own", qos: 0, noLocal: true });
    await first.subscribe({ filter: "tagged", qos: 0, retainAsPublished: true }, {
      properties: { subscriptionIdentifiers: [7] },
    });
    await first.disconnect();
    const second = await connect(lasting(4, "wanderer"));
    await second.publish("own", "not to me");
    await second.publish("tagged", "with flag", { retain: true });
    await second.expect("publish", { topic: "tagged", properties: undefined });
    await second.disconnect();
    const third = await connect(lasting(5, "wanderer"));
    await third.publish("tagged", "again");
    await third.expect("publish", { topic: "tagged", properties: { subscriptionIdentifiers: [7] } });
    assertEquals(await third.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a message that 5.0 lets expire does not reach 3.1.1 afterwards",
  withBroker(async ({ connect, clock }) => {
    await (await connect({ version: 4, clientId: "late", cleanStart: false })).subscribe("a", { qos: 1 });
    const first = await connect({ version: 4, clientId: "late", cleanStart: false });
    await first.disconnect();
    const publisher = await connect({ version: 5 });
    await publisher.publish("a", "short", { qos: 1, properties: { messageExpiryInterval: 10 } });
    await publisher.publish("a", "long", { qos: 1, properties: { messageExpiryInterval: 100 } });
    clock.advance(50_000);
    const second = await connect({ version: 4, clientId: "late", cleanStart: false });
    await second.expect("publish", { payload: "long", properties: undefined });
    assertEquals(await second.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a topic alias of a 5.0 publisher is resolved for the others",
  withBroker(async ({ connect }) => {
    const subscribers = await Promise.all(VERSIONS.map((version) => connect({ version })));
    for (const subscriber of subscribers) await subscriber.subscribe("a/b", { qos: 1 });
    const publisher = await connect({ version: 5 });
    await publisher.publish("a/b", "1", { qos: 1, properties: { topicAlias: 1 } });
    await publisher.publish("", "2", { qos: 1, properties: { topicAlias: 1 } });
    for (const subscriber of subscribers) {
      for (const payload of ["1", "2"]) {
        const { topic, payload: bytes } = await subscriber.expect("publish");
        assertEquals([topic, toText(bytes)], ["a/b", payload]);
      }
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: $share is a shared subscription in every version",
  withBroker(async ({ connect }) => {
    const members = await Promise.all(VERSIONS.map((version) => connect({ version })));
    for (const member of members) await member.subscribe("$share/group/a", { qos: 1 });
    const publisher = await connect({ version: 4 });
    for (let at = 0; at < 30; at++) await publisher.publish("a", `${at}`, { qos: 1 });
    const counts: number[] = [];
    for (const member of members) counts.push((await member.publications()).length);
    assertEquals(counts.reduce((sum, count) => sum + count), 30);
    assertEquals(counts.filter((count) => count === 0), []);
  }),
);
