/**
 * The messages that wait for one subscription's iterator.
 *
 * @module
 */

import { MqttError } from "../codec/errors.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import { CROWDED, type Crowding } from "./crowding.ts";
import { Fifo } from "./fifo.ts";
import { manualCopyOf, type Message, receiptOf } from "./message.ts";
import type { Receipt } from "./receipts.ts";

/**
 * What happens to a message of QoS 0 for which an iterator has no room:
 *
 * - `drop-oldest`: the one that waits longest gives way, unless that is one of QoS 1 or 2: then as `drop-newest`.
 * - `drop-newest`: it is dropped.
 * - `error`: the iterator ends with `MqttError` 0x97 (quota exceeded), behind what it has.
 *
 * @example
 * ```ts
 * import { connect, type InboxOverflow } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const overflow: InboxOverflow = "drop-newest";
 * await client.subscribe("sensors/#", { maximumMessages: 1_000, overflow }).ready;
 * ```
 */
export type InboxOverflow = "drop-oldest" | "drop-newest" | "error";

/** Bounds of an {@linkcode Inbox}. */
export interface InboxLimits {
  readonly messages: number;
  readonly bytes: number;
  readonly overflow: InboxOverflow;
  /** Whether the reader acknowledges each message by a call. */
  readonly isManual: boolean;
}

type InboxState =
  | { readonly kind: "open" }
  | { readonly kind: "ended"; readonly error: unknown };

interface Waiter {
  resolve(result: IteratorResult<Message, undefined>): void;
  reject(error: unknown): void;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * A bounded queue with one reader. A message of QoS 1 or 2 is held, which keeps its acknowledgement back, until the
 * reader asks for the next one, or acknowledges it by itself: it is never dropped, since the server sends no more than the receive maximum without
 * acknowledgements. Messages of QoS 0 are dropped beyond the bound, and counted.
 */
export class Inbox {
  readonly #limits: InboxLimits;
  readonly #crowding: Crowding;
  readonly #onOverflow: () => void;
  /** Called when it ends, by whomever. */
  onEnd: (() => void) | undefined;
  readonly #messages = new Fifo<Message>();
  readonly #waiters = new Fifo<Waiter>();
  /** What the reader has been given and is not through with; empty if it acknowledges by itself. */
  #handedOut: Receipt[] = [];
  #bytes = 0;
  #dropped = 0;
  /** Since when it is crowded, as {@linkcode Crowding} counts; undefined if it is not. */
  #crowdedSince: number | undefined;
  #state: InboxState = { kind: "open" };

  /** `onOverflow` is called when the overflow policy has ended the inbox. */
  constructor(limits: InboxLimits, crowding: Crowding, onOverflow: () => void) {
    this.#limits = limits;
    this.#crowding = crowding;
    this.#onOverflow = onOverflow;
  }

  /** How many messages wait. */
  get size(): number {
    return this.#messages.size;
  }

  /** How many messages of QoS 0 were dropped. */
  get dropped(): number {
    return this.#dropped;
  }

  /** A message has come. */
  deliver(received: Message): void {
    if (this.#state.kind !== "open") return;
    const message = this.#limits.isManual ? manualCopyOf(received) : received;
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      receiptOf(message)?.hold();
      waiter.resolve(this.#handOut(message));
      return;
    }
    if (message.qos === 0 && !this.#hasRoom(message)) return this.#overflow(message);
    receiptOf(message)?.hold();
    this.#push(message);
  }

  /** The next message, when it is there; whoever asks is through with those before. */
  next(): Promise<IteratorResult<Message, undefined>> {
    if (this.#handedOut.length > 0) this.#release();
    const message = this.#messages.shift();
    if (message !== undefined) {
      this.#bytes -= message.size;
      if (this.#crowdedSince !== undefined) this.#thinOut(this.#crowdedSince);
      return Promise.resolve(this.#handOut(message));
    }
    if (this.#state.kind === "ended") return this.#atEnd();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** No more messages will come; those that wait are still given out, and then the end or, once, the error. */
  end(error?: unknown): void {
    if (this.#state.kind === "ended") return;
    this.#state = { kind: "ended", error };
    this.onEnd?.();
    for (const waiter of this.#waiters.drain()) {
      this.#atEnd().then(waiter.resolve, waiter.reject);
    }
  }

  /** The reader wants no more: ends, and lets go of everything. */
  discard(): void {
    this.end();
    this.#state = { kind: "ended", error: undefined };
    this.#bytes = 0;
    for (const message of this.#messages.drain()) receiptOf(message)?.release();
    if (this.#crowdedSince !== undefined) this.#thinOut(this.#crowdedSince);
    this.#release();
  }

  #atEnd(): Promise<IteratorResult<Message, undefined>> {
    const error = this.#state.kind === "ended" ? this.#state.error : undefined;
    if (error === undefined) return Promise.resolve(DONE);
    this.#state = { kind: "ended", error: undefined };
    return Promise.reject(error);
  }

  #handOut(message: Message): IteratorYieldResult<Message> {
    const receipt = receiptOf(message);
    if (receipt !== undefined && !this.#limits.isManual) this.#handedOut.push(receipt);
    return { done: false, value: message };
  }

  #release(): void {
    const receipts = this.#handedOut;
    this.#handedOut = [];
    for (const receipt of receipts) receipt.release();
  }

  #push(message: Message): void {
    this.#messages.push(message);
    this.#bytes += message.size;
    if (this.#crowdedSince === undefined && this.#messages.size >= CROWDED) this.#crowdedSince = this.#crowding.enter();
  }

  /** The reader has taken a message out of many. */
  #thinOut(since: number): void {
    if (this.#messages.size <= CROWDED / 4) {
      this.#crowdedSince = undefined;
      this.#crowding.leave(since);
    } else if (!this.#crowding.isCounted(since)) {
      this.#crowdedSince = this.#crowding.enter();
    }
  }

  /** One message always has room, whatever its size. */
  #hasRoom(message: Message): boolean {
    const { messages, bytes } = this.#limits;
    return this.#messages.size === 0 || this.#messages.size < messages && this.#bytes + message.size <= bytes;
  }

  #overflow(message: Message): void {
    const { overflow } = this.#limits;
    if (overflow === "error") {
      this.end(overflowError(this.#limits));
      this.#onOverflow();
      return;
    }
    if (overflow === "drop-oldest") this.#dropOldest(message);
    if (!this.#hasRoom(message)) this.#dropped++;
    else this.#push(message);
  }

  #dropOldest(newest: Message): void {
    for (let first = this.#messages.first; first?.qos === 0 && !this.#hasRoom(newest); first = this.#messages.first) {
      this.#messages.shift();
      this.#bytes -= first.size;
      this.#dropped++;
    }
  }
}

function overflowError(limits: InboxLimits): MqttError {
  return new MqttError(
    `Cannot keep message: at most ${limits.messages} messages and ${limits.bytes} bytes may wait, received more`,
    ReasonCode.QuotaExceeded,
  );
}
