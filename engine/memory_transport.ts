/**
 * Two ends of a connection within one process.
 *
 * @module
 */

import { transportOf } from "./channel.ts";
import type { Channel, Peer, Transport } from "./transport.ts";

/** How a connection in memory behaves. */
export interface MemoryTransportOptions {
  /** A write settles when at most so many bytes wait for the peer to read them. Default 65,536. */
  highWaterMark?: number;
  /** Longest chunk that a read gives, at least 1; e.g. 1 to see every packet come byte by byte. Default 65,536. */
  maximumChunkSize?: number;
  /** Overwrite each chunk at the next read, as a transport with one buffer does; finds who keeps bytes. Default false. */
  reuseChunks?: boolean;
}

/**
 * Makes a connection without a network: what is written at one end is read at the other. It behaves like TCP, that is
 * chunks are not kept together, writers wait for slow readers, and a broken connection shows at both ends.
 *
 * @example
 * ```ts
 * import { memoryTransportPair } from "@x/mqtt/engine";
 *
 * const [client, server] = memoryTransportPair();
 * const writer = client.writable.getWriter();
 * await writer.write(new Uint8Array([0xC0, 0x00]));
 * await writer.close();
 * for await (const chunk of server.readable) console.log(chunk.length); // 2
 * ```
 *
 * @throws {RangeError} If an option is out of its range.
 */
export function memoryTransportPair(options: MemoryTransportOptions = {}): [Transport, Transport] {
  const there = new Pipe(options);
  const back = new Pipe(options);
  return [transportOf(new End(back, there), PEER), transportOf(new End(there, back), PEER)];
}

const PEER: Peer = { protocol: "memory", address: "memory" };

/** Room for what is written, which is made seldom, and never used twice: chunks are parts of it. */
const SLAB_SIZE = 4_096;
const NO_BYTES = new Uint8Array(0);
const DONE: Promise<void> = Promise.resolve();

class End implements Channel {
  readonly #incoming: Pipe;
  readonly #outgoing: Pipe;

  constructor(incoming: Pipe, outgoing: Pipe) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#incoming.read();
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#outgoing.write(bytes);
  }

  close(): Promise<void> {
    this.#outgoing.end();
    this.#incoming.close();
    return DONE;
  }

  abort(reason: unknown = new Error("Connection broken: this end aborted it")): void {
    this.#incoming.break(reason);
    this.#outgoing.break(new Error("Connection broken: the peer aborted it", { cause: reason }));
  }
}

/** One direction: what one end has written and the other has not read. */
class Pipe {
  readonly #highWaterMark: number;
  readonly #maximumChunkSize: number;
  readonly #reuseChunks: boolean;
  /** `ended`: the writer has closed; what waits can still be read. `closed`: nothing goes through any more. */
  #state: "open" | "ended" | "closed" = "open";
  /** Holds what waits, from `#start` to `#end`; before that, chunks that were given out. */
  #buffer: Uint8Array = NO_BYTES;
  #start = 0;
  #end = 0;
  /** The read that waits for bytes. */
  #reader: ((chunk: Uint8Array | Promise<undefined>) => void) | undefined;
  #lastChunk: Uint8Array | undefined;
  /** The write that waits for the reader. */
  #blocked: PromiseWithResolvers<void> | undefined;
  /** What reads come to when nothing goes through any more. */
  #outcome: Promise<undefined> | undefined;

  constructor(options: MemoryTransportOptions) {
    const { highWaterMark = 65_536, maximumChunkSize = 65_536, reuseChunks = false } = options;
    if (!(highWaterMark >= 0)) throw invalid("highWaterMark", "0 or more", highWaterMark);
    if (!(maximumChunkSize >= 1)) throw invalid("maximumChunkSize", "1 or more", maximumChunkSize);
    this.#highWaterMark = highWaterMark;
    this.#maximumChunkSize = Math.floor(maximumChunkSize);
    this.#reuseChunks = reuseChunks;
  }

  /** The reading end wants a chunk. */
  read(): Promise<Uint8Array | undefined> {
    if (this.#reuseChunks) this.#lastChunk?.fill(0xee);
    if (this.#end > this.#start) return Promise.resolve(this.#take());
    if (this.#state === "ended") this.close();
    return this.#outcome ?? new Promise((resolve) => this.#reader = resolve);
  }

  /** The writing end sends a chunk; settles when the reader has kept up. */
  write(chunk: Uint8Array): Promise<void> {
    if (this.#state !== "open") return Promise.reject(new Error("Cannot write: the connection is closed"));
    if (chunk.byteLength === 0) return DONE;
    this.#append(chunk);
    this.#reader?.(this.#take());
    this.#reader = undefined;
    if (this.#end - this.#start <= this.#highWaterMark) return DONE;
    this.#blocked = Promise.withResolvers();
    return this.#blocked.promise;
  }

  /** The writing end has sent all. */
  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ended";
    if (this.#reader !== undefined) this.close();
  }

  /** The reading end closes in peace: it sees an end, writes fail. */
  close(): void {
    this.#drop(Promise.resolve(undefined), new Error("Cannot write: the peer has closed the connection"));
  }

  /** The reading end sees an error, writes fail. */
  break(reason: unknown): void {
    const outcome: Promise<undefined> = Promise.reject(reason);
    outcome.catch(() => {}); // seen at the read that meets it
    this.#drop(outcome, reason);
  }

  #drop(outcome: Promise<undefined>, reason: unknown): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#outcome = outcome;
    this.#buffer = NO_BYTES;
    this.#start = this.#end = 0;
    this.#reader?.(outcome);
    this.#reader = undefined;
    this.#blocked?.reject(reason);
    this.#blocked = undefined;
  }

  #append(bytes: Uint8Array): void {
    if (this.#buffer.length - this.#end < bytes.length) this.#makeRoom(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  #makeRoom(length: number): void {
    const waiting = this.#buffer.subarray(this.#start, this.#end);
    this.#buffer = new Uint8Array(Math.max(SLAB_SIZE, 2 * (waiting.length + length)));
    this.#buffer.set(waiting);
    this.#start = 0;
    this.#end = waiting.length;
  }

  #take(): Uint8Array {
    const end = Math.min(this.#end, this.#start + this.#maximumChunkSize);
    const chunk = this.#buffer.subarray(this.#start, end);
    this.#start = end;
    this.#lastChunk = chunk;
    if (this.#end - end <= this.#highWaterMark) {
      this.#blocked?.resolve();
      this.#blocked = undefined;
    }
    return chunk;
  }
}

function invalid(option: string, range: string, value: number): RangeError {
  return new RangeError(`Cannot make a memory transport: ${option} must be ${range}, received ${value}`);
}
