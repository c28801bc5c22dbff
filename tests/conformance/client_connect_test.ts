/** What the client says in CONNECT, and what it makes of the CONNACK. */

import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { MqttError, ServerError } from "../../client/mod.ts";
import { clientTest, grant, settle } from "../client/scripted.ts";
import { toHex } from "../support/raw_packets.ts";

/** Bytes of the fixed header and variable header of a short CONNECT up to the connect flags, per version. */
const CONNECT_FLAGS_AT = 9;

clientTest(
  { "3.1": "", "3.1.1": "3.1.0-1", "5.0": "3.1.0-1" },
  "sends CONNECT first, and nothing else before the CONNACK",
  async ({ connecting, accept }) => {
    const connected = connecting();
    const peer = await accept();
    await peer.expect("connect");
    await peer.expectNothing();
    await peer.send({ type: "connack", sessionPresent: false, reasonCode: 0 });
    const client = await connected;
    await client.publish("a", "");
    await peer.expect("publish");
  },
);

clientTest({ "3.1": "", "3.1.1": "", "5.0": "3.1.2-1" }, "names the protocol and its level", async (script) => {
  const { peer } = await script.connect({ clientId: "c", reconnect: false, keepAlive: 10 });
  const expected = {
    3: "10 0f 00 06 4d 51 49 73 64 70 03 02 00 0a 00 01 63",
    4: "10 0d 00 04 4d 51 54 54 04 02 00 0a 00 01 63",
    5: "10 11 00 04 4d 51 54 54 05 02 00 0a 03 21 04 00 00 01 63",
  };
  assertEquals(toHex(peer.lastBytes), expected[script.version]);
});

clientTest(
  { "3.1.1": "3.1.2-9 3.1.2-14 3.1.3-1 3.1.3-10", "5.0": "3.1.2-9 3.1.2-12 3.1.3-1 3.1.3-11" },
  "writes the whole will, behind the client identifier and before user name and password",
  async ({ connect, connecting, version }) => {
    for (const [qos, flags] of [[0, "c6"], [1, "ee"], [2, "d6"]] as const) {
      const { peer, packet } = await connect({
        clientId: "id",
        username: "u",
        password: "p",
        reconnect: false,
        will: { topic: "w/é", payload: "bye", qos, retain: qos === 1, properties: { willDelayInterval: 5 } },
      });
      assertEquals(packet.will, {
        topic: "w/é",
        payload: new TextEncoder().encode("bye"),
        qos,
        retain: qos === 1,
        ...(version === 5 ? { properties: { willDelayInterval: 5 } } : {}),
      });
      assertEquals(peer.lastBytes[CONNECT_FLAGS_AT], parseInt(flags, 16));
      const will = `${version === 5 ? "05 18 00 00 00 05 " : ""}00 04 77 2f c3 a9 00 03 62 79 65`;
      const payload = `00 02 69 64 ${will} 00 01 75 00 01 70`;
      assertEquals(toHex(peer.lastBytes).slice(-payload.length), payload);
    }
    for (const will of [{ topic: "" }, { topic: "a/#" }, { topic: "\uD800" }]) {
      await assertRejects(() => connecting({ will }), MqttError, "Cannot use topic name");
    }
    await assertRejects(() => connecting({ will: { topic: "a", qos: 3 as 2 } }), RangeError, "QoS");
  },
);

clientTest(
  { "3.1.1": "3.1.2-11 3.1.2-13 3.1.2-15", "5.0": "3.1.2-11 3.1.2-13" },
  "leaves all will bits 0 without a will",
  async ({ connect }) => {
    const { peer, packet } = await connect();
    assertEquals((peer.lastBytes[CONNECT_FLAGS_AT] ?? 0) & 0x3c, 0);
    assertEquals(packet.will, undefined);
  },
);

