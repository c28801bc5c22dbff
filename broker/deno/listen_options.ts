/**
 * Where and how to listen.
 *
 * @module
 */

import type { ListenerPolicy } from "../listener_policy.ts";
import { PUBLISH_RATE_RANGES } from "../publish_rate.ts";
import { assertRanges, type Range } from "../ranges.ts";
import type { TlsOptions } from "./tls_options.ts";

/** What applies unless `maxHandshakes` says otherwise. */
export const DEFAULT_MAX_HANDSHAKES = 1_000;
/** What applies unless `handshakeTimeout` says otherwise. */
export const DEFAULT_HANDSHAKE_TIMEOUT = 10_000;

/** What all listeners have in common. Names are Mosquitto's, where it has the option. */
export interface CommonListenOptions {
  /**
   * What holds for its connections. Default: the broker's own options. Of the limits below, those that are in here, too,
   * go first, and may be changed while it listens.
   */
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

/** What of a listener can be changed while it listens. */
export type ListenerChanges = Pick<CommonListenOptions, "protocol" | "httpDir" | "origins" | "tls">;

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

const RANGES: readonly Range<keyof CommonListenOptions>[] = [
  ["maxConnections", 1, 10_000_000],
  ["maxConnectionRate", 1, 1_000_000],
  ["maxHandshakes", 1, 10_000_000],
  ["handshakeTimeout", 1, 3_600_000],
];

const POLICY_RANGES: readonly Range<keyof ListenerPolicy>[] = [
  ["maxConnections", 1, Infinity],
  ["maxConnectionRate", 1, 1_000_000],
  ["maxHandshakes", 1, 10_000_000],
  ["handshakeTimeout", 1, 3_600_000],
  ["connectTimeout", 1, 3_600_000],
  ["maxPacketSize", 20, 268_435_460],
  ["messageSizeLimit", 1, Infinity],
  ["maxSubscriptions", 1, 10_000_000],
  ["maxFiltersPerPacket", 1, 10_000_000],
  ["maximumQoS", 0, 2],
  ["maxTopicAlias", 0, 65_535],
  ["maxInflightMessages", 1, 65_535],
  ["receiveMaximum", 1, 65_535],
  ["maxQueuedMessages", 1, Infinity],
  ["maxQueuedBytes", 1, Infinity],
  ...PUBLISH_RATE_RANGES,
];

/** Throws `RangeError` for a number out of its range, `TypeError` for options that do not go together. */
export function assertListenOptions(options: ListenOptions): void {
  assertRanges(options, RANGES, "Cannot listen: ");
  if (options.policy !== undefined) assertRanges(options.policy, POLICY_RANGES, "Cannot listen: policy.");
  if (options.protocol === "websockets") return;
  for (const name of ["httpDir", "origins"] as const) {
    if (options[name] === undefined) continue;
    throw new TypeError(
      `Cannot listen: protocol must be websockets for ${name}, received ${options.protocol ?? "mqtt"}`,
    );
  }
}
