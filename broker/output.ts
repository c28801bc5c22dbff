/**
 * What leaves on one connection: bytes are gathered in one buffer and handed out in one write.
 *
 * @module
 */

import type { Channel } from "../engine/transport.ts";
import type { Held } from "./waiters.ts";

/** Buffers for small packets do not grow beyond this; what does not fit goes behind in another one. */
export const LARGEST = 147_456;
/** Packets from this many bytes on count as large. */
const LARGE_PACKET = 32_768;
/**
 * Buffers for large packets do not grow beyond this. Eight with payloads of 64 KiB fit: *measured*, one write for all of
 * them takes 25 % less time than one for each two. With small packets the buffers for many receivers would not fit the
 * cache any more, and all would take twice the time.
 */
const LARGEST_OF_LARGE = 557_056;
/** Sizes of buffers: for acknowledgements, for a little traffic, for a flood, for a flood of large packets. */
const SIZES: readonly number[] = [2_048, 16_384, LARGEST, LARGEST_OF_LARGE];
/** Bytes of buffers of each size that wait to be used again. */
const MAX_POOLED = 4_194_304;
/** Below this many bytes a loop is cheaper than making a view to copy from. */
const SHORT_COPY = 48;

/** Copies the bytes from `start` to `end` to `at` in `target`. */
export function copyBytes(target: Uint8Array, at: number, bytes: Uint8Array, start: number, end: number): void {
  const length = end - start;
  if (length > SHORT_COPY) target.set(length === bytes.length ? bytes : bytes.subarray(start, end), at);
  else for (let i = 0; i < length; i++) target[at + i] = bytes[start + i] ?? 0;
}

/** Buffers that no connection needs at the moment, so that an idle connection holds none. */
export class BufferPool {
  readonly #onNew: (bytes: number) => void;
  readonly #pools: readonly Uint8Array[][] = SIZES.map(() => []);

  /** `onNew` gets to know how many bytes are in use besides. */
  constructor(onNew: (bytes: number) => void) {
    this.#onNew = onNew;
  }

  /** A buffer of at least `size` bytes. */
  take(size: number): Uint8Array {
    for (let i = 0; i < SIZES.length; i++) {
      const length = SIZES[i] ?? 0;
      if (size <= length) return this.#pools[i]?.pop() ?? this.#make(length);
    }
    return this.#make(size);
  }

  #make(length: number): Uint8Array {
    this.#onNew(length);
    return new Uint8Array(length);
  }

  /** The same for a packet that comes in parts; a large one is better kept where it is than copied. */
  lend(size: number): Uint8Array | undefined {
    return size <= LARGEST ? this.take(size) : undefined;
  }

  /** Takes back what {@linkcode take} gave. */
  give(buffer: Uint8Array): void {
    const pool = this.#pools[SIZES.indexOf(buffer.length)];
    if (pool !== undefined && pool.length * buffer.length < MAX_POOLED) pool.push(buffer);
  }
}

/** Outputs that hold bytes to be written; flushed together when the running task ends. */
export class FlushQueue {
  #marked: Output[] = [];
  #scheduled = false;
  readonly #run = (): void => this.flush();

  /** Has `output` flushed at the end of the running task. */
  mark(output: Output): void {
    this.#marked.push(output);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(this.#run);
  }

  /** Flushes all marked outputs now. */
  flush(): void {
    this.#scheduled = false;
    const marked = this.#marked;
    this.#marked = [];
    for (const output of marked) output.flush();
  }
}

/** What an {@linkcode Output} tells its owner. */
export interface OutputOwner {
  /** A write of so many bytes has ended. */
  onWritten(bytes: number): void;
  /** Writing failed: the connection is broken. */
  onWriteError(error: unknown): void;
}

/** Where written bytes are counted. */
export interface SentCounter {
  bytesSent: number;
}

/** Bytes for one write. */
interface Chunk {
  readonly bytes: Uint8Array;
  /** The pool's buffer that they lie in, if it is one. */
  readonly buffer: Uint8Array | undefined;
}

/** The sending half of a connection. Never two writes in flight. */
export class Output implements Held {
  readonly #channel: Pick<Channel, "write" | "close">;
  readonly #pool: BufferPool;
  readonly #queue: FlushQueue;
  readonly #owner: OutputOwner;
  readonly #counter: SentCounter;
  /** What goes before `#buffer`. */
  #full: Chunk[] = [];
  #buffer: Uint8Array | undefined;
  #used = 0;
  #writing: Chunk | undefined;
  #marked = false;
  #pending = 0;
  #state: "open" | "ending" | "finished" | "closed" = "open";
  #held = false;

  constructor(
    channel: Pick<Channel, "write" | "close">,
    pool: BufferPool,
    queue: FlushQueue,
    owner: OutputOwner,
    counter: SentCounter,
  ) {
    this.#channel = channel;
    this.#pool = pool;
    this.#queue = queue;
    this.#owner = owner;
    this.#counter = counter;
  }

