/** MQTT 3.1.1, sections 3.1 (CONNECT) and 3.2 (CONNACK), from the server's side. */

import { assertEquals } from "@std/assert";
import { field, rawPacket, toText, uint16 } from "../support/raw_packets.ts";
import {
  connectBytes,
  ConnectFlag,
  expectEachCloses,
  ILL_FORMED_UTF8,
  NUL_STRING,
  withBrokerFor,
} from "./broker_v311_support.ts";

const withBroker = withBrokerFor(4);
const { CleanSession, Password, Reserved, UserName, Will, WillQoS1, WillQoS2, WillRetain } = ConnectFlag;

Deno.test(
  "mqtt 3.1.1 broker: a first packet that is no CONNECT ends the connection [MQTT-3.1.0-1]",
  withBroker(async ({ open }) => {
    await expectEachCloses(open, [
      ["CONNACK", Uint8Array.of(0x20, 2, 0, 0)],
      ["PUBLISH", rawPacket(0x30, field("a"))],
      ["PUBACK", rawPacket(0x40, uint16(1))],
      ["PUBREC", rawPacket(0x50, uint16(1))],
      ["PUBREL", rawPacket(0x62, uint16(1))],
      ["PUBCOMP", rawPacket(0x70, uint16(1))],
      ["SUBSCRIBE", rawPacket(0x82, uint16(1), field("a"), Uint8Array.of(0))],
      ["SUBACK", rawPacket(0x90, uint16(1), Uint8Array.of(0))],
      ["UNSUBSCRIBE", rawPacket(0xa2, uint16(1), field("a"))],
      ["UNSUBACK", rawPacket(0xb0, uint16(1))],
      ["PINGREQ", Uint8Array.of(0xc0, 0)],
      ["PINGRESP", Uint8Array.of(0xd0, 0)],
      ["DISCONNECT", Uint8Array.of(0xe0, 0)],
      ["type 0", Uint8Array.of(0x00, 0)],
      ["type 15", Uint8Array.of(0xf0, 0)],
    ]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a second CONNECT ends the connection, and the will goes out [MQTT-3.1.0-2] [MQTT-4.8.0-1]",
  withBroker(async ({ connect }) => {
    const watcher = await connect();
    await watcher.subscribe("will");
    const client = await connect({ clientId: "twice", will: { topic: "will", payload: "violated" } });
    await client.sendConnect({ clientId: "twice" });
    await client.expectClosed();
    await watcher.expect("publish", { topic: "will", payload: "violated" });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a foreign protocol name is not served as 3.1.1 [MQTT-3.1.2-1]",
  withBroker(async ({ open }) => {
    await expectEachCloses(open, [
      ["another name", connectBytes({ name: "MQTX" })],
      ["lower case", connectBytes({ name: "mqtt" })],
      ["no name", connectBytes({ name: "" })],
      ["a longer name", connectBytes({ name: "MQTTT" })],
      ["the old name in another case", connectBytes({ name: "MQIsdP", level: 3 })],
    ]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: the name of MQTT 3.1 is served by the rules of MQTT 3.1, and at no other level [MQTT-3.1.2-1]",
  withBroker(async ({ open }) => {
    const client = await open();
    await client.sendBytes(connectBytes({ name: "MQIsdp", level: 3 }));
    await client.expect("connack", { reasonCode: 0 });
    const wrong = await open();
    await wrong.sendBytes(connectBytes({ name: "MQIsdp", level: 4 }));
    await wrong.expectRefused(0x01);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: an unserved protocol level gets CONNACK 0x01 and the end [MQTT-3.1.2-2] [MQTT-3.2.2-4] [MQTT-3.2.2-5]",
  withBroker(async ({ open }) => {
    for (const level of [0, 1, 2, 3]) {
      const client = await open();
      await client.sendBytes(connectBytes({ level }));
      await client.expectRefused(0x01);
      assertEquals(client.lastBytes, Uint8Array.of(0x20, 2, 0, 1));
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: the reserved connect flag ends the connection without a CONNACK [MQTT-3.1.2-3] [MQTT-3.1.4-1]",
  withBroker(async ({ open }) => {
    await expectEachCloses(open, [
      ["the reserved bit", connectBytes({ flags: CleanSession | Reserved })],
      ["the reserved bit alone", connectBytes({ flags: Reserved })],
    ]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a will flag needs its fields, in a payload of exact length [MQTT-3.1.2-9] [MQTT-3.1.2-11] [MQTT-3.1.4-1]",
  withBroker(async ({ open }) => {
    await expectEachCloses(open, [
      ["a will flag without fields", connectBytes({ flags: CleanSession | Will })],
      ["a will flag without message", connectBytes({ flags: CleanSession | Will, payload: ["a", "t"] })],
      ["will fields without the flag", connectBytes({ payload: ["a", "t", "m"] })],
    ]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: Will QoS is 0 without a will [MQTT-3.1.2-13] [MQTT-3.1.2-11]",
  withBroker(async ({ open }) => {
    await expectEachCloses(open, [
      ["Will QoS 1", connectBytes({ flags: CleanSession | WillQoS1 })],
      ["Will QoS 2", connectBytes({ flags: CleanSession | WillQoS2 })],
      ["Will QoS 3", connectBytes({ flags: CleanSession | WillQoS1 | WillQoS2 })],
    ]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: Will QoS 3 ends the connection [MQTT-3.1.2-14]",
  withBroker(async ({ open }) => {
    const flags = CleanSession | Will | WillQoS1 | WillQoS2;
    await expectEachCloses(open, [["Will QoS 3", connectBytes({ flags, payload: ["a", "t", "m"] })]]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: Will Retain is 0 without a will [MQTT-3.1.2-15] [MQTT-3.1.2-11]",
  withBroker(async ({ open }) => {
    await expectEachCloses(open, [["Will Retain", connectBytes({ flags: CleanSession | WillRetain })]]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: user name and password stand in the payload exactly when flagged [MQTT-3.1.2-18] [MQTT-3.1.2-19] [MQTT-3.1.2-20] [MQTT-3.1.2-21]",
  withBroker(async ({ open }) => {
    await expectEachCloses(open, [
      ["a user name without the flag", connectBytes({ payload: ["a", "user"] })],
      ["a flag without the user name", connectBytes({ flags: CleanSession | UserName })],
      ["a password without the flag", connectBytes({ flags: CleanSession | UserName, payload: ["a", "user", "pass"] })],
      ["a flag without the password", connectBytes({ flags: CleanSession | UserName | Password, payload: ["a", "u"] })],
    ]);
    const client = await open();
    await client.sendBytes(connectBytes({ flags: CleanSession | UserName | Password, payload: ["a", "user", "pass"] }));
    await client.expect("connack", { reasonCode: 0 });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a password needs a user name [MQTT-3.1.2-22]",
  withBroker(async ({ open }) => {
    const bytes = connectBytes({ flags: CleanSession | Password, payload: ["a", "pass"] });
    await expectEachCloses(open, [["a password without a user name", bytes]]);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: the payload is read as client id, will topic, will message, user name, password [MQTT-3.1.3-1]",
  async () => {
    const seen: unknown[] = [];
    const run = withBroker({
      authenticate(request) {
        const { clientId, username, password } = request;
        seen.push([clientId, username, password && toText(password)]);
        return true;
      },
    }, async ({ open, connect }) => {
      const watcher = await connect({ clientId: "watcher" });
      await watcher.subscribe("#");
      const client = await open();
      const flags = CleanSession | Will | UserName | Password;
      await client.sendBytes(connectBytes({ flags, payload: ["one", "two", "three", "four", "five"] }));
      await client.expect("connack", { reasonCode: 0 });
      assertEquals(seen.at(-1), ["one", "four", "five"]);
      await client.close();
      await watcher.expect("publish", { topic: "two", payload: "three" });
    });
    await run();
  },
);

Deno.test(
  "mqtt 3.1.1 broker: the client id is there, even if empty [MQTT-3.1.3-3]",
  withBroker(async ({ open }) => {
    await expectEachCloses(open, [
      ["no payload", connectBytes({ payload: [] })],
      ["half a length", rawPacket(0x10, field("MQTT"), Uint8Array.of(4, CleanSession, 0, 0, 0))],
      [
        "a length beyond the packet",
        rawPacket(0x10, field("MQTT"), Uint8Array.of(4, CleanSession, 0, 0, 0, 2, 0x61)),
      ],
    ]);
    const client = await open();
    await client.sendBytes(connectBytes({ payload: [""] }));
    await client.expect("connack", { reasonCode: 0 });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: client id, will topic and user name are UTF-8 without U+0000 [MQTT-3.1.3-4] [MQTT-3.1.3-10] [MQTT-3.1.3-11] [MQTT-1.5.3-1] [MQTT-1.5.3-2]",
  withBroker(async ({ open }) => {
    for (const [why, text] of [...ILL_FORMED_UTF8, ["U+0000", NUL_STRING] as const]) {
      await expectEachCloses(open, [
        [`${why} in the client id`, connectBytes({ payload: [text] })],
        [`${why} in the will topic`, connectBytes({ flags: CleanSession | Will, payload: ["a", text, "m"] })],
        [`${why} in the user name`, connectBytes({ flags: CleanSession | UserName, payload: ["a", text] })],
      ]);
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: will message and password are any bytes [MQTT-3.1.3-11]",
  withBroker(async ({ open, connect }) => {
    const watcher = await connect();
    await watcher.subscribe("will");
    const bytes = Uint8Array.of(0, 0xff, 0xed, 0xa0, 0x80);
    const client = await open();
    const flags = CleanSession | Will | UserName | Password;
    await client.sendBytes(connectBytes({ flags, payload: ["a", "will", bytes, "user", bytes] }));
    await client.expect("connack", { reasonCode: 0 });
    await client.close();
    await watcher.expect("publish", { payload: bytes });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: every client id of 1 to 23 letters and digits is let in [MQTT-3.1.3-5]",
  withBroker(async ({ connect }) => {
    const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const ids = [...alphabet, ...alphabet.match(/.{1,23}/g) ?? []];
    for (const clientId of ids) {
      await using client = await connect({ clientId });
      assertEquals(client.connack?.sessionPresent, false);
    }
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: long client ids and other characters are let in as well [MQTT-3.1.3-5]",
  withBroker(async ({ connect }) => {
    for (const clientId of ["x".repeat(200), "gateway/7 (küche)", "\u{1f600}", "a+b#c"]) await connect({ clientId });
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: clients with an empty client id live side by side [MQTT-3.1.3-6]",
  withBroker(async ({ connect }) => {
    const first = await connect({ clientId: "" });
    const second = await connect({ clientId: "" });
    await first.subscribe("a");
    await second.publish("a", "to the first", { qos: 1 });
    assertEquals((await first.publications()).length, 1);
    assertEquals(await second.barrier(), []);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: an empty client id without clean session gets CONNACK 0x02 and the end [MQTT-3.1.3-8] [MQTT-3.1.3-9]",
  withBroker(async ({ open }) => {
    const client = await open();
    await client.sendBytes(connectBytes({ flags: 0, payload: [""] }));
    await client.expectRefused(0x02);
  }),
);

Deno.test(
  "mqtt 3.1.1 broker: a refused client id gets CONNACK 0x02 and the end [MQTT-3.1.3-9] [MQTT-3.2.2-5]",
  withBroker(
    { authenticate: ({ clientId }) => clientId === "banned" ? { reasonCode: 0x85 } : true },
    async ({ open, connect }) => {
      await connect({ clientId: "fine" });
      const client = await open();
      await client.sendConnect({ clientId: "banned" });
      await client.expectRefused(0x02);
    },
  ),
);

Deno.test(
  "mqtt 3.1.1 broker: a CONNECT that deviates from its format gets no CONNACK [MQTT-3.1.4-1]",
  withBroker(async ({ open }) => {
    const good = connectBytes();
    const cases: [string, Uint8Array][] = [
      ["flags in the fixed header", connectBytes({ firstByte: 0x11 })],
      ["a byte too many", rawPacket(0x10, good.subarray(2), Uint8Array.of(0))],
      ["an empty packet", Uint8Array.of(0x10, 0)],
      ["no will topic", connectBytes({ flags: CleanSession | Will, payload: ["a", "", "m"] })],
      ["a wildcard in the will topic", connectBytes({ flags: CleanSession | Will, payload: ["a", "t/#", "m"] })],
    ];
    for (let length = 1; length < good.length - 2; length++) {
      cases.push([`a packet cut to ${length} bytes`, rawPacket(0x10, good.subarray(2, 2 + length))]);
    }
    await expectEachCloses(open, cases);
  }),
);
