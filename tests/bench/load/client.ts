/**
 * What every party of a scenario does: it connects, subscribes, finds the packets in what it reads, and answers.
 *
 * @module
 */

import type { Party } from "./reactor.ts";
import { CONNACK, connect, SUBACK, subscribe, type Version } from "./wire.ts";

/** Who a client is and what it subscribes to. */
export interface ClientOptions {
  readonly clientId: string;
  readonly version?: Version;
  /** Filters of the first SUBSCRIBE, all with the same QoS. */
  readonly filters?: readonly string[];
  readonly qos?: number;
  readonly keepAlive?: number;
  /** Whether its session outlives the connection. */
  readonly persistent?: boolean;
}

/** A client that connects and, if it has filters, subscribes. */
export class Client implements Party {
  /** CONNACK, and SUBACK if there are filters, have come. */
  ready = false;
  readonly version: Version;
  readonly qos: number;
  readonly #filters: readonly string[];
  readonly #queue: Uint8Array<ArrayBuffer>[] = [];
  // Acknowledgements gather here while a chunk is read and leave in one write; the two buffers take turns.
  #replies = new Uint8Array(64);
  #spare = new Uint8Array(64);
  #replied = 0;

  constructor(options: ClientOptions) {
    this.version = options.version ?? 4;
    this.qos = options.qos ?? 0;
    this.#filters = options.filters ?? [];
    this.#queue.push(connect(options.clientId, this.version, options.keepAlive, !options.persistent));
  }

  receive(bytes: Uint8Array, filled: number): number {
    let at = 0;
    while (at + 2 <= filled) {
      // Bytes up to `filled` exist, so the reads below are within bounds.
      let length = bytes[at + 1]!;
      let body = at + 2;
      if (length > 0x7f) {
        length &= 0x7f;
        for (let shift = 7; body < filled && shift <= 21; shift += 7) {
          const byte = bytes[body++]!;
          length |= (byte & 0x7f) << shift;
          if (byte < 0x80) break;
        }
        if (bytes[body - 1]! > 0x7f) return at;
      }
      const end = body + length;
      if (end > filled) return at;
      this.packet(bytes[at]!, bytes, body, end);
      at = end;
    }
    return at;
  }

  next(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#queue.length > 0) return this.#queue.shift();
    if (this.#replied === 0) return undefined;
    const replies = this.#replies;
    const bytes = replies.subarray(0, this.#replied);
    this.#replies = this.#spare;
    this.#spare = replies;
    this.#replied = 0;
    return bytes;
  }

  /** Sends a packet after those that wait. */
  enqueue(packet: Uint8Array<ArrayBuffer>): void {
    this.#queue.push(packet);
  }

  /** Acknowledges with a packet of 4 bytes. */
  protected reply(first: number, high: number, low: number): void {
    if (this.#replied + 4 > this.#replies.length) this.#growReplies();
    const replies = this.#replies;
    let at = this.#replied;
    replies[at++] = first;
    replies[at++] = 2;
    replies[at++] = high;
    replies[at++] = low;
    this.#replied = at;
  }

  /** Handles one packet; the handshake is handled here. */
  protected packet(first: number, bytes: Uint8Array, body: number, end: number): void {
    switch (first >> 4) {
      case CONNACK:
        if (bytes[body + 1] !== 0) throw new Error(`Cannot connect: the broker answered ${bytes[body + 1]}`);
        if (this.#filters.length === 0) this.ready = true;
        else this.enqueue(subscribe(1, [...this.#filters], this.qos, this.version));
        return;
      case SUBACK:
        if ((bytes[end - 1] ?? 0x80) > 2) throw new Error(`Cannot subscribe: the broker answered ${bytes[end - 1]}`);
        this.ready = true;
        return;
    }
  }

  #growReplies(): void {
    const larger = new Uint8Array(2 * this.#replies.length);
    larger.set(this.#replies);
    this.#replies = larger;
  }
}
