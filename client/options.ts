/**
 * What `connect()` may be told.
 *
 * @module
 */

import type { ProtocolVersion, QoS } from "../codec/packets.ts";
import type { ConnectProperties, WillProperties } from "../codec/properties.ts";
import type { Clock } from "../engine/clock.ts";
import type { Transport } from "../engine/transport.ts";
import type { ClientStore } from "./client_store.ts";
import type { ReconnectInit } from "./reconnect.ts";
import type { Refresh } from "./refresh.ts";
import type { TlsInit, TransportOptions } from "./transport_options.ts";

/**
 * Opens what carries the bytes to the server at `url`; gives up, and leaves nothing open, when `signal` is aborted.
 *
 * @example
 * ```ts
 * import { connect, openTcp, type TransportOpener } from "@x/mqtt/client";
 *
 * // Tells who is at the other end.
 * const open: TransportOpener = async (url, options) => {
 *   const transport = await openTcp(url, options);
 *   console.log("connected to", transport.peer.address);
 *   return transport;
 * };
 * await using client = await connect("mqtt://127.0.0.1:1883", { transport: open });
 * ```
 */
export type TransportOpener = (url: URL, options: TransportOptions) => Promise<Transport>;

/**
 * The message that the server publishes when this client ends without saying so.
 *
 * @example
 * ```ts
 * import { connect } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883", {
 *   will: { topic: "gateway/7/state", payload: "lost", retain: true, properties: { willDelayInterval: 30 } },
 * });
 * ```
 */
export interface WillInit {
  /** Topic name that the will is published to. */
  topic: string;
  /** At most 65,535 bytes. Default: empty. */
  payload?: string | ArrayBufferLike | ArrayBufferView;
  /** Default 0. */
  qos?: QoS;
  /** Default false. */
  retain?: boolean;
  /** MQTT 5.0 only, `willDelayInterval` among them. */
  properties?: WillProperties;
}

/**
 * Enhanced authentication of MQTT 5.0 (section 4.12): a method that both sides know by name, and the steps of ours. A
 * step that throws ends the attempt to connect, or the connection.
 *
 * @example
 * ```ts
 * import type { Authentication } from "@x/mqtt/client";
 *
 * // A method in one step: the server sends a challenge, and gets it back with a keyed hash.
 * const key = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
 * export const authentication: Authentication = {
 *   method: "HMAC-SHA-256",
 *   async respond(challenge = new Uint8Array()) {
 *     return new Uint8Array(await crypto.subtle.sign("HMAC", key, new Uint8Array(challenge)));
 *   },
 * };
 * ```
 */
export interface Authentication {
  /** Name of the method, e.g. `SCRAM-SHA-256`. */
  readonly method: string;
  /** The data that go with CONNECT, or begin a re-authentication. Default: none. */
  start?(): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** The answer to data from the server; both may be absent. */
  respond(data: Uint8Array | undefined): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** Checks the last data from the server; throws to refuse the server. */
  finish?(data: Uint8Array | undefined): void | Promise<void>;
}

/**
 * What happens to a publication for which the queue has no room:
 *
 * - `wait`: it stands in line. Callers that await their publications are slowed down; for those that do not, the line
 *   ends when it is as long again as the queue, and the call rejects.
 * - `reject`: the call rejects with `MqttError` 0x97 (quota exceeded).
 * - `drop-oldest`: the oldest one that was not sent gives way; its call resolves with `ok` false and code 0x97.
 * - `drop-newest`: it is dropped itself, and its call resolves with `ok` false and code 0x97.
 *
 * @example
 * ```ts
 * import { connect, type QueueOverflow } from "@x/mqtt/client";
 *
 * const overflow: QueueOverflow = "drop-oldest";
 * await using client = await connect("mqtt://127.0.0.1:1883", { queue: { messages: 100, overflow } });
 * ```
 */
export type QueueOverflow = "wait" | "reject" | "drop-oldest" | "drop-newest";

/**
 * Bounds for publications that are not complete: those that wait for a connection, and those that are under way.
 *
 * @example
 * ```ts
 * import { connect } from "@x/mqtt/client";
 *
 * // Of readings that cannot be sent, keep the latest thousand.
 * await using client = await connect("mqtt://127.0.0.1:1883", {
 *   queue: { messages: 1_000, overflow: "drop-oldest" },
 * });
 * ```
 */
export interface QueueInit {
  /** How many may be open, 1 or more. Default 65,536. */
  messages?: number;
  /** How many bytes of payloads and topics they may have, 1 or more. Default 67,108,864 (64 MiB). */
  bytes?: number;
  /**
   * How many of QoS 1 and 2 may be under way at once, 1 to 65,000; the server may take fewer. With 1, a message is sent
   * when the one before has been acknowledged. Default 65,000.
   */
  inFlight?: number;
  /** Default `wait`. */
  overflow?: QueueOverflow;
  /** Whether publications of QoS 0 wait for a connection; if not, they are dropped (`ok` false). Default true. */
  qos0?: boolean;
}

/**
 * Options of `connect()`; all have defaults.
 *
 * @example
 * ```ts
 * import { connect, type ConnectInit } from "@x/mqtt/client";
 *
 * const init: ConnectInit = {
 *   clientId: "gateway-7",
 *   username: "ann",
 *   password: "secret",
 *   keepAlive: 30,
 *   sessionExpiryInterval: 3_600,
 *   receiveMaximum: 100,
 *   reconnect: { maximumDelay: 10_000 },
 *   queue: { messages: 1_000, overflow: "drop-oldest" },
 *   signal: AbortSignal.timeout(10_000),
 * };
 * await using client = await connect("mqtt://127.0.0.1:1883", init);
 * ```
 */
