/**
 * Where retained messages lie: one behind the other in large pieces of memory, each with its numbers before its bytes.
 * *Measured* for topics of 24 bytes and payloads of 64: a message takes 130 bytes; as an object with a string and a
 * node in a tree it took 380, most of the time that storing takes went into collecting garbage, and others waited for
 * that.
 *
 * @module
 */

import type { QoS } from "../codec/packets.ts";
import { copyBytes } from "./output.ts";
import type { Publication } from "./publication.ts";
import type { SessionAccess } from "./session_access.ts";

/** Bytes of a piece that messages share. */
const PIECE_SIZE = 65_536;
/** What is larger gets a piece of its own. */
const LARGEST_SHARED = 8_192;
/** A piece with less than this part of it in use is given up: what is left moves, so that memory follows the messages. */
const SPARSE = 0.25;
/** A message begins at a multiple of so many bytes, as a power of two. */
const ALIGNMENT = 4;
/** As a power of two: places in a piece. */
const PLACES = 12;
/** Pieces that the bits of a place can tell apart. */
const MAX_PIECES = 2 ** (32 - PLACES);

/** Bytes before a message's topic: when it came and when it expires, and {@linkcode Word}. */
const HEADER = 32;

/** Numbers of a message of 32 bits, by their place among those of its header. */
const Word = {
  /** 16 bits for the length of the topic, 2 for the QoS, 1 for whether it is here, 13 for its source. */
  Shape: 4,
  PropertiesLength: 5,
  PayloadLength: 6,
  /** Where the message expiry interval stands in the properties, plus 1; 0 for none. */
  ExpiryAt: 7,
} as const;

const TOPIC_LENGTH = 0xffff;
const QOS_SHIFT = 16;
const IS_HERE = 1 << 18;
const SOURCE_SHIFT = 19;

/** A piece of memory. Messages are named by where they start. */
export class Piece {
  readonly bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #times: Float64Array;
  /** Of the messages, one after the other; those that follow each other share one. */
  readonly #sources: (SessionAccess | undefined)[] = [];
  used = 0;
  /** Bytes of the messages that are still here. */
  live = 0;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.#words = new Uint32Array(this.bytes.buffer);
    this.#times = new Float64Array(this.bytes.buffer);
  }

  /** Where its topic starts. */
  topicStart(start: number): number {
    return start + HEADER;
  }

  /** Where its topic ends, and its properties begin. */
  topicEnd(start: number): number {
    return start + HEADER + (this.#word(start, Word.Shape) & TOPIC_LENGTH);
  }

  /** Where its properties end, and its payload begins. */
  propertiesEnd(start: number): number {
    return this.topicEnd(start) + this.#word(start, Word.PropertiesLength);
  }

  /** Where its payload ends. */
  payloadEnd(start: number): number {
    return this.propertiesEnd(start) + this.#word(start, Word.PayloadLength);
  }

  /** Bytes of topic, properties and payload. */
  weight(start: number): number {
    return this.payloadEnd(start) - start - HEADER;
  }

  /** Bytes that it takes here. */
  room(start: number): number {
    return roomFor(this.weight(start));
  }

  qos(start: number): QoS {
    return ((this.#word(start, Word.Shape) >>> QOS_SHIFT) & 3) as QoS; // as it was written
  }

  /** Which of all retained messages it was, in the order of their coming. */
  order(start: number): number {
    return this.#times[start >>> 3] ?? 0;
  }

  /** Clock time in milliseconds; `Infinity` for never. */
  expiresAt(start: number): number {
    return this.#times[(start >>> 3) + 1] ?? 0;
  }

  /** Where the identifier byte of the message expiry interval stands in the bytes; -1 for none. */
  expiryAt(start: number): number {
    const at = this.#word(start, Word.ExpiryAt);
    return at === 0 ? -1 : this.topicEnd(start) + at - 1;
  }

  source(start: number): SessionAccess | undefined {
    return this.#sources[this.#numberAt(start)];
  }

  /** Whether it has not been moved or deleted. */
  isHere(start: number): boolean {
    return (this.#word(start, Word.Shape) & IS_HERE) !== 0;
  }

  /** Writes a message for which there is room: a new one, or in place of another one of the same source. */
  write(start: number, publication: Publication, order: number): void {
    const { topicLength, propertiesStart, propertiesEnd, payloadStart, payloadEnd, source } = publication;
    this.#times[start >>> 3] = order;
    this.#times[(start >>> 3) + 1] = publication.expiresAt;
    const words = start >>> 2;
    const shape = topicLength | publication.qos << QOS_SHIFT | IS_HERE;
    // Sources are as many as messages were ever put here, and no more.
    const number = this.isHere(start) && this.source(start) === source ? this.#numberAt(start) : this.#add(source);
    this.#words[words + Word.Shape] = shape | number << SOURCE_SHIFT;
    this.#words[words + Word.PropertiesLength] = propertiesEnd - propertiesStart;
    this.#words[words + Word.PayloadLength] = payloadEnd - payloadStart;
    this.#words[words + Word.ExpiryAt] = publication.expiryAt < 0 ? 0 : publication.expiryAt - propertiesStart + 1;
    publication.writeTopic(this.bytes, start + HEADER, 0);
    const at = start + HEADER + topicLength;
    copyBytes(this.bytes, at, publication.bytes, propertiesStart, propertiesEnd);
    copyBytes(this.bytes, at + propertiesEnd - propertiesStart, publication.bytes, payloadStart, payloadEnd);
  }

  /** Copies the message that starts at `from` in another piece. */
  copy(start: number, other: Piece, from: number): void {
    this.bytes.set(other.bytes.subarray(from, other.payloadEnd(from)), start);
    const shape = this.#word(start, Word.Shape) & ((1 << SOURCE_SHIFT) - 1);
    this.#words[(start >>> 2) + Word.Shape] = shape | this.#add(other.source(from)) << SOURCE_SHIFT;
  }

  /** The message is here no more. Its bytes stay for whoever is looking at them. */
  leave(start: number): void {
    this.live -= this.room(start);
    this.#words[(start >>> 2) + Word.Shape] = this.#word(start, Word.Shape) & ~IS_HERE;
  }

  #word(start: number, word: number): number {
    return this.#words[(start >>> 2) + word] ?? 0;
  }

  #numberAt(start: number): number {
    return this.#word(start, Word.Shape) >>> SOURCE_SHIFT;
  }

  #add(source: SessionAccess | undefined): number {
    const last = this.#sources.length - 1;
    return last >= 0 && this.#sources[last] === source ? last : this.#sources.push(source) - 1;
  }
}

