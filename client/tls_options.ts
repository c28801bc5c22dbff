/**
 * How TLS is spoken with a server, as `node:tls` wants to be told.
 *
 * @module
 */

import type { ConnectionOptions } from "node:tls";
import { hostOf, portOf } from "./server_address.ts";
import type { TlsInit } from "./transport_options.ts";

/** Port of MQTT over TLS. */
const DEFAULT_PORT = 8883;

/** Where the server of `url` is, by default on port 8883. */
export function tlsAddress(url: URL): { readonly host: string; readonly port: number } {
  return { host: hostOf(url), port: portOf(url, DEFAULT_PORT) };
}

/** Options that are undefined are left out: to `node:tls` they are values. */
export function connectionOptions(tls: Readonly<TlsInit>): ConnectionOptions {
  const { ca, cert, key, serverName, anyName = false, insecure = false, alpnProtocols } = tls;
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError("Cannot connect: tls.cert and tls.key must come together, received one of them");
  }
  const options: ConnectionOptions = { rejectUnauthorized: !insecure };
  if (ca !== undefined) options.ca = typeof ca === "string" ? ca : [...ca];
  if (cert !== undefined) options.cert = cert;
  if (key !== undefined) options.key = key;
  if (anyName) options.checkServerIdentity = () => undefined;
  if (serverName !== undefined) options.servername = serverName;
  if (alpnProtocols !== undefined) options.ALPNProtocols = [...alpnProtocols];
  return options;
}
