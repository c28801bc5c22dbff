/** MQTT 3.1 (protocol name MQIsdp, level 3): connections, sessions and wills. Its specification numbers no statements. */

import { assertEquals } from "@std/assert";
import { until } from "../support/broker.ts";
import { field, publishPacket, rawPacket, toText, uint16 } from "../support/raw_packets.ts";
import { connectBytes, ConnectFlag, expectEachCloses, withBrokerFor } from "./broker_v311_support.ts";

const withBroker = withBrokerFor(3);
const { CleanSession, Password, UserName, Will } = ConnectFlag;
const MQIsdp = { name: "MQIsdp", level: 3 };
const session = { clientId: "keeper", cleanStart: false };

Deno.test(
  "mqtt 3.1 broker: MQIsdp with level 3 gets a CONNACK of four bytes",
  withBroker(async ({ open }) => {
    const client = await open();
    await client.sendBytes(connectBytes(MQIsdp));
    await client.expect("connack", { reasonCode: 0 });
    assertEquals(client.lastBytes, Uint8Array.of(0x20, 2, 0, 0));
  }),
);

Deno.test(
  "mqtt 3.1 broker: another level of MQIsdp gets CONNACK 0x01 and the end",
  withBroker(async ({ open }) => {
    for (const level of [0, 1, 2, 4, 5]) {
      const client = await open();
      await client.sendBytes(connectBytes({ name: "MQIsdp", level }));
      await client.expectRefused(0x01);
    }
  }),
);

Deno.test(
  "mqtt 3.1 broker: CONNACK does not tell of a stored session, which goes on all the same",
  withBroker(async ({ connect }) => {
    const first = await connect(session);
    await first.subscribe("a", { qos: 2 });
    await first.disconnect();
    await (await connect()).publish("a", "waited", { qos: 2 });
    const second = await connect(session);
    await second.take("publish", ({ payload, qos, dup }) => toText(payload) === "waited" && qos === 2 && !dup);
    const third = await connect(session);
    assertEquals(third.connack?.sessionPresent, false);
    await third.expect("publish", { payload: "waited", dup: true });
  }),
);

Deno.test(
  "mqtt 3.1 broker: the byte in front of the return code is 0, also with a stored session",
  withBroker(async ({ connect }) => {
    await (await connect(session)).disconnect();
    const second = await connect(session);
    assertEquals(second.lastBytes, Uint8Array.of(0x20, 2, 0, 0));
  }),
);

Deno.test(
  "mqtt 3.1 broker: client ids of 1 to 23 characters are let in, and, as Mosquitto does, longer ones",
  withBroker(async ({ connect }) => {
    for (const clientId of ["x", "client/with spaces", "x".repeat(23), "x".repeat(24), "x".repeat(500)]) {
      await (await connect({ clientId })).disconnect();
    }
  }),
);

Deno.test(
  "mqtt 3.1 broker: an empty client id gets CONNACK 0x02 and the end, with clean session as well",
  withBroker(async ({ open }) => {
    for (const flags of [CleanSession, 0]) {
      const client = await open();
      await client.sendBytes(connectBytes({ ...MQIsdp, flags, payload: [""] }));
      await client.expectRefused(0x02);
    }
  }),
);

Deno.test(
  "mqtt 3.1 broker: refusals have the return codes of 3.1",
  withBroker({
    authenticate: ({ username }) => username === undefined ? true : { reasonCode: Number(username) },
  }, async ({ open }) => {
    for (const [reasonCode, returnCode] of [[0x84, 1], [0x85, 2], [0x88, 3], [0x86, 4], [0x87, 5]] as const) {
      const client = await open();
      await client.sendConnect({ username: String(reasonCode) });
      await client.expectRefused(returnCode);
    }
  }),
);

Deno.test(
  "mqtt 3.1 broker: flags may announce a user name and password that are missing at the end",
  withBroker(async ({ open }) => {
    for (const payload of [["a"], ["b", "user"], ["c", "user", "password"]]) {
      const client = await open();
      await client.sendBytes(connectBytes({ ...MQIsdp, flags: CleanSession | UserName | Password, payload }));
      await client.expect("connack", { reasonCode: 0 });
    }
  }),
);

Deno.test(
  "mqtt 3.1 broker: a password without a user name ends the connection",
  withBroker(async ({ open }) => {
    const bytes = connectBytes({ ...MQIsdp, flags: CleanSession | Password, payload: ["a", "password"] });
    await expectEachCloses(open, [["a password alone", bytes]]);
  }),
);

