/** Maximum packet size in both directions: MQTT 5.0 sections 3.1.2.11.4 and 3.2.2.3.6. */

import { assert, assertEquals } from "@std/assert";
import type { AuthExchange, AuthStep, ConnectRequest } from "../../broker/hooks.ts";
import type { Packet } from "../../codec/packets.ts";
import { until, withBroker } from "../support/broker.ts";
import type { RawClient } from "../support/raw_client.ts";
import { fromHex, publishPacket, toText } from "../support/raw_packets.ts";

/** Takes packets until the PINGRESP, each of which must be within the limit. */
async function within(client: RawClient, maximum: number): Promise<Packet[]> {
  await client.send({ type: "pingreq" });
  const packets: Packet[] = [];
  for (;;) {
    const packet = await client.next();
    assert(client.lastBytes.length <= maximum, `${packet.type} has ${client.lastBytes.length} bytes, not ${maximum}`);
    if (packet.type === "pingresp") return packets;
    packets.push(packet);
  }
}

Deno.test(
  "mqtt 5.0 broker: a publication goes out if the whole packet just fits, and is discarded if not [MQTT-3.1.2-24] [MQTT-3.1.2-25]",
  withBroker(async ({ connect }) => {
    const maximumPacketSize = 100;
    const publisher = await connect();
    const wide = await connect();
    await wide.subscribe("a", { qos: 2 });
    for (const qos of [0, 1, 2] as const) {
      const client = await connect({ properties: { maximumPacketSize } });
      await client.subscribe("a", { qos });
      const overhead = 2 + 3 + (qos > 0 ? 2 : 0) + 1; // header, topic, packet identifier, property length
      for (const size of [200, 101 - overhead, 100 - overhead, 99 - overhead]) {
        await publisher.publish("a", new Uint8Array(size), { qos });
        await wide.expect("publish", { qos });
      }
      const sizes = (await within(client, maximumPacketSize)).map((packet) =>
        packet.type === "publish" ? packet.payload.length : -1
      );
      assertEquals(sizes, [100 - overhead, 99 - overhead]);
      await client.close();
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: what is too large counts as delivered: it takes no quota and never comes back [MQTT-3.1.2-25]",
  withBroker(async ({ connect, broker }) => {
    const properties = { maximumPacketSize: 60, receiveMaximum: 1, sessionExpiryInterval: 100 };
    const client = await connect({ clientId: "s", properties });
    await client.subscribe("a", { qos: 2 });
    const publisher = await connect();
    for (const qos of [1, 2] as const) {
      await publisher.publish("a", new Uint8Array(60), { qos });
      await publisher.publish("a", `fits ${qos}`, { qos });
    }
    const first = await client.expect("publish", { payload: "fits 1" });
    await client.send({ type: "puback", packetId: first.packetId ?? 0, reasonCode: 0 });
    const second = await client.expect("publish", { payload: "fits 2" });
    await client.send({ type: "pubrec", packetId: second.packetId ?? 0, reasonCode: 0x80 });
    assertEquals(await client.barrier(), []);
    await client.disconnect();
    const again = await connect({ clientId: "s", cleanStart: false });
    assertEquals(await again.barrier(), []);
    assertEquals(broker.counts().dropped.tooLarge, 2);
  }),
);

Deno.test(
  "mqtt 5.0 broker: the limit holds for queued, retained and resent publications and for all properties [MQTT-3.1.2-24] [MQTT-3.1.2-25]",
  withBroker(async ({ connect, broker }) => {
    const publisher = await connect();
    const large = { userProperties: [["key", "v".repeat(100)]] } as const;
    await publisher.publish("r/large", "x", { qos: 1, retain: true, properties: large });
    await publisher.publish("r/small", "x", { qos: 1, retain: true });
    const first = await connect({ clientId: "s", properties: { sessionExpiryInterval: 100 } });
    await first.subscribe("a", { qos: 2 });
    await publisher.publish("a", "sent and large", { qos: 1, properties: large });
    await publisher.publish("a", "sent and small", { qos: 1 });
    await publisher.publish("a", "sent and large", { qos: 2, properties: large });
    await first.expectMany("publish", 3);
    await first.close();
    await until(() => broker.counts().connections === 1, "the connection to end");
    await publisher.publish("a", "queued and large", { qos: 1, properties: large });
    await publisher.publish("a", "queued and small", { qos: 1 });

    const properties = { maximumPacketSize: 80, sessionExpiryInterval: 100 };
    const again = await connect({ clientId: "s", cleanStart: false, properties });
    const packets = await within(again, 80);
    const texts = packets.map((packet) => packet.type === "publish" ? toText(packet.payload) : packet.type);
    assertEquals(texts, ["sent and small", "queued and small"]);
    await again.send({ type: "subscribe", packetId: 1, subscriptions: [{ filter: "r/#", qos: 1 }] });
    const retained = (await within(again, 80)).filter((packet) => packet.type === "publish");
    assertEquals(retained.map(({ topic }) => topic), ["r/small"]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a topic alias or a Subscription Identifier does not lift a packet over the limit [MQTT-3.1.2-24]",
  withBroker(async ({ connect }) => {
    const publisher = await connect();
    for (let maximumPacketSize = 40; maximumPacketSize <= 60; maximumPacketSize++) {
      const client = await connect({ properties: { maximumPacketSize, topicAliasMaximum: 5 } });
      await client.subscribe("topic/of/a/name", { properties: { subscriptionIdentifiers: [300] } });
      for (let count = 0; count < 3; count++) await publisher.publish("topic/of/a/name", "payload of 20 bytes.");
      await publisher.barrier();
      await within(client, maximumPacketSize);
      await client.close();
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: no answer is larger than the client takes [MQTT-3.1.2-24] [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] [MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2]",
  withBroker({ maxTopicAlias: 0, authorizePublish: (_, { topic }) => topic !== "no" }, async ({ connect }) => {
    const maximumPacketSize = 14;
    const client = await connect({ properties: { maximumPacketSize } });
    await client.subscribe("s", { qos: 2 });
    await client.send(
      publishPacket("no", "x", { qos: 1, packetId: 1 }), // PUBACK 0x87
      publishPacket("no", "x", { qos: 2, packetId: 2 }), // PUBREC 0x87
      publishPacket("nobody", "x", { qos: 1, packetId: 3 }), // PUBACK 0x10
      publishPacket("nobody", "x", { qos: 2, packetId: 4 }), // PUBREC 0x10
      { type: "pubrel", packetId: 4, reasonCode: 0 }, // PUBCOMP
      { type: "pubrel", packetId: 99, reasonCode: 0 }, // PUBCOMP 0x92
      { type: "pubrec", packetId: 99, reasonCode: 0 }, // PUBREL 0x92
      { type: "subscribe", packetId: 5, subscriptions: [{ filter: "a", qos: 1 }, { filter: "$share/g/b", qos: 1 }] },
      { type: "unsubscribe", packetId: 6, filters: ["a", "unknown"] },
    );
    const answers = await within(client, maximumPacketSize);
    const summary = answers.map((packet) => {
      if (packet.type === "suback" || packet.type === "unsuback") return [packet.type, ...packet.reasonCodes];
      return "reasonCode" in packet ? [packet.type, packet.reasonCode] : [packet.type];
    });
    assertEquals(summary, [
      ["puback", 0x87],
      ["pubrec", 0x87],
      ["puback", 0x10],
      ["pubrec", 0x10],
      ["pubcomp", 0],
      ["pubcomp", 0x92],
      ["pubrel", 0x92],
      ["suback", 1, 1],
      ["unsuback", 0, 0x11],
    ]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: leaves the reason string out of a CONNACK that it would make too large [MQTT-3.2.2-19] [MQTT-3.2.2-20] [MQTT-3.1.2-24]",
  withBroker(
    { authenticate: () => ({ reasonCode: 0x87, reasonString: "because ".repeat(10) }) },
    async ({ open }) => {
      const informed = await open();
      await informed.sendConnect();
      const { properties } = await informed.expectRefused(0x87);
      assert([undefined, "because ".repeat(10)].includes(properties?.reasonString));
      const client = await open();
      await client.sendConnect({ properties: { maximumPacketSize: 20 } });
      await client.expect("connack", { reasonCode: 0x87, properties: { reasonString: undefined } });
      assert(client.lastBytes.length <= 20);
      await client.expectClosed();
    },
  ),
);

Deno.test(
  "mqtt 5.0 broker: closes when the client takes no packet as large as its CONNACK [MQTT-3.1.2-24] [MQTT-4.13.2-1]",
  withBroker(async ({ open }) => {
    const client = await open();
    await client.sendConnect({ properties: { maximumPacketSize: 4 } });
    await client.expectClosed();
  }),
);

Deno.test(
  "mqtt 5.0 broker: a DISCONNECT is within the limit [MQTT-3.14.2-3] [MQTT-3.14.2-4] [MQTT-3.1.2-24]",
  withBroker({ maxTopicAlias: 0 }, async ({ connect }) => {
    const client = await connect({ properties: { maximumPacketSize: 14 } });
    await client.sendBytes("36 00");
    await client.expect("disconnect", { reasonCode: 0x81 });
    assert(client.lastBytes.length <= 14);
    await client.expectClosed();
  }),
);

Deno.test(
  "mqtt 5.0 broker: an AUTH is within the limit, or the authentication fails [MQTT-3.15.2-2] [MQTT-3.15.2-3] [MQTT-3.1.2-24]",
  async () => {
    const data = new Uint8Array(100);
    const begin = (_: ConnectRequest): AuthExchange => {
      const steps: AuthStep[] = [{ kind: "continue", data }, { kind: "success" }];
      return { next: () => steps.shift() ?? { kind: "failure" } };
    };
    await withBroker({ authenticationMethods: { m: begin } }, async ({ open }) => {
      for (const maximumPacketSize of [30, 110, 111, 500]) {
        const client = await open();
        await client.sendConnect({ properties: { authenticationMethod: "m", maximumPacketSize } });
        const answer = await client.expectOptional(maximumPacketSize > 110 ? "auth" : "connack");
        assert(answer === undefined || client.lastBytes.length <= maximumPacketSize);
        if (answer?.type === "auth") continue;
        assert(answer === undefined || answer.reasonCode >= 0x80);
        await client.expectClosed();
      }
    })();
  },
);

Deno.test(
  "mqtt 5.0 broker: announces the largest packet that it takes, and answers a larger one with 0x95 [MQTT-3.2.2-15]",
  withBroker({ maxPacketSize: 1_000 }, async ({ connect }) => {
    const watcher = await connect();
    assertEquals(watcher.connack?.properties?.maximumPacketSize, 1_000);
    await watcher.subscribe("a");
    const client = await connect();
    await client.publish("a", new Uint8Array(1_000 - 3 - 3 - 1)); // header, topic, property length
    await watcher.expect("publish");
    const tooLarge = publishPacket("a", new Uint8Array(1_000 - 3 - 3));
    await client.send(tooLarge);
    await client.expectDisconnect(0x95);
    assertEquals(await watcher.publications(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: the limit acts on the header, before the packet is there [MQTT-3.2.2-15]",
  withBroker({ maxPacketSize: 1_000 }, async ({ connect }) => {
    const client = await connect();
    await client.sendBytes(fromHex("30 ff ff ff 7f"));
    await client.expectDisconnect(0x95);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a CONNECT that is too large is refused [MQTT-3.2.2-15] [MQTT-3.1.4-1]",
  withBroker({ maxPacketSize: 1_000 }, async ({ open }) => {
    const client = await open();
    await client.sendConnect({ clientId: "x".repeat(2_000) });
    const connack = await client.expectOptional("connack");
    assert([undefined, 0x95].includes(connack?.reasonCode));
    await client.expectClosed();
  }),
);
