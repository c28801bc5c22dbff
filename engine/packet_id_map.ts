/**
 * What is under way, by packet identifier.
 *
 * @module
 */

/** An entry of a {@linkcode PacketIdMap}, linked with others by the map alone. */
export class PacketIdEntry<E> {
  /** Neighbours in the order of adding. */
  before: E | undefined = undefined;
  after: E | undefined = undefined;
  /** Next one in the same bucket. */
  sibling: E | undefined = undefined;

  /** `packetId`: 1 to 65,535. */
  constructor(readonly packetId: number) {}
}

const FIRST_BUCKETS = 8;
/** Few steps to many buckets: *measured*, with 2 a fan-out with QoS 1 takes 3 % more time. */
const GROWTH = 4;
/** More buckets than this are given back when they are empty. */
const KEPT_BUCKETS = 64;

/**
 * Entries by packet identifier, in the order of adding.
 *
 * In place of a `Map`, whose entries come and go here all the time: V8 makes a `Map` a new table for every so many
 * deletions, and links the old table, with all that was in it, to the new one. Once an old table is in the old
 * generation, nothing that came after it is freed by the scavenger, and publishing with QoS 1 costs four times as much
 * (measured: 2.2 us against 0.5 us for a message in a client, most of it garbage collection).
 */
export class PacketIdMap<E extends PacketIdEntry<E>> {
  // The number of buckets is a power of two, and identifiers that follow each other fall into different ones.
  #buckets: (E | undefined)[] = [];
  #first: E | undefined;
  #last: E | undefined;
  #size = 0;

  /** How many entries there are. */
  get size(): number {
    return this.#size;
  }

  /** The entry of a packet identifier. */
  get(packetId: number): E | undefined {
    let entry = this.#buckets[packetId & (this.#buckets.length - 1)];
    while (entry !== undefined && entry.packetId !== packetId) entry = entry.sibling;
    return entry;
  }

  /** Adds an entry behind all others. Its packet identifier is not in here. */
  add(entry: E): void {
    if (this.#size === this.#buckets.length) this.#grow();
    this.#size++;
    this.#link(entry);
    entry.before = this.#last;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.after = entry;
    this.#last = entry;
  }

  /** Takes an entry out that is in here. It keeps no link to others, so that it holds none of them in memory. */
  delete(entry: E): void {
    this.#unlink(entry);
    const { before, after } = entry;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    entry.before = entry.after = undefined;
    if (--this.#size === 0 && this.#buckets.length > KEPT_BUCKETS) this.#buckets = [];
  }

  /** All entries in order. */
  *values(): IterableIterator<E> {
    let entry = this.#first;
    while (entry !== undefined) {
      const { after } = entry; // the entry may be deleted meanwhile
      yield entry;
      entry = after;
    }
  }

  /** Forgets all entries. */
  clear(): void {
    this.#buckets = [];
    this.#first = this.#last = undefined;
    this.#size = 0;
  }

  #link(entry: E): void {
    const index = entry.packetId & (this.#buckets.length - 1);
    entry.sibling = this.#buckets[index];
    this.#buckets[index] = entry;
  }

  #unlink(entry: E): void {
    const index = entry.packetId & (this.#buckets.length - 1);
    let previous: E | undefined;
    let other = this.#buckets[index];
    while (other !== undefined && other !== entry) {
      previous = other;
      other = other.sibling;
    }
    if (previous === undefined) this.#buckets[index] = entry.sibling;
    else previous.sibling = entry.sibling;
    entry.sibling = undefined;
  }

  #grow(): void {
    this.#buckets = new Array<E | undefined>(Math.max(FIRST_BUCKETS, GROWTH * this.#buckets.length)).fill(undefined);
    for (let entry = this.#first; entry !== undefined; entry = entry.after) this.#link(entry);
  }
}
