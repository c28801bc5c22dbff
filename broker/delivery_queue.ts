/**
 * What waits for one session: messages that are not in flight yet, first in, first out.
 *
 * @module
 */

import type { QoS } from "../codec/packets.ts";
import type { Publication } from "./publication.ts";
import type { ShareGroup } from "./shared_subscriptions.ts";

/** A message on its way to one session. It owns its bytes together with all others of the same publication. */
export class Delivery {
  constructor(
    readonly publication: Publication,
    /** The lower of the publication's QoS and the granted one. */
    readonly qos: QoS,
    readonly retain: boolean,
    readonly subscriptionIds: readonly number[] | undefined,
    /** The group that chose this session; it gets the message back if the session ends first. */
    readonly share: ShareGroup | undefined,
  ) {}

  /** The same with bytes that lie by themselves. */
  settled(): Delivery {
    const { publication, qos, retain, subscriptionIds, share } = this;
    return new Delivery(publication.keep(), qos, retain, subscriptionIds, share);
  }
}

/** Retained messages for a new subscription, turned into deliveries as the client takes them. */
export class RetainedBatch {
  #next = 0;
  readonly #publications: readonly Publication[];
  readonly #maxQoS: QoS;
  readonly #subscriptionIds: readonly number[] | undefined;

  constructor(publications: readonly Publication[], maxQoS: QoS, subscriptionIds: readonly number[] | undefined) {
    this.#publications = publications;
    this.#maxQoS = maxQoS;
    this.#subscriptionIds = subscriptionIds;
  }

  /** The next delivery, which stays the next one until {@linkcode advance}; undefined at the end. */
  peek(): Delivery | undefined {
    const publication = this.#publications[this.#next];
    if (publication === undefined) return undefined;
    const qos = publication.qos < this.#maxQoS ? publication.qos : this.#maxQoS;
    return new Delivery(publication, qos, true, this.#subscriptionIds, undefined);
  }

  /** Goes on to the next message. */
  advance(): void {
    this.#next++;
  }
}

/** Bounds of a {@linkcode DeliveryQueue}. */
export interface QueueLimits {
  readonly maxQueuedMessages: number;
  readonly maxQueuedBytes: number;
}

/** A bounded queue; the newest message is refused when it is full. */
export class DeliveryQueue {
  readonly #limits: QueueLimits;
  #items: (Delivery | RetainedBatch | undefined)[] = [];
  #head = 0;
  #bytes = 0;
  #unordered = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** Entries that wait; all retained messages for one subscription are one entry. */
  get length(): number {
    return this.#items.length - this.#head;
  }

  /** Bytes of properties and payloads that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether it is more than half full. */
  get isFilling(): boolean {
    const { maxQueuedMessages, maxQueuedBytes } = this.#limits;
    return 2 * this.length > maxQueuedMessages || 2 * this.#bytes > maxQueuedBytes;
  }

  /** Whether it is less than a quarter full. */
  get hasRoom(): boolean {
    const { maxQueuedMessages, maxQueuedBytes } = this.#limits;
    return 4 * this.length < maxQueuedMessages && 4 * this.#bytes < maxQueuedBytes;
  }

  /** Whether a QoS 0 message must queue up so that it overtakes none of its kind. */
  get holdsQoS0(): boolean {
    return this.#unordered > 0;
  }

  /** Adds a message at the end. False: the queue is full and the message is not in it. */
  push(delivery: Delivery): boolean {
    const size = delivery.publication.size;
    if (this.length >= this.#limits.maxQueuedMessages || this.#bytes + size > this.#limits.maxQueuedBytes) return false;
    this.#items.push(delivery);
    this.#bytes += size;
    if (delivery.qos === 0) this.#unordered++;
    return true;
  }

  /** Adds retained messages at the end. They are shared with the retained store, so they count as one entry. */
  pushBatch(batch: RetainedBatch): void {
    this.#items.push(batch);
    this.#unordered++;
  }

  /** The first message, which stays in the queue until {@linkcode shift}. */
  peek(): Delivery | undefined {
    for (;;) {
      const first = this.#items[this.#head];
      if (!(first instanceof RetainedBatch)) return first;
      const delivery = first.peek();
      if (delivery !== undefined) return delivery;
      this.#unordered--;
      this.#drop();
    }
  }

  /** Takes the first message out. */
  shift(): void {
    const first = this.#items[this.#head];
    if (first === undefined) return;
    if (first instanceof RetainedBatch) return first.advance();
    this.#bytes -= first.publication.size;
    if (first.qos === 0) this.#unordered--;
    this.#drop();
  }

  /** The client is gone, so what waits may wait for long: small messages get memory of their own. */
  settle(): void {
    for (let i = this.#head; i < this.#items.length; i++) {
      const item = this.#items[i];
      if (item instanceof Delivery && item.publication.isBrief) this.#items[i] = item.settled();
    }
  }

  /** Empties the queue; returns the messages that were in it, retained ones left out. */
  clear(): Delivery[] {
    const left = this.#items.slice(this.#head).filter((item) => item instanceof Delivery);
    this.#items = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#unordered = 0;
    return left;
  }

  #drop(): void {
    this.#items[this.#head] = undefined;
    this.#head++;
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
    } else if (this.#head >= 1024 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }
}
