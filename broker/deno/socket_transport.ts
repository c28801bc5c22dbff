/**
 * A TCP or Unix socket of Deno as a transport.
 *
 * @module
 */

import { streamsOf } from "../../engine/channel.ts";
import type { Channel, Peer, Transport } from "../../engine/transport.ts";

/** An idle connection holds a read buffer of this size. */
const SMALLEST_READ = 512;
/** A busy one grows up to this. */
const LARGEST_READ = 131_072;
/** So many reads in a row that would have fitted a quarter of the buffer make it shrink. */
const QUIET_READS = 16;

/** An address of IPv4 that comes in over a socket for both families is shown as what it is. */
export function tcpAddress(hostname: string, port: number): string {
  const host = hostname.replace(/^::ffff:(?=\d+\.)/, "");
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Wraps a socket. All reads go into one buffer that fits the traffic, which is why a chunk is valid until the next read
 * only. The socket is closed at once, or when both directions have ended; else its descriptor would stay open for ever.
 */
export class SocketTransport implements Transport, Channel {
  readonly peer: Peer;
  onAdmitted?: () => void;
  readonly #conn: Deno.Conn;
  #openDirections = 2;
  #buffer = new Uint8Array(SMALLEST_READ);
  #quiet = 0;
  #streams: Pick<Transport, "readable" | "writable"> | undefined;

  constructor(conn: Deno.Conn, peer: Peer) {
    this.#conn = conn;
    this.peer = peer;
  }

  // Getters, so that a copy of the object's properties does not take this socket over by mistake.
  get channel(): Channel {
    return this;
  }

  get readable(): ReadableStream<Uint8Array> {
    return (this.#streams ??= streamsOf(this)).readable;
  }

  get writable(): WritableStream<Uint8Array> {
    return (this.#streams ??= streamsOf(this)).writable;
  }

  async read(): Promise<Uint8Array | undefined> {
    let count: number | null;
    try {
      count = await this.#conn.read(this.#buffer);
    } catch (error) {
      this.abort();
      throw error;
    }
    if (count === null) return void this.#endDirection();
    const chunk = this.#buffer.subarray(0, count);
    this.#fitBuffer(count);
    return chunk;
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      let written = await this.#conn.write(bytes);
      while (written < bytes.length) written += await this.#conn.write(bytes.subarray(written));
    } catch (error) {
      // Who has met an error here closes nothing more.
      this.#endDirection();
      throw error;
    }
  }

  async close(): Promise<void> {
    try {
      await this.#conn.closeWrite();
    } finally {
      this.#endDirection();
    }
  }

  abort(): void {
    if (this.#openDirections === 0) return;
    this.#openDirections = 0;
    this.#conn.close();
  }

  #endDirection(): void {
    if (this.#openDirections > 0 && --this.#openDirections === 0) this.#conn.close();
  }

  /** Makes the buffer for the next read. */
  #fitBuffer(count: number): void {
    const { length } = this.#buffer;
    if (count === length && count < LARGEST_READ) {
      this.#buffer = new Uint8Array(Math.min(4 * count, LARGEST_READ));
      this.#quiet = 0;
    } else if (4 * count >= length || length === SMALLEST_READ) {
      this.#quiet = 0;
    } else if (++this.#quiet === QUIET_READS) {
      this.#buffer = new Uint8Array(Math.max(SMALLEST_READ, length >> 2));
      this.#quiet = 0;
    }
  }
}
