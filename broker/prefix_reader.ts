/**
 * Reads what comes before the MQTT bytes of a connection: a PROXY header, an HTTP request.
 *
 * @module
 */

import type { Peer, Transport } from "../engine/transport.ts";

/** The beginning of a connection, and then all the rest of it. */
export class PrefixReader {
  readonly #transport: Transport;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #bytes: Uint8Array<ArrayBufferLike> = new Uint8Array(0);

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#reader = transport.readable.getReader();
  }

  /** What has come and was not skipped, as soon as it is `length` bytes. Rejects when the connection ends before. */
  async fill(length: number): Promise<Uint8Array> {
    while (this.#bytes.length < length) {
      const { value, done } = await this.#reader.read();
      if (done) throw new Error("the connection ended early");
      const joined = new Uint8Array(this.#bytes.length + value.length);
      joined.set(this.#bytes);
      joined.set(value, this.#bytes.length);
      this.#bytes = joined;
    }
    return this.#bytes;
  }

  /** Forgets the first `length` bytes. */
  skip(length: number): void {
    this.#bytes = this.#bytes.subarray(length);
  }

  /** Reads and drops what still comes, until the end; never rejects. */
  async drain(): Promise<void> {
    try {
      while (!(await this.#reader.read()).done);
    } catch {
      // A broken connection has ended, too.
    }
  }

  /** The connection from here on. Nothing else may be called any more. */
  rest(peer: Peer = this.#transport.peer): Transport {
    const bytes = this.#bytes;
    const { readable, writable, onAdmitted } = this.#transport;
    if (bytes.length > 0) return { readable: preceded(bytes, this.#reader), writable, onAdmitted, peer };
    // Mostly the other end waits for an answer, and then there is nothing to put in front.
    this.#reader.releaseLock();
    return { readable, writable, onAdmitted, peer };
  }
}

function preceded(
  first: Uint8Array,
  reader: ReadableStreamDefaultReader<Uint8Array>,
): ReadableStream<Uint8Array> {
  let isFirst = true;
  return new ReadableStream({
    async pull(controller) {
      if (isFirst) {
        isFirst = false;
        return controller.enqueue(first);
      }
      const { value, done } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}
