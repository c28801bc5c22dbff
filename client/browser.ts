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
import type { ConnectInit, ServerUrl } from "./options.ts";
import { systemClock } from "./system_clock.ts";
import { openWebSocket } from "./websocket.ts";

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
  return Client.connect(url, init, { open: openWebSocket, clock: systemClock });
}

export * from "./common.ts";
export { openWebSocket } from "./websocket.ts";
