/**
 * What leaves on a connection: packets are gathered in one buffer, which goes out in one write.
 *
 * @module
 */

import type { Channel } from "../engine/transport.ts";
import { Fifo } from "./fifo.ts";

const SMALL_BUFFER = 4_096;
const LARGE_BUFFER = 65_536;
/** Larger chunks are written in parts, so that it shows that they make progress. */
const LARGEST_WRITE = 131_072;
/** With more bytes than this waiting, callers are asked to wait. */
const HIGH_WATER = 262_144;
/** As many as wait at once. *Measured*: with one, three of four buffers were new, and what is to be freed grew to 40 MB. */
const MAXIMUM_SPARES = HIGH_WATER / LARGE_BUFFER;
/**
 * Bytes of answers that may come on top of that. A server that keeps to the packet identifiers there are, and waits for
 * their acknowledgements, causes less.
 */
const MAXIMUM_ANSWERS = 1_048_576;

const NO_BYTES = new Uint8Array(0);

/** What an {@linkcode Output} tells its owner. */
export interface OutputOwner {
  /** A write begins. `isLast`: nothing waits behind it. */
  onWrite(isLast: boolean): void;
  /** After {@linkcode Output.isBackedUp} was true, it no longer is. */
  onDrained(): void;
  /** Writing has failed: the connection is broken. */
  onWriteError(error: unknown): void;
}

type OutputState = "open" | "ending" | "closed";

/** The sending half of a connection. Never two writes in flight; what comes meanwhile goes out together afterwards. */
export class Output {
  /** Where {@linkcode reserve} has made room; another one after the next call of a method. */
  buffer: Uint8Array = NO_BYTES;
  readonly #channel: Channel;
  readonly #owner: OutputOwner;
  #used = 0;
  /** Full buffers that go before `buffer`. */
  readonly #full = new Fifo<Uint8Array>();
  /** Written buffers, to be filled again; one is kept when nothing waits. */
  readonly #spares: Uint8Array[] = [];
  #writing: Uint8Array | undefined;
  /** The part of `#writing` whose write is in flight. */
  #partStart = 0;
  #partEnd = 0;
  #scheduled = false;
  /** Bytes that were appended and are not written, those of a write in flight included. */
  #pending = 0;
  #backedUp = false;
  /** Bytes of answers that were appended while it was backed up. */
  #answers = 0;
  #drained: PromiseWithResolvers<boolean> | undefined;
  readonly #closed = Promise.withResolvers<void>();
  #state: OutputState = "open";
  readonly #onTurnEnd = (): void => this.#turnEnd();
  readonly #onWritten = (): void => this.#written();
  readonly #onFailed = (error: unknown): void => this.#failed(error);

  constructor(channel: Channel, owner: OutputOwner) {
    this.#channel = channel;
    this.#owner = owner;
  }

  /** Whether so much waits that callers should wait, too. */
  get isBackedUp(): boolean {
    return this.#backedUp;
  }

  /** Whether the server causes answers without end and does not take them. */
  get isFlooded(): boolean {
    return this.#answers > MAXIMUM_ANSWERS;
  }

