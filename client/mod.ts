/**
 * The MQTT client for Deno: over TCP, TLS, WebSocket and Unix sockets.
 *
 * {@linkcode connect} gives a {@linkcode Client}, which publishes and subscribes, and gets back to its server by itself.
 *
 * @example Publish and subscribe
 * ```ts
 * import { connect } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * await using subscription = client.subscribe("sensors/+/temperature", { qos: 1 });
 * await subscription.ready;
 * await client.publish("sensors/7/temperature", "21.5", { qos: 1 });
 * for await (const message of subscription) {
 *   console.log(message.topic, message.text());
 *   break;
 * }
 * ```
 *
 * @module
 */

import { Client } from "./client.ts";
import type { Message } from "./message.ts";
import { type PublishInit, publishOnce, type SubscribeInit, subscribeOnce } from "./one_shot.ts";
import type { ConnectInit, Platform, ServerUrl } from "./options.ts";
import type { Payload } from "./payload.ts";
import type { PublishResult } from "./publication.ts";
import { systemClock } from "./system_clock.ts";
import { openTransport } from "./transports.ts";

const PLATFORM: Platform = { open: openTransport, clock: systemClock };

/**
 * Connects to the MQTT server at `url`, e.g. `mqtt://host` or `mqtt://user:password@host:port`, and resolves when the
 * server has accepted. From then on the client connects again by itself, unless `reconnect` is false.
 *
 * The scheme chooses the transport: `mqtt:` TCP (port 1883), `mqtts:` TLS (port 8883), `ws:` and `wss:` WebSocket,
 * `mqtt+unix:///path` a Unix socket.
 *
 * Several URLs are several servers, to be tried in their order, one at once after the other; when all have failed it
 * waits, and begins again with the first. After a connection was lost its server comes first, which has the session.
 *
 * Rejects when the first attempt fails, unless `reconnect.initial` is true: with the error of the network; with
 * {@linkcode ServerError} when the server refuses, whose `reasonCode` says why; with a `TimeoutError`; with the reason of
 * `signal`; with `TypeError` and `RangeError` for options that cannot be.
 *
 * @example
 * ```ts
 * import { connect } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883", {
 *   clientId: "gateway-7",
 *   keepAlive: 30,
 *   will: { topic: "gateway/7/state", payload: "lost", qos: 1, retain: true },
 *   signal: AbortSignal.timeout(5_000),
 * });
 * await client.publish("gateway/7/state", "on", { qos: 1, retain: true });
 * ```
 *
 * @example The first of several servers that answers
 * ```ts
 * import { connect } from "@x/mqtt/client";
 *
 * await using client = await connect(["mqtt://127.0.0.1:1", "mqtt://127.0.0.1:1883"]);
 * if (client.state.kind === "connected") console.log("connected to", client.state.server);
 * ```
 */
export function connect(url: ServerUrl | readonly ServerUrl[], init: ConnectInit = {}): Promise<Client> {
  return Client.connect(url, init, PLATFORM);
}

/**
 * Publishes one message to the topic in `url`, on a connection of its own, and resolves when the server has it. Who
 * publishes more than now and then makes a client with {@linkcode connect}.
 *
 * Rejects as {@linkcode connect} and the client's `publish` do, and with {@linkcode MqttError} when the server refuses
 * the message.
 *
 * @example
 * ```ts
 * import { publish } from "@x/mqtt/client";
 *
 * await publish("mqtt://127.0.0.1:1883/sensors/7/temperature", "21.5", { qos: 1, retain: true });
 * ```
 */
export function publish(url: string | URL, payload: Payload, init: PublishInit = {}): Promise<PublishResult> {
  return publishOnce(url, payload, init, PLATFORM);
}

/**
 * The messages of the topic filter in `url`, on a connection of its own that the end of the loop closes. What the filter
 * holds of `#` and `+` stands in the URL as it is.
 *
 * The loop throws what {@linkcode connect} rejects with, and what a subscription's loop throws.
 *
 * @example
 * ```ts
 * import { publish, subscribe } from "@x/mqtt/client";
 *
 * await publish("mqtt://127.0.0.1:1883/sensors/7/temperature", "21.5", { retain: true });
 * for await (const message of subscribe("mqtt://127.0.0.1:1883/sensors/#")) {
 *   console.log(message.topic, message.text());
 *   break;
 * }
 * ```
 */
export function subscribe(url: string | URL, init: SubscribeInit = {}): AsyncGenerator<Message, void, undefined> {
  return subscribeOnce(url, init, PLATFORM);
}

export * from "./common.ts";
export type { PublishInit, SubscribeInit } from "./one_shot.ts";
export { openTcp } from "./tcp.ts";
export { openTransport } from "./transports.ts";

if (import.meta.main) {
  const { main } = await import("./cli/main.ts");
  await main(Deno.args);
}
