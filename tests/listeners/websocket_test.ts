/** MQTT over WebSockets: what the standard says about it, and clients that break the rules of WebSockets. */

import { assert, assertEquals, assertGreater, assertMatch, assertRejects } from "@std/assert";
import mqtt from "mqtt";
import { encodePacket } from "../../codec/encode.ts";
import { until } from "../support/broker.ts";
import { concatBytes, connectPacket, publishPacket } from "../support/raw_packets.ts";
import { withListener } from "./support.ts";
import { clientFrame, type FrameOptions, HANDSHAKE, RawWebSocket } from "./websocket_client.ts";

const WEBSOCKETS = { protocol: "websockets" } as const;
const VERSIONS = [["mqtt 3.1.1", 4], ["mqtt 5.0", 5]] as const;
const CONNECT = encodePacket(connectPacket({ version: 5, clientId: "a" }), 5);
const PROTOCOL_ERROR = 1002;
const TEXT_REFUSED = 1003;

for (const [name, version] of VERSIONS) {
  Deno.test(
    `${name} broker: a WebSocket carries MQTT in binary frames, and a text frame closes it [MQTT-6.0.0-1]`,
    withListener(WEBSOCKETS, async ({ webSocket, connect }) => {
      const witness = await connect((await webSocket()).transport(), version);
      const bytes = encodePacket(connectPacket({ version, clientId: "text" }), version);
      for (const isConnected of [false, true]) {
        const socket = await webSocket();
        if (isConnected) {
          await socket.send(clientFrame(bytes));
          assertEquals((await socket.frame())?.opcode, 2);
        }
        await socket.send(clientFrame(new TextEncoder().encode("hello"), { opcode: 1 }));
        assertEquals(await socket.closeCode(), TEXT_REFUSED);
        assertEquals(await socket.frame(), undefined);
      }
      assertEquals(await witness.barrier(), []);
    }),
  );

  Deno.test(
    `${name} broker: a packet may span frames, and a frame hold several packets or parts of them [MQTT-6.0.0-2]`,
    withListener(WEBSOCKETS, async ({ webSocket, connect }) => {
      const subscriber = await connect((await webSocket()).transport(), version);
      await subscriber.subscribe("t");
      const payloads = ["one", "two", "three"];
      const packets = payloads.map((payload) => encodePacket(publishPacket("t", payload), version));
      const stream = concatBytes(encodePacket(connectPacket({ version, clientId: "parts" }), version), ...packets);
      const whole = await webSocket();
      await whole.send(clientFrame(stream));
      for (const payload of payloads) await subscriber.expect("publish", { payload });
      const bytewise = await webSocket();
      for (const byte of stream) await bytewise.send(clientFrame(Uint8Array.of(byte)));
      for (const payload of payloads) await subscriber.expect("publish", { payload });
      const fragmented = await webSocket();
      for (const [index, byte] of stream.entries()) {
        const isLast = index === stream.length - 1;
        await fragmented.send(clientFrame(Uint8Array.of(byte), { opcode: index === 0 ? 2 : 0, isLast }));
      }
      for (const payload of payloads) await subscriber.expect("publish", { payload });
    }),
  );

  Deno.test(
    `${name} broker: the subprotocol mqtt is selected, and nothing without it becomes a WebSocket [MQTT-6.0.0-4]`,
    withListener(WEBSOCKETS, async ({ http, connect, open }) => {
      const offers = [["mqtt", "mqtt"], ["mqttv3.1", "mqttv3.1"], ["mqttv3.1, mqtt", "mqtt"], [
        "x,mqtt",
        "mqtt",
      ]] as const;
      for (const [offered, selected] of offers) {
        const head = await (await http()).request("GET / HTTP/1.1", {
          ...HANDSHAKE,
          "Sec-WebSocket-Protocol": offered,
        });
        assertMatch(head, /^HTTP\/1\.1 101 /);
        assertMatch(head, new RegExp(`\r\nSec-WebSocket-Protocol: ${selected}\r\n`));
      }
      const { "Sec-WebSocket-Protocol": _none, ...without } = HANDSHAKE;
      for (const headers of [without, { ...HANDSHAKE, "Sec-WebSocket-Protocol": "MQTT5" }]) {
        assertMatch(await (await http()).request("GET / HTTP/1.1", headers), /^HTTP\/1\.1 400 /);
      }
      const client = await connect((await RawWebSocket.open(await open())).transport(), version);
      assertEquals(await client.barrier(), []);
    }),
  );
}

