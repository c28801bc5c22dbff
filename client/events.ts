/**
 * What a client tells by events.
 *
 * @module
 */

import type { ConnackProperties, DisconnectProperties } from "../codec/properties.ts";
import type { Message } from "./message.ts";
import type { RecoveredEvent } from "./recovered_event.ts";

/**
 * The client is connected, for the first time or again.
 *
 * @example
 * ```ts
 * import { connect } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * client.addEventListener("connect", (event) => console.log("session kept:", event.sessionPresent));
 * ```
 */
export class ConnectEvent extends Event {
  /** Whether the server goes on from the session of an earlier connection. */
  readonly sessionPresent: boolean;
  /** What the server said in its CONNACK; empty before MQTT 5.0. */
  readonly properties: ConnackProperties;
  /** The server's URL without credentials and query. */
  readonly server: string;

  /** Made by the client. */
  constructor(sessionPresent: boolean, properties: ConnackProperties, server: string) {
    super("connect");
    this.server = server;
    this.sessionPresent = sessionPresent;
    this.properties = properties;
  }
}

/**
 * What a {@linkcode DisconnectEvent} says.
 *
 * @example
 * ```ts
 * import { connect, type DisconnectDetail } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const report = ({ server, reasonCode, reconnecting }: DisconnectDetail) => console.log(server, reasonCode, reconnecting);
 * client.addEventListener("disconnect", report);
 * ```
 */
export interface DisconnectDetail {
  /** 0 after `close()`; the code of the server's DISCONNECT; that of our own when the server broke the protocol; 0x80. */
  readonly reasonCode: number;
  /** What the server said in its DISCONNECT; empty if it sent none. */
  readonly properties: DisconnectProperties;
  /** Why the connection ended; undefined after `close()`. */
  readonly error: Error | undefined;
  /** Whether the client tries to connect again. */
  readonly reconnecting: boolean;
  /** The server's URL without credentials and query. */
  readonly server: string;
}

/**
 * The connection has ended.
 *
 * @example
 * ```ts
 * import { connect, reasonCodeName } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * client.addEventListener("disconnect", ({ reasonCode, reconnecting }) => {
 *   console.log(reasonCodeName(reasonCode), reconnecting ? "- will be back" : "- for good");
 * });
 * ```
 */
export class DisconnectEvent extends Event implements DisconnectDetail {
  readonly reasonCode: number;
  readonly properties: DisconnectProperties;
  readonly error: Error | undefined;
  readonly reconnecting: boolean;
  readonly server: string;

  /** Made by the client. */
  constructor(detail: DisconnectDetail) {
    super("disconnect");
    this.reasonCode = detail.reasonCode;
    this.properties = detail.properties;
    this.error = detail.error;
    this.reconnecting = detail.reconnecting;
    this.server = detail.server;
  }
}

/**
 * A message has come, whichever subscription it belongs to, or none.
 *
 * @example
 * ```ts
 * import { connect } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * client.addEventListener("message", ({ message }) => console.log(message.topic, message.text()));
 * await client.subscribe("sensors/#").ready;
 * ```
 */
export class MqttMessageEvent extends Event {
  /** The message. Its listeners have seen it when they return: it is then acknowledged unless an iterator has it too. */
  readonly message: Message;

  /** Made by the client. */
  constructor(message: Message) {
    super("message");
    this.message = message;
  }
}

/**
 * An attempt to connect has failed, a connection has ended that should not, or something that nobody waits for: the
 * function of a subscription or responder has thrown, or the server has refused its filter.
 *
 * @example
 * ```ts
 * import { connect } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * client.addEventListener("error", ({ error, server }) => console.error(server ?? "", error.message));
 * ```
 */
export class ClientErrorEvent extends Event {
  /** What has happened. */
  readonly error: Error;
  /** The URL, without credentials and query, of the server that it is about; undefined if it is about none. */
  readonly server: string | undefined;

  /** Made by the client. */
  constructor(error: Error, server?: string) {
    super("error");
    this.server = server;
    this.error = error;
  }
}

/**
 * The events of a client by their names.
 *
 * @example
 * ```ts
 * import { type ClientEventMap, connect } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const names: (keyof ClientEventMap)[] = ["connect", "disconnect", "error", "statechange"];
 * for (const name of names) client.addEventListener(name, (event) => console.log(event.type, client.state.kind));
 * ```
 */
export interface ClientEventMap {
  /** Connected, for the first time or again. */
  connect: ConnectEvent;
  /** The connection has ended. */
  disconnect: DisconnectEvent;
  /** A message has come. */
  message: MqttMessageEvent;
  /** An attempt has failed, a connection has ended that should not, or something that nobody waits for. */
  error: ClientErrorEvent;
  /** What an earlier run has published, and left in the store, is complete or has failed. */
  recovered: RecoveredEvent;
  /** `client.state` is another one. */
  statechange: Event;
}

/**
 * A listener for one kind of event.
 *
 * @example
 * ```ts
 * import { type ClientEventListener, connect } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const onError: ClientEventListener<"error"> = ({ error }) => console.error(error.message);
 * client.addEventListener("error", onError);
 * ```
 */
export type ClientEventListener<Name extends keyof ClientEventMap> =
  | ((event: ClientEventMap[Name]) => void)
  | { handleEvent(event: ClientEventMap[Name]): void };
