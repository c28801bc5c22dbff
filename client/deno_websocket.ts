/**
 * WebSockets of Deno: those of the Web, and besides certificates and headers.
 *
 * @module
 */

import type { Transport } from "../engine/transport.ts";
import type { TlsInit, TransportOptions } from "./transport_options.ts";
import { SUBPROTOCOL, webSocketTransport } from "./websocket.ts";

/** Opens a WebSocket to `url` (`ws:` or `wss:`), with certificates and headers of its own if it is told any. */
export async function openDenoWebSocket(url: URL, { signal, tls, headers }: TransportOptions): Promise<Transport> {
  const client = tls === undefined ? undefined : httpClient(tls);
  const socket = new WebSocket(url, { protocols: [SUBPROTOCOL], headers: { ...headers }, client });
  socket.addEventListener("close", () => client?.close());
  return await webSocketTransport(socket, signal);
}

function httpClient({ ca, cert, key, serverName, insecure = false, alpnProtocols }: Readonly<TlsInit>) {
  if (serverName !== undefined || insecure || alpnProtocols !== undefined) {
    throw new TypeError("Cannot connect: of tls, only ca, cert and key must be given with wss, received others");
  }
  const caCerts = ca === undefined ? [] : typeof ca === "string" ? [ca] : [...ca];
  if (cert === undefined || key === undefined) return Deno.createHttpClient({ caCerts });
  return Deno.createHttpClient({ caCerts, cert, key });
}