Deno.test(
  "websocket listener: the handshake is answered as RFC 6455 wants it",
  withListener(WEBSOCKETS, async ({ http }) => {
    const head = await (await http()).request("GET /any/path?query HTTP/1.1", HANDSHAKE);
    assertMatch(head, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
  }),
);

Deno.test(
  "websocket listener: a bad request gets its status and costs nobody else",
  withListener(WEBSOCKETS, async ({ http, webSocket, connect, listener, log }) => {
    const witness = await connect((await webSocket()).transport());
    const bad: [line: string, headers: Record<string, string>, status: number][] = [
      ["GET / HTTP/1.0", HANDSHAKE, 505],
      ["POST / HTTP/1.1", HANDSHAKE, 400],
      ["GET / HTTP/1.1", { ...HANDSHAKE, "Sec-WebSocket-Version": "8" }, 426],
      ["GET / HTTP/1.1", { ...HANDSHAKE, "Sec-WebSocket-Key": "short" }, 400],
      ["GET / HTTP/1.1", { ...HANDSHAKE, "Upgrade": "h2c" }, 400],
      ["GET / HTTP/1.1", { ...HANDSHAKE, "Connection": "close" }, 400],
      ["GET  HTTP/1.1", HANDSHAKE, 400],
      ["nonsense", HANDSHAKE, 400],
      ["GET / HTTP/1.1", { ...HANDSHAKE, "Bad Name": "x" }, 400],
      ["GET / HTTP/1.1", { ...HANDSHAKE, "X": "bell\x07" }, 400],
      ["GET / HTTP/1.1", { ...HANDSHAKE, "X": "\nno CR" }, 400],
      ["GET / HTTP/1.1", { ...HANDSHAKE, "X": "x".repeat(20_000) }, 431],
      ["GET / HTTP/1.1", Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`X-${index}`, "x"])), 431],
      ["GET / HTTP/1.1", {}, 400],
    ];
    for (const [line, headers, status] of bad) {
      const connection = await http();
      const head = await connection.request(line, headers);
      assertMatch(head, new RegExp(`^HTTP/1\\.1 ${status} `), line);
      assertMatch(head, /\r\nConnection: close\r\n/);
      await connection.body();
    }
    assertEquals(listener.counts().refused.http, bad.length);
    assertEquals(log.filter((line) => line.includes("failed its WebSocket handshake")).length, bad.length);
    assertEquals(await witness.barrier(), []);
  }),
);

Deno.test(
  "websocket listener: pages of other origins are refused, clients without an origin are not",
  withListener({ ...WEBSOCKETS, origins: ["https://example.org"] }, async ({ http }) => {
    const answers: [origin: string | undefined, status: number][] = [
      ["https://example.org", 101],
      ["https://example.org.evil.net", 403],
      ["null", 403],
      [undefined, 101],
    ];
    for (const [origin, status] of answers) {
      const headers = origin === undefined ? HANDSHAKE : { ...HANDSHAKE, Origin: origin };
      assertMatch(await (await http()).request("GET / HTTP/1.1", headers), new RegExp(`^HTTP/1\\.1 ${status} `));
    }
  }),
);

