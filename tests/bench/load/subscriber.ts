/**
 * A subscriber that counts, acknowledges, and checks the stamp of every message.
 *
 * @module
 */

import { Client, type ClientOptions } from "./client.ts";
import { PUBLISH, PUBREL } from "./wire.ts";

/** Counts messages by publisher; a gap is a loss, a step back is disorder (or a duplicate). */
export class Subscriber extends Client {
  received = 0;
  bytes = 0;
  lost = 0;
  disordered = 0;
  /** Next sequence number expected, by publisher. */
  readonly expected: Uint32Array;

  constructor(options: ClientOptions, publishers: number) {
    super(options);
    this.expected = new Uint32Array(publishers);
  }

  protected override packet(first: number, bytes: Uint8Array, body: number, end: number): void {
    const type = first >> 4;
    if (type === PUBLISH) return this.#publish(first, bytes, body, end);
    if (type === PUBREL) return this.reply(0x70, bytes[body]!, bytes[body + 1]!); // every PUBREL has a packet id
    super.packet(first, bytes, body, end);
  }

  /** Called for each message with a stamp, in the order of arrival. */
  protected message(_publisher: number, _sequence: number): void {}

  #publish(first: number, bytes: Uint8Array, body: number, end: number): void {
    const qos = (first >> 1) & 3;
    if (qos > 0) {
      const id = body + 2 + ((bytes[body]! << 8) | bytes[body + 1]!);
      this.reply(qos === 1 ? 0x40 : 0x50, bytes[id]!, bytes[id + 1]!);
    }
    // A stamp is the end of every payload, so that neither topic nor properties need to be read.
    const publisher = (bytes[end - 6]! << 8) | bytes[end - 5]!;
    const sequence = ((bytes[end - 4]! << 24) | (bytes[end - 3]! << 16) | (bytes[end - 2]! << 8) | bytes[end - 1]!) >>>
      0;
    const expected = this.expected[publisher]!;
    this.received++;
    this.bytes += end - body;
    this.expected[publisher] = sequence + 1;
    if (sequence > expected) this.lost += sequence - expected;
    else if (sequence < expected) this.disordered++;
    this.message(publisher, sequence);
  }
}
