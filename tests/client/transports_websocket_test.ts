/** MQTT over WebSocket. @module */

import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects } from "@std/assert";
import { connect, type ProtocolVersion } from "../../client/mod.ts";
import { openWebSocket } from "../../client/websocket.ts";
import { encodePacket } from "../../codec/encode.ts";
import type { Packet } from "../../codec/packets.ts";
import { bounded } from "../support/broker.ts";
import { hasMosquitto, hasProgram, startMosquitto } from "../support/mosquitto.ts";
import { freePort } from "../support/ports.ts";
import { Authority } from "./transports_certificates.ts";
import { exchange } from "./transports_exchange.ts";
import { plain, sendPackets, serveWebSockets } from "./transports_websocket_server.ts";

const CONNACK: Packet = { type: "connack", sessionPresent: false, reasonCode: 0 };
const VERSIONS: readonly (readonly [string, ProtocolVersion])[] = [["mqtt 3.1.1", 4], ["mqtt 5.0", 5]];

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

for (const [name, version] of VERSIONS) {
  Deno.test(`${name} client: a WebSocket is opened with the subprotocol mqtt [MQTT-6.0.0-3]`, () =>
    bounded(async () => {
      await using server = serveWebSockets();
      const connecting = connect(server.url, { protocolVersion: version, reconnect: false });
      const accepted = await server.accept();
      assertEquals(accepted.offered, "mqtt");
      sendPackets(accepted, version, CONNACK);
      const client = await connecting;
      await client.close();
      assertEquals((await accepted.closed).code, 1000);
      // All that the client has said was binary [MQTT-6.0.0-1].
      assert(accepted.frames.length >= 2);
      for (const frame of accepted.frames) assertInstanceOf(frame, ArrayBuffer);
    }));

  Deno.test(`${name} client: a text frame closes the WebSocket [MQTT-6.0.0-1]`, () =>
    bounded(async () => {
      await using server = serveWebSockets();
      const connecting = connect(server.url, { protocolVersion: version, reconnect: false });
      const accepted = await server.accept();
      sendPackets(accepted, version, CONNACK);
      const client = await connecting;
      accepted.socket.send("text");
      await client.closed;
      assertEquals(client.state.kind, "closed");
      assertMatch((await accepted.closed).reason, /binary/);
    }));

  Deno.test(`${name} client: packets and WebSocket frames need not be aligned [MQTT-6.0.0-2]`, () =>
    bounded(async () => {
      await using server = serveWebSockets();
      const connecting = connect(server.url, { protocolVersion: version, reconnect: false });
      const accepted = await server.accept();
      for (const byte of encodePacket(CONNACK, version)) accepted.socket.send(Uint8Array.of(byte));
      await using client = await connecting;
      const subscription = client.subscribe("a");
      await accepted.received(2);
      // Several packets in one frame, the last one of them in two.
      const stream = concat([
        encodePacket({ type: "suback", packetId: 1, reasonCodes: [0] }, version),
        ...["one", "two", "three"].map((text) => publication(text, version)),
      ]);
      accepted.socket.send(plain(stream.subarray(0, -3)));
      accepted.socket.send(new Uint8Array(0));
      accepted.socket.send(plain(stream.subarray(-3)));
      const texts: string[] = [];
      for await (const message of subscription) {
        texts.push(message.text());
        if (texts.length === 3) break;
      }
      assertEquals(texts, ["one", "two", "three"]);
    }));
}

function publication(text: string, version: ProtocolVersion): Uint8Array {
  const payload = new TextEncoder().encode(text);
  return encodePacket({ type: "publish", topic: "a", payload, qos: 0, retain: false, dup: false }, version);
}

Deno.test("client: a server must choose the subprotocol mqtt", () =>
  bounded(async () => {
    await using server = serveWebSockets("");
    const error = await assertRejects(() => connect(server.url, { reconnect: false }), Error);
    assertMatch(error.message, /protocol/i);
  }));

Deno.test("client: a server that opens no WebSocket is an error", () =>
  bounded(async () => {
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => new Response("no"));
    const url = `ws://127.0.0.1:${server.addr.port}`;
    await assertRejects(() => connect(url, { reconnect: false }), Error, "Cannot connect");
    await server.shutdown();
    await assertRejects(() => connect(url, { reconnect: false }), Error, "Cannot connect");
  }));

Deno.test("client: the opening of a WebSocket can be given up", () =>
  bounded(async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepted = listener.accept();
    const controller = new AbortController();
    const url = `ws://127.0.0.1:${listener.addr.port}`;
    const connecting = connect(url, { signal: controller.signal });
    using connection = await accepted;
    const reason = new Error("changed my mind");
    controller.abort(reason);
    assertEquals(await assertRejects(() => connecting), reason);
    // Nothing is left open.
    while (await connection.read(new Uint8Array(4_096)) !== null);
    await assertRejects(() => openWebSocket(new URL(url), { signal: AbortSignal.abort(reason) }), Error, "changed");
  }));

Deno.test("client: a WebSocket that breaks off is a lost connection", () =>
  bounded(async () => {
    await using server = serveWebSockets();
    const connecting = connect(server.url, { reconnect: { minimumDelay: 1, maximumDelay: 10 } });
    const first = await server.accept();
    sendPackets(first, 5, CONNACK);
    await using client = await connecting;
    const lost = Promise.withResolvers<string>();
    client.addEventListener("error", ({ error }) => lost.resolve(String(error)));
    first.socket.close(4000, "restart");
    await lost.promise;
    const second = await server.accept();
    assertEquals(second.offered, "mqtt");
    sendPackets(second, 5, CONNACK);
  }));