Deno.test(
  "websocket listener: frames against the rules close the connection with their code",
  withListener(WEBSOCKETS, async ({ webSocket, connect, broker, listener, log }) => {
    const witness = await connect((await webSocket()).transport());
    const payload = CONNECT;
    const wrong: [name: string, frames: FrameOptions[], code: number][] = [
      ["not masked", [{ isMasked: false }], PROTOCOL_ERROR],
      ["reserved bit", [{ reserved: 4 }], PROTOCOL_ERROR],
      ["unknown opcode", [{ opcode: 3 }], PROTOCOL_ERROR],
      ["unknown control", [{ opcode: 11 }], PROTOCOL_ERROR],
      ["continuation of nothing", [{ opcode: 0 }], PROTOCOL_ERROR],
      ["message within a message", [{ isLast: false }, {}], PROTOCOL_ERROR],
      ["fragmented ping", [{ opcode: 9, isLast: false }], PROTOCOL_ERROR],
      ["long ping", [{ opcode: 9, claimed: 126 }], PROTOCOL_ERROR],
      ["a length beyond all", [{ claimed: 2 ** 60 }], PROTOCOL_ERROR],
    ];
    for (const [name, frames, code] of wrong) {
      const socket = await webSocket();
      for (const options of frames) await socket.send(clientFrame(payload, options));
      assertEquals(await socket.closeCode(), code, name);
      assertEquals(await socket.frame(), undefined, name);
    }
    await until(() => broker.counts().connections === 1, "the end of the others");
    assertEquals(listener.counts().refused.http, wrong.length);
    assertEquals(log.filter((line) => line.includes("broke the rules of WebSockets")).length, wrong.length);
    assertEquals(await witness.barrier(), []);
  }),
);

Deno.test(
  "websocket listener: a frame that claims much is a stream like any other, and the packet in it is judged",
  withListener({ ...WEBSOCKETS, broker: { maxPacketSize: 1_000 } }, async ({ webSocket }) => {
    const socket = await webSocket();
    await socket.send(clientFrame(CONNECT, { claimed: 2 ** 40 }));
    assertEquals((await socket.frame())?.payload[0], 0x20);
    const large = await webSocket();
    await large.send(clientFrame(CONNECT));
    assertEquals((await large.frame())?.payload[0], 0x20);
    await large.send(clientFrame(Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x7f)));
    // DISCONNECT 0x95, packet too large, and then the end of the WebSocket.
    assertEquals((await large.frame())?.payload.subarray(0, 1), Uint8Array.of(0xe0));
    assertEquals(await large.closeCode(), 1000);
  }),
);

Deno.test(
  "websocket listener: pings are answered, also between the fragments of a message; a flood of them is not kept",
  withListener(WEBSOCKETS, async ({ webSocket }) => {
    const socket = await webSocket();
    await socket.send(clientFrame(CONNECT.subarray(0, 3), { isLast: false }));
    await socket.send(clientFrame(Uint8Array.of(1, 2, 3), { opcode: 9 }));
    const pong = await socket.frame();
    assertEquals([pong?.opcode, pong?.payload], [10, Uint8Array.of(1, 2, 3)]);
    await socket.send(clientFrame(CONNECT.subarray(3), { opcode: 0 }));
    assertEquals((await socket.frame())?.payload[0], 0x20);
    const flood = concatBytes(...Array.from({ length: 10_000 }, () => clientFrame(new Uint8Array(125), { opcode: 9 })));
    await socket.send(flood);
    await socket.send(clientFrame(Uint8Array.of(7), { opcode: 9 }));
    let answers = 0;
    for (let frame = await socket.frame(); frame?.payload.length !== 1; frame = await socket.frame()) {
      assertEquals(frame?.opcode, 10);
      answers++;
    }
    assertGreater(10_001, answers);
  }),
);

