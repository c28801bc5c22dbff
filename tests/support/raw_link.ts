/**
 * What carries the bytes of a `RawClient`: a TCP connection or a transport.
 *
 * @module
 */

import type { Transport } from "../../engine/transport.ts";

/** The bytes below a {@linkcode RawClient}. */
export interface Link {
  /** The next chunk, or undefined at the end. */
  read(): Promise<Uint8Array | undefined>;
  write(bytes: Uint8Array): Promise<void>;
  /** Closes at once, in both directions. */
  close(): void;
}

/** The link over a connection of Deno, TCP or TLS. */
export function tcpLink(connection: Deno.Conn): Link {
  const buffer = new Uint8Array(65_536);
  return {
    async read() {
      const length = await connection.read(buffer);
      return length === null ? undefined : buffer.subarray(0, length);
    },
    async write(bytes) {
      for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
    },
    close: () => connection.close(),
  };
}

/** The link over a transport. */
export function transportLink(transport: Transport): Link {
  const reader = transport.readable.getReader();
  const writer = transport.writable.getWriter();
  const ignore = () => {}; // closing what the other end has closed already is no failure of a test
  return {
    read: async () => (await reader.read()).value,
    write: (bytes) => writer.write(bytes),
    close() {
      writer.abort().catch(ignore);
      reader.cancel().catch(ignore);
    },
  };
}
