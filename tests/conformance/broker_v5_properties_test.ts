/** What the client asks for in CONNECT, and what CONNACK may hold: MQTT 5.0 sections 3.1.2.11 and 3.2.2. */

import { assert, assertEquals } from "@std/assert";
import type { Packet } from "../../codec/packets.ts";
import { withBroker } from "../support/broker.ts";
import { fromHex, publishPacket } from "../support/raw_packets.ts";

Deno.test(
  "mqtt 5.0 broker: sends Response Information only on request [MQTT-3.1.2-28]",
  withBroker({ responseInformation: ({ clientId }) => `answers/${clientId}` }, async ({ connect }) => {
    for (const properties of [undefined, {}, { requestResponseInformation: 0 }] as const) {
      const client = await connect({ ...(properties && { properties }) });
      assertEquals(client.connack?.properties?.responseInformation, undefined);
    }
    const client = await connect({ clientId: "me", properties: { requestResponseInformation: 1 } });
    assert([undefined, "answers/me"].includes(client.connack?.properties?.responseInformation));
  }),
);

Deno.test(
  "mqtt 5.0 broker: with Request Problem Information 0 only PUBLISH, CONNACK and DISCONNECT explain themselves [MQTT-3.1.2-29]",
  withBroker({ authorizePublish: (_, { topic }) => topic !== "no" }, async ({ connect }) => {
    const client = await connect({ properties: { requestProblemInformation: 0 } });
    const publisher = await connect();
    await client.send(
      { type: "subscribe", packetId: 1, subscriptions: [{ filter: "a", qos: 2 }, { filter: "$share/g/b", qos: 2 }] },
      { type: "unsubscribe", packetId: 2, filters: ["none"] },
      publishPacket("no", "x", { qos: 1, packetId: 3 }),
      publishPacket("no", "x", { qos: 2, packetId: 4 }),
      { type: "pubrel", packetId: 5, reasonCode: 0 },
      { type: "pubrec", packetId: 6, reasonCode: 0 },
    );
    const answers: Packet[] = await client.barrier();
    assertEquals(answers.length, 6);
    for (const packet of answers) {
      const properties = "properties" in packet ? packet.properties : undefined;
      assertEquals(properties, undefined, packet.type);
    }
    const userProperties = [["k", "v"]] as const;
    await publisher.publish("a", "x", { properties: { userProperties } });
    await client.expect("publish", { properties: { userProperties } });
  }),
);

Deno.test(
  "mqtt 5.0 broker: the connect acknowledge flags are 0 but for Session Present [MQTT-3.2.2-1] [MQTT-3.2.2-6]",
  withBroker({ authenticate: ({ username }) => username !== "bad" }, async ({ connect, open }) => {
    const properties = { sessionExpiryInterval: 100 };
    const first = await connect({ clientId: "s", properties });
    assertEquals([first.lastBytes[0], first.lastBytes[2]], [0x20, 0]);
    await first.disconnect();
    const refused = await open();
    await refused.sendConnect({ clientId: "s", cleanStart: false, username: "bad" });
    await refused.expect("connack", { reasonCode: 0x86 });
    assertEquals([refused.lastBytes[0], refused.lastBytes[2]], [0x20, 0]);
    await refused.expectClosed();
    const second = await connect({ clientId: "s", cleanStart: false });
    assertEquals([second.lastBytes[0], second.lastBytes[2]], [0x20, 1]);
  }),
);

Deno.test(
  "mqtt 5.0 broker: Session Present is 0 in a refusal even when there is a session [MQTT-3.2.2-6] [MQTT-3.2.2-7]",
  withBroker({ authenticate: ({ username }) => username !== "bad" }, async ({ connect, open }) => {
    await (await connect({ clientId: "s", properties: { sessionExpiryInterval: 100 } })).disconnect();
    const client = await open();
    await client.sendConnect({ clientId: "s", cleanStart: false, username: "bad" });
    await client.expectRefused(0x86);
  }),
);

Deno.test(
  "mqtt 5.0 broker: sends one CONNACK only [MQTT-3.2.0-2]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a");
    await client.publish("a", "x", { qos: 1 });
    await client.expect("publish");
    await client.sendConnect();
    await client.expectDisconnect(0x82);
  }),
);

const connackCodes = [
  0x00,
  0x80,
  0x81,
  0x82,
  0x83,
  0x84,
  0x85,
  0x86,
  0x87,
  0x88,
  0x89,
  0x8a,
  0x8c,
  0x90,
  0x95,
  0x97,
  0x99,
  0x9a,
  0x9b,
  0x9c,
  0x9d,
  0x9f,
];