clientTest(
  {
    "3.1.1": "3.1.2-18 3.1.2-19 3.1.2-20 3.1.2-21 3.1.3-11",
    "5.0": "3.1.2-16 3.1.2-17 3.1.2-18 3.1.2-19 3.1.3-12",
  },
  "writes user name and password exactly when it is given them",
  async ({ connect, connecting }) => {
    const none = await connect();
    assertEquals((none.peer.lastBytes[CONNECT_FLAGS_AT] ?? 0) & 0xc0, 0);
    assertEquals([none.packet.username, none.packet.password], [undefined, undefined]);
    const name = await connect({ username: "jürgen" });
    assertEquals((name.peer.lastBytes[CONNECT_FLAGS_AT] ?? 0) & 0xc0, 0x80);
    assertEquals([name.packet.username, name.packet.password], ["jürgen", undefined]);
    const both = await connect({ username: "u", password: Uint8Array.of(0, 255) });
    assertEquals((both.peer.lastBytes[CONNECT_FLAGS_AT] ?? 0) & 0xc0, 0xc0);
    assertEquals([both.packet.username, both.packet.password], ["u", Uint8Array.of(0, 255)]);
    await assertRejects(() => connecting({ username: "\uD800" }), TypeError, "lone surrogate");
  },
);

clientTest({ "3.1.1": "3.1.2-22" }, "refuses a password without a user name", async ({ connecting }) => {
  await assertRejects(() => connecting({ password: "p" }), TypeError, "password must come with a username");
});

clientTest({ "5.0": "3.1.2-18 3.1.2-19" }, "may send a password without a user name", async ({ connect }) => {
  const { packet } = await connect({ password: "p" });
  assertEquals([packet.username, packet.password], [undefined, new TextEncoder().encode("p")]);
});

clientTest(
  { "3.1.1": "3.1.3-3 3.1.3-4", "5.0": "3.1.3-3 3.1.3-4" },
  "always writes a client identifier, also an empty one",
  async ({ connect, connecting }) => {
    assertEquals((await connect({ clientId: "gerät" })).packet.clientId, "gerät");
    assertEquals((await connect({ clientId: "" })).packet.clientId, "");
    const [one, other] = [await connect(), await connect()];
    assertEquals(/^[0-9a-zA-Z]{1,23}$/.test(one.packet.clientId), true);
    assertEquals(one.packet.clientId === other.packet.clientId, false);
    await assertRejects(() => connecting({ clientId: "a\0" }), TypeError, "U+0000");
  },
);

clientTest(
  { "3.1.1": "3.1.3-7" },
  "refuses an empty client identifier without a clean session",
  async ({ connecting }) => {
    await assertRejects(() => connecting({ clientId: "", cleanStart: false }), TypeError, "clientId must not be empty");
  },
);

clientTest({ "3.1": "" }, "refuses client identifiers that have not 1 to 23 characters", async ({ connecting }) => {
  for (const clientId of ["", "x".repeat(24)]) {
    await assertRejects(() => connecting({ clientId }), RangeError, "1 to 23 characters");
  }
});

clientTest({ "5.0": "3.2.2-4 3.1.2-4" }, "closes on session present after a clean start", async (script) => {
  const connecting = script.connecting();
  const rejected = assertRejects(() => connecting, MqttError, "session present must be 0");
  const { peer } = await script.acceptWith({ sessionPresent: true });
  await peer.expectDisconnect(0x82);
  await rejected;
});

for (
  const [code, what] of [
    [0x84, "Unsupported Protocol Version"],
    [0x85, "Client Identifier not valid"],
    [0x86, "Bad User Name or Password"],
    [0x87, "Not authorized"],
    [0x8c, "Bad authentication method"],
    [0x9d, "Server moved"],
  ] as const
) {
  clientTest(
    { "5.0": "4.13.2-1" },
    `ends, and closes, when the server refuses with 0x${code.toString(16)}`,
    async (script) => {
      const connecting = script.connecting();
      const rejected = assertRejects(() => connecting, ServerError, `${what}: because`);
      const { peer } = await script.acceptWith({
        reasonCode: code,
        properties: { reasonString: "because", ...(code === 0x9d ? { serverReference: "other:1883" } : {}) },
      });
      await peer.expectClosed();
      const error = await rejected;
      assertInstanceOf(error, ServerError);
      assertEquals(error.reasonCode, code);
      if (code === 0x9d) assertEquals(error.properties.serverReference, "other:1883");
      assertEquals(script.clock.size, 0);
    },
  );
}

