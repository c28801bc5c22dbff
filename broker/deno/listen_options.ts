/**
 * Where and how to listen.
 *
 * @module
 */

import type { ListenerPolicy } from "../listener_policy.ts";
import type { TlsOptions } from "./tls_options.ts";

/** What applies unless `maxHandshakes` says otherwise. */
export const DEFAULT_MAX_HANDSHAKES = 1_000;
/** What applies unless `handshakeTimeout` says otherwise. */
export const DEFAULT_HANDSHAKE_TIMEOUT = 10_000;

/** What all listeners have in common. Names are Mosquitto's, where it has the option. */
export interface CommonListenOptions {
  /** What holds for its connections. Default: the broker's own options. */
  readonly policy?: ListenerPolicy;
  /** What runs over the connections: MQTT itself, or MQTT over WebSockets. Default `mqtt`. */
  readonly protocol?: "mqtt" | "websockets";
  /** With `websockets`: a folder whose files are served over HTTP beside them (`http_dir`). Default none. */
  readonly httpDir?: string;
  /**
   * With `websockets`: origins of the web pages that may connect, e.g. `https://example.org`; others get 403. Clients that
   * are no browsers send no origin, and may always. Default: all.
   */
  readonly origins?: readonly string[];
  /** Encrypts. Default: not encrypted. */
  readonly tls?: TlsOptions;
  /**
   * Expects a PROXY header (version 1 or 2) in front of each connection, and takes the client's address from it. Whoever
   * can reach such a listener can claim any address: let nobody but the proxy do so. Default false.
   */
  readonly proxyProtocol?: boolean;
  /** Connections at one time, 1 or more; more are closed at once. Default no limit but the broker's. */
  readonly maxConnections?: number;
  /** Connections a second, 1 or more, and as many at once; more wait to be accepted. Default no limit. */
  readonly maxConnectionRate?: number;
  /**
   * Connections at one time, 1 or more, whose handshakes (PROXY, TLS, HTTP, CONNECT) are not finished. For one more, the
   * oldest is closed as soon as it has had a second. Default 1,000.
   */
  readonly maxHandshakes?: number;
  /**
   * Milliseconds, 1 to 3,600,000, from the connection to the end of its PROXY, TLS and HTTP handshakes; the broker's
   * `connectTimeout` begins after them. Default 10,000.
   */
  readonly handshakeTimeout?: number;
}

/** A TCP port. */
export interface TcpListenOptions extends CommonListenOptions {
  /** Absent. */
  readonly path?: undefined;
  /**
   * Address or name of the interface (`bind_address`), e.g. `0.0.0.0`, or `::` for all addresses of IPv6 and IPv4.
   * Default `127.0.0.1`.
   */
  readonly hostname?: string;
  /** 0 to 65,535; 0 takes any free port. Default 1883. */
  readonly port?: number;
  /** Takes connections over this family only (`socket_domain`). Default: whatever `hostname` means. */
  readonly socketDomain?: "ipv4" | "ipv6";
  /**
   * Sends small packets without delay (`set_tcp_nodelay`). Default true: what can be sent together is sent together
   * anyway.
   */
  readonly tcpNoDelay?: boolean;
}

/** A Unix socket. */
export interface UnixListenOptions extends CommonListenOptions {
  /** Where the socket is to be; one that nobody listens on any more is replaced. */
  readonly path: string;
  /** Permissions of the socket, e.g. `0o660`. Default `0o600`: the user that runs the broker. */
  readonly mode?: number;
}

/** Where and how to listen. */
export type ListenOptions = TcpListenOptions | UnixListenOptions;

const RANGES: readonly (readonly [name: keyof CommonListenOptions, from: number, to: number])[] = [
  ["maxConnections", 1, 10_000_000],
  ["maxConnectionRate", 1, 1_000_000],
  ["maxHandshakes", 1, 10_000_000],
  ["handshakeTimeout", 1, 3_600_000],
];

/** Throws `RangeError` for a number out of its range, `TypeError` for options that do not go together. */
export function assertListenOptions(options: ListenOptions): void {
  for (const [name, from, to] of RANGES) {
    const value = options[name];
    if (value === undefined) continue;
    if (typeof value === "number" && Number.isInteger(value) && value >= from && value <= to) continue;
    throw new RangeError(`Cannot listen: ${name} must be a whole number from ${from} to ${to}, received ${value}`);
  }
  if (options.protocol === "websockets") return;
  for (const name of ["httpDir", "origins"] as const) {
    if (options[name] === undefined) continue;
    throw new TypeError(
      `Cannot listen: protocol must be websockets for ${name}, received ${options.protocol ?? "mqtt"}`,
    );
  }
}
