/**
 * The admin listener: metrics, the admin API and its page on a port of its own.
 *
 * @module
 */

import type { AdminOptions } from "../admin/options.ts";
import type { Broker } from "../broker.ts";
import type { ListenerPolicy } from "../listener_policy.ts";
import { isLoopback } from "../loopback.ts";
import type { CertificateFiles } from "./tls_options.ts";

/** Where and how the admin listener listens. */
export interface AdminListenOptions extends Omit<AdminOptions, "broker" | "mqtt"> {
  /** Address of the interface; anything but loopback needs a `token`. Default `127.0.0.1`. */
  readonly hostname?: string;
  /** 0 to 65,535; 0 takes any free port. */
  readonly port: number;
  /** Encrypts: HTTPS, with TLS 1.2 or 1.3. Default: not encrypted; then a token crosses the network readable by all. */
  readonly tls?: CertificateFiles;
  /**
   * What holds for MQTT clients at `/mqtt` when there is no `token`; with one, who shows it may do everything. Each
   * connection looks at it anew. Default: the broker's own options.
   */
  readonly policy?: ListenerPolicy;
}

/** An admin listener. */
export interface AdminListener extends AsyncDisposable {
  /** Where it listens. */
  readonly address: { readonly hostname: string; readonly port: number };
  /**
   * Reads the files of `tls` again, for the connections that come from now on, and takes `token` in place of the one so
   * far; streams and WebSockets of those who have shown the old one end. Throws an `Error` that names the file which
   * cannot be used, `RangeError` for a token that is too short, `TypeError` when there was none so far: then all stays
   * as it is.
   */
  reload(token?: string): void;
  /** Stops listening and ends all its connections. */
  close(): Promise<void>;
}

/**
 * Opens the admin listener of a broker, until it or the broker is closed. Rejects with what listening throws, e.g.
 * `Deno.errors.AddrInUse`, with an `Error` that names the file for a certificate that cannot be used, and with
 * `RangeError` for a token that is too short or is missing where strangers can come.
 *
 * @example
 * ```ts
 * import { Broker, listenAdmin } from "@x/mqtt/broker";
 *
 * await using broker = new Broker();
 * await using admin = await listenAdmin(broker, { port: 0 });
 * const response = await fetch(`http://127.0.0.1:${admin.address.port}/healthz`);
 * console.log((await response.json()).status); // ok
 * ```
 */
export async function listenAdmin(broker: Broker, options: AdminListenOptions): Promise<AdminListener> {
  const { hostname = "127.0.0.1", port, token } = options;
  if (token === undefined && !isLoopback(hostname)) {
    throw new RangeError(
      `Cannot open the admin listener: there must be a token (admin_token_file), as ${hostname} is not loopback`,
    );
  }
  // Most brokers have none.
  const { AdminServer } = await import("./admin_server.ts");
  const server = new AdminServer(broker, options);
  await server.listen(hostname, port);
  return server;
}
