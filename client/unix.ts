/**
 * MQTT over a Unix socket, on Deno and on Node.
 *
 * @module
 */

import { connect } from "node:net";
import type { Transport } from "../engine/transport.ts";
import { openSocket } from "./node_socket.ts";
import type { TransportOptions } from "./transport_options.ts";

/** Opens a connection to the socket at the path of `url`, e.g. `mqtt+unix:///run/mqtt.sock`. */
export async function openUnix(url: URL, { signal }: TransportOptions): Promise<Transport> {
  const path = decodeURIComponent(url.pathname);
  if (url.host !== "" || path === "" || path === "/") {
    throw new TypeError(`Cannot connect: url must be one like mqtt+unix:///run/mqtt.sock, received ${url}`);
  }
  return await openSocket(connect({ path }), "connect", { protocol: "unix", address: path }, signal);
}
