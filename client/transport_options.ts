/**
 * What transports may be told.
 *
 * @module
 */

/**
 * How TLS is spoken with the server: all of it with `mqtts:`; with `wss:` only `ca`, `cert` and `key`, only on Deno, and
 * the platform's authorities are trusted besides.
 *
 * @example
 * ```ts
 * import { connect, type TlsInit } from "@x/mqtt/client";
 *
 * async function connectSafely(host: string) {
 *   const tls: TlsInit = {
 *     ca: await Deno.readTextFile("authority.pem"),
 *     cert: await Deno.readTextFile("gateway-7.pem"),
 *     key: await Deno.readTextFile("gateway-7.key"),
 *   };
 *   return await connect(`mqtts://${host}`, { tls });
 * }
 * ```
 */
export interface TlsInit {
  /**
   * Certificates of the authorities to trust, in PEM, in place of those that the platform trusts. Several may stand in
   * one text.
   */
  ca?: string | readonly string[];
  /** The client's own certificate in PEM, followed by those between it and its authority; goes with `key`. */
  cert?: string;
  /** The private key of `cert`, in PEM. */
  key?: string;
  /** The name that the server's certificate must have, and that is asked for. Default: the URL's host. */
  serverName?: string;
  /** True: the certificate may be for another name, but must be of a trusted authority. Default false. */
  anyName?: boolean;
  /** True: take any certificate. Whoever is between can then read and change everything. Default false. */
  insecure?: boolean;
  /** Names of protocols to offer by ALPN, e.g. `["mqtt"]`. Default: none. */
  alpnProtocols?: readonly string[];
}

/**
 * What a transport is opened with.
 *
 * @example
 * ```ts
 * import { openTcp, type TransportOptions } from "@x/mqtt/client";
 *
 * const options: TransportOptions = { signal: AbortSignal.timeout(5_000) };
 * const transport = await openTcp(new URL("mqtt://127.0.0.1:1883"), options);
 * await transport.writable.abort();
 * ```
 */
export interface TransportOptions {
  /** Gives the attempt up. */
  readonly signal: AbortSignal;
  /** How TLS is spoken. Default: with a server that the platform trusts. */
  readonly tls?: Readonly<TlsInit>;
  /**
   * The address of this machine to connect from, with TCP and TLS. Default: what the system chooses by its routes.
   */
  readonly localAddress?: string;
  /** Headers for the request that opens a WebSocket, e.g. `authorization`. Browsers cannot send them. */
  readonly headers?: Readonly<Record<string, string>>;
}
