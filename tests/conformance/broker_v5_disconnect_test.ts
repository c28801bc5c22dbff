/** DISCONNECT and the end of connections: MQTT 5.0 sections 3.14, 4.2 and 4.13. */

import { assert, assertEquals } from "@std/assert";
import { memoryTransportPair } from "../../engine/memory_transport.ts";
import { bounded, startBroker, until, withBroker } from "../support/broker.ts";
import { RawClient } from "../support/raw_client.ts";
import { concatBytes, field, fromHex, publishPacket, rawConnect, rawPacket } from "../support/raw_packets.ts";

const serverCodes = [
  0x00,
  0x80,
  0x81,
  0x82,
  0x83,
  0x87,
  0x89,
  0x8b,
  0x8d,
  0x8e,
  0x8f,
  0x90,
  0x93,
  0x94,
  0x95,
  0x96,
  0x97,
  0x98,
  0x99,
  0x9a,
  0x9b,
  0x9c,
  0x9d,
  0x9e,
  0x9f,
  0xa0,
  0xa1,
  0xa2,
];

Deno.test(
  "mqtt 5.0 broker: closes after a DISCONNECT of the client and sends nothing more [MQTT-3.14.4-3]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.subscribe("a");
    await client.send({ type: "disconnect", reasonCode: 0 }, publishPacket("a", "late"), { type: "pingreq" });
    await client.expectClosed();
  }),
);