  /** Bytes that were appended and are not written yet, those of a write in flight included. */
  get pending(): number {
    return this.#pending;
  }

  /** Appends a copy of the bytes from `start` to `end`; returns where they stand in {@linkcode buffer}. */
  append(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    const at = this.reserve(length);
    copyBytes(this.buffer, at, bytes, start, end);
    return at;
  }

  /** Appends `bytes` without copying them: nobody may write to them any more. */
  appendShared(bytes: Uint8Array): void {
    this.#pending += bytes.length;
    if (!this.#marked) this.#mark();
    const gathered = this.#takeBuffer();
    if (gathered !== undefined) this.#full.push(gathered);
    this.#full.push({ bytes, buffer: undefined });
  }

  /** Makes room for `length` bytes that the caller writes into {@linkcode buffer} at the returned offset. */
  reserve(length: number): number {
    this.#pending += length;
    if (!this.#marked) this.#mark();
    const buffer = this.#buffer;
    if (buffer === undefined) this.#buffer = this.#pool.take(length);
    else if (buffer.length - this.#used < length) this.#grow(buffer, length);
    const at = this.#used;
    this.#used += length;
    return at;
  }

  /** The buffer that {@linkcode reserve} made room in; valid until the next call of a method. */
  get buffer(): Uint8Array {
    return this.#buffer ?? NO_BYTES;
  }

  /** Hands out nothing more until {@linkcode resume}. False if that is so already. */
  hold(): boolean {
    if (this.#held || this.#isOver) return false;
    return this.#held = true;
  }

  /** Hands out what was held back. */
  resume(): void {
    this.#held = false;
    this.flush();
  }

  /** What was held back must never be handed out: breaks the connection off. */
  fail(error: Error): void {
    this.#failed(error);
  }

  /** Hands out what was gathered, unless a write is in flight: then it goes when that ends. */
  flush(): void {
    this.#marked = false;
    if (this.#held || this.#writing !== undefined || this.#isOver) return;
    const chunk = this.#full.shift() ?? this.#takeBuffer();
    if (chunk === undefined) {
      if (this.#state === "ending") this.#finish();
      return;
    }
    this.#writing = chunk;
    this.#channel.write(chunk.bytes).then(() => this.#written(), (error) => this.#failed(error));
  }

  /** Writes what is left and then closes the transport. */
  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ending";
    this.#mark();
  }

  /** Writes nothing more; what is not written is lost. */
  abandon(): void {
    if (this.#state !== "closed") this.#release("closed");
  }

  /** Whether all was written, and the end of it is on its way. */
  get isFinished(): boolean {
    return this.#state === "finished";
  }

  #mark(): void {
    this.#marked = true;
    this.#queue.mark(this);
  }

  #grow(buffer: Uint8Array, length: number): void {
    if (this.#used + length <= roomFor(length)) {
      const larger = this.#pool.take(this.#used + length);
      larger.set(buffer.subarray(0, this.#used));
      this.#pool.give(buffer);
      this.#buffer = larger;
      return;
    }
    this.#full.push({ bytes: buffer.subarray(0, this.#used), buffer });
    this.#buffer = this.#pool.take(roomFor(length));
    this.#used = 0;
  }

  #takeBuffer(): Chunk | undefined {
    const buffer = this.#buffer;
    if (buffer === undefined || this.#used === 0) return undefined;
    const bytes = buffer.subarray(0, this.#used);
    this.#buffer = undefined;
    this.#used = 0;
    return { bytes, buffer };
  }

  #written(): void {
    const chunk = this.#writing;
    this.#writing = undefined;
    if (chunk === undefined || this.#isOver) return;
    this.#pending -= chunk.bytes.length;
    this.#counter.bytesSent += chunk.bytes.length;
    if (chunk.buffer !== undefined) this.#pool.give(chunk.buffer);
    if (this.#pending > 0 || this.#state === "ending") this.flush();
    this.#owner.onWritten(chunk.bytes.length);
  }

  #failed(error: unknown): void {
    if (this.#isOver) return;
    this.#release("closed");
    this.#owner.onWriteError(error);
  }

  #finish(): void {
    this.#release("finished");
    this.#channel.close().catch(() => {});
  }

  get #isOver(): boolean {
    return this.#state === "finished" || this.#state === "closed";
  }

  #release(state: "finished" | "closed"): void {
    this.#state = state;
    this.#full = [];
    this.#buffer = undefined;
    this.#writing = undefined;
    this.#used = 0;
    this.#pending = 0;
  }
}

/** Bytes of a buffer for many packets of `length` bytes. */
function roomFor(length: number): number {
  return Math.max(length, length < LARGE_PACKET ? LARGEST : LARGEST_OF_LARGE);
}

const NO_BYTES = new Uint8Array(0);
