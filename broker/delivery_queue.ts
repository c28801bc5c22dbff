/**
 * What waits for one session: messages that are not in flight yet, first in, first out.
 *
 * @module
 */

import type { QoS } from "../codec/packets.ts";
import type { DeliveryPlace } from "./pending.ts";
import type { Publication } from "./publication.ts";
import type { RetainedSearch } from "./retained.ts";
import type { ShareGroup } from "./shared_subscriptions.ts";
import type { StoredBacklog } from "./store.ts";

/** A message on its way to one session. It owns its bytes together with all others of the same publication. */
export class Delivery {
  /** Where it stands in the store; undefined if it is in none. */
  place: DeliveryPlace | undefined;

  constructor(
    readonly publication: Publication,
    /** The lower of the publication's QoS and the granted one. */
    readonly qos: QoS,
    readonly retain: boolean,
    readonly subscriptionIds: readonly number[] | undefined,
    /** The group that chose this session; it gets the message back if the session ends first. */
    readonly share: ShareGroup | undefined,
  ) {}

  /** The same with RETAIN 0, in the same place of the store. */
  asLive(): Delivery {
    const { publication, qos, subscriptionIds, share } = this;
    const live = new Delivery(publication, qos, false, subscriptionIds, share);
    live.place = this.place;
    return live;
  }

  /** The same with bytes that lie by themselves. */
  settled(): Delivery {
    const { publication, qos, retain, subscriptionIds, share } = this;
    return new Delivery(publication.keep(), qos, retain, subscriptionIds, share);
  }
}

/** Several deliveries that are made when their turn comes. */
interface Batch {
  /** Whether none is left. */
  readonly isEmpty: boolean;
  /** The next delivery, which stays the next one until {@linkcode advance}; undefined while there is none to be had. */
  peek(): Delivery | undefined;
  /** Goes on to the next delivery. */
  advance(): void;
}

/** Retained messages for a new subscription, turned into deliveries as the client takes them. */
export class RetainedBatch implements Batch {
  /** Called when all are on their way. */
  onEnd: () => void = () => {};
  readonly #search: RetainedSearch;
  readonly #maxQoS: QoS;
  readonly #upgrade: boolean;
  readonly #subscriptionIds: readonly number[] | undefined;
  #delivery: Delivery | undefined;

  /** `upgrade`: all go out with `maxQoS`, even those that were published with less. */
  constructor(
    search: RetainedSearch,
    maxQoS: QoS,
    subscriptionIds: readonly number[] | undefined,
    upgrade = false,
  ) {
    this.#search = search;
    this.#upgrade = upgrade;
    this.#maxQoS = maxQoS;
    this.#subscriptionIds = subscriptionIds;
  }

  get isEmpty(): boolean {
    return this.#search.current === undefined;
  }

  /** The next delivery, which stays the next one until {@linkcode advance}; undefined at the end. Valid for the moment. */
  peek(): Delivery | undefined {
    const publication = this.#search.current;
    if (publication === undefined) return undefined;
    const qos = publication.qos < this.#maxQoS && !this.#upgrade ? publication.qos : this.#maxQoS;
    // The search shows all its messages in the same place.
    const last = this.#delivery;
    if (last?.publication === publication && last.qos === qos) return last;
    return this.#delivery = new Delivery(publication, qos, true, this.#subscriptionIds, undefined);
  }

  advance(): void {
    this.#search.advance();
  }
}

/** Reads the queue of a session from where it is stored. */
export interface QueueReader {
  /** The first queued deliveries from `position` on, `limit` at most; none if they cannot be read at the moment. */
  read(position: number, limit: number): Delivery[];
}

/** How many deliveries of a queue with a reader are in memory at one place of the queue; the others are read. */
const WINDOW = 256;

/** Deliveries that lie in the store alone, and are read a window at a time as the client takes them. */
class StoredBatch implements Batch {
  count = 0;
  shared = 0;
  readonly #reader: QueueReader;
  #position: number;
  #window: Delivery[] = [];
  #next = 0;

  /** `position` is that of the first delivery. */
  constructor(reader: QueueReader, position: number) {
    this.#reader = reader;
    this.#position = position;
  }

  get isEmpty(): boolean {
    return this.count === 0;
  }

  peek(): Delivery | undefined {
    if (this.#next === this.#window.length) this.#read();
    return this.#window[this.#next];
  }

  advance(): void {
    if (this.#window[this.#next]?.share !== undefined) this.shared--;
    this.#next++;
    this.count--;
  }

  #read(): void {
    this.#next = 0;
    this.#window = this.#reader.read(this.#position, Math.min(WINDOW, this.count));
    const last = this.#window.at(-1)?.place;
    if (last !== undefined) this.#position = last.position + 1;
  }
}

/** Bounds of a {@linkcode DeliveryQueue}. */
export interface QueueLimits {
  readonly maxQueuedMessages: number;
  readonly maxQueuedBytes: number;
}

/** A bounded queue; its owner refuses the newest message, or takes out the oldest, when it is full. */
export class DeliveryQueue {
  #limits: QueueLimits;
  #items: (Delivery | RetainedBatch | StoredBatch | undefined)[] = [];
  #head = 0;
  #length = 0;
  #bytes = 0;
  #unordered = 0;

