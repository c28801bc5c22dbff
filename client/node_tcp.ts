/**
 * MQTT over TCP, on Node.
 *
 * @module
 */

import { connect, isIP } from "node:net";
import type { Transport } from "../engine/transport.ts";
import { openSocket } from "./node_socket.ts";
import { hostOf, portOf } from "./server_address.ts";
import type { TransportOptions } from "./transport_options.ts";

/** Port of MQTT without TLS. */
const DEFAULT_PORT = 1883;

/** Opens a TCP connection to the host and port of `url`, by default to port 1883. */
export async function openNodeTcp(url: URL, { signal, localAddress }: TransportOptions): Promise<Transport> {
  const port = portOf(url, DEFAULT_PORT);
  const socket = connect({ host: hostOf(url), port, ...from(localAddress) });
  socket.setNoDelay(true);
  return await openSocket(socket, "connect", { protocol: "tcp", address: `${url.hostname}:${port}` }, signal);
}

/** What `node:net` and `node:tls` are told of the address to connect from. */
export function from(localAddress: string | undefined): { localAddress?: string; family?: number } {
  if (localAddress === undefined) return {};
  const family = isIP(localAddress);
  if (family !== 0) return { localAddress, family };
  throw new TypeError(`Cannot connect: localAddress must be an IP address, received ${JSON.stringify(localAddress)}`);
}
