/**
 * Packets out of a transport.
 *
 * @module
 */

import { Framer } from "../codec/framer.ts";
import type { Channel } from "../engine/transport.ts";
import { lostError } from "./errors.ts";

/** The receiving half of a connection. */
export class FrameReader {
  /** The current packet, after {@linkcode next} has said true; more of them may be in there. */
  readonly framer: Framer;
  readonly #channel: Channel;

  constructor(channel: Channel, maximumPacketSize: number) {
    this.framer = new Framer({ maximumPacketSize });
    this.#channel = channel;
  }

  /**
   * Waits for the next packet; false at the end. Throws `MqttError` 0x81, 0x95 for what is no packet, and
   * `ConnectionLostError` when the transport breaks.
   */
  async next(): Promise<boolean> {
    while (!this.framer.next()) {
      const chunk = await this.#channel.read().catch(lost);
      if (chunk === undefined) return false;
      this.framer.push(chunk);
    }
    return true;
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
