/**
 * Packets out of a transport.
 *
 * @module
 */

import { Framer } from "../codec/framer.ts";
import type { Channel } from "../engine/transport.ts";
import { lostError } from "./errors.ts";

/** The receiving half of a connection: a framer that gets its chunks from there. */
export class FrameReader extends Framer {
  readonly #channel: Channel;
  readonly #onChunk = (chunk: Uint8Array | undefined): boolean => {
    if (chunk === undefined) return false;
    this.push(chunk);
    return true;
  };

  constructor(channel: Channel, maximumPacketSize: number) {
    super({ maximumPacketSize });
    this.#channel = channel;
  }

  /** Waits for more bytes; false at the end. Rejects with `ConnectionLostError` when the transport breaks. */
  more(): Promise<boolean> {
    return this.#channel.read().then(this.#onChunk, lost);
  }

  /** Throws away what still comes, up to the end or a failure; never rejects. */
  async discard(): Promise<void> {
    try {
      while (await this.#channel.read());
    } catch {
      // The connection is at its end, in whatever way.
    }
  }
}

function lost(error: unknown): never {
  throw lostError(error);
}