Deno.test(
  "websocket listener: a close frame is answered, and counts as the end of the connection",
  withListener(WEBSOCKETS, async ({ webSocket, broker, connect }) => {
    const watcher = await connect((await webSocket()).transport());
    await watcher.subscribe("will");
    const socket = await webSocket();
    const will = { topic: "will", payload: new TextEncoder().encode("gone"), qos: 0, retain: false } as const;
    await socket.send(clientFrame(encodePacket({ ...connectPacket({ version: 5, clientId: "w" }), will }, 5)));
    await socket.frame();
    await socket.send(clientFrame(Uint8Array.of(0x03, 0xe9), { opcode: 8 }));
    assertEquals(await socket.closeCode(), 1000);
    assertEquals(await socket.frame(), undefined);
    await watcher.expect("publish", { topic: "will", payload: "gone" });
    await until(() => broker.counts().connections === 1, "the end of the connection");
  }),
);

Deno.test(
  "websocket listener: a client that does not read is made to wait, and disturbs nobody",
  withListener({ ...WEBSOCKETS, broker: { maxOutputBytes: 1_000_000 } }, async ({ webSocket, connect, broker }) => {
    const stuck = await webSocket();
    await stuck.send(clientFrame(CONNECT));
    await stuck.send(
      clientFrame(encodePacket({ type: "subscribe", packetId: 1, subscriptions: [subscription("t")] }, 5)),
    );
    await stuck.frame();
    await stuck.frame();
    const reader = await connect((await webSocket()).transport());
    await reader.subscribe("t");
    const payload = "x".repeat(100_000);
    for (let count = 0; count < 300; count++) {
      broker.publish({ topic: "t", payload });
      await reader.expect("publish", { topic: "t" });
    }
    assertGreater(broker.counts().dropped.outputFull, 0);
    assertEquals(await reader.barrier(), []);
  }),
);

function subscription(filter: string) {
  return { filter, qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
}

Deno.test(
  "websocket listener: MQTT.js publishes and subscribes over ws, small and large, in all versions",
  withListener(WEBSOCKETS, async ({ port }) => {
    for (const protocolVersion of [3, 4, 5] as const) {
      const protocolId: "MQIsdp" | "MQTT" = protocolVersion === 3 ? "MQIsdp" : "MQTT";
      const options = { protocolVersion, protocolId, clientId: `js-${protocolVersion}`, reconnectPeriod: 0 };
      const client = await mqtt.connectAsync(`ws://127.0.0.1:${port}/mqtt`, options);
      await client.subscribeAsync("t", { qos: 1 });
      const received: number[] = [];
      client.on("message", (_topic, payload) => void received.push(payload.length));
      const sizes = [0, 100, 70_000, 3_000_000];
      for (const size of sizes) await client.publishAsync("t", new Uint8Array(size) as never, { qos: 1 });
      await until(() => received.length === sizes.length, "all messages");
      assertEquals(received, sizes);
      await client.endAsync();
    }
  }),
);

Deno.test(
  "websocket listener: the platform's WebSocket connects, and does not without the subprotocol",
  withListener(WEBSOCKETS, async ({ port, listener, broker }) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, ["mqtt"]);
    socket.binaryType = "arraybuffer";
    const answer = new Promise<Uint8Array>((resolve) => {
      socket.onmessage = ({ data }) => resolve(new Uint8Array(data));
    });
    await new Promise((resolve) => socket.onopen = resolve);
    assertEquals(socket.protocol, "mqtt");
    socket.send(CONNECT.slice());
    assertEquals((await answer)[0], 0x20);
    const closed = new Promise((resolve) => socket.onclose = resolve);
    socket.close();
    await closed;
    const failing = new WebSocket(`ws://127.0.0.1:${port}/`);
    await assertRejects(() =>
      new Promise((resolve, reject) => {
        failing.onopen = resolve;
        failing.onerror = () => reject(new Error("refused"));
      })
    );
    await until(() => broker.counts().connections === 0 && listener.counts().connections === 0, "the end of both");
    assert(listener.counts().refused.http === 1);
  }),
);
