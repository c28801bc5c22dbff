/**
 * A publisher that sends as fast as its limits allow, out of one prepared chunk of packets.
 *
 * @module
 */

import { Client, type ClientOptions } from "./client.ts";
import { packetIdOffset, PUBACK, PUBCOMP, type Publication, publish, PUBREC, writeStamp } from "./wire.ts";

/** How much is written in one call at most. */
const CHUNK_SIZE = 64 * 1024;

/** What a flooding publisher sends. */
export interface FloodOptions extends ClientOptions {
  /** Its number in the stamps. */
  readonly publisher: number;
  /** Topics of the same length, used in turn. */
  readonly topics: readonly string[];
  readonly payload: number;
  readonly publishQos: number;
  /** Exchanges of QoS 1 or 2 that may be open. */
  readonly window: number;
  /** Messages that it may be ahead of what its subscribers have received. */
  readonly ahead: number;
  readonly properties?: readonly number[];
  readonly retain?: boolean;
}

/** Sends prepared packets with packet id and stamp patched in place. */
export class Publisher extends Client {
  /** Messages sent. */
  sent = 0;
  /** Exchanges completed (QoS 1 and 2). */
  completed = 0;
  /** Acknowledgements that came in another order than the PUBLISHes went out. */
  disordered = 0;
  /** Set while the scenario wants messages. */
  sending = false;
  /** The number of messages that all its subscribers have received; the scenario knows. */
  received: () => number = () => this.sent;
  readonly #number: number;
  readonly #publishQos: number;
  readonly #window: number;
  readonly #ahead: number;
  readonly #size: number;
  readonly #idAt: number;
  readonly #chunk: Uint8Array<ArrayBuffer>;
  readonly #perChunk: number;
  #place = 0;

  constructor(options: FloodOptions) {
    super(options);
    this.#number = options.publisher;
    this.#publishQos = options.publishQos;
    this.#window = options.window;
    this.#ahead = options.ahead;
    const packets = templates(options);
    const first = packets[0];
    if (first === undefined) throw new RangeError("Cannot publish: topics must not be empty");
    this.#size = first.length;
    this.#idAt = options.publishQos > 0 ? packetIdOffset(first) : 0;
    this.#perChunk = Math.max(1, Math.floor(CHUNK_SIZE / this.#size), packets.length);
    this.#chunk = new Uint8Array(this.#perChunk * this.#size);
    for (let k = 0; k < this.#perChunk; k++) this.#chunk.set(packets[k % packets.length] ?? first, k * this.#size);
  }

  /** Exchanges that wait for their last acknowledgement. */
  get open(): number {
    return this.#publishQos === 0 ? 0 : this.sent - this.completed;
  }

  override next(): Uint8Array<ArrayBuffer> | undefined {
    return super.next() ?? (this.sending && this.ready ? this.#publications() : undefined);
  }

  protected override packet(first: number, bytes: Uint8Array, body: number, end: number): void {
    switch (first >> 4) {
      case PUBREC:
        return this.reply(0x62, bytes[body]!, bytes[body + 1]!); // acknowledgements have a packet id
      case PUBACK:
      case PUBCOMP: {
        const expected = packetId(this.completed++);
        if (((bytes[body]! << 8) | bytes[body + 1]!) !== expected) this.disordered++;
        return;
      }
    }
    super.packet(first, bytes, body, end);
  }

  #publications(): Uint8Array<ArrayBuffer> | undefined {
    const room = this.#ahead - (this.sent - this.received());
    // A flood comes in chunks: a publisher at its limit waits for a quarter of it rather than trickle.
    if (this.#publishQos === 0 && room < this.#ahead / 4) return undefined;
    const window = this.#publishQos === 0 ? room : this.#window - this.open;
    const count = Math.min(room, window, this.#perChunk - this.#place);
    if (count <= 0) return undefined;
    const start = this.#place * this.#size;
    const end = start + count * this.#size;
    this.#place = (this.#place + count) % this.#perChunk;
    this.#patch(start, end);
    return this.#chunk.subarray(start, end);
  }

  #patch(start: number, end: number): void {
    const chunk = this.#chunk;
    const size = this.#size;
    for (let at = start; at < end; at += size) {
      if (this.#idAt > 0) {
        const id = packetId(this.sent);
        chunk[at + this.#idAt] = id >> 8;
        chunk[at + this.#idAt + 1] = id;
      }
      writeStamp(chunk, at + size, this.#number, this.sent++);
    }
  }
}

function packetId(sequence: number): number {
  return 1 + sequence % 0xffff;
}

function templates(options: FloodOptions): Uint8Array<ArrayBuffer>[] {
  const payload = new Uint8Array(options.payload).fill(0x2e);
  return options.topics.map((topic) => {
    const publication: Publication = {
      topic,
      payload,
      qos: options.publishQos,
      retain: options.retain ?? false,
      version: options.version ?? 4,
      properties: options.properties ?? [],
    };
    return publish(publication);
  });
}
