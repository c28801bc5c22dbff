/**
 * Clients that publish at no more than their rate. Who sends faster is read from later: the network makes him wait, and
 * nobody loses anything.
 *
 * @module
 */

import type { Frame } from "../codec/framer.ts";
import { assertRanges, type Range } from "./ranges.ts";
import { TokenBucket } from "./token_bucket.ts";

/**
 * How fast one client may publish. Beyond it, the broker stops reading from the connection until the rate allows the
 * next packet; keep alive stands still meanwhile.
 */
export interface PublishRate {
  /** PUBLISH packets a second of each client, 1 or more; faster ones are read later. Default Infinity. */
  maxPublishRate?: number;
  /** PUBLISH packets that a client may send at once after a quiet time, 1 or more. Default: those of a second. */
  maxPublishBurst?: number;
  /** Bytes of PUBLISH packets a second of each client, 1 or more; faster ones are read later. Default Infinity. */
  maxPublishBytesRate?: number;
  /** Bytes that a client may send at once, 1 or more; one larger packet is let through. Default: those of a second. */
  maxPublishBytesBurst?: number;
}

/** Ranges of the fields of {@linkcode PublishRate}. */
export const PUBLISH_RATE_RANGES: readonly Range<keyof PublishRate>[] = [
  ["maxPublishRate", 1, Infinity],
  ["maxPublishBurst", 1, Infinity],
  ["maxPublishBytesRate", 1, Infinity],
  ["maxPublishBytesBurst", 1, Infinity],
];

/** Throws `RangeError` for a limit out of its range. */
export function assertPublishRate(limits: PublishRate | undefined): void {
  if (limits !== undefined) assertRanges(limits, PUBLISH_RATE_RANGES, "Cannot accept the client: limits.");
}

/** What holds for a client: its own limits before those of its listener. */
export function publishRateOf(own: PublishRate | undefined, listener: PublishRate): PublishRate {
  return {
    maxPublishRate: own?.maxPublishRate ?? listener.maxPublishRate,
    maxPublishBurst: own?.maxPublishBurst ?? listener.maxPublishBurst,
    maxPublishBytesRate: own?.maxPublishBytesRate ?? listener.maxPublishBytesRate,
    maxPublishBytesBurst: own?.maxPublishBytesBurst ?? listener.maxPublishBytesBurst,
  };
}

/** Whether there is any limit in it. */
export function isLimited({ maxPublishRate = Infinity, maxPublishBytesRate = Infinity }: PublishRate): boolean {
  return maxPublishRate < Infinity || maxPublishBytesRate < Infinity;
}

/** Takes the PUBLISH packets of a client. */
export interface PublishTaker {
  /** Takes one. A promise: nothing more may be handled for this connection until it settles. */
  handle(frame: Frame): Promise<void> | undefined;
}

/** The connection, as far as this room needs it. */
export interface Pausable {
  /** When the bytes came that are handled now, or when the last pause ended, in milliseconds. */
  readonly lastArrival: number;
  /** Whether nothing that came is to be handled any more. */
  readonly isClosing: boolean;
  /** Resolves after so many milliseconds, or when the connection closes, or at {@linkcode Pausable.resume}. */
  pause(milliseconds: number): Promise<void>;
  /** Ends a pause. */
  resume(): void;
}

/** A limit that made a client wait. */
export type PublishRateLimit = "maxPublishRate" | "maxPublishBytesRate";

/** Hands PUBLISH packets on as fast as their client may send them. */
export class PacedPublishes implements PublishTaker {
  readonly #next: PublishTaker;
  readonly #connection: Pausable;
  readonly #onPause: (limit: PublishRateLimit) => void;
  #packets: TokenBucket;
  #bytes: TokenBucket;

  /** `onPause` is called each time that the client has to wait. */
  constructor(next: PublishTaker, connection: Pausable, rate: PublishRate, onPause: (limit: PublishRateLimit) => void) {
    this.#next = next;
    this.#connection = connection;
    this.#onPause = onPause;
    this.#packets = this.#bucket(rate.maxPublishRate, rate.maxPublishBurst);
    this.#bytes = this.#bucket(rate.maxPublishBytesRate, rate.maxPublishBytesBurst);
  }

  /** Changes the rate; whoever waits is looked at afresh. */
  limit(rate: PublishRate): void {
    this.#packets = this.#bucket(rate.maxPublishRate, rate.maxPublishBurst, this.#packets);
    this.#bytes = this.#bucket(rate.maxPublishBytesRate, rate.maxPublishBytesBurst, this.#bytes);
    this.#connection.resume();
  }

  handle(frame: Frame): Promise<void> | undefined {
    const size = frame.end - frame.start;
    return this.#delay(size) > 0 ? this.#handleLater(frame, size) : this.#handleNow(frame, size);
  }

  /** Nothing is read meanwhile, so that the packet stays where it is. */
  async #handleLater(frame: Frame, size: number): Promise<void> {
    const { lastArrival } = this.#connection;
    const isForBytes = this.#bytes.delay(size, lastArrival) > this.#packets.delay(1, lastArrival);
    this.#onPause(isForBytes ? "maxPublishBytesRate" : "maxPublishRate");
    for (let delay = this.#delay(size); delay > 0; delay = this.#delay(size)) {
      await this.#connection.pause(delay);
      if (this.#connection.isClosing) return;
    }
    await this.#handleNow(frame, size);
  }

  #handleNow(frame: Frame, size: number): Promise<void> | undefined {
    const { lastArrival } = this.#connection;
    this.#packets.take(1, lastArrival);
    this.#bytes.take(size, lastArrival);
    return this.#next.handle(frame);
  }

  #delay(size: number): number {
    const { lastArrival } = this.#connection;
    return Math.max(this.#packets.delay(1, lastArrival), this.#bytes.delay(size, lastArrival));
  }

  /** The same bucket goes on where nothing has changed. */
  #bucket(rate = Infinity, burst = rate, old?: TokenBucket): TokenBucket {
    if (old?.rate === rate && old.burst === burst) return old;
    return new TokenBucket(rate, burst, this.#connection.lastArrival);
  }
}
