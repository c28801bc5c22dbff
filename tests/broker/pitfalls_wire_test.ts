/** Where brokers go wrong on the wire: lengths, sizes, aliases, the first packet, keep alive. */

import { assert, assertEquals } from "@std/assert";
import type { PublishRequest } from "../../broker/hooks.ts";
import { bounded, startBroker, until, withBroker } from "../support/broker.ts";
import { RawClient } from "../support/raw_client.ts";
import { concatBytes, field, fromHex, publishPacket, rawPacket, toText } from "../support/raw_packets.ts";

Deno.test(
  "broker pitfall: UTF-8 is fatal, keeps a BOM, and refuses U+0000 and surrogates, wherever a string stands",
  withBroker(async ({ connect }) => {
    const bad = ["ff", "c3", "ed a0 80", "ed b0 80", "c0 80", "f8 88 80 80 80", "00", "61 00 62"].map(fromHex);
    const places: ((text: Uint8Array) => Uint8Array)[] = [
      (text) => rawPacket(0x30, field(text), Uint8Array.of(0)),
      (text) => rawPacket(0x30, field("a"), Uint8Array.of(text.length + 3, 0x03), field(text)),
      (text) => rawPacket(0x30, field("a"), Uint8Array.of(text.length + 6, 0x26), field("k"), field(text)),
      (text) => rawPacket(0x82, fromHex("00 01 00"), field(text), Uint8Array.of(0)),
      (text) => rawPacket(0xa2, fromHex("00 01 00"), field(text)),
      (text) => rawPacket(0xe0, Uint8Array.of(0, text.length + 3, 0x1f), field(text)),
    ];
    for (const place of places) {
      for (const text of bad) {
        const client = await connect();
        await client.sendBytes(place(text));
        await client.expectDisconnect(0x81);
      }
    }
    const client = await connect();
    await client.subscribe("\ufeff/+");
    await client.publish("\ufeff/\ufeff", "x");
    await client.expect("publish", { topic: "\ufeff/\ufeff" });
  }),
);

Deno.test(
  "broker pitfall: a length is believed only after comparing it with the limit, and costs nothing before the bytes come",
  withBroker({ maxPacketSize: 268_435_460 }, async ({ open, connect }) => {
    const before = Deno.memoryUsage();
    for (let count = 0; count < 30; count++) {
      const client = await connect();
      await client.sendBytes("30 ff ff ff 7f 00 01 61 00"); // a PUBLISH of 268,435,455 bytes begins
    }
    for (let count = 0; count < 10; count++) {
      const client = await open();
      await client.sendBytes("10 ff ff ff 7f 00 04 4d 51 54 54");
    }
    await (await connect()).barrier();
    const after = Deno.memoryUsage();
    const grown = after.external + after.heapUsed - before.external - before.heapUsed;
    assert(grown < 64 * 1024 * 1024, `${grown} bytes for packets that have not come`);
  }),
);

Deno.test(
  "broker pitfall: a property where it may not stand is 0x81 (section 2.2.2.2), one that stands twice is 0x82",
  withBroker(async ({ connect }) => {
    const cases: readonly [code: number, hex: string][] = [
      [0x81, "82 0a 00 01 03 21 00 01 00 01 61 00"], // receive maximum in SUBSCRIBE
      [0x81, "82 09 00 01 02 17 01 00 01 61 00"], // request problem information in SUBSCRIBE
      [0x81, "a2 08 00 01 02 0b 01 00 01 61"], // subscription identifier in UNSUBSCRIBE
      [0x81, "30 08 00 01 61 04 1f 00 01 61"], // reason string in PUBLISH
      [0x81, "40 06 00 01 00 02 01 01"], // payload format indicator in PUBACK
      [0x82, "40 0c 00 01 00 08 1f 00 01 61 1f 00 01 61"], // two reason strings
      [0x82, "50 0c 00 01 00 08 1f 00 01 61 1f 00 01 61"],
      [0x82, "62 0c 00 01 00 08 1f 00 01 61 1f 00 01 61"],
      [0x82, "70 0c 00 01 00 08 1f 00 01 61 1f 00 01 61"],
      [0x82, "e0 0a 00 08 1f 00 01 61 1f 00 01 61"],
      [0x82, "e0 0c 00 0a 11 00 00 00 00 11 00 00 00 00"], // two session expiry intervals
    ];
    for (const [code, hex] of cases) {
      const client = await connect({ properties: { sessionExpiryInterval: 5 } });
      await client.sendBytes(hex);
      const { reasonCode } = await client.expect("disconnect");
      assertEquals(reasonCode, code, hex);
      await client.expectClosed();
    }
  }),
);

