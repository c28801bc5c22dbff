/** MQTT 3.1.1, section 2.3.1: packet identifiers. */

import { assert, assertEquals } from "@std/assert";
import { field, publishPacket, rawPacket, uint16 } from "../support/raw_packets.ts";
import { expectEachCloses, withBrokerFor } from "./broker_v311_support.ts";

const withBroker = withBrokerFor(4);
const QOS_0 = Uint8Array.of(0);

Deno.test(
  "mqtt 3.1.1 broker: a packet identifier of 0 ends the connection [MQTT-2.3.1-1]",
  withBroker(async ({ connect }) => {
    const zero = uint16(0);
    await expectEachCloses(() => connect(), [
      ["PUBLISH of QoS 1", rawPacket(0x32, field("a"), zero)],
      ["PUBLISH of QoS 2", rawPacket(0x34, field("a"), zero)],
      ["SUBSCRIBE", rawPacket(0x82, zero, field("a"), QOS_0)],
      ["UNSUBSCRIBE", rawPacket(0xa2, zero, field("a"))],
      ["PUBREL", rawPacket(0x62, zero)],
    ]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: outgoing packet identifiers are not 0 and unused, also after 65,535 of them [MQTT-2.3.1-1] [MQTT-2.3.1-4]",
  withBroker(async ({ connect }) => {
    const subscriber = await connect();
    await subscriber.subscribe("a", { qos: 1 });
    const publisher = await connect();
    await publisher.publish("a", "held", { qos: 1 });
    const held = (await subscriber.expect("publish", { payload: "held" })).packetId;
    const batch = 500;
    let count = 0;
    while (count < 66_000) {
      const packets = Array.from({ length: batch }, (_, at) => publishPacket("a", "", { qos: 1, packetId: at + 1 }));
      await publisher.send(...packets);
      for (let received = 0; received < batch; received++) {
        const { packetId = 0 } = await subscriber.expect("publish");
        assert(packetId > 0 && packetId !== held, `unused identifier, received ${packetId}`);
        subscriber.send({ type: "puback", packetId, reasonCode: 0 });
      }
      await publisher.expectMany("puback", batch);
      count += batch;
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: an outgoing identifier is kept by a resend and free after PUBACK or PUBCOMP [MQTT-2.3.1-4] [MQTT-3.3.1-1]",
  withBroker(async ({ connect }) => {
    const session = { clientId: "resender", cleanStart: false };
    const first = await connect(session);
    await first.subscribe("a", { qos: 2 });
    const publisher = await connect();
    await publisher.publish("a", "one", { qos: 1 });
    await publisher.publish("a", "two", { qos: 2 });
    const one = (await first.expect("publish", { payload: "one", dup: false })).packetId ?? 0;
    const two = (await first.expect("publish", { payload: "two", dup: false })).packetId ?? 0;
    assert(one !== two, "two identifiers for two open exchanges");
    const second = await connect(session);
    await second.expect("publish", { payload: "one", packetId: one, dup: true });
    await second.expect("publish", { payload: "two", packetId: two, dup: true });
    await second.send({ type: "puback", packetId: one, reasonCode: 0 });
    await second.send({ type: "pubrec", packetId: two, reasonCode: 0 });
    await second.expect("pubrel", { packetId: two });
    await second.send({ type: "pubcomp", packetId: two, reasonCode: 0 });
    await second.barrier();
    const third = await connect(session);
    assertEquals(await third.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: an outgoing PUBLISH of QoS 0 has no identifier [MQTT-2.3.1-5]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 0 });
    await client.publish("a", Uint8Array.of(7), { qos: 2 });
    await client.expect("publish", { qos: 0, packetId: undefined });
    assertEquals(client.lastBytes, rawPacket(0x30, field("a"), Uint8Array.of(7)));
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: an incoming PUBLISH of QoS 0 is read without identifier [MQTT-2.3.1-5]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a");
    await client.sendBytes(rawPacket(0x30, field("a"), Uint8Array.of(0, 1, 2)));
    await client.expect("publish", { payload: Uint8Array.of(0, 1, 2) });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: PUBACK, PUBREC, PUBREL and PUBCOMP have the identifier of their PUBLISH [MQTT-2.3.1-6] [MQTT-3.3.4-1]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    for (const packetId of [1, 0x1234, 0x00ff, 0xff00, 65_535]) {
      await client.send(publishPacket("a", "", { qos: 1, packetId }));
      await client.expect("puback", { packetId });
      assertEquals(client.lastBytes, rawPacket(0x40, uint16(packetId)));
      await client.send(publishPacket("a", "", { qos: 2, packetId }));
      await client.expect("pubrec", { packetId });
      assertEquals(client.lastBytes, rawPacket(0x50, uint16(packetId)));
      await client.send({ type: "pubrel", packetId, reasonCode: 0 });
      await client.expect("pubcomp", { packetId });
      assertEquals(client.lastBytes, rawPacket(0x70, uint16(packetId)));
    }
    await client.subscribe("b", { qos: 2 });
    await client.publish("b", "", { qos: 2 });
    const { packetId = 0 } = await client.expect("publish");
    await client.send({ type: "pubrec", packetId, reasonCode: 0 });
    await client.expect("pubrel", { packetId });
    assertEquals(client.lastBytes, rawPacket(0x62, uint16(packetId)));
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: SUBACK and UNSUBACK have the identifier of their request [MQTT-2.3.1-7] [MQTT-3.8.4-2] [MQTT-3.10.4-4]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    for (const packetId of [1, 0x1234, 65_535]) {
      await client.send({ type: "subscribe", packetId, subscriptions: [{ filter: "a", qos: 1 }] });
      await client.expect("suback", { packetId });
      assertEquals(client.lastBytes, rawPacket(0x90, uint16(packetId), Uint8Array.of(1)));
      await client.send({ type: "unsubscribe", packetId, filters: ["a"] });
      await client.expect("unsuback", { packetId });
      assertEquals(client.lastBytes, rawPacket(0xb0, uint16(packetId)));
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: the identifiers of both directions are independent [MQTT-2.3.1-4] [MQTT-2.3.1-6]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 2 });
    await (await connect()).publish("a", "out", { qos: 2 });
    const { packetId = 0 } = await client.expect("publish");
    await client.send(publishPacket("b", "in", { qos: 2, packetId }));
    await client.expect("pubrec", { packetId });
    await client.send({ type: "pubrec", packetId, reasonCode: 0 });
    await client.expect("pubrel", { packetId });
    await client.send({ type: "pubrel", packetId, reasonCode: 0 });
    await client.expect("pubcomp", { packetId });
    await client.send({ type: "pubcomp", packetId, reasonCode: 0 });
    assertEquals(await client.barrier(), []);
  }),
);
