/**
 * Two ends of a connection within one process.
 *
 * @module
 */

import type { Peer, Transport } from "./transport.ts";

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
 * for await (const chunk of server.readable) console.log(chunk); // PINGREQ, then the end
 * ```
 *
 * @throws {RangeError} If an option is out of its range.
 */
export function memoryTransportPair(options: MemoryTransportOptions = {}): [Transport, Transport] {
  const there = new Pipe(options);
  const back = new Pipe(options);
  return [transport(back, there), transport(there, back)];
}

const PEER: Peer = { protocol: "memory", address: "memory" };

function transport(incoming: Pipe, outgoing: Pipe): Transport {
  function abort(reason: unknown): void {
    incoming.break(reason);
    outgoing.break(new Error("Connection broken: the peer aborted it", { cause: reason }));
  }
  const readable = new ReadableStream<Uint8Array>({
    start: (controller) => incoming.open(controller),
    pull: () => incoming.pull(),
    cancel: abort,
  }, { highWaterMark: 0 });
  const writable = new WritableStream<Uint8Array>({
    start(controller) {
      // Not the sink's own abort(), which would wait for a write that waits for the peer.
      controller.signal.addEventListener("abort", () => abort(controller.signal.reason));
    },
    write: (chunk) => outgoing.write(chunk),
    close() {
      outgoing.end();
      incoming.close();
    },
  });
  return { readable, writable, peer: PEER };
}

/** One direction: what one end has written and the other has not read. */
class Pipe {
  readonly #highWaterMark: number;
  readonly #maximumChunkSize: number;
  readonly #reuseChunks: boolean;
  /** `ended`: the writer has closed; what waits can still be read. `closed`: nothing goes through any more. */
  #state: "open" | "ended" | "closed" = "open";
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  /** Whether a read waits for bytes. */
  #wanted = false;
  #lastChunk: Uint8Array | undefined;
  /** The write that waits for the reader. */
  #blocked: PromiseWithResolvers<void> | undefined;

  constructor(options: MemoryTransportOptions) {
    const { highWaterMark = 65_536, maximumChunkSize = 65_536, reuseChunks = false } = options;
    if (!(highWaterMark >= 0)) throw invalid("highWaterMark", "0 or more", highWaterMark);
    if (!(maximumChunkSize >= 1)) throw invalid("maximumChunkSize", "1 or more", maximumChunkSize);
    this.#highWaterMark = highWaterMark;
    this.#maximumChunkSize = Math.floor(maximumChunkSize);
    this.#reuseChunks = reuseChunks;
  }

  /** Connects the reading end. */
  open(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
  }

  /** The reading end wants a chunk. */
  pull(): void {
    if (this.#reuseChunks) this.#lastChunk?.fill(0xee);
    this.#wanted = true;
    this.#flush();
  }

  /** The writing end sends a chunk; settles when the reader has kept up. */
  write(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#state !== "open") throw new Error("Cannot write: the connection is closed");
    if (chunk.byteLength === 0) return undefined;
    this.#waiting.push(chunk.slice());
    this.#bytes += chunk.byteLength;
    this.#flush();
    if (this.#bytes <= this.#highWaterMark) return undefined;
    this.#blocked = Promise.withResolvers();
    return this.#blocked.promise;
  }

  /** The writing end has sent all. */
  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ended";
    this.#flush();
  }

  /** The reading end closes in peace: it sees an end, writes fail. */
  close(): void {
    if (this.#state === "closed") return;
    this.#drop(new Error("Cannot write: the peer has closed the connection"));
    this.#controller?.close();
  }

  /** The reading end sees an error, writes fail. */
  break(reason: unknown): void {
    if (this.#state === "closed") return;
    this.#drop(reason);
    this.#controller?.error(reason);
  }

  #drop(reason: unknown): void {
    this.#state = "closed";
    this.#waiting = [];
    this.#bytes = 0;
    this.#blocked?.reject(reason);
    this.#blocked = undefined;
  }

  #flush(): void {
    if (!this.#wanted) return;
    if (this.#bytes > 0) this.#deliver();
    else if (this.#state === "ended") this.close();
  }

  #deliver(): void {
    this.#wanted = false;
    const chunk = this.#take(Math.min(this.#bytes, this.#maximumChunkSize));
    this.#lastChunk = chunk;
    this.#controller?.enqueue(chunk);
    if (this.#bytes > this.#highWaterMark) return;
    this.#blocked?.resolve();
    this.#blocked = undefined;
  }

  /** Takes the first `size` bytes that wait, from as many writes as they came with. */
  #take(size: number): Uint8Array {
    const chunk = new Uint8Array(size);
    let filled = 0;
    let used = 0;
    for (const waiting of this.#waiting) {
      const part = waiting.subarray(0, size - filled);
      chunk.set(part, filled);
      filled += part.byteLength;
      if (part.byteLength < waiting.byteLength) {
        this.#waiting[used] = waiting.subarray(part.byteLength);
        break;
      }
      used++;
      if (filled === size) break;
    }
    this.#waiting.splice(0, used);
    this.#bytes -= size;
    return chunk;
  }
}

function invalid(option: string, range: string, value: number): RangeError {
  return new RangeError(`Cannot make a memory transport: ${option} must be ${range}, received ${value}`);
}
