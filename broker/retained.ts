/**
 * Retained messages: the last one of each topic (MQTT 5.0 section 3.3.1.3).
 *
 * @module
 */

import { decodeUtf8, MAXIMUM_STRING_LENGTH } from "../codec/bytes.ts";
import type { QoS } from "../codec/packets.ts";
import type { Clock } from "../engine/clock.ts";
import { Cost, type Effort } from "./effort.ts";
import { Publication } from "./publication.ts";
import { literalEnd, RetainedFilter } from "./retained_filter.ts";
import { RetainedIndex } from "./retained_index.ts";
import { type Piece, RetainedMemory, roomFor, startOf } from "./retained_memory.ts";
import { RetainedWalk } from "./retained_walk.ts";
import { SharedTopic } from "./topic_cache.ts";

/** Bounds of the {@linkcode RetainedStore}. */
export interface RetainedLimits {
  readonly maxRetainedMessages: number;
  readonly maxRetainedBytes: number;
  /** Whether a message is found only as long as who published it may. */
  readonly checkRetainSource: boolean;
}

/** A retained message as those see it who only look. */
export interface RetainedEntry {
  readonly name: string;
  readonly qos: QoS;
  /** `Infinity` for never. */
  readonly expiresAt: number;
  /** A copy of what it is when they ask; undefined when there is none any more. */
  copy(): Publication | undefined;
}

const encoder = new TextEncoder();
/** The name that is being sought. */
const sought = new Uint8Array(MAXIMUM_STRING_LENGTH);

/** All retained messages by topic name. */
export class RetainedStore {
  readonly #memory = new RetainedMemory((place) => this.#moved(place));
  readonly #index = new RetainedIndex(this.#memory);
  readonly #limits: RetainedLimits;
  #bytes = 0;
  /** How many were ever kept. */
  #kept = 0;

  constructor(limits: RetainedLimits) {
    this.#limits = limits;
  }

  /** Messages that are kept; expired ones stay for a minute or two. */
  get size(): number {
    return this.#index.size;
  }

  /** Bytes of topics, properties and payloads. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a copy of a message as the one of its topic. False: there is no room for it. */
  set(publication: Publication): boolean {
    const { topic, topicStart, topicEnd } = publication;
    if (topicStart < 0) this.#index.seek(topic.bytes, 0, topic.bytes.length);
    else this.#index.seek(publication.bytes, topicStart, topicEnd);
    const weight = publication.topicLength + publication.size;
    const place = this.#index.found;
    return place === undefined ? this.#insert(publication, weight) : this.#replace(place, publication, weight);
  }

  #insert(publication: Publication, weight: number): boolean {
    const { maxRetainedMessages, maxRetainedBytes } = this.#limits;
    if (this.size >= maxRetainedMessages || this.#bytes + weight > maxRetainedBytes) return false;
    const place = this.#write(publication, weight);
    if (place === undefined) return false;
    this.#bytes += weight;
    this.#index.insert(place);
    return true;
  }

  #replace(place: number, publication: Publication, weight: number): boolean {
    const piece = this.#memory.pieceOf(place);
    const start = startOf(place);
    const former = piece.weight(start);
    const bytes = this.#bytes + weight - former;
    if (bytes > this.#limits.maxRetainedBytes) return false;
    if (roomFor(weight) === roomFor(former) && piece.source(start) === publication.source) {
      piece.write(start, publication, ++this.#kept);
    } else {
      const next = this.#write(publication, weight);
      if (next === undefined) return false;
      // The former one may have been moved to make room.
      const last = this.#index.placeAt(this.#index.block, this.#index.at) ?? place;
      this.#index.replace(next);
      this.#memory.leave(last);
    }
    this.#bytes = bytes;
    return true;
  }

  /** Its place; undefined if there are no more. */
  #write(publication: Publication, weight: number): number | undefined {
    const place = this.#memory.settle(roomFor(weight));
    if (place !== undefined) this.#memory.pieceOf(place).write(startOf(place), publication, ++this.#kept);
    return place;
  }

