/**
 * TCP for Deno. The one file of the client that touches `Deno.*`.
 *
 * @module
 */

import { transportOf } from "../engine/channel.ts";
import type { Channel, Transport } from "../engine/transport.ts";
import type { TransportOptions } from "./transport_options.ts";

/** Port of MQTT without TLS. */
const DEFAULT_PORT = 1883;
const READ_BUFFER_SIZE = 65_536;
/** Milliseconds that the server has to close its side, once it was told that we close ours. */
const LINGER = 1_000;

/**
 * Opens a TCP connection to the host and port of `url` (`mqtt:` or `tcp:`), by default to port 1883.
 *
 * @example
 * ```ts
 * import { connect, openTcp } from "@x/mqtt/client";
 *
 * // What `connect` does by itself on Deno:
 * await using client = await connect("mqtt://127.0.0.1:1883", { transport: openTcp });
 * ```
 */
export async function openTcp(url: URL, options: TransportOptions): Promise<Transport> {
  if (url.protocol !== "mqtt:" && url.protocol !== "tcp:") {
    throw new TypeError(`Cannot connect: scheme of the URL must be mqtt or tcp, received ${url.protocol}`);
  }
  // Deno's own sockets cannot.
  if (options.localAddress !== undefined) return await (await import("./node_tcp.ts")).openNodeTcp(url, options);
  const hostname = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = url.port === "" ? DEFAULT_PORT : Number(url.port);
  const connection = await Deno.connect({ hostname, port, signal: options.signal });
  connection.setNoDelay(true);
  const { hostname: host, port: to } = connection.remoteAddr;
  return transportOf(channelOf(connection), { protocol: "tcp", address: `${host}:${to}` });
}

function channelOf(connection: Deno.TcpConn): Channel {
  /** One buffer for all reads: a chunk is valid until the next one. */
  const buffer = new Uint8Array(READ_BUFFER_SIZE);
  const readEnd = Promise.withResolvers<void>();
  const abort = (): void => {
    readEnd.resolve();
    close(connection);
  };
  // Made once: an async function would allocate for each read.
  const onRead = (count: number | null): Uint8Array | undefined => {
    if (count !== null) return buffer.subarray(0, count);
    readEnd.resolve();
    return undefined;
  };
  const onReadFailed = (error: unknown): never => {
    abort();
    throw error;
  };
  return {
    read: () => connection.read(buffer).then(onRead, onReadFailed),
    async write(bytes) {
      try {
        let written = await connection.write(bytes);
        while (written < bytes.length) written += await connection.write(bytes.subarray(written));
      } catch (error) {
        // A stream that has failed is not aborted any more: when both have, nobody else would close the socket.
        close(connection);
        throw error;
      }
    },
    close: () => closeGently(connection, readEnd.promise),
    abort,
  };
}

/**
 * Lets the other end read all that was sent before the connection goes: to close a socket on which data arrives resets
 * it, and a DISCONNECT may be lost by that, so that the server publishes the will.
 */
async function closeGently(connection: Deno.TcpConn, readEnd: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, LINGER));
  try {
    await connection.closeWrite();
    await Promise.race([readEnd, patience]);
  } finally {
    clearTimeout(timer);
    close(connection);
  }
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch (error) {
    // Either stream may have closed it before.
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
