/**
 * The transports of Node, chosen by the scheme of a URL.
 *
 * @module
 */

import type { Transport } from "../engine/transport.ts";
import { openNodeTcp } from "./node_tcp.ts";
import { openNodeTls } from "./node_tls.ts";
import { assertAbsent } from "./scheme_options.ts";
import type { TransportOptions } from "./transport_options.ts";
import { openUnix } from "./unix.ts";
import { openWebSocket } from "./websocket.ts";

/**
 * Opens what the scheme of `url` stands for: `mqtt:` and `tcp:` TCP, `mqtts:`, `ssl:` and `tls:` TLS, `ws:` and `wss:`
 * WebSocket, `mqtt+unix:` a Unix socket. What `connect()` does by itself on Node.
 *
 * @example
 * ```ts
 * import { connect, openNodeTransport } from "@x/mqtt/client/node";
 *
 * const client = await connect("mqtt://127.0.0.1:1883", {
 *   transport: (url, options) => {
 *     console.log("opening", url.protocol, url.host);
 *     return openNodeTransport(url, options);
 *   },
 * });
 * await client.close();
 * ```
 */
export async function openNodeTransport(url: URL, options: TransportOptions): Promise<Transport> {
  switch (url.protocol) {
    case "mqtt:":
    case "tcp:":
      assertAbsent(url, options, "tls");
      return await openNodeTcp(url, options);
    case "mqtts:":
    case "ssl:":
    case "tls:":
      return await openNodeTls(url, options);
    case "ws:":
    case "wss:":
      assertAbsent(url, options, "localAddress");
      return await openNodeWebSocket(url, options);
    case "mqtt+unix:":
      assertAbsent(url, options, "tls", "localAddress");
      return await openUnix(url, options);
    default:
      throw new TypeError(
        `Cannot connect: scheme of the URL must be mqtt, mqtts, ws, wss or mqtt+unix, received ${url.protocol}`,
      );
  }
}

async function openNodeWebSocket(url: URL, { signal, tls, headers }: TransportOptions): Promise<Transport> {
  if (typeof WebSocket === "undefined") {
    throw new TypeError("Cannot connect: Node must have WebSocket, from version 22 on, received one without");
  }
  if (tls !== undefined || headers !== undefined) {
    throw new TypeError("Cannot connect: tls and headers must be left out with WebSocket on Node, received them");
  }
  return await openWebSocket(url, { signal });
}
