/**
 * MQTT over TLS, on Deno and on Node.
 *
 * @module
 */

import { connect, type ConnectionOptions } from "node:tls";
import type { Transport } from "../engine/transport.ts";
import { openSocket } from "./node_socket.ts";
import { hostOf, portOf } from "./server_address.ts";
import type { TlsInit, TransportOptions } from "./transport_options.ts";

/** Port of MQTT over TLS. */
const DEFAULT_PORT = 8883;

/** Opens a connection with TLS to the host and port of `url`, by default to port 8883. */
export async function openTls(url: URL, { signal, tls = {} }: TransportOptions): Promise<Transport> {
  const host = hostOf(url);
  const port = portOf(url, DEFAULT_PORT);
  const socket = connect({ host, port, ...connectionOptions(tls) });
  socket.setNoDelay(true);
  return await openSocket(socket, "secureConnect", { protocol: "tls", address: `${url.hostname}:${port}` }, signal);
}

/** Options that are undefined are left out: to `node:tls` they are values. */
function connectionOptions(tls: Readonly<TlsInit>): ConnectionOptions {
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
