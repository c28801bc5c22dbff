/**
 * Listeners on Deno: TCP and Unix sockets, with PROXY protocol, TLS and WebSockets on top.
 *
 * @module
 */

import type { Broker } from "../broker.ts";
import {
  assertListenOptions,
  type ListenerChanges,
  type ListenOptions,
  type TcpListenOptions,
  type UnixListenOptions,
} from "./listen_options.ts";
import { type RefusalCounts, SocketListener } from "./socket_listener.ts";
import { openTcp, openUnix } from "./sockets.ts";

/** How many connections a listener has, and had to refuse. */
export interface ListenerCounts {
  /** Connections that are open. */
  readonly connections: number;
  /** Those of them that are no clients yet. */
  readonly handshakes: number;
  /** Connections that were closed before they became clients, by reason. */
  readonly refused: Readonly<RefusalCounts>;
}

/** Where a listener listens. */
export interface ListenerEndpoint {
  /** The address, or the path of a Unix socket. */
  readonly hostname: string;
  /** The TCP port; 0 for a Unix socket. */
  readonly port: number;
}

/** A listener that hands its connections to a broker. */
export interface Listener extends AsyncDisposable {
  /** Where it listens. */
  readonly address: ListenerEndpoint;
  /** What it has at the moment. */
  counts(): ListenerCounts;
  /**
   * Reads the files of `tls` again; they hold for the connections that come from now on, and clients whose certificates
   * are on the revocation list now are disconnected with 0x87. With `changes`, these take the place of the options so
   * far, those that are absent included. Throws an `Error` that names the file if one cannot be used, or `TypeError`
   * for options that do not go together: then all stays as it is.
   */
  reload(changes?: ListenerChanges): void;
  /** Stops listening; connections that are open go on. */
  close(): Promise<void>;
}

/**
 * Listens for TCP connections and has `broker` serve them, until the listener or the broker is closed. Throws what
 * `Deno.listen` throws, e.g. `Deno.errors.AddrInUse`; an `Error` that names the file when a certificate cannot be used;
 * `RangeError` or `TypeError` for options that cannot be.
 *
 * @example MQTT, MQTT over WebSockets beside a web site, and both encrypted
 * ```ts ignore
 * import { Broker, listen } from "@x/mqtt/broker";
 *
 * const broker = new Broker();
 * const tls = { certFile: "server.crt", keyFile: "server.key" };
 * listen(broker, { hostname: "::", port: 1883 });
 * listen(broker, { hostname: "::", port: 8883, tls });
 * listen(broker, { hostname: "::", port: 8083, protocol: "websockets", httpDir: "www" });
 * listen(broker, { hostname: "::", port: 8084, protocol: "websockets", tls });
 * ```
 */
export function listen(broker: Broker, options?: TcpListenOptions): Listener;
/** The same for a Unix socket. Rejects with `Deno.errors.AddrInUse` when somebody listens there. */
export function listen(broker: Broker, options: UnixListenOptions): Promise<Listener>;
/** The same for either. */
export function listen(broker: Broker, options: ListenOptions): Listener | Promise<Listener>;
export function listen(broker: Broker, options: ListenOptions = {}): Listener | Promise<Listener> {
  if (options.path !== undefined) return listenUnix(broker, options);
  assertListenOptions(options);
  return new SocketListener(broker, options, () => openTcp(options));
}

async function listenUnix(broker: Broker, options: UnixListenOptions): Promise<Listener> {
  assertListenOptions(options);
  const socket = await openUnix(options);
  return new SocketListener(broker, options, () => socket);
}
