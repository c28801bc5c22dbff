/**
 * The publications of a session that are not complete.
 *
 * @module
 */

import { MqttError } from "../codec/errors.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import { OutboundFlow } from "../engine/outbound_flow.ts";
import type { QueueInit } from "./options.ts";
import type { Persistence } from "./persistence.ts";
import { DROPPED, type Publication, PublicationQueue, SUCCESS } from "./publication.ts";

/** With the policy `wait`, the line behind a full queue may be as long again. */
const WAITING_ROOM = 2;

const READY: Promise<void> = Promise.resolve();

/** What waits to be sent and what is under way, within one bound, over all connections of a session. */
export class Outbox {
  /** What was sent with QoS 1 and 2. */
  readonly flow: OutboundFlow<Publication>;
  /** QoS 0, waiting for a connection that takes it. */
  readonly waitingQoS0: PublicationQueue = new PublicationQueue();
  /** QoS 1 and 2, waiting for a connection and quota. */
  readonly waiting: PublicationQueue;
  readonly #limits: Readonly<Required<QueueInit>>;
  readonly #onSettled = (publication: Publication): void => this.#settled(publication);
  #messages = 0;
  #bytes = 0;
  #room: PromiseWithResolvers<void> | undefined;
  #idle: PromiseWithResolvers<void> | undefined;

  /** `kept`: the state of a store, with what an earlier run has left open. */
  constructor(limits: Readonly<Required<QueueInit>>, kept?: Persistence) {
    this.#limits = limits;
    this.flow = kept?.flow ?? new OutboundFlow();
    this.waiting = kept?.waiting ?? new PublicationQueue();
    for (const publication of kept?.recovered ?? []) this.#count(publication);
  }

  /** How many of QoS 1 and 2 may be under way at once. */
  get maximumInFlight(): number {
    return this.#limits.inFlight;
  }

  /** How many publications are open. */
  get messages(): number {
    return this.#messages;
  }

  /** How many bytes they have. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Settles when the bound leaves room for more. */
  get room(): Promise<void> {
    if (!this.#isFull) return READY;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  /** Settles when nothing is open. */
  get idle(): Promise<void> {
    if (this.#messages === 0) return READY;
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }

  get #isFull(): boolean {
    return this.#messages >= this.#limits.messages || this.#bytes >= this.#limits.bytes;
  }

  get #oldest(): Publication | undefined {
    return this.waitingQoS0.first ?? this.waiting.first;
  }

  /** Takes a publication in, or settles it at once by the overflow policy. */
  add(publication: Publication): void {
    if (this.#isFull && !this.#makeRoom(publication)) return;
    this.#count(publication);
    this.#queueOf(publication).push(publication);
  }

  /** Gives a publication up that was perhaps sent: it is not sent if it was not yet. */
  abort(publication: Publication, reason: unknown): void {
    this.#queueOf(publication).remove(publication);
    publication.fail(reason);
  }

  /**
   * The server has lost the session. What it has not acknowledged is published anew if at least once is good enough;
   * with QoS 2 it may have got the message or not, and to try again could double it.
   */
  sessionLost(): void {
    const again: Publication[] = [];
    for (const { qos, phase, message } of this.flow) {
      if (qos === 1) again.push(message);
      // The server has answered that it owns the message.
      else if (phase === "pubrel") message.settle(SUCCESS);
      else message.fail(sessionLostError());
    }
    this.flow.clear();
    for (const publication of again.reverse()) {
      if (!publication.isSettled) this.waiting.unshift(publication);
    }
  }

  /** Nothing will be sent any more. */
  fail(error: unknown): void {
    for (const queue of [this.waitingQoS0, this.waiting]) {
      for (let first = queue.first; first !== undefined; first = queue.first) this.abort(first, error);
    }
    for (const publication of this.flow.clear()) publication.fail(error);
  }

  #count(publication: Publication): void {
    publication.onSettled = this.#onSettled;
    this.#messages++;
    this.#bytes += publication.size;
  }

  #queueOf(publication: Publication): PublicationQueue {
    return publication.qos === 0 ? this.waitingQoS0 : this.waiting;
  }

  /** Applies the overflow policy; false if the publication is settled by it. */
  #makeRoom(publication: Publication): boolean {
    const { overflow, messages, bytes } = this.#limits;
    if (overflow === "wait" && this.#messages < messages * WAITING_ROOM && this.#bytes < bytes * WAITING_ROOM) {
      return true;
    }
    if (overflow === "drop-oldest") {
      // A large one may take the place of many small ones.
      for (let oldest = this.#oldest; oldest !== undefined && this.#isFull; oldest = this.#oldest) {
        this.#queueOf(oldest).remove(oldest);
        oldest.settle(DROPPED);
      }
      if (!this.#isFull) return true;
    }
    if (overflow === "drop-newest" || overflow === "drop-oldest") publication.settle(DROPPED);
    else publication.fail(fullError(this.#limits));
    return false;
  }

  #settled(publication: Publication): void {
    this.#messages--;
    this.#bytes -= publication.size;
    if (this.#room !== undefined && !this.#isFull) {
      this.#room.resolve();
      this.#room = undefined;
    }
    if (this.#messages > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }
}

function sessionLostError(): MqttError {
  return new MqttError(
    "Cannot complete QoS 2 publication: server must keep the session, but lost it; the message may have arrived or not",
    ReasonCode.UnspecifiedError,
  );
}

function fullError(limits: Readonly<Required<QueueInit>>): MqttError {
  return new MqttError(
    `Cannot publish: at most ${limits.messages} messages and ${limits.bytes} bytes may be open, received more`,
    ReasonCode.QuotaExceeded,
  );
}