Deno.test("client: headers go with the request for a WebSocket", () =>
  bounded(async () => {
    await using server = serveWebSockets();
    const connecting = connect(server.url, { reconnect: false, headers: { authorization: "Bearer token" } });
    const accepted = await server.accept();
    assertEquals(accepted.headers.get("authorization"), "Bearer token");
    sendPackets(accepted, 5, CONNACK);
    await using _client = await connecting;
  }));

Deno.test("client: what a WebSocket may hold unread is bounded", () =>
  bounded(async () => {
    await using server = serveWebSockets();
    const opening = openWebSocket(new URL(server.url), { signal: AbortSignal.timeout(10_000) });
    const accepted = await server.accept();
    const { readable, writable } = await opening;
    const frame = new Uint8Array(16_777_216);
    for (let i = 0; i < 5; i++) accepted.socket.send(frame);
    const { reason } = await accepted.closed;
    assertMatch(reason, /at most 67108864 bytes may be unread/);
    await assertRejects(() => readable.getReader().read(), Error, "unread");
    await assertRejects(() => writable.getWriter().write(frame), Error);
  }));

/** A server that answers the opening of a WebSocket and then reads only when it is told. */
async function acceptUnread(listener: Deno.TcpListener): Promise<Deno.TcpConn> {
  const connection = await listener.accept();
  const buffer = new Uint8Array(4_096);
  const count = await connection.read(buffer);
  const request = new TextDecoder().decode(buffer.subarray(0, count ?? 0));
  const key = request.match(/^sec-websocket-key: (\S+)/im)?.[1] ?? "";
  const text = new TextEncoder().encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-1", text));
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    ...["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Protocol: mqtt"],
    `Sec-WebSocket-Accept: ${hash.toBase64()}`,
  ];
  await connection.write(new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`));
  return connection;
}

Deno.test("client: a write to a WebSocket waits for a server that does not read", () =>
  bounded(async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepting = acceptUnread(listener);
    const url = new URL(`ws://127.0.0.1:${listener.addr.port}`);
    const { readable, writable } = await openWebSocket(url, { signal: AbortSignal.timeout(10_000) });
    using connection = await accepting;
    const writer = writable.getWriter();
    const chunk = new Uint8Array(1_048_576);
    const CHUNKS = 64;
    let settled = 0;
    const writing = (async () => {
      for (; settled < CHUNKS; settled++) await writer.write(chunk);
    })();
    // What the network holds is limited; the rest waits until somebody reads.
    for (let before = -1; before !== settled;) {
      before = settled;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert(settled < CHUNKS, `${settled} of ${CHUNKS} writes have settled`);
    const buffer = new Uint8Array(1_048_576);
    for (let bytes = 0; bytes < CHUNKS * chunk.length;) bytes += await connection.read(buffer) ?? 0;
    await writing;
    await writer.abort();
    await readable.cancel();
  }));

Deno.test("client: a write that waits fails when the WebSocket breaks off", () =>
  bounded(async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepting = acceptUnread(listener);
    const url = new URL(`ws://127.0.0.1:${listener.addr.port}`);
    const { readable, writable } = await openWebSocket(url, { signal: AbortSignal.timeout(10_000) });
    const connection = await accepting;
    const writing = writable.getWriter().write(new Uint8Array(33_554_432));
    await new Promise((resolve) => setTimeout(resolve, 10));
    connection.close();
    await assertRejects(() => writing, Error);
    await assertRejects(() => readable.getReader().read(), Error);
  }));

/** Mosquitto 2.0.11 sends some 40 KB a second over a WebSocket. */
const MODERATE = 8_000;

async function mosquittoWebSockets(protocolVersion: ProtocolVersion): Promise<void> {
  const port = freePort();
  await using _mosquitto = await startMosquitto([`listener ${port} 127.0.0.1`, "protocol websockets"]);
  await exchange(`ws://127.0.0.1:${port}/mqtt`, { protocolVersion }, MODERATE);
}

for (const protocolVersion of [3, 4, 5] as const) {
  Deno.test(
    `client: version ${protocolVersion} over WebSocket carries all QoS`,
    { ignore: !hasMosquitto },
    () => bounded(() => mosquittoWebSockets(protocolVersion)),
  );
}

Deno.test("client: WebSocket over TLS", { ignore: !hasMosquitto || !hasProgram("openssl") }, () =>
  bounded(async () => {
    await using authority = await Authority.make();
    const { certFile, keyFile } = await authority.issue("localhost");
    const port = freePort();
    await using _mosquitto = await startMosquitto([
      ...[`listener ${port} 127.0.0.1`, "protocol websockets"],
      ...[`cafile ${authority.certFile}`, `certfile ${certFile}`, `keyfile ${keyFile}`],
    ]);
    const url = `wss://localhost:${port}/mqtt`;
    await exchange(url, { tls: { ca: authority.cert } }, MODERATE);
    await assertRejects(() => connect(url, { reconnect: false }), Error, "Cannot connect");
    const insecure = () => connect(url, { reconnect: false, tls: { insecure: true } });
    await assertRejects(insecure, TypeError, "only ca, cert and key");
  }));

Deno.test("client: a scheme that is unknown", async () => {
  await assertRejects(() => connect("http://127.0.0.1"), TypeError, "scheme of the URL must be mqtt, mqtts, ws");
  const open = () => openWebSocket(new URL("mqtt://127.0.0.1"), { signal: new AbortController().signal });
  await assertRejects(open, TypeError, "must be ws or wss");
});
