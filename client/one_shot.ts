/**
 * A connection for one message, or for one subscription: `publish()` and `subscribe()` without a client.
 *
 * @module
 */

import { MqttError } from "../codec/errors.ts";
import type { SubscribeProperties } from "../codec/properties.ts";
import { reasonCodeName } from "../codec/reason_codes.ts";
import { Client } from "./client.ts";
import type { Message } from "./message.ts";
import type { ConnectInit, Platform } from "./options.ts";
import type { Payload } from "./payload.ts";
import type { PublishOptions, PublishResult } from "./publication.ts";
import type { SubscribeOptions } from "./subscription.ts";

/**
 * Options of `publish()`: those of a publication, and how to connect.
 *
 * @example
 * ```ts
 * import { publish, type PublishInit } from "@x/mqtt/client";
 *
 * const init: PublishInit = { topic: "sensors/7", qos: 1, connect: { username: "ann", password: "secret" } };
 * await publish("mqtt://127.0.0.1:1883", "21.5", init);
 * ```
 */
export interface PublishInit extends PublishOptions {
  /** Topic name. Default: the path of the URL. A WebSocket's or Unix socket's URL has another path, and needs it. */
  topic?: string;
  /** How to connect. */
  connect?: Omit<ConnectInit, "signal" | "reconnect">;
}

/**
 * Options of `subscribe()`: those of a subscription, and how to connect.
 *
 * @example
 * ```ts
 * import { subscribe, type SubscribeInit } from "@x/mqtt/client";
 *
 * const init: SubscribeInit = { topic: ["alarms/#", "states/#"], qos: 1, signal: AbortSignal.timeout(100) };
 * try {
 *   for await (const message of subscribe("mqtt://127.0.0.1:1883", init)) console.log(message.topic);
 * } catch (error) {
 *   console.log(error === init.signal?.reason); // true
 * }
 * ```
 */
export interface SubscribeInit extends Omit<SubscribeOptions, "properties" | "onMessage"> {
  /** Topic filter or several. Default: the path of the URL. A WebSocket's or Unix socket's URL needs it. */
  topic?: string | readonly string[];
  /** MQTT 5.0 only. */
  properties?: Pick<SubscribeProperties, "userProperties">;
  /** How to connect, and to come back after the connection was lost. */
  connect?: Omit<ConnectInit, "signal">;
}

/** What `publish()` of an entry does on its platform. */
export async function publishOnce(
  url: string | URL,
  payload: Payload,
  init: PublishInit,
  platform: Platform,
): Promise<PublishResult> {
  const { topic, connect, ...options } = init;
  const target = targetOf(url, topic);
  const { signal } = options;
  // Not `await using`: Node 20 and older browsers cannot read it.
  const client = await Client.connect(target.server, { ...connect, reconnect: false, signal }, platform);
  let result: PublishResult;
  try {
    result = await client.publish(target.topic, payload, options);
  } finally {
    await client.close();
  }
  if (result.ok) return result;
  throw new MqttError(
    `Cannot publish: server must take the message, received ${reasonCodeName(result.reasonCode)}`,
    result.reasonCode,
  );
}

/** What `subscribe()` of an entry does on its platform. */
export async function* subscribeOnce(
  url: string | URL,
  init: SubscribeInit,
  platform: Platform,
): AsyncGenerator<Message, void, undefined> {
  const { topic, connect, ...options } = init;
  const filters = Array.isArray(topic) ? topic : undefined;
  const target = targetOf(url, filters?.[0] ?? (typeof topic === "string" ? topic : undefined));
  const { signal } = options;
  const client = await Client.connect(target.server, { ...connect, signal }, platform);
  try {
    // Not `yield*`: a subscription has no `throw()` to pass one on to.
    for await (const message of client.subscribe(filters ?? target.topic, options)) yield message;
  } finally {
    await client.close();
  }
}

/** `mqtt://host/a/b` is the topic `a/b` at `mqtt://host`. What URLs use `?` and `#` for means nothing here. */
function targetOf(url: string | URL, topic: string | undefined): { server: string; topic: string } {
  const text = String(url);
  if (topic !== undefined) return { server: text, topic };
  const [, server, path = ""] = text.match(/^((?:mqtts?|tcp):\/\/[^/?#]*)\/(.*)$/is) ?? [];
  if (server !== undefined && path !== "") return { server, topic: decodeURIComponent(path) };
  // The text may hold a password, so it is not repeated.
  throw new TypeError("Cannot find topic: url must be one like mqtt://host/topic, or init.topic be given");
}