  /** Where deliveries with a place in the store can be read; with it, few of them stay in memory. */
  reader: QueueReader | undefined;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** Bounds from now on; what is in the queue stays. */
  set limits(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** Messages that wait; all retained messages for one subscription count as one. */
  get length(): number {
    return this.#length;
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

  /** Whether there is room for a message. */
  hasRoomFor(publication: Publication): boolean {
    const { maxQueuedMessages, maxQueuedBytes } = this.#limits;
    return this.#length < maxQueuedMessages && this.#bytes + publication.size <= maxQueuedBytes;
  }

  /** Whether the first message is there because it was retained when its subscription was made. */
  get beginsWithRetained(): boolean {
    return this.#items[this.#head] instanceof RetainedBatch;
  }

  /** Adds a message at the end. */
  push(delivery: Delivery): void {
    this.#length++;
    this.#bytes += delivery.publication.size;
    if (delivery.qos === 0) this.#unordered++;
    if (this.reader === undefined || delivery.place === undefined) this.#items.push(delivery);
    else this.#pushStored(this.reader, delivery, delivery.place.position);
  }

  /** Stands for a whole backlog in the store, as it was left by an earlier broker. */
  pushBacklog(reader: QueueReader, { count, bytes, shared }: StoredBacklog): void {
    const batch = new StoredBatch(reader, 0);
    batch.count = count;
    batch.shared = shared;
    this.#items.push(batch);
    this.#length += count;
    this.#bytes += bytes;
  }

  #pushStored(reader: QueueReader, delivery: Delivery, position: number): void {
    let last = this.#items.at(-1);
    if (!(last instanceof StoredBatch)) {
      if (this.#items.length - this.#head < WINDOW) return void this.#items.push(delivery);
      this.#items.push(last = new StoredBatch(reader, position));
    }
    last.count++;
    if (delivery.share !== undefined) last.shared++;
  }

  /** Adds retained messages at the end. They are shared with the retained store, so they count as one entry. */
  pushBatch(batch: RetainedBatch): void {
    this.#items.push(batch);
    this.#length++;
    this.#unordered++;
  }

  /** The first message, which stays in the queue until {@linkcode shift}. */
  peek(): Delivery | undefined {
    for (;;) {
      const first = this.#items[this.#head];
      if (first === undefined || first instanceof Delivery) return first;
      if (first instanceof RetainedBatch) {
        const next = first.peek();
        if (next !== undefined) return next;
        this.#length--;
        this.#unordered--;
        first.onEnd();
      } else if (!first.isEmpty) {
        return first.peek();
      }
      this.#drop();
    }
  }

  /** Takes the first message out. */
  shift(): void {
    const first = this.#items[this.#head];
    if (first === undefined) return;
    if (first instanceof RetainedBatch) return first.advance();
    this.#length--;
    if (first instanceof StoredBatch) {
      this.#bytes -= first.peek()?.publication.size ?? 0;
      return first.advance();
    }
    this.#bytes -= first.publication.size;
    if (first.qos === 0) this.#unordered--;
    this.#drop();
  }

  /**
   * Takes out what has waited longest; all retained messages for one subscription go together. Undefined: there is
   * nothing, or it cannot be read at the moment, and stays.
   */
  takeOldest(): Delivery | undefined {
    const oldest = this.peek();
    if (oldest === undefined) return undefined;
    if (!(this.#items[this.#head] instanceof RetainedBatch)) this.shift();
    else {
      this.#length--;
      this.#unordered--;
      this.#drop();
    }
    return oldest;
  }

  /** The client is gone, so what waits may wait for long: small messages get memory of their own. */
  settle(): void {
    for (let i = this.#head; i < this.#items.length; i++) {
      const item = this.#items[i];
      if (item instanceof Delivery && item.publication.isBrief) this.#items[i] = item.settled();
    }
  }

  /** Empties the queue; returns the messages of share groups that were in it, retained ones left out. */
  clear(): Delivery[] {
    const left: Delivery[] = [];
    for (const item of this.#items.slice(this.#head)) {
      if (item instanceof Delivery && item.share !== undefined) left.push(item);
      else if (item instanceof StoredBatch) left.push(...sharedOf(item));
    }
    this.#items = [];
    this.#head = 0;
    this.#length = 0;
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

/** The deliveries of share groups in a batch; reads no more of it than that takes. */
function sharedOf(batch: StoredBatch): Delivery[] {
  const found: Delivery[] = [];
  while (batch.shared > 0) {
    const delivery = batch.peek();
    if (delivery === undefined) break;
    if (delivery.share !== undefined) found.push(delivery);
    batch.advance();
  }
  return found;
}
