/**
 * The transports of Deno, chosen by the scheme of a URL. What is seldom used is loaded when it is.
 *
 * @module
 */

import type { Transport } from "../engine/transport.ts";
import { openTcp } from "./tcp.ts";
import { assertAbsent } from "./scheme_options.ts";
import type { TransportOptions } from "./transport_options.ts";

/**
 * Opens what the scheme of `url` stands for: `mqtt:` and `tcp:` TCP, `mqtts:`, `ssl:` and `tls:` TLS, `ws:` and `wss:`
 * WebSocket, `mqtt+unix:` a Unix socket. What `connect()` does by itself on Deno.
 *
 * @example
 * ```ts
 * import { connect, openTransport } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883", {
 *   transport: (url, options) => {
 *     console.log("opening", url.protocol, url.host);
 *     return openTransport(url, options);
 *   },
 * });
 * ```
 */
export async function openTransport(url: URL, options: TransportOptions): Promise<Transport> {
  switch (url.protocol) {
    case "mqtt:":
    case "tcp:":
      assertAbsent(url, options, "tls");
      return await openTcp(url, options);
    case "mqtts:":
    case "ssl:":
    case "tls:":
      return await (await import("./tls.ts")).openTls(url, options);
    case "ws:":
      assertAbsent(url, options, "tls");
      // falls through
    case "wss:":
      assertAbsent(url, options, "localAddress");
      return await (await import("./deno_websocket.ts")).openDenoWebSocket(url, options);
    case "mqtt+unix:":
      assertAbsent(url, options, "tls", "localAddress");
      return await (await import("./unix.ts")).openUnix(url, options);
    default:
      throw new TypeError(
        `Cannot connect: scheme of the URL must be mqtt, mqtts, ws, wss or mqtt+unix, received ${url.protocol}`,
      );
  }
}