for (const [code, reasonCode] of [[1, 0x84], [2, 0x85], [3, 0x88], [4, 0x86], [5, 0x87]] as const) {
  clientTest(
    { "3.1": "", "3.1.1": "4.8.0-1" },
    `ends, and closes, when the server refuses with ${code}`,
    async (script) => {
      const connecting = script.connecting();
      const rejected = assertRejects(() => connecting, ServerError, "Cannot connect: server must accept");
      const { peer } = await script.acceptWith({ reasonCode: code });
      await peer.expectClosed();
      const error = await rejected;
      assertInstanceOf(error, ServerError);
      assertEquals(error.reasonCode, reasonCode);
    },
  );
}

clientTest(
  { "3.1": "", "3.1.1": "", "5.0": "" },
  "ends when another packet than CONNACK comes first",
  async (script) => {
    const connecting = script.connecting();
    const rejected = assertRejects(
      () => connecting,
      MqttError,
      "the server must send CONNACK first, received PINGRESP",
    );
    const peer = await script.accept();
    await peer.expect("connect");
    await peer.send({ type: "pingresp" });
    if (script.version === 5) await peer.expectDisconnect(0x82);
    else await peer.expectClosed();
    await rejected;
  },
);

clientTest(
  { "3.1": "", "3.1.1": "4.8.0-1", "5.0": "4.13.2-1" },
  "ends the connection on a second CONNACK",
  async ({ connect }) => {
    const { peer } = await connect({ reconnect: false });
    await peer.send({ type: "connack", sessionPresent: false, reasonCode: 0 });
    if (peer.version === 5) await peer.expectDisconnect(0x82);
    else await peer.expectClosed();
  },
);

clientTest(
  { "3.1": "", "3.1.1": "4.8.0-1", "5.0": "4.13.2-1" },
  "ends the connection on packets that only clients send",
  async ({ connect }) => {
    for (
      const packet of [
        { type: "pingreq" },
        { type: "subscribe", packetId: 1, subscriptions: [{ filter: "a", qos: 0 }] },
        { type: "unsubscribe", packetId: 1, filters: ["a"] },
        { type: "suback", packetId: 9, reasonCodes: [0] },
        { type: "unsuback", packetId: 9, reasonCodes: [0] },
      ] as const
    ) {
      const { peer } = await connect({ reconnect: false });
      await peer.send(structuredClone(packet) as never);
      if (peer.version === 5) await peer.expectDisconnect(0x82);
      else await peer.expectClosed();
    }
  },
);

clientTest({ "5.0": "3.2.2-11" }, "publishes at or below the server's maximum QoS", async ({ connect }) => {
  const { client, peer } = await connect({}, { properties: { maximumQoS: 1 } });
  const error = await assertRejects(() => client.publish("a", "", { qos: 2 }), MqttError, "QoS must be at most 1");
  assertEquals(error.reasonCode, 0x9b);
  await client.publish("a", "");
  await peer.expect("publish", { qos: 0 });
  const one = client.publish("a", "", { qos: 1 });
  const { packetId = 0 } = await peer.expect("publish", { qos: 1 });
  await peer.send({ type: "puback", packetId, reasonCode: 0 });
  await one;
});

