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
import { openNodeTransport } from "./node_transports.ts";
import type { ConnectInit, ServerUrl } from "./options.ts";
import { systemClock } from "./system_clock.ts";

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
  return Client.connect(url, init, { open: openNodeTransport, clock: systemClock });
}

export * from "./common.ts";
export { openNodeTransport } from "./node_transports.ts";
