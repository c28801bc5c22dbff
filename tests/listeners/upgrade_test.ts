/** MQTT at a path of an application's own HTTP server. */

import { assertEquals, assertGreater, assertNotEquals } from "@std/assert";
import mqtt from "mqtt";
import { Broker, mqttOverWebSocket, upgrade } from "../../broker/mod.ts";
import { encodePacket } from "../../codec/encode.ts";
import { bounded, until } from "../support/broker.ts";
import { connectPacket, publishPacket } from "../support/raw_packets.ts";

const CONNECT = encodePacket(connectPacket({ version: 5, clientId: "a" }), 5);

/** A web server with a broker at `/mqtt`. */
async function withServer(body: (port: number, broker: Broker, log: string[]) => Promise<void>): Promise<void> {
  const log: string[] = [];
  const write = (_level: string, line: string) => void log.push(line);
  const broker = new Broker({ sysInterval: 0, log: { debug: true, write } });
  const handle = mqttOverWebSocket(broker);
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request, info) => {
    return new URL(request.url).pathname === "/mqtt" ? handle(request, info) : new Response("hello");
  });
  try {
    await bounded(() => body(server.addr.port, broker, log));
  } finally {
    await broker.close();
    await server.shutdown();
  }
}

async function openSocket(port: number): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, "mqtt");
  socket.binaryType = "arraybuffer";
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  return socket;
}

Deno.test("upgrade: MQTT.js talks to a broker behind Deno.serve, other requests are answered", () =>
  withServer(async (port, broker, log) => {
    const client = await mqtt.connectAsync(`ws://127.0.0.1:${port}/mqtt`, { protocolVersion: 5, reconnectPeriod: 0 });
    const received = new Promise<number>((resolve) =>
      client.on("message", (_topic, message) => resolve(message.length))
    );
    await client.subscribeAsync("t", { qos: 1 });
    await client.publishAsync("t", "x".repeat(2_000_000), { qos: 1 });
    assertEquals(await received, 2_000_000);
    await client.endAsync();
    await until(() => broker.counts().connections === 0, "the end of the connection");
    assertEquals(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "hello");
    const plain = await fetch(`http://127.0.0.1:${port}/mqtt`);
    assertEquals([plain.status, await plain.text()], [426, "this is MQTT over WebSockets\n"]);
    assertEquals(log.some((line) => /^New connection from 127\.0\.0\.1:\d+\.$/.test(line)), true);
  }));

Deno.test("upgrade: nothing without the subprotocol mqtt", () =>
  withServer(async (port, broker) => {
    for (const protocols of [[], ["other"]]) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, protocols);
      await new Promise((resolve) => socket.onerror = resolve);
    }
    assertEquals(broker.counts().connections, 0);
  }));

Deno.test("upgrade: text frames, floods that are not handled, and sudden ends close one connection and no more", () =>
  withServer(async (port, broker) => {
    const text = await openSocket(port);
    const closed = new Promise<CloseEvent>((resolve) => text.onclose = resolve);
    text.send("hello");
    assertGreater((await closed).code, 1000);
    const gone = await openSocket(port);
    gone.send(CONNECT.slice());
    gone.close();
    await until(() => broker.counts().connections === 0, "the end of both");
  }));

Deno.test("upgrade: what waits for a packet that takes time is bounded", () =>
  bounded(async () => {
    const decision = Promise.withResolvers<boolean>();
    const log: string[] = [];
    const write = (_level: string, line: string) => void log.push(line);
    await using broker = new Broker({
      sysInterval: 0,
      authorizePublish: () => decision.promise,
      log: { debug: false, write },
    });
    const ended = Promise.withResolvers<void>();
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
      const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "mqtt" });
      upgrade(broker, socket, { protocol: "ws", address: "somebody" }).then(ended.resolve);
      return response;
    });
    const socket = await openSocket(server.addr.port);
    const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
    socket.send(CONNECT.slice());
    const publish = encodePacket(publishPacket("t", "x".repeat(1_000_000)), 5);
    for (let count = 0; count < 30; count++) socket.send(publish.slice());
    assertNotEquals((await closed).code, 1000);
    assertEquals(log.filter((line) => line.includes("at most 16777216 bytes may wait")).length, 1);
    decision.resolve(true);
    await ended.promise;
    await server.shutdown();
  }));