clientTest({ "5.0": "3.2.2-14" }, "publishes nothing to retain where that is not available", async ({ connect }) => {
  const { client, peer } = await connect({}, { properties: { retainAvailable: 0 } });
  for (const qos of [0, 1, 2] as const) {
    const error = await assertRejects(() => client.publish("a", "", { qos, retain: true }), MqttError);
    assertEquals(error.reasonCode, 0x9a);
  }
  await client.publish("a", "");
  await peer.expect("publish", { retain: false });
});

clientTest({ "5.0": "3.2.2-15" }, "sends no packet above the server's maximum packet size", async ({ connect }) => {
  const { client, peer } = await connect({}, { properties: { maximumPacketSize: 30 } });
  for (const qos of [0, 1, 2] as const) {
    const largest = 30 - 2 - 3 - (qos === 0 ? 0 : 2) - 1;
    const error = await assertRejects(() => client.publish("a", "x".repeat(largest + 1), { qos }), MqttError);
    assertEquals(error.reasonCode, 0x95);
    const published = client.publish("a", "x".repeat(largest), { qos });
    published.catch(() => {});
    await peer.expect("publish", { qos });
    assertEquals(peer.lastBytes.length, 30);
  }
  const long = client.subscribe("a/".repeat(20));
  const error = await assertRejects(() => long.ready, MqttError);
  assertEquals(error.reasonCode, 0x95);
  client.subscribe("b");
  await grant(peer);
});

clientTest({ "5.0": "3.2.2-15" }, "holds what waits for a connection to its maximum packet size", async (script) => {
  const { client, peer } = await script.connect();
  await peer.close();
  await settle();
  const published = client.publish("a", "x".repeat(100), { qos: 1 });
  const rejected = assertRejects(() => published, MqttError, "packet must have at most 50 bytes");
  const next = script.acceptWith({ properties: { maximumPacketSize: 50 } });
  await script.passWait();
  await next;
  await rejected;
});

clientTest(
  { "5.0": "3.1.2-24" },
  "answers a packet above its own maximum packet size with 0x95",
  async ({ connect }) => {
    const { peer, packet } = await connect({ maximumPacketSize: 40, reconnect: false });
    assertEquals(packet.properties?.maximumPacketSize, 40);
    // Whether all of it has come or not.
    await peer.sendBytes("30 27 00 01 61 00");
    await peer.expectDisconnect(0x95);
  },
);

clientTest(
  { "3.1": "", "3.1.1": "4.8.0-2" },
  "ends the connection on a packet that is too large for it",
  async ({ connect }) => {
    const { peer } = await connect({ maximumPacketSize: 40, reconnect: false });
    await peer.sendBytes("30 27 00 01 61");
    await peer.expectClosed();
  },
);

clientTest(
  { "5.0": "3.1.2-29" },
  "answers problem information that it has not asked for with 0x82",
  async ({ connect }) => {
    for (const properties of [{ reasonString: "x" }, { userProperties: [["a", "b"]] as const }]) {
      const { client, peer, packet } = await connect({
        properties: { requestProblemInformation: 0 },
        reconnect: false,
      });
      assertEquals(packet.properties?.requestProblemInformation, 0);
      const published = assertRejects(() => client.publish("a", "", { qos: 1 }), MqttError);
      const { packetId = 0 } = await peer.expect("publish");
      await peer.send({ type: "puback", packetId, reasonCode: 0, properties });
      await peer.expectDisconnect(0x82);
      await published;
    }
    // In PUBLISH, CONNACK and DISCONNECT they may stand all the same.
    const { client, peer } = await connect({ properties: { requestProblemInformation: 0 } }, {
      properties: { reasonString: "welcome" },
    });
    const subscription = client.subscribe("a");
    await grant(peer);
    await peer.send({
      type: "publish",
      topic: "a",
      payload: new Uint8Array(0),
      qos: 0,
      retain: false,
      dup: false,
      properties: { userProperties: [["a", "b"]] },
    });
    assertEquals((await subscription.next()).value?.properties, { userProperties: [["a", "b"]] });
  },
);
