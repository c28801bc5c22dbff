/**
 * Packets out of a transport.
 *
 * @module
 */

import { Framer } from "../codec/framer.ts";
import { lostError } from "./errors.ts";

/** The receiving half of a connection. */
export class FrameReader {
  /** The current packet, after {@linkcode next} has said true; more of them may be in there. */
  readonly framer: Framer;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(readable: ReadableStream<Uint8Array>, maximumPacketSize: number) {
    this.framer = new Framer({ maximumPacketSize });
    this.#reader = readable.getReader();
    // Failures are seen at the read that meets them.
    this.#reader.closed.catch(() => {});
  }

  /**
   * Waits for the next packet; false at the end of the stream. Throws `MqttError` 0x81, 0x95 for what is no packet, and
   * `ConnectionLostError` when the transport breaks.
   */
  async next(): Promise<boolean> {
    while (!this.framer.next()) {
      const chunk = await this.#read();
      if (chunk === undefined) return false;
      this.framer.push(chunk);
    }
    return true;
  }

  async #read(): Promise<Uint8Array | undefined> {
    try {
      return (await this.#reader.read()).value;
    } catch (error) {
      throw lostError(error);
    }
  }

  /** Throws away what still comes, up to the end of the stream or its failure; never rejects. */
  async discard(): Promise<void> {
    try {
      while (!(await this.#reader.read()).done);
    } catch {
      // The connection is at its end, in whatever way.
    }
  }

  /** Wants no more; a read that waits ends. */
  cancel(): void {
    this.#reader.cancel().catch(() => {});
  }
}
