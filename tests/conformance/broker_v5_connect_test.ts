/** CONNECT as the broker sees it: MQTT 5.0 sections 3.1.0 to 3.1.4, but for wills, sessions and keep alive. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { ConnectRequest } from "../../broker/hooks.ts";
import type { Packet } from "../../codec/packets.ts";
import { withBroker } from "../support/broker.ts";
import { concatBytes, field, publishPacket, rawConnect, rawPacket } from "../support/raw_packets.ts";
import { expectRefusal, expectVersionRefusal } from "./broker_v5_support.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const notAuthorized = { reasonCode: 0x87 };

Deno.test(
  "mqtt 5.0 broker: closes without a word when the first packet is no CONNECT [MQTT-3.1.0-1] [MQTT-3.14.0-1]",
  withBroker(async ({ open }) => {
    const packets: Packet[] = [
      publishPacket("a", "x"),
      publishPacket("a", "x", { qos: 1, packetId: 1 }),
      { type: "puback", packetId: 1, reasonCode: 0 },
      { type: "pubrec", packetId: 1, reasonCode: 0 },
      { type: "pubrel", packetId: 1, reasonCode: 0 },
      { type: "pubcomp", packetId: 1, reasonCode: 0 },
      { type: "subscribe", packetId: 1, subscriptions: [{ filter: "a", qos: 0 }] },
      { type: "unsubscribe", packetId: 1, filters: ["a"] },
      { type: "pingreq" },
      { type: "disconnect", reasonCode: 0 },
      { type: "auth", reasonCode: 0x18, properties: { authenticationMethod: "m" } },
    ];
    for (const packet of packets) {
      const client = await open();
      await client.send(packet);
      await client.expectClosed();
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: answers a second CONNECT with Protocol Error and closes [MQTT-3.1.0-2] [MQTT-3.2.0-2]",
  withBroker(async ({ connect }) => {
    const client = await connect();
    await client.sendConnect();
    await client.expectDisconnect(0x82);
  }),
);

Deno.test(
  "mqtt 5.0 broker: a second CONNECT that came in the same write is no better [MQTT-3.1.0-2] [MQTT-3.2.0-2]",
  withBroker(async ({ open }) => {
    const client = await open();
    const connect = rawConnect(0x02, field("twice"));
    await client.sendBytes(concatBytes(connect, connect));
    await client.expect("connack", { reasonCode: 0 });
    await client.expectDisconnect(0x82);
  }),
);

Deno.test(
  "mqtt 5.0 broker: refuses a protocol name other than MQTT [MQTT-3.1.2-1]",
  withBroker(async ({ open }) => {
    for (const name of ["mqtt", "MQTX", "MQT", "MQTTT", "", "MQIsdp"]) {
      const client = await open();
      await client.sendBytes(rawPacket(0x10, field(name), bytes(5, 0x02, 0, 0, 0), field("a")));
      await expectVersionRefusal(client, 4);
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: refuses a protocol version that it does not know [MQTT-3.1.2-2]",
  withBroker(async ({ open }) => {
    for (const version of [0, 1, 2, 6, 7, 0x7f, 0x85, 255]) {
      const client = await open();
      await client.sendBytes(rawPacket(0x10, field("MQTT"), bytes(version, 0x02, 0, 0, 0), field("a")));
      await expectVersionRefusal(client, version);
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: bit 0 of the connect flags must be 0 [MQTT-3.1.2-3]",
  withBroker(async ({ open }) => {
    const client = await open();
    await client.sendBytes(rawConnect(0x03, field("a")));
    await expectRefusal(client, 0x81);
  }),
);

const malformedFlags: readonly [what: string, flags: number, payload: Uint8Array[]][] = [
  ["a will without its payload [MQTT-3.1.2-9]", 0x06, [field("a"), bytes(0), field("will")]],
  ["a will without its topic [MQTT-3.1.2-9]", 0x06, [field("a"), bytes(0)]],
  ["a will without its properties [MQTT-3.1.2-9]", 0x06, [field("a")]],
  ["a Will QoS without a will [MQTT-3.1.2-11]", 0x0a, [field("a")]],
  ["a Will QoS of 2 without a will [MQTT-3.1.2-11]", 0x12, [field("a")]],
  ["a Will QoS of 3 [MQTT-3.1.2-12]", 0x1e, [field("a"), bytes(0), field("will"), field("x")]],
  ["a Will QoS of 3 without a will [MQTT-3.1.2-11] [MQTT-3.1.2-12]", 0x1a, [field("a")]],
  ["a Will Retain without a will [MQTT-3.1.2-13]", 0x22, [field("a")]],
  ["a user name that the flags do not announce [MQTT-3.1.2-16]", 0x02, [field("a"), field("user")]],
  ["an announced user name that is missing [MQTT-3.1.2-17]", 0x82, [field("a")]],
  ["a password that the flags do not announce [MQTT-3.1.2-18]", 0x82, [field("a"), field("user"), field("secret")]],
  ["an announced password that is missing [MQTT-3.1.2-19]", 0xc2, [field("a"), field("user")]],
  ["no client identifier at all [MQTT-3.1.3-3]", 0x02, []],
  ["a client identifier that is cut off [MQTT-3.1.3-3]", 0x02, [bytes(0, 5, 0x61)]],
  ["a client identifier that is not UTF-8 [MQTT-3.1.3-4]", 0x02, [field(bytes(0x61, 0xc3, 0x28))]],
  ["a client identifier with U+0000 [MQTT-3.1.3-4]", 0x02, [field("a\0b")]],
  ["a will topic that is not UTF-8 [MQTT-3.1.3-11]", 0x06, [field("a"), bytes(0), field(bytes(0xff)), field("x")]],
  ["a will topic with U+0000 [MQTT-3.1.3-11]", 0x06, [field("a"), bytes(0), field("w\0"), field("x")]],
  ["a user name that is not UTF-8 [MQTT-3.1.3-12]", 0x82, [field("a"), field(bytes(0xed, 0xa0, 0x80))]],
  ["a user name with U+0000 [MQTT-3.1.3-12]", 0x82, [field("a"), field("\0")]],
  ["bytes behind the payload [MQTT-3.1.4-1]", 0x02, [field("a"), bytes(0)]],
];

for (const [what, flags, payload] of malformedFlags) {
  Deno.test(
    `mqtt 5.0 broker: refuses a CONNECT with ${what} [MQTT-3.1.4-1]`,
    withBroker(async ({ open, connect }) => {
      const client = await open();
      await client.sendBytes(rawConnect(flags, ...payload));
      await expectRefusal(client, 0x81);
      await connect(); // others notice nothing
    }),
  );
}

const connectProperties: readonly [what: string, properties: Uint8Array, code: number][] = [
  ["a property of another packet", bytes(0x23, 0, 1), 0x82],
  ["a Session Expiry Interval given twice", bytes(0x11, 0, 0, 0, 1, 0x11, 0, 0, 0, 1), 0x82],
  ["a Receive Maximum of 0", bytes(0x21, 0, 0), 0x82],
  ["a Receive Maximum given twice", bytes(0x21, 0, 1, 0x21, 0, 1), 0x82],
  ["a Maximum Packet Size of 0", bytes(0x27, 0, 0, 0, 0), 0x82],
  ["a Topic Alias Maximum given twice", bytes(0x22, 0, 1, 0x22, 0, 1), 0x82],
  ["a Request Response Information of 2", bytes(0x19, 2), 0x82],
  ["a Request Problem Information of 2", bytes(0x17, 2), 0x82],
  ["Authentication Data without a method", concatBytes(bytes(0x16), field("x")), 0x82],
  ["an unknown property", bytes(0x7f, 0), 0x81],
  ["a property that is cut off", bytes(0x11, 0, 0), 0x81],
];

for (const [what, properties, code] of connectProperties) {
  Deno.test(
    `mqtt 5.0 broker: refuses a CONNECT with ${what} [MQTT-3.1.4-1]`,
    withBroker(async ({ open }) => {
      const client = await open();
      const header = concatBytes(field("MQTT"), bytes(5, 0x02, 0, 0));
      await client.sendBytes(rawPacket(0x10, header, bytes(properties.length), properties, field("a")));
      await expectRefusal(client, code, 0x81);
    }),
  );
}

Deno.test("mqtt 5.0 broker: the fields of the payload are read in their order [MQTT-3.1.3-1]", async () => {
  const seen: unknown[] = [];
  const authenticate = (request: ConnectRequest) => {
    seen.push(request.clientId, request.username, new TextDecoder().decode(request.password));
    return true;
  };
  await withBroker({ authenticate }, async ({ connect, open }) => {
    const watcher = await connect();
    await watcher.subscribe("will/topic");
    const client = await open();
    await client.sendBytes(rawConnect(
      0xc6,
      field("the-id"),
      concatBytes(bytes(2), bytes(0x01, 1)),
      field("will/topic"),
      field("will-payload"),
      field("the-user"),
      field("the-password"),
    ));
    await client.expect("connack", { reasonCode: 0 });
    assertEquals(seen.slice(-3), ["the-id", "the-user", "the-password"]);
    await client.close();
    const properties = { payloadFormatIndicator: 1 } as const;
    await watcher.expect("publish", { topic: "will/topic", payload: "will-payload", properties });
  })();
});

Deno.test(
  "mqtt 5.0 broker: user name and password are there as the flags say [MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18] [MQTT-3.1.2-19]",
  async () => {
    const seen: unknown[] = [];
    const authenticate = (request: ConnectRequest) => {
      seen.push([request.username, request.password && new TextDecoder().decode(request.password)]);
      return true;
    };
    await withBroker({ authenticate }, async ({ connect }) => {
      await connect({});
      await connect({ username: "u" });
      await connect({ password: "p" });
      await connect({ username: "u", password: "p" });
      await connect({ username: "", password: "" });
    })();
    assertEquals(seen, [[undefined, undefined], ["u", undefined], [undefined, "p"], ["u", "p"], ["", ""]]);
  },
);

Deno.test(
  "mqtt 5.0 broker: takes every client identifier of 1 to 23 letters and digits [MQTT-3.1.3-5]",
  withBroker(async ({ connect }) => {
    const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (let at = 0; at < letters.length; at += 23) await connect({ clientId: letters.slice(at, at + 23) });
    for (const letter of letters) await (await connect({ clientId: letter })).close();
    for (let length = 1; length <= 23; length++) await (await connect({ clientId: "z".repeat(length) })).close();
  }),
);

Deno.test(
  "mqtt 5.0 broker: gives each empty client identifier a name of its own [MQTT-3.1.3-6] [MQTT-3.2.2-16]",
  withBroker(async ({ connect }) => {
    const names = new Set<string | undefined>();
    for (let count = 0; count < 20; count++) {
      const client = await connect({ clientId: "", cleanStart: count % 2 === 0 });
      const name = client.connack?.properties?.assignedClientIdentifier;
      assertNotEquals(name ?? "", "");
      names.add(name);
    }
    assertEquals(names.size, 20);
  }),
);

Deno.test(
  "mqtt 5.0 broker: an assigned client identifier is as good as one that the client chose [MQTT-3.1.3-7]",
  withBroker(async ({ connect }) => {
    const first = await connect({ clientId: "", properties: { sessionExpiryInterval: 100 } });
    await first.subscribe("a", { qos: 1 });
    await first.disconnect();
    const second = await connect({ clientId: first.clientId, cleanStart: false });
    assertEquals(second.connack?.sessionPresent, true);
    assertEquals(second.connack?.properties?.assignedClientIdentifier, undefined);
    const publisher = await connect();
    await publisher.publish("a", "x", { qos: 1 });
    await second.expect("publish", { topic: "a", qos: 1 });
  }),
);

Deno.test(
  "mqtt 5.0 broker: closes after CONNACK 0x85 for a client identifier that it refuses [MQTT-3.1.3-8] [MQTT-3.1.4-2] [MQTT-3.2.2-6] [MQTT-3.2.2-7]",
  withBroker({ authenticate: () => ({ reasonCode: 0x85 }) }, async ({ open }) => {
    const client = await open();
    await client.sendConnect({ clientId: "unwanted" });
    await client.expectRefused(0x85);
  }),
);

Deno.test(
  "mqtt 5.0 broker: closes after a fitting CONNACK when a check of its own fails [MQTT-3.1.4-2] [MQTT-3.2.2-6] [MQTT-3.2.2-7]",
  withBroker({ authenticate: ({ username }) => username === "bad" ? false : notAuthorized }, async ({ open }) => {
    for (const [username, code] of [["bad", 0x86], ["other", 0x87]] as const) {
      const client = await open();
      await client.sendConnect({ username, cleanStart: false });
      await client.expectRefused(code);
    }
  }),
);

Deno.test(
  "mqtt 5.0 broker: accepts with CONNACK 0 before anything else [MQTT-3.1.4-5] [MQTT-3.2.0-1]",
  withBroker(async ({ connect, open }) => {
    const publisher = await connect();
    await publisher.publish("kept", "retained", { qos: 1, retain: true });
    const before = await connect({ clientId: "s", properties: { sessionExpiryInterval: 60 } });
    await before.subscribe("#", { qos: 1, retainHandling: 2 });
    await before.disconnect();
    await publisher.publish("a", "queued", { qos: 1 });
    const client = await open();
    await client.sendConnect({ clientId: "s", cleanStart: false });
    const { reasonCode, sessionPresent } = await client.expect("connack");
    assertEquals([reasonCode, sessionPresent], [0, true]);
    await client.expect("publish", { topic: "a", payload: "queued" });
  }),
);

Deno.test(
  "mqtt 5.0 broker: answers what was pipelined behind the CONNECT after the CONNACK [MQTT-3.2.0-1]",
  withBroker(async ({ open }) => {
    const client = await open();
    await client.sendBytes(concatBytes(
      rawConnect(0x02, field("p")),
      rawPacket(0x82, bytes(0, 7, 0), field("a"), bytes(0)),
      rawPacket(0x32, field("a"), bytes(0, 9, 0), bytes(0x78)),
      bytes(0xc0, 0),
    ));
    await client.expect("connack", { reasonCode: 0 });
    await client.expect("suback", { packetId: 7 });
    await client.take("publish", ({ topic }) => topic === "a");
    await client.take("puback", ({ packetId }) => packetId === 9);
    await client.expect("pingresp");
  }),
);

Deno.test("mqtt 5.0 broker: processes nothing behind a CONNECT that it refuses [MQTT-3.1.4-6]", async () => {
  const authenticate = async ({ clientId }: ConnectRequest) => {
    await Promise.resolve();
    return clientId === "refused" ? notAuthorized : true;
  };
  await withBroker({ authenticate }, async ({ connect, open, broker }) => {
    const watcher = await connect();
    await watcher.subscribe("#");
    const client = await open();
    await client.sendBytes(concatBytes(
      rawConnect(0x02, field("refused")),
      rawPacket(0x82, bytes(0, 7, 0), field("a"), bytes(0)),
      rawPacket(0x31, field("a"), bytes(0), bytes(0x78)),
      bytes(0xe0, 0),
    ));
    await client.expectRefused(0x87);
    assertEquals(await watcher.publications(), []);
    assertEquals(broker.counts().subscriptions, 1);
    assertEquals(broker.counts().retained, 0);
  })();
});

Deno.test(
  "mqtt 5.0 broker: a refused CONNECT has no will [MQTT-3.1.4-2]",
  withBroker(
    { authenticate: ({ clientId }) => clientId === "refused" ? notAuthorized : true },
    async ({ connect, open }) => {
      const watcher = await connect();
      await watcher.subscribe("#");
      const client = await open();
      await client.sendConnect({ clientId: "refused", will: { topic: "will", payload: "x" } });
      await client.expectRefused(0x87);
      assertEquals(await watcher.publications(), []);
    },
  ),
);

Deno.test(
  "mqtt 5.0 broker: a refused CONNECT leaves the session and the connection of that client alone [MQTT-3.1.4-2]",
  withBroker(
    { authenticate: ({ username }) => username === "bad" ? notAuthorized : true },
    async ({ connect, open }) => {
      const client = await connect({ clientId: "c" });
      await client.subscribe("a");
      const intruder = await open();
      await intruder.sendConnect({ clientId: "c", username: "bad" });
      await intruder.expectRefused(0x87);
      await client.publish("a", "still here");
      await client.expect("publish", { payload: "still here" });
    },
  ),
);

Deno.test(
  "mqtt 5.0 broker: an authenticate hook that throws refuses and closes [MQTT-3.1.4-2] [MQTT-3.2.2-8]",
  withBroker({ authenticate: () => Promise.reject(new Error("data base is down")) }, async ({ open }) => {
    const client = await open();
    await client.sendConnect();
    const { reasonCode } = await client.expect("connack");
    assert(reasonCode >= 0x80);
    await client.expectClosed();
  }),
);