export interface ConnectInit {
  /** 5 for MQTT 5.0 (default), 4 for 3.1.1, 3 for 3.1. */
  protocolVersion?: ProtocolVersion;
  /**
   * Before MQTT 5.0: whether to say that this client is the bridge of another broker, as RSMB and Mosquitto do by a bit
   * of the protocol level. A server that knows that sends it nothing back that it has published itself, and keeps the
   * retain flag; another one refuses it with 0x84 or closes. Default false.
   */
  isBridge?: boolean;
  /** Default: a random one. The empty string asks the server for one (MQTT 3.1.1 and 5.0). */
  clientId?: string;
  /** Default: the URL's. */
  username?: string;
  /** Default: the URL's. */
  password?: string | ArrayBufferLike | ArrayBufferView;
  /** Seconds without a packet after which PINGREQ is sent, 0 (off) to 65,535. The server may overrule it. Default 60. */
  keepAlive?: number;
  /** Milliseconds, 1 to 2,147,483,647, to wait for an answer to PINGREQ. Default: the keep alive, at most 10,000. */
  pingTimeout?: number;
  /**
   * True (default): begin with an empty session. False: go on from the session that the server has of this client
   * identifier; the caller states that it belongs to this client. Either way later connections of the same client
   * take up the session of the earlier ones where the version allows it.
   */
  cleanStart?: boolean;
  /**
   * Seconds, 0 to 4,294,967,295 (for ever), that the server keeps the session without a connection; MQTT 5.0 only.
   * Default: 300 if the client reconnects, to be ended by `close()`; else 0.
   */
  sessionExpiryInterval?: number;
  /**
   * How many messages of QoS 1 and 2 the server may have sent that are not acknowledged, 1 to 65,535. Before MQTT 5.0
   * the server cannot be told. Default 1,024; 65,535 before MQTT 5.0.
   */
  receiveMaximum?: number;
  /** The largest packet that is accepted, in bytes: 16 to 268,435,460, the protocol's limit and the default. */
  maximumPacketSize?: number;
  /** How many topic aliases the server may use, 0 to 65,535; MQTT 5.0 only. Default 0. */
  topicAliasMaximum?: number;
  /** What else stands in the CONNECT; MQTT 5.0 only. */
  properties?: Pick<
    ConnectProperties,
    "requestResponseInformation" | "requestProblemInformation" | "userProperties"
  >;
  /** The message that the server publishes when this client ends without saying so. */
  will?: WillInit;
  /** Enhanced authentication; MQTT 5.0 only. */
  authentication?: Authentication;
  /** Milliseconds, 1 to 2,147,483,647, that an attempt may take, from the address to the CONNACK. Default 30,000. */
  connectTimeout?: number;
  /** How to get back to the server; false: never. */
  reconnect?: ReconnectInit | false;
  /**
   * Called before each attempt to connect, with credentials and URLs that do not last in mind: what it returns is used
   * for that attempt. It has `connectTimeout` for it; the attempt fails if it throws. With it, a server that refuses the
   * credentials does not end all attempts.
   */
  refresh?: Refresh;
  /**
   * How many times in a row a server may send this client to another one (reason codes 0x9C, use another server, and
   * 0x9D, server moved), which it then tries at once, with the same credentials and transport; MQTT 5.0 only. Connections
   * that last for `reconnect.stableAfter` begin a new row. Default 0: redirections are not followed.
   */
  maximumRedirects?: number;
  /** Bounds for publications that are not complete. */
  queue?: QueueInit;
  /**
   * Keeps publications of QoS 1 and 2 that are not complete, and what was received of QoS 2, so that the next run of a
   * script that was killed finishes what this one has begun; that state is then no longer in memory alone. Stores are in
   * `@x/mqtt/client/sqlite`, `@x/mqtt/client/indexeddb` and, for tests, `@x/mqtt/client/store`.
   *
   * It changes defaults: `clientId` is the one of the run before, `cleanStart` is false from the second run on (before
   * MQTT 5.0 from the first), and `sessionExpiryInterval` is 86,400, a day, which `close()` does not end.
   */
  store?: ClientStore;
  /** Ends the wait of `connect()`. It has no effect on a client that is connected. */
  signal?: AbortSignal;
  /** How TLS is spoken with the server; with `mqtts` and `wss` only. Browsers have no say in that. */
  tls?: TlsInit;
  /** Headers for the request that opens a WebSocket, e.g. `authorization`. Browsers cannot send them. */
  headers?: Record<string, string>;
  /** What opens the transport. Default: that of the module which `connect` was imported from. */
  transport?: TransportOpener;
  /** Time and timers, for tests. Default: the platform's. */
  clock?: Clock;
  /** Random numbers from 0 up to 1 for the back-off, for tests. Default `Math.random`. */
  random?: () => number;
}

/**
 * What the entry for a runtime brings along.
 *
 * @example
 * ```ts
 * import { Client, openTcp, type Platform, systemClock } from "@x/mqtt/client";
 *
 * // TCP only, where nothing else is to be in the bundle.
 * const platform: Platform = { open: openTcp, clock: systemClock };
 * await using client = await Client.connect("mqtt://127.0.0.1:1883", {}, platform);
 * ```
 */
export interface Platform {
  /** Opens transports. */
  readonly open: TransportOpener;
  /** Time and timers. */
  readonly clock: Clock;
}

/**
 * Where a server is, e.g. `mqtts://user:password@host:8883`.
 *
 * @example
 * ```ts
 * import { connect, type ServerUrl } from "@x/mqtt/client";
 *
 * const servers: ServerUrl[] = [new URL("mqtt://127.0.0.1:1883"), "mqtt://127.0.0.1:1"];
 * await using client = await connect(servers);
 * ```
 */
export type ServerUrl = string | URL;