Deno.test(
  "mqtt 5.0 broker: takes every DISCONNECT that a client may send, in each of its forms [MQTT-3.14.2-1] [MQTT-2.2.2-1]",
  withBroker(async ({ connect }) => {
    const codes = [0, 4, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99];
    const forms = codes.flatMap((code) => [Uint8Array.of(0xe0, 1, code), Uint8Array.of(0xe0, 2, code, 0)]);
    for (const bytes of [fromHex("e0 00"), ...forms]) {
      const client = await connect();
      await client.sendBytes(bytes);
      await client.expectClosed();
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: its DISCONNECT has a code of the standard and no Session Expiry Interval, and ends the connection [MQTT-3.14.2-1] [MQTT-3.14.2-2] [MQTT-3.14.4-1] [MQTT-3.14.4-2] [MQTT-4.13.2-1] [MQTT-2.1.3-1]",
  withBroker({ maxInflightMessages: 2, maximumQoS: 1, retainAvailable: false }, async ({ connect, clock }) => {
    const causes: readonly [what: string, bytes: string][] = [
      ["malformed", "36 00"],
      ["protocol error", "20 03 00 00 00"],
      ["topic alias", "30 07 00 01 61 03 23 ff ff"],
      ["QoS", "34 06 00 01 61 00 01 00"],
      ["retain", "31 04 00 01 61 00"],
      ["packet size", "30 ff ff ff 7f"],
      ["topic name", "30 04 00 01 23 00"],
    ];
    for (const [what, bytes] of causes) {
      const client = await connect({ properties: { sessionExpiryInterval: 100 } });
      await client.sendBytes(concatBytes(fromHex(bytes), fromHex("c0 00")));
      const packet = await client.expect("disconnect");
      assert(serverCodes.includes(packet.reasonCode), `${what}: 0x${packet.reasonCode.toString(16)}`);
      assertEquals(packet.properties?.sessionExpiryInterval, undefined);
      assertEquals(client.lastBytes[0], 0xe0);
      await client.expectClosed();
    }
    const client = await connect({ keepAlive: 1, properties: { sessionExpiryInterval: 100 } });
    clock.advance(2_000);
    const packet = await client.expectDisconnect(0x8d);
    assertEquals(packet.properties?.sessionExpiryInterval, undefined);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a broker that shuts down says 0x8B and publishes no more [MQTT-3.14.2-1] [MQTT-3.14.4-2]",
  withBroker(async ({ connect, open, broker }) => {
    const client = await connect();
    const waiting = await open();
    await until(() => broker.counts().connections === 2, "both connections to be there");
    const closed = broker.close();
    await client.expectDisconnect(0x8b);
    await waiting.expectClosed(); // [MQTT-3.14.0-1]: no DISCONNECT before CONNACK
    await closed;
  }),
);

Deno.test(
  "mqtt 5.0 broker: sends no DISCONNECT before the CONNACK, whatever comes [MQTT-3.14.0-1]",
  withBroker({ authenticate: ({ username }) => username !== "bad" }, async ({ open, clock, broker }) => {
    for (const bytes of ["c0 00", "30 ff ff ff 7f", "ff 00", "10 ff ff ff ff 01", "36 00", "00"]) {
      const client = await open();
      await client.sendBytes(bytes);
      if (bytes === "00") {
        await until(() => broker.counts().connections === 1, "the connection to be there");
        clock.advance(60_000);
      }
      await client.expectClosed();
    }
    const refused = await open();
    await refused.sendConnect({ username: "bad" });
    await refused.expectRefused(0x86);
  }),
);

Deno.test(
  "mqtt 5.0 broker: an error of one client is noticed by no other [MQTT-4.13.1-1]",
  withBroker(async ({ connect, open }) => {
    const client = await connect({ clientId: "well-behaved" });
    await client.subscribe("a", { qos: 1 });
    for (const bytes of ["36 00", "00 00", "82 02 00 00", "30 7f 00", "f0 00", "10 00", "d0 00"]) {
      const other = await connect();
      await other.sendBytes(bytes);
      if (bytes === "30 7f 00") await other.close();
      else await other.take("disconnect");
      const stranger = await open();
      await stranger.sendBytes(bytes);
      await stranger.close();
      await client.publish("a", bytes, { qos: 1 });
      const { packetId = 0 } = await client.expect("publish", { payload: bytes });
      await client.send({ type: "puback", packetId, reasonCode: 0 });
    }
    assertEquals(await client.barrier(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: bytes count, not how they are cut [MQTT-4.2-1]",
  withBroker(async ({ open }) => {
    const bytes = concatBytes(
      rawConnect(0x02, field("cut")),
      rawPacket(0x82, fromHex("00 01 00"), field("a"), Uint8Array.of(1)),
      rawPacket(0x32, field("a"), fromHex("00 02 00"), new Uint8Array(300).fill(0x61)),
      fromHex("c0 00"),
    );
    for (const size of [1, 2, 3, 7, 50, bytes.length]) {
      const client = await open();
      for (let at = 0; at < bytes.length; at += size) {
        await client.sendBytes(bytes.subarray(at, at + size));
        await new Promise((resolve) => setTimeout(resolve)); // lets the pieces travel on their own
      }
      await client.expect("connack", { reasonCode: 0 });
      await client.expect("suback", { packetId: 1, reasonCodes: [1] });
      const { payload } = await client.take("publish", ({ qos }) => qos === 1);
      assertEquals(payload.length, 300);
      await client.take("puback", ({ packetId }) => packetId === 2);
      await client.expect("pingresp");
      await client.disconnect();
    }
  }),
);

Deno.test("mqtt 5.0 broker: serves TCP and transports in memory alike [MQTT-4.2-1]", () =>
  bounded(async () => {
    await using running = await startBroker();
    const [ours, theirs] = memoryTransportPair();
    const served = running.broker.serve(theirs);
    await using inMemory = await RawClient.connect(ours, { clientId: "memory" });
    await using overTcp = await RawClient.connect(running.port, { clientId: "tcp" });
    await inMemory.subscribe("a", { qos: 2 });
    await overTcp.subscribe("b", { qos: 2 });
    await overTcp.publish("a", "to memory", { qos: 2 });
    await inMemory.expect("publish", { payload: "to memory" });
    await inMemory.publish("b", "to TCP", { qos: 2 });
    await overTcp.expect("publish", { payload: "to TCP" });
    await inMemory.disconnect();
    await served;
  }));