Deno.test(
  "broker pitfall: maximum packet size differs by subscriber; the one who cannot have it misses only that",
  withBroker(async ({ connect, broker }) => {
    const sizes = [30, 60, 200, undefined];
    const clients = await Promise.all(sizes.map(async (maximumPacketSize) => {
      const client = await connect({ properties: maximumPacketSize === undefined ? {} : { maximumPacketSize } });
      await client.subscribe("a", { qos: 1 });
      return client;
    }));
    const publisher = await connect();
    for (const size of [1, 40, 100, 1_000, 2]) await publisher.publish("a", new Uint8Array(size), { qos: 1 });
    const received = await Promise.all(
      clients.map(async (client) => (await client.publications()).map(({ payload }) => payload.length)),
    );
    assertEquals(received, [[1, 2], [1, 40, 2], [1, 40, 100, 2], [1, 40, 100, 1_000, 2]]);
    assertEquals(broker.counts().dropped.tooLarge, 6);
  }),
);

Deno.test("broker pitfall: an alias is resolved before authorization, storing, anything", async () => {
  const asked: string[] = [];
  const authorizePublish = (_: unknown, { topic }: PublishRequest) => {
    asked.push(topic);
    return Promise.resolve(topic !== "secret");
  };
  await withBroker({ authorizePublish }, async ({ connect, broker }) => {
    const watcher = await connect();
    await watcher.subscribe("#");
    const client = await connect();
    await client.publish("open", "1", { qos: 1, retain: true, properties: { topicAlias: 1 } });
    const second = publishPacket("secret", "2", { qos: 1, packetId: 20, properties: { topicAlias: 2 } });
    await client.send(second);
    await client.expect("puback", { packetId: 20, reasonCode: 0x87 });
    await client.send(publishPacket("", "3", { qos: 1, packetId: 21, properties: { topicAlias: 2 } }));
    await client.expect("puback", { packetId: 21, reasonCode: 0x87 });
    await client.publish("", "4", { qos: 1, properties: { topicAlias: 1 } });
    await client.publish("", "", { qos: 1, retain: true, properties: { topicAlias: 1 } });
    assertEquals(asked, ["open", "secret", "secret", "open", "open"]);
    assertEquals((await watcher.publications()).map(({ topic }) => topic), ["open", "open", "open"]);
    assertEquals(broker.counts().retained, 0);
  })();
});

Deno.test(
  "broker pitfall: an alias is given only with bytes that really go out",
  withBroker(async ({ connect }) => {
    const client = await connect({ properties: { topicAliasMaximum: 1, maximumPacketSize: 60 } });
    await client.subscribe("some/longer/topic", { qos: 1 });
    const publisher = await connect();
    await publisher.publish("some/longer/topic", new Uint8Array(100)); // dropped: too large
    await publisher.publish("some/longer/topic", "1");
    await client.expect("publish", { topic: "some/longer/topic", payload: "1" });
    await publisher.publish("some/longer/topic", new Uint8Array(100));
    await publisher.publish("some/longer/topic", "2", { qos: 1 });
    const second = await client.expect("publish", { payload: "2" });
    assert(second.topic === "some/longer/topic" || second.properties?.topicAlias === 1);
  }),
);

Deno.test(
  "broker pitfall: what is sent again carries its topic",
  withBroker(async ({ connect }) => {
    const properties = { topicAliasMaximum: 5, sessionExpiryInterval: 100 };
    const first = await connect({ clientId: "s", properties });
    await first.subscribe("a/topic", { qos: 1 });
    const publisher = await connect();
    for (const payload of ["1", "2", "3"]) await publisher.publish("a/topic", payload, { qos: 1 });
    await first.expectMany("publish", 3);
    await first.close();
    const again = await connect({ clientId: "s", cleanStart: false, properties: { sessionExpiryInterval: 100 } });
    for (const payload of ["1", "2", "3"]) {
      await again.expect("publish", { topic: "a/topic", payload, dup: true, properties: { topicAlias: undefined } });
    }
    await again.close();
    const third = await connect({ clientId: "s", cleanStart: false, properties });
    const known = new Map<number, string>();
    const topics = (await third.publications()).map(({ topic, properties }) => {
      const alias = properties?.topicAlias ?? 0;
      if (topic !== "" && alias > 0) known.set(alias, topic);
      return topic || known.get(alias);
    });
    assertEquals(topics, ["a/topic", "a/topic", "a/topic"]);
  }),
);

Deno.test(
  "broker pitfall: an alias in any place among the properties is cut out cleanly",
  withBroker(async ({ connect }) => {
    const client = await connect({ clientId: "s", properties: { sessionExpiryInterval: 100 } });
    await client.subscribe("t", { qos: 1 });
    const publisher = await connect();
    const parts = ["23 00 01", "02 00 00 00 64", "26 00 01 6b 00 01 76", "01 01", "03 00 01 63"].map(fromHex);
    let packetId = 0;
    for (let turn = 0; turn < parts.length; turn++) {
      const order = [...parts.slice(turn), ...parts.slice(0, turn)];
      const properties = concatBytes(...order);
      const id = Uint8Array.of(0, ++packetId);
      const topic = turn === 0 ? "t" : "";
      await publisher.sendBytes(
        rawPacket(0x32, field(topic), id, Uint8Array.of(properties.length), properties, fromHex("78")),
      );
      await publisher.expect("puback", { packetId, reasonCode: 0 });
      const packet = await client.expect("publish", { topic: "t", payload: "x", qos: 1 });
      assertEquals(packet.properties, {
        messageExpiryInterval: 100,
        userProperties: [["k", "v"]],
        payloadFormatIndicator: 1,
        contentType: "c",
      });
    }
  }),
);

