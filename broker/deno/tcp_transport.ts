/**
 * A TCP connection of Deno as a transport.
 *
 * @module
 */

import type { Peer, Transport } from "../../engine/transport.ts";

/** An idle connection holds a read buffer of this size. */
const SMALLEST_READ = 512;
/** A busy one grows up to this. */
const LARGEST_READ = 65_536;
/** So many reads in a row that would have fitted a quarter of the buffer make it shrink. */
const QUIET_READS = 16;

/**
 * Wraps `conn`. All reads go into one buffer that fits the traffic, which is why a chunk is valid until the next read
 * only. *Measured*: 18 KB for an idle connection, against 120 KB with `conn.readable`.
 */
export function tcpTransport(conn: Deno.TcpConn): Transport {
  const { hostname, port } = conn.remoteAddr;
  const peer: Peer = {
    protocol: "tcp",
    address: hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`,
  };
  const close = closeOnce(conn);
  return { readable: readableOf(conn, close), writable: writableOf(conn, close), peer };
}

function closeOnce(conn: Deno.TcpConn): () => void {
  let open = true;
  return () => {
    if (!open) return;
    open = false;
    conn.close();
  };
}

function readableOf(conn: Deno.TcpConn, close: () => void): ReadableStream<Uint8Array> {
  let buffer = new Uint8Array(SMALLEST_READ);
  let quiet = 0;
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const count = await conn.read(buffer);
    if (count === null) return controller.close();
    controller.enqueue(buffer.subarray(0, count));
    if (count === buffer.length && count < LARGEST_READ) {
      buffer = new Uint8Array(Math.min(4 * count, LARGEST_READ));
      quiet = 0;
    } else if (4 * count >= buffer.length || buffer.length === SMALLEST_READ) {
      quiet = 0;
    } else if (++quiet === QUIET_READS) {
      buffer = new Uint8Array(Math.max(SMALLEST_READ, buffer.length >> 2));
      quiet = 0;
    }
  };
  return new ReadableStream({ pull, cancel: close }, { highWaterMark: 0 });
}

function writableOf(conn: Deno.TcpConn, close: () => void): WritableStream<Uint8Array> {
  return new WritableStream({
    async write(chunk) {
      let written = await conn.write(chunk);
      while (written < chunk.length) written += await conn.write(chunk.subarray(written));
    },
    close: () => conn.closeWrite(),
    abort: close,
  });
}