Deno.test(
  "mqtt 5.0 broker: refuses with the code of the application if CONNACK may have it, with another one if not [MQTT-3.2.2-8] [MQTT-3.2.2-7] [MQTT-3.1.4-2]",
  withBroker({ authenticate: ({ username }) => ({ reasonCode: Number(username) }) }, async ({ open }) => {
    for (let code = 0x80; code <= 0xff; code++) {
      const client = await open();
      await client.sendConnect({ username: `${code}` });
      const connack = await client.expectOptional("connack");
      if (connack !== undefined && connackCodes.includes(code)) assertEquals(connack.reasonCode, code);
      else assert(connack === undefined || (connack.reasonCode >= 0x80 && connackCodes.includes(connack.reasonCode)));
      await client.expectClosed();
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: announces nothing that the standard does not let it announce [MQTT-3.2.2-8] [MQTT-3.2.2-9] [MQTT-3.14.2-2]",
  withBroker(async ({ connect }) => {
    const client = await connect({ clientId: "chosen", keepAlive: 60 });
    const { properties = {} } = client.connack ?? {};
    assertEquals(properties.assignedClientIdentifier, undefined);
    assertEquals(properties.serverKeepAlive, undefined);
    assert(properties.maximumQoS === undefined || properties.maximumQoS < 2);
    assert(properties.receiveMaximum !== 0 && properties.maximumPacketSize !== 0);
  }),
);

const acknowledgementCodes = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];

Deno.test(
  "mqtt 5.0 broker: uses only the codes of the standard in PUBACK, PUBREC, PUBREL and PUBCOMP [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]",
  withBroker(
    { maxRetainedMessages: 1, authorizePublish: (_, { topic }) => topic !== "no" },
    async ({ connect }) => {
      const client = await connect();
      const publisher = await connect();
      await client.subscribe("a", { qos: 2 });
      const publish = (topic: string, qos: 1 | 2, retain = false) =>
        publisher.send(publishPacket(topic, "x", { qos, retain, packetId: publisher.nextPacketId() }));
      const codes: number[] = [];
      for (
        const [topic, retain] of [["a", false], ["none", false], ["no", false], ["r1", true], ["r2", true]] as const
      ) {
        await publish(topic, 1, retain);
        codes.push((await publisher.expect("puback")).reasonCode);
        await publish(topic, 2, retain);
        codes.push((await publisher.expect("pubrec")).reasonCode);
      }
      assertEquals(codes, [0, 0, 0x10, 0x10, 0x87, 0x87, 0x10, 0x10, 0x97, 0x97]);
      assert(codes.every((code) => acknowledgementCodes.includes(code)));
      await publisher.send({ type: "pubrel", packetId: 999, reasonCode: 0 });
      await publisher.expect("pubcomp", { reasonCode: 0x92 });
      await publisher.send({ type: "pubrec", packetId: 999, reasonCode: 0 });
      await publisher.expect("pubrel", { reasonCode: 0x92 });
    },
  ),
);

Deno.test(
  "mqtt 5.0 broker: a reason code that a packet may not have is an error [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1] [MQTT-3.14.2-1]",
  withBroker(async ({ connect }) => {
    const packets = [
      ...["40 03 00 01 01", "40 03 00 01 92", "40 03 00 01 ff"],
      ...["50 03 00 01 01", "50 03 00 01 92", "62 03 00 01 10", "62 03 00 01 80", "70 03 00 01 10", "70 03 00 01 91"],
      ...["e0 01 01", "e0 01 18", "e0 01 7f", "e0 01 8c", "e0 01 ff"],
    ];
    for (const hex of packets) {
      const client = await connect();
      await client.sendBytes(fromHex(hex));
      await client.expectDisconnect(0x81, 0x82);
    }
    for (const hex of ["e0 01 87", "e0 01 8b", "e0 01 8e", "e0 01 9c"]) { // for servers only: an end all the same
      const client = await connect();
      await client.sendBytes(fromHex(hex));
      await client.expectOptional("disconnect");
      await client.expectClosed();
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: takes every reason code that a packet may have [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    for (const reasonCode of acknowledgementCodes) {
      await client.send({ type: "puback", packetId: 1, reasonCode });
      await client.send({ type: "pubrec", packetId: 1, reasonCode });
      if (reasonCode < 0x80) await client.expect("pubrel", { reasonCode: 0x92 });
    }
    for (const reasonCode of [0x00, 0x92]) {
      await client.send({ type: "pubrel", packetId: 1, reasonCode });
      await client.expect("pubcomp", { reasonCode: 0x92 });
      await client.send({ type: "pubcomp", packetId: 1, reasonCode });
    }
    assertEquals(await client.barrier(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: reason strings and user properties of a client's acknowledgements are taken [MQTT-2.2.2-1]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a", { qos: 2 });
    const properties = { reasonString: "because", userProperties: [["k", "v"], ["k", "v"]] } as const;
    const publisher = await connect();
    await publisher.publish("a", "x", { qos: 2 });
    const { packetId = 0 } = await client.expect("publish");
    await client.send({ type: "pubrec", packetId, reasonCode: 0, properties });
    await client.expect("pubrel", { packetId, reasonCode: 0 });
    await client.send({ type: "pubcomp", packetId, reasonCode: 0, properties });
    await client.send({ type: "puback", packetId: 3, reasonCode: 0x97, properties });
    assertEquals(await client.barrier(), []);
    await client.disconnect(0, properties);
  }),
);
