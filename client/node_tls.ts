/**
 * MQTT over TLS, on Node.
 *
 * @module
 */

import { connect } from "node:tls";
import type { Transport } from "../engine/transport.ts";
import { openSocket } from "./node_socket.ts";
import { from } from "./node_tcp.ts";
import { connectionOptions, tlsAddress } from "./tls_options.ts";
import type { TransportOptions } from "./transport_options.ts";

/** Opens a connection with TLS to the host and port of `url`, by default to port 8883. */
export async function openNodeTls(url: URL, { signal, tls = {}, localAddress }: TransportOptions): Promise<Transport> {
  const { host, port } = tlsAddress(url);
  const socket = connect({ host, port, ...from(localAddress), ...connectionOptions(tls) });
  socket.setNoDelay(true);
  return await openSocket(socket, "secureConnect", { protocol: "tls", address: `${url.hostname}:${port}` }, signal);
}
