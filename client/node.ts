/**
 * The MQTT client for Node from version 20 on: over TCP, TLS, Unix sockets and WebSocket.
 *
 * It is the client of `@x/mqtt/client`, whose transports are Node's. WebSockets are those of the Web, which Node has
 * from version 22 on.
 *
 * @example Publish and subscribe
 * ```ts
 * import { connect } from "@x/mqtt/client/node";
 *
 * const client = await connect("mqtt://127.0.0.1:1883");
 * const subscription = client.subscribe("sensors/+/temperature", { qos: 1 });
 * await subscription.ready;
 * await client.publish("sensors/7/temperature", "21.5", { qos: 1 });
 * for await (const message of subscription) {
 *   console.log(message.topic, message.text());
 *   break;
 * }
 * await client.close();
 * ```
 *
 * @module
 */

import "./node_shims.ts"; // before all that needs them
import { Client } from "./client.ts";
import type { Message } from "./message.ts";
import { type PublishInit, publishOnce, type SubscribeInit, subscribeOnce } from "./one_shot.ts";
import { openNodeTransport } from "./node_transports.ts";
import type { ConnectInit, Platform, ServerUrl } from "./options.ts";
import type { Payload } from "./payload.ts";
import type { PublishResult } from "./publication.ts";
import { systemClock } from "./system_clock.ts";

const PLATFORM: Platform = { open: openNodeTransport, clock: systemClock };

/**
 * Connects to the MQTT server at `url`, e.g. `mqtts://host`, and resolves when the server has accepted. From then on
 * the client connects again by itself, unless `reconnect` is false. Schemes, and what it rejects with, are those of
 * `connect` of `@x/mqtt/client`.
 *
 * @example
 * ```ts
 * import { connect } from "@x/mqtt/client/node";
 *
 * const client = await connect("mqtt://127.0.0.1:1883", { clientId: "gateway-7", keepAlive: 30 });
 * await client.publish("gateway/7/state", "on", { qos: 1, retain: true });
 * await client.close();
 * ```
 */
export function connect(url: ServerUrl | readonly ServerUrl[], init: ConnectInit = {}): Promise<Client> {
  return Client.connect(url, init, PLATFORM);
}

/**
 * Publishes one message to the topic in `url`, on a connection of its own, as `publish` of `@x/mqtt/client` does.
 *
 * @example
 * ```ts
 * import { publish } from "@x/mqtt/client/node";
 *
 * await publish("mqtt://127.0.0.1:1883/sensors/7/temperature", "21.5", { qos: 1, retain: true });
 * ```
 */
export function publish(url: string | URL, payload: Payload, init: PublishInit = {}): Promise<PublishResult> {
  return publishOnce(url, payload, init, PLATFORM);
}

/**
 * The messages of the topic filter in `url`, on a connection of its own that the end of the loop closes, as `subscribe`
 * of `@x/mqtt/client` gives them.
 *
 * @example
 * ```ts
 * import { publish, subscribe } from "@x/mqtt/client/node";
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
export { openNodeTransport } from "./node_transports.ts";