  /** Whoever is at a position of the index stays there. */
  #moved(place: number): void {
    const index = this.#index;
    const { block, at } = index;
    const piece = this.#memory.pieceOf(place);
    const start = startOf(place);
    index.seek(piece.bytes, piece.topicStart(start), piece.topicEnd(start));
    index.replace(place);
    index.block = block;
    index.at = at;
  }

  /** Forgets the message of a topic. False if there is none. */
  delete(topicName: string): boolean {
    const place = this.#placeOf(topicName);
    if (place === undefined) return false;
    this.#bytes -= this.#memory.pieceOf(place).weight(startOf(place));
    this.#index.remove();
    this.#memory.leave(place);
    return true;
  }

  #placeOf(topicName: string): number | undefined {
    // *Measured*: an array for each name takes longer than the search.
    const { read, written } = encoder.encodeInto(topicName, sought);
    if (read < topicName.length) return undefined;
    this.#index.seek(sought, 0, written);
    return this.#index.found;
  }

  /**
   * Searches the messages whose topics match a filter. Those that are kept after this call, which go to subscribers
   * anyhow, those that have expired, and those that came from the broker `notFrom` are left out. The search is told to
   * `effort` as it goes on. Undefined: there is nothing to search.
   */
  find(filter: string, clock: Clock, effort: Effort, notFrom?: string): RetainedSearch | undefined {
    if (!this.#mayMatch(filter)) return undefined;
    return new RetainedSearch(this.#walk(filter), this.#reader(clock, this.#kept, notFrom), effort);
  }

  /** Whether there is a topic with the levels before a filter's wildcards: mostly there is none, and a look is enough. */
  #mayMatch(filter: string): boolean {
    const { written } = encoder.encodeInto(filter, sought);
    const end = literalEnd(sought, written);
    if (end === 0) return this.size > 0;
    this.#index.seek(sought, 0, end);
    return this.#index.isPrefix;
  }

  /** The message of a topic, if it has not expired. */
  get(topicName: string, clock: Clock): RetainedEntry | undefined {
    const place = this.#placeOf(topicName);
    if (place === undefined) return undefined;
    const entry = this.#entry(this.#memory.pieceOf(place), startOf(place));
    return entry.expiresAt <= clock.now() ? undefined : entry;
  }

  /** All messages, expired ones included, one at a time; they may change meanwhile. */
  *values(): Generator<RetainedEntry, undefined, undefined> {
    const walk = this.#walk(undefined);
    while (walk.next()) if (walk.piece !== undefined) yield this.#entry(walk.piece, walk.start);
  }

  /** All messages whose topics match a filter, or all there are, one at a time; expired ones are left out. */
  *walk(filter: string | undefined, clock: Clock): Generator<RetainedEntry, undefined, undefined> {
    const walk = this.#walk(filter);
    while (walk.next()) {
      const { piece, start } = walk;
      if (piece !== undefined && piece.expiresAt(start) > clock.now()) yield this.#entry(piece, start);
    }
  }

  #walk(filter: string | undefined): RetainedWalk {
    return new RetainedWalk(this.#index, this.#memory, filter === undefined ? undefined : new RetainedFilter(filter));
  }

  #entry(piece: Piece, start: number): RetainedEntry {
    return new Entry(piece, start, (name) => this.#copy(name));
  }

  #copy(name: string): Publication | undefined {
    const place = this.#placeOf(name);
    if (place === undefined) return undefined;
    const shown = new Publication();
    show(shown, this.#memory.pieceOf(place), startOf(place));
    return shown.keep();
  }

  /** Tells whether a message is to be sent; those that have expired are forgotten. */
  #reader(clock: Clock, kept: number, notFrom: string | undefined): (piece: Piece, start: number) => boolean {
    return (piece, start) => {
      if (piece.order(start) > kept) return false;
      const expiresAt = piece.expiresAt(start);
      if (expiresAt < Infinity && expiresAt <= clock.now()) {
        this.delete(nameOf(piece, start));
        return false;
      }
      const source = piece.source(start);
      if (source === undefined) return true;
      if (notFrom !== undefined && source.broker?.identity === notFrom) return false;
      return !this.#limits.checkRetainSource || source.isFree || source.mayPublish(topicOf(piece, start));
    };
  }
}

