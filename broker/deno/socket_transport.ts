/**
 * A TCP or Unix socket of Deno as a transport.
 *
 * @module
 */

import { streamsOf } from "../../engine/channel.ts";
import type { Channel, Peer, Transport } from "../../engine/transport.ts";

/** An idle connection holds a read buffer of this size. */
const SMALLEST_READ = 512;
/** A busy one grows up to this: *measured*, what many small messages become on their way out must fit the cache, too. */
const LARGEST_READ = 131_072;
/** Packets from this many bytes on count as large. */
const LARGE_PACKET = 32_768;
/** With large packets it grows up to this. Eight with payloads of 64 KiB fit: *measured*, 30 % more bytes a second. */
const LARGEST_READ_OF_LARGE = 540_672;
/** So many sockets may do so at a time, which bounds what all of them hold for it to 33 MiB. */
const MOST_LARGE_READS = 64;
/** So many reads in a row that would have fitted a quarter of the buffer make it shrink. */
const QUIET_READS = 16;

/** Sockets whose buffer is larger than {@linkcode LARGEST_READ}. */
let largeReads = 0;

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
  #count = 0;
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

  async read(awaited = 0): Promise<Uint8Array | undefined> {
    let count: number | null;
    this.#fitBuffer(awaited);
    try {
      count = await this.#conn.read(this.#buffer);
    } catch (error) {
      this.abort();
      throw error;
    }
    if (count === null) return void this.#endDirection();
    this.#count = count;
    return this.#buffer.subarray(0, count);
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
    this.#closeConn();
  }

  #endDirection(): void {
    if (this.#openDirections > 0 && --this.#openDirections === 0) this.#closeConn();
  }

  #closeConn(): void {
    if (this.#buffer.length > LARGEST_READ) largeReads--;
    this.#conn.close();
  }

  /** Makes the buffer for the next read fit the last one; a packet of `awaited` bytes has begun. */
  #fitBuffer(awaited: number): void {
    if (this.#openDirections === 0) return;
    const count = this.#count;
    const { length } = this.#buffer;
    if (count === length) return this.#resize(Math.min(4 * count, this.#largest(awaited)));
    if (4 * count >= length || length === SMALLEST_READ) {
      this.#quiet = 0;
    } else if (length > LARGEST_READ || ++this.#quiet === QUIET_READS) {
      this.#resize(Math.min(Math.max(SMALLEST_READ, length >> 2), LARGEST_READ));
    }
  }

  #largest(awaited: number): number {
    if (awaited < LARGE_PACKET) return LARGEST_READ;
    const { length } = this.#buffer;
    return length > LARGEST_READ || largeReads < MOST_LARGE_READS ? LARGEST_READ_OF_LARGE : LARGEST_READ;
  }

  #resize(size: number): void {
    const { length } = this.#buffer;
    if (size === length) return;
    largeReads += Number(size > LARGEST_READ) - Number(length > LARGEST_READ);
    this.#buffer = new Uint8Array(size);
    this.#quiet = 0;
  }
}