  /** Settles when {@linkcode isBackedUp} is no longer true: with true, or with false if the connection has ended. */
  get drained(): Promise<boolean> {
    if (this.#state === "closed") return Promise.resolve(false);
    if (!this.#backedUp) return Promise.resolve(true);
    this.#drained ??= Promise.withResolvers();
    return this.#drained.promise;
  }

  /** Makes room for `length` bytes, which the caller writes into {@linkcode buffer} at the returned offset. */
  reserve(length: number): number {
    if (this.buffer.length - this.#used < length) this.#grow(length);
    if (!this.#scheduled) this.#schedule();
    const at = this.#used;
    this.#used = at + length;
    this.#pending += length;
    if (this.#pending > HIGH_WATER) this.#backedUp = true;
    return at;
  }

  /** The same for an answer to something that the server has sent. */
  reserveAnswer(length: number): number {
    if (this.#backedUp) this.#answers += length;
    return this.reserve(length);
  }

  /** Appends a copy of `bytes`. */
  append(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.buffer.set(bytes, at);
  }

  /** Settles when the transport is closed, whoever has closed it. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Writes what is left and then closes the transport. */
  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ending";
    this.#flush();
  }

  /** Closes the transport at once; what is not written is lost. */
  abort(): void {
    this.#release();
    this.#closed.resolve();
    this.#channel.abort();
  }

  #schedule(): void {
    this.#scheduled = true;
    queueMicrotask(this.#onTurnEnd);
  }

  #turnEnd(): void {
    this.#scheduled = false;
    this.#flush();
  }

  #grow(length: number): void {
    const size = this.#used + length;
    if (this.#used > 0 && size > LARGE_BUFFER) {
      this.#full.push(this.buffer.subarray(0, this.#used));
      this.#used = 0;
      this.buffer = this.#takeBuffer(length);
      // A caller that fills buffer after buffer may not end its turn for long.
      this.#flush();
      return;
    }
    const larger = this.#takeBuffer(size);
    larger.set(this.buffer.subarray(0, this.#used));
    this.buffer = larger;
  }

  #takeBuffer(size: number): Uint8Array {
    const spare = this.#spares.pop();
    if (spare !== undefined && spare.length >= size) return spare;
    if (size > LARGE_BUFFER) return new Uint8Array(size);
    return new Uint8Array(size > SMALL_BUFFER ? LARGE_BUFFER : SMALL_BUFFER);
  }

  /** Hands out what was gathered, unless a write is in flight: then it goes when that ends. */
  #flush(): void {
    if (this.#writing !== undefined || this.#state === "closed") return;
    const chunk = this.#full.shift() ?? this.#takeGathered();
    if (chunk === undefined) {
      if (this.#state === "ending") this.#finish();
      return;
    }
    this.#writing = chunk;
    this.#partEnd = 0;
    this.#writePart(chunk);
  }

  #writePart(chunk: Uint8Array): void {
    const start = this.#partEnd;
    const end = Math.min(chunk.length, start + LARGEST_WRITE);
    this.#partStart = start;
    this.#partEnd = end;
    this.#owner.onWrite(this.#pending === end - start);
    this.#channel.write(end - start === chunk.length ? chunk : chunk.subarray(start, end))
      .then(this.#onWritten, this.#onFailed);
  }

  #takeGathered(): Uint8Array | undefined {
    if (this.#used === 0) return undefined;
    const chunk = this.buffer.subarray(0, this.#used);
    this.buffer = NO_BYTES;
    this.#used = 0;
    return chunk;
  }

  #written(): void {
    const chunk = this.#writing;
    if (chunk === undefined) return; // closed meanwhile
    this.#pending -= this.#partEnd - this.#partStart;
    if (this.#partEnd < chunk.length) return this.#writePart(chunk);
    this.#writing = undefined;
    this.#keepSpare(chunk);
    if (this.#pending > 0 || this.#state === "ending") this.#flush();
    if (this.#backedUp && this.#pending <= HIGH_WATER / 2) this.#relax();
  }

  #keepSpare(chunk: Uint8Array): void {
    const size = chunk.buffer.byteLength;
    if (size > LARGE_BUFFER) return;
    const spares = this.#spares;
    if (this.#pending === 0) spares.length = 0;
    if (spares.length < MAXIMUM_SPARES) spares.push(new Uint8Array(chunk.buffer));
  }

  #relax(): void {
    this.#backedUp = false;
    this.#answers = 0;
    this.#drained?.resolve(true);
    this.#drained = undefined;
    this.#owner.onDrained();
  }

  #failed(error: unknown): void {
    if (this.#state === "closed") return;
    this.abort();
    this.#owner.onWriteError(error);
  }

  #finish(): void {
    this.#release();
    this.#channel.close().then(this.#closed.resolve, this.#closed.resolve);
  }

  #release(): void {
    this.#state = "closed";
    this.#full.drain();
    this.buffer = NO_BYTES;
    this.#used = 0;
    this.#spares.length = 0;
    this.#writing = undefined;
    this.#pending = 0;
    this.#drained?.resolve(false);
    this.#drained = undefined;
  }
}