/** Bytes for a message with so many bytes of topic, properties and payload. */
export function roomFor(weight: number): number {
  return (HEADER + weight + (1 << ALIGNMENT) - 1) & -(1 << ALIGNMENT);
}

/** Where the message of a place starts in its piece. */
export function startOf(place: number): number {
  return (place & ((1 << PLACES) - 1)) << ALIGNMENT;
}

/** Has places for messages, and moves messages together when many have left. A place is a number of 32 bits. */
export class RetainedMemory {
  /** By their numbers. */
  readonly #pieces: (Piece | undefined)[] = [new Piece(PIECE_SIZE)];
  /** Numbers of pieces that were given up. */
  readonly #free: number[] = [];
  readonly #onMove: (place: number) => void;
  #current = 0;

  /** `onMove` gets the new place of a message that was moved; the old one still shows its name at that time. */
  constructor(onMove: (place: number) => void) {
    this.#onMove = onMove;
  }

  /** Bytes of all pieces. */
  get size(): number {
    return this.#pieces.reduce((size, piece) => size + (piece?.bytes.length ?? 0), 0);
  }

  /** The piece that a place is in. */
  pieceOf(place: number): Piece {
    const piece = this.#pieces[place >>> PLACES];
    if (piece === undefined) throw new RangeError(`Cannot read retained message: nothing is at place ${place}`);
    return piece;
  }

  /** A place for a message with so many bytes; undefined if there are none left. */
  settle(room: number): number | undefined {
    const number = room > LARGEST_SHARED ? this.#add(room) : this.#numberFor(room);
    if (number === undefined) return undefined;
    const piece = this.#pieces[number];
    if (piece === undefined) return undefined;
    const start = piece.used;
    piece.used += room;
    piece.live += room;
    return (number << PLACES) | (start >>> ALIGNMENT);
  }

  /** The message of `place` is gone, or somewhere else. */
  leave(place: number): void {
    const piece = this.pieceOf(place);
    piece.leave(startOf(place));
    const number = place >>> PLACES;
    if (number !== this.#current && piece.live < SPARSE * piece.bytes.length) this.#clear(piece, number);
  }

  #numberFor(room: number): number | undefined {
    const current = this.#pieces[this.#current];
    if (current !== undefined && current.bytes.length - current.used >= room) return this.#current;
    const number = this.#add(PIECE_SIZE);
    if (number === undefined) return undefined;
    const last = this.#current;
    this.#current = number;
    if (current !== undefined && current.live < SPARSE * current.bytes.length) this.#clear(current, last);
    return this.#current;
  }

  #add(size: number): number | undefined {
    const number = this.#free.pop() ?? this.#pieces.length;
    if (number >= MAX_PIECES) return undefined;
    this.#pieces[number] = new Piece(size);
    return number;
  }

  #clear(piece: Piece, number: number): void {
    for (let start = 0; start < piece.used && piece.live > 0;) {
      const room = piece.room(start);
      if (piece.isHere(start)) this.#move(piece, start, room);
      start += room;
    }
    if (piece.live > 0) return;
    this.#pieces[number] = undefined;
    this.#free.push(number);
  }

  #move(piece: Piece, start: number, room: number): void {
    const place = this.settle(room);
    if (place === undefined) return;
    this.pieceOf(place).copy(startOf(place), piece, start);
    this.#onMove(place);
    piece.leave(start);
  }
}
