/** Keep alive and PINGREQ: MQTT 5.0 sections 3.1.2.10, 3.2.2.3.14 and 3.12. Time is moved by hand. */

import { assertEquals } from "@std/assert";
import { until, withBroker } from "../support/broker.ts";
import { publishPacket } from "../support/raw_packets.ts";

Deno.test(
  "mqtt 5.0 broker: closes after one and a half Keep Alive without a packet [MQTT-3.1.2-22] [MQTT-3.2.2-22]",
  withBroker(async ({ connect, clock }) => {
    const client = await connect({ keepAlive: 10 });
    assertEquals(client.connack?.properties?.serverKeepAlive, undefined);
    clock.advance(14_900);
    assertEquals(await client.barrier(), []);
    clock.advance(14_900);
    assertEquals(await client.barrier(), []);
    clock.advance(16_000);
    await client.expectDisconnect(0x8d);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a keep alive that ran out is a failure of the network: the will fires [MQTT-3.1.2-22] [MQTT-3.1.2-8]",
  withBroker(async ({ connect, clock }) => {
    const watcher = await connect();
    await watcher.subscribe("will");
    const client = await connect({ keepAlive: 1, will: { topic: "will", payload: "lost" } });
    clock.advance(2_600);
    await client.expectDisconnect(0x8d);
    await watcher.expect("publish", { topic: "will", payload: "lost" });
  }),
);

Deno.test(
  "mqtt 5.0 broker: every packet of the client counts for its keep alive [MQTT-3.1.2-22]",
  withBroker(async ({ connect, clock }) => {
    const client = await connect({ keepAlive: 10 });
    await client.subscribe("own");
    const steps: (() => Promise<unknown>)[] = [
      () => client.publish("own", "x").then(() => client.expect("publish")),
      () => client.publish("a", "x", { qos: 1 }),
      () => client.publish("a", "x", { qos: 2 }),
      () => client.subscribe("b"),
      () => client.unsubscribe("b"),
      () => client.send({ type: "pubrel", packetId: 99, reasonCode: 0 }).then(() => client.expect("pubcomp")),
      () => client.barrier(),
    ];
    for (const step of steps) {
      clock.advance(14_000);
      await step();
    }
    assertEquals(client.ended, false);
    clock.advance(16_000);
    await client.expectDisconnect(0x8d);
  }),
);

Deno.test(
  "mqtt 5.0 broker: what the broker sends does not count for the client's keep alive [MQTT-3.1.2-22]",
  withBroker(async ({ connect, clock }) => {
    const client = await connect({ keepAlive: 10 });
    await client.subscribe("a");
    const publisher = await connect();
    for (let count = 0; count < 3; count++) {
      clock.advance(4_900);
      await publisher.send(publishPacket("a", "x"));
      await client.expect("publish");
    }
    clock.advance(1_000);
    await client.expectDisconnect(0x8d);
  }),
);

Deno.test(
  "mqtt 5.0 broker: Keep Alive 0 turns the watch off [MQTT-3.1.2-22]",
  withBroker(async ({ connect, clock }) => {
    const client = await connect({ keepAlive: 0 });
    clock.advance(30 * 86_400_000);
    assertEquals(await client.barrier(), []);
  }),
);

Deno.test(
  "mqtt 5.0 broker: the longest Keep Alive, 65,535 s, is kept [MQTT-3.1.2-22] [MQTT-3.2.2-22]",
  withBroker(async ({ connect, clock }) => {
    const client = await connect({ keepAlive: 65_535 });
    clock.advance(65_535 * 1_500 - 100);
    assertEquals(await client.barrier(), []);
    clock.advance(65_535 * 1_500 + 1_000);
    await client.expectDisconnect(0x8d);
  }),
);

Deno.test(
  "mqtt 5.0 broker: enforces the Server Keep Alive that it sent, in place of the client's [MQTT-3.1.2-22]",
  withBroker({ maxKeepAlive: 10 }, async ({ connect, clock }) => {
    for (const keepAlive of [0, 100]) {
      const client = await connect({ keepAlive });
      assertEquals(client.connack?.properties?.serverKeepAlive, 10);
      clock.advance(14_900);
      assertEquals(await client.barrier(), []);
      clock.advance(16_000);
      await client.expectDisconnect(0x8d);
    }
    const content = await connect({ keepAlive: 4 });
    assertEquals(content.connack?.properties?.serverKeepAlive, undefined);
    clock.advance(7_000);
    await content.expectDisconnect(0x8d);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a connection that never says CONNECT ends after a time [MQTT-3.1.0-1]",
  withBroker(async ({ open, clock, broker }) => {
    const client = await open();
    await client.sendBytes("10 20 00 04"); // begun, never finished
    await until(() => broker.counts().connections === 1, "the connection to be there");
    clock.advance(120_000);
    await client.expectClosed();
  }),
);

Deno.test(
  "mqtt 5.0 broker: answers each PINGREQ with one PINGRESP [MQTT-3.12.4-1]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    for (let count = 0; count < 3; count++) {
      await client.sendBytes("c0 00");
      await client.expect("pingresp");
      assertEquals(client.lastBytes, Uint8Array.of(0xd0, 0));
    }
    await client.sendBytes("c0 00 c0 00 c0 00");
    await client.expectMany("pingresp", 3);
    assertEquals(await client.barrier(), []);
  }),
);