/** A search for retained messages, which goes on as they are wanted. */
export class RetainedSearch {
  readonly #walk: RetainedWalk;
  readonly #effort: Effort;
  readonly #isCurrent: (piece: Piece, start: number) => boolean;
  readonly #shown = new Publication();
  /** Whether the message that the walk has come to is still wanted. */
  #isWanted = false;

  constructor(walk: RetainedWalk, isCurrent: (piece: Piece, start: number) => boolean, effort: Effort) {
    this.#walk = walk;
    this.#isCurrent = isCurrent;
    this.#effort = effort;
  }

  /**
   * The message that the search has come to, undefined at the end. It is valid until anything else is done with the
   * broker; whoever keeps it copies it.
   */
  get current(): Publication | undefined {
    const walk = this.#walk;
    const isSame = this.#isWanted && !walk.isOutdated;
    if (isSame && walk.piece !== undefined && this.#isCurrent(walk.piece, walk.start)) return this.#shown;
    const looked = walk.looked;
    const found = this.#find(this.#isWanted && !isSame);
    this.#effort.spend(Cost.Node * (walk.looked - looked));
    return found;
  }

  #find(isAgain: boolean): Publication | undefined {
    const walk = this.#walk;
    this.#isWanted = false;
    for (let isThere = isAgain ? walk.again() : walk.next(); isThere; isThere = walk.next()) {
      if (walk.piece === undefined || !this.#isCurrent(walk.piece, walk.start)) continue;
      this.#isWanted = true;
      show(this.#shown, walk.piece, walk.start);
      return this.#shown;
    }
    return undefined;
  }

  /** Goes on to the next message. */
  advance(): void {
    this.#isWanted = false;
  }
}

/** A message that was found in a walk. */
class Entry implements RetainedEntry {
  readonly qos: QoS;
  readonly expiresAt: number;
  readonly #piece: Piece;
  readonly #start: number;
  readonly #copy: (name: string) => Publication | undefined;

  constructor(piece: Piece, start: number, copy: (name: string) => Publication | undefined) {
    this.qos = piece.qos(start);
    this.expiresAt = piece.expiresAt(start);
    this.#piece = piece;
    this.#start = start;
    this.#copy = copy;
  }

  get name(): string {
    return nameOf(this.#piece, this.#start);
  }

  copy(): Publication | undefined {
    return this.#copy(this.name);
  }
}

function nameOf(piece: Piece, start: number): string {
  return decodeUtf8(piece.bytes, piece.topicStart(start), piece.topicEnd(start));
}

function topicOf(piece: Piece, start: number): SharedTopic {
  return new SharedTopic(piece.bytes, piece.topicStart(start), piece.topicEnd(start));
}

/** Lets `publication` be a message, until it is replaced or another one comes or goes. */
function show(publication: Publication, piece: Piece, start: number): void {
  publication.reset(topicOf(piece, start), piece.qos(start), true, piece.bytes);
  publication.topicStart = piece.topicStart(start);
  publication.topicEnd = publication.propertiesStart = piece.topicEnd(start);
  publication.propertiesEnd = publication.payloadStart = piece.propertiesEnd(start);
  publication.payloadEnd = piece.payloadEnd(start);
  publication.source = piece.source(start);
  publication.expiresAt = piece.expiresAt(start);
  publication.expiryAt = piece.expiryAt(start);
}
