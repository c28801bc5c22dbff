/**
 * The MQTT client for browsers, workers and edge runtimes: over WebSocket only, and of the Web's own means only.
 *
 * It is the client of `@x/mqtt/client` without what a browser has not got. Bundlers find no code in here for other
 * runtimes.
 *
 * @example Publish and subscribe from a page
 * ```js
 * import { connect } from "@x/mqtt/client/browser";
 *
 * await using client = await connect("ws://127.0.0.1:8080/mqtt");
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
import { openWebSocket } from "./websocket.ts";

const PLATFORM: Platform = { open: openWebSocket, clock: systemClock };

/**
 * Connects to the MQTT server at `url`, e.g. `wss://host/mqtt`, and resolves when the server has accepted. From then on
 * the client connects again by itself, unless `reconnect` is false. Rejects as `connect` of `@x/mqtt/client` does.
 *
 * @example
 * ```js
 * import { connect } from "@x/mqtt/client/browser";
 *
 * await using client = await connect("ws://127.0.0.1:8080/mqtt", { clientId: "page-7", keepAlive: 30 });
 * await client.publish("page/7/state", "on", { qos: 1, retain: true });
 * ```
 */
export function connect(url: ServerUrl | readonly ServerUrl[], init: ConnectInit = {}): Promise<Client> {
  return Client.connect(url, init, PLATFORM);
}

/**
 * Publishes one message to `init.topic`, on a connection of its own, and resolves when the server has it: for functions
 * that live no longer than that. Rejects as `publish` of `@x/mqtt/client` does.
 *
 * @example
 * ```js
 * import { publish } from "@x/mqtt/client/browser";
 *
 * await publish("ws://127.0.0.1:8080/mqtt", "21.5", { topic: "sensors/7/temperature", qos: 1, retain: true });
 * ```
 */
export function publish(
  url: string | URL,
  payload: Payload,
  init: PublishInit & { topic: string },
): Promise<PublishResult> {
  return publishOnce(url, payload, init, PLATFORM);
}

/**
 * The messages of the filters in `init.topic`, on a connection of its own that the end of the loop closes.
 *
 * @example
 * ```js
 * import { publish, subscribe } from "@x/mqtt/client/browser";
 *
 * await publish("ws://127.0.0.1:8080/mqtt", "21.5", { topic: "sensors/7/temperature", retain: true });
 * for await (const message of subscribe("ws://127.0.0.1:8080/mqtt", { topic: "sensors/#" })) {
 *   console.log(message.topic, message.text());
 *   break;
 * }
 * ```
 */
export function subscribe(
  url: string | URL,
  init: SubscribeInit & { topic: string | readonly string[] },
): AsyncGenerator<Message, void, undefined> {
  return subscribeOnce(url, init, PLATFORM);
}

export * from "./common.ts";
export type { PublishInit, SubscribeInit } from "./one_shot.ts";
export { openWebSocket } from "./websocket.ts";