Deno.test(
  "broker pitfall: the first packet is CONNECT, within a time limit that partial bytes do not lengthen",
  withBroker({ connectTimeout: 5_000 }, async ({ open, clock, broker }) => {
    const silent = await open();
    const slow = await open();
    await slow.sendBytes("10 0f 00 04 4d");
    await until(() => broker.counts().connections === 2, "both connections to be there");
    clock.advance(4_900);
    await slow.sendBytes("51 54");
    await slow.expectNothing();
    clock.advance(200);
    await silent.expectClosed();
    await slow.expectClosed();
    await until(() => broker.counts().connections === 0, "both connections to be gone");
    assertEquals(broker.counts().timers, 0);
  }),
);

Deno.test(
  "broker pitfall: a second CONNECT is an error in every version, and before 5.0 the end comes without a word",
  withBroker(async ({ connect }) => {
    for (const version of [3, 4, 5] as const) {
      const client = await connect({ version, clientId: `v${version}` });
      await client.sendConnect({ version, clientId: `v${version}` });
      if (version === 5) await client.expectDisconnect(0x82);
      else await client.expectClosed();
    }
  }),
);

Deno.test(
  "broker pitfall: 3.1.1 has no DISCONNECT from the server: close, whatever the reason",
  withBroker(async ({ connect, clock, broker }) => {
    for (const version of [3, 4] as const) {
      const malformed = await connect({ version });
      await malformed.sendBytes("36 00");
      await malformed.expectClosed();
      const silent = await connect({ version, keepAlive: 1 });
      clock.advance(1_600);
      await silent.expectClosed();
      const old = await connect({ version, clientId: "s" });
      await connect({ version, clientId: "s" });
      await old.expectClosed();
    }
    const last = await connect({ version: 4 });
    const closed = broker.close();
    await last.expectClosed();
    await closed;
  }),
);

Deno.test("broker pitfall: keep alive counts from arrival: a slow decision does not kill a client that speaks", async () => {
  const decisions: ((yes: boolean) => void)[] = [];
  const authorizePublish = () => new Promise<boolean>((resolve) => decisions.push(resolve));
  await withBroker({ authorizePublish }, async ({ connect, clock }) => {
    const client = await connect({ keepAlive: 10 });
    await client.send(publishPacket("a", "x", { qos: 1, packetId: 1 }));
    await until(() => decisions.length === 1, "the question");
    for (let count = 0; count < 4; count++) {
      clock.advance(9_000);
      await client.send({ type: "pingreq" }); // arrives, and cannot be handled yet
    }
    decisions[0]?.(true);
    await client.expect("puback", { packetId: 1 });
    await client.expectMany("pingresp", 4);
    clock.advance(16_000);
    await client.expectDisconnect(0x8d);
  })();
});

Deno.test(
  "broker pitfall: a writer that is stuck does not keep a dead peer alive",
  withBroker({ maxOutputBytes: 1_000_000 }, async ({ connect, clock, broker }) => {
    const client = await connect({ keepAlive: 10, will: { topic: "will", payload: "dead" } });
    await client.subscribe("a");
    const watcher = await connect();
    await watcher.subscribe("will");
    client.pause();
    const publisher = await connect();
    for (let count = 0; count < 200; count++) await publisher.publish("a", new Uint8Array(100_000));
    await publisher.barrier();
    assert(broker.counts().dropped.outputFull > 0, "the client takes no more");
    clock.advance(15_100);
    await watcher.expect("publish", { payload: "dead" });
    clock.advance(5_000); // and the bytes that nobody takes are given up
    await until(() => broker.counts().connections === 2, "the connection to be gone");
  }),
);

Deno.test("broker pitfall: a peer that never closes its side does not hold the connection", () =>
  bounded(async () => {
    await using running = await startBroker();
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: running.port });
    try {
      await connection.write(fromHex("30 03 00 01 61"));
      assertEquals(await connection.read(new Uint8Array(10)), null, "the broker closes its side");
      // We do not close ours: after some seconds the broker drops the connection all the same.
      await until(() => running.broker.counts().connections === 0, "the connection to be gone", 8_000);
    } finally {
      connection.close();
    }
  }));

Deno.test("broker pitfall: what a client sent before it closed is handled, what it half-sent is not", () =>
  bounded(async () => {
    await using running = await startBroker();
    await using watcher = await RawClient.connect(running.port);
    await watcher.subscribe("a");
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: running.port });
    const connect = rawPacket(0x10, field("MQTT"), fromHex("05 02 00 00 00"), field("x"));
    const whole = rawPacket(0x30, field("a"), Uint8Array.of(0), fromHex("31"));
    await connection.write(concatBytes(connect, whole, whole.subarray(0, whole.length - 1)));
    await connection.closeWrite();
    assertEquals(toText((await watcher.expect("publish")).payload), "1");
    await until(() => running.broker.counts().connections === 1, "the connection to be gone", 8_000);
    assertEquals(await watcher.publications(), []);
    connection.close();
  }));