Deno.test(
  "mqtt 3.1 broker: a malformed CONNECT ends the connection",
  withBroker(async ({ open }) => {
    await expectEachCloses(open, [
      ["no client id", connectBytes({ ...MQIsdp, payload: [] })],
      ["no will message", connectBytes({ ...MQIsdp, flags: CleanSession | Will, payload: ["a", "t"] })],
      ["Will QoS 3", connectBytes({ ...MQIsdp, flags: CleanSession | Will | 0x18, payload: ["a", "t", "m"] })],
      ["PUBLISH first", rawPacket(0x30, field("a"))],
      ["bytes too many", connectBytes({ ...MQIsdp, payload: ["a", "b"] })],
    ]);
  }),
);

Deno.test(
  "mqtt 3.1 broker: a second CONNECT ends the connection",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.sendConnect();
    await client.expectClosed();
  }),
);

Deno.test(
  "mqtt 3.1 broker: clean session begins afresh and leaves nothing behind",
  withBroker(async ({ connect, broker }) => {
    const first = await connect(session);
    await first.subscribe("a", { qos: 1 });
    await first.disconnect();
    const clean = await connect({ ...session, cleanStart: true });
    await clean.publish("a", "nobody", { qos: 1 });
    assertEquals(await clean.barrier(), []);
    await clean.subscribe("a", { qos: 1 });
    await clean.close();
    await until(() => broker.counts().connections === 0, "the end of the connection");
    const after = await connect(session);
    await after.publish("a", "nobody", { qos: 1 });
    assertEquals(await after.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1 broker: a new connection of the same client id ends the old one, and its will goes out",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("will");
    const first = await connect({ ...session, will: { topic: "will", payload: "taken over" } });
    const second = await connect(session);
    await first.expectClosed();
    await watcher.expect("publish", { payload: "taken over" });
    assertEquals(await second.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1 broker: a will goes out after a failure with its QoS and RETAIN, and not after DISCONNECT",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("will", { qos: 2 });
    const will = { topic: "will", payload: "gone", retain: true };
    for (const qos of [0, 1, 2] as const) {
      await (await connect({ will: { ...will, qos } })).disconnect();
      await (await connect({ will: { ...will, qos } })).close();
      await watcher.expect("publish", { topic: "will", payload: "gone", qos, retain: false });
      const later = await connect();
      await later.subscribe("will", { qos: 2 });
      await later.expect("publish", { payload: "gone", qos, retain: true });
    }
    assertEquals(await watcher.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1 broker: 1.5 times the keep alive without a packet ends the connection, and the will goes out",
  withBroker(async ({ connect, clock }) => {
    const watcher = await connect();
    await watcher.subscribe("will");
    const client = await connect({ keepAlive: 10, will: { topic: "will", payload: "silent" } });
    clock.advance(14_000);
    await client.barrier();
    clock.advance(14_000);
    await client.send({ type: "pingreq" });
    await client.expect("pingresp");
    clock.advance(16_100);
    await client.expectClosed();
    await watcher.expect("publish", { payload: "silent" });
  }),
);

Deno.test(
  "mqtt 3.1 broker: nothing behind a refused CONNECT is processed",
  withBroker(async ({ open, connect }) => {
    const watcher = await connect();
    await watcher.subscribe("#");
    const client = await open();
    await client.sendBytes(connectBytes({ ...MQIsdp, payload: [""] }));
    await client.send(publishPacket("a", "slipped in"), { type: "pingreq" });
    await client.expectRefused(0x02);
    assertEquals(await watcher.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1 broker: DUP may be set in SUBSCRIBE, UNSUBSCRIBE and PUBREL that are sent again",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.sendBytes(rawPacket(0x8a, uint16(1), field("a"), Uint8Array.of(1)));
    await client.expect("suback", { packetId: 1, reasonCodes: [1] });
    await client.send(publishPacket("b", "", { qos: 2, packetId: 2 }));
    await client.expect("pubrec", { packetId: 2 });
    await client.sendBytes(rawPacket(0x6a, uint16(2)));
    await client.expect("pubcomp", { packetId: 2 });
    await client.sendBytes(rawPacket(0xaa, uint16(3), field("a")));
    await client.expect("unsuback", { packetId: 3 });
  }),
);
