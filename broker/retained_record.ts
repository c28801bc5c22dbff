/**
 * What a retained message looks like in memory: a header of numbers, then the bytes of topic name, properties and payload.
 *
 * There is no object for each. *Measured* for 100,000 messages that are stored: objects made it a half more that the
 * garbage collector has to copy, and stops the broker for.
 *
 * @module
 */

import { decodeUtf8 } from "../codec/bytes.ts";
import type { QoS } from "../codec/packets.ts";
import { copyBytes } from "./output.ts";
import type { Publication } from "./publication.ts";
import type { SessionAccess } from "./session_access.ts";
import { NamedTopic } from "./topic_cache.ts";

/** Records begin at multiples of so many bytes. */
export const ALIGNMENT = 8;

// The header: 32-bit numbers, then two of 64 bits, by their places among such numbers.
/** Bytes behind the header; what has been given up has that many below zero. */
const SIZE = 0;
/** Which record of the piece it is. */
const NUMBER = 1;
const QOS = 2;
const TOPIC_LENGTH = 3;
const PROPERTIES_LENGTH = 4;
/** Where the message expiry interval stands in the properties; -1 for none. */
const EXPIRY_AT = 5;
/** Clock time in milliseconds; `Infinity` for never. */
const EXPIRES_AT = 3;
/** Which of all retained messages it was, in the order of their coming. */
const ORDER = 4;
const HEADER = 40;

/** Bytes that a record with so many behind its header takes. */
export function lengthOf(size: number): number {
  return HEADER + Math.ceil(size / ALIGNMENT) * ALIGNMENT;
}

/** A piece of memory with records, one behind the other. */
export class Piece {
  /** Its number among all pieces. */
  readonly id: number;
  readonly bytes: Uint8Array;
  /** The same memory as numbers of 32 bits. */
  readonly words: Int32Array;
  /** The same memory as numbers of 64 bits. */
  readonly doubles: Float64Array;
  /** For each record, what its publisher may do. */
  readonly sources: (SessionAccess | undefined)[] = [];
  /** Bytes that are taken by records. */
  used = 0;
  /** Bytes of those that have not been given up. */
  live = 0;

  /** `length`: a multiple of {@linkcode ALIGNMENT}. */
  constructor(id: number, length: number) {
    const memory = new ArrayBuffer(length);
    this.id = id;
    this.bytes = new Uint8Array(memory);
    this.words = new Int32Array(memory);
    this.doubles = new Float64Array(memory);
  }
}

const NOWHERE = new Piece(-1, HEADER);

/** Looks at one record after the other: the same object serves for many. */
export class RetainedRecord {
  piece = NOWHERE;
  /** Where it begins in the piece. */
  start = 0;

  /** Turns to another record. */
  open(piece: Piece, start: number): this {
    this.piece = piece;
    this.start = start;
    return this;
  }

  /** Begins an empty record for so many bytes. */
  begin(size: number): void {
    this.size = size;
    this.#setWord(NUMBER, this.piece.sources.push(undefined) - 1);
  }

  /** Gives it up: its bytes are free. */
  end(): void {
    this.piece.sources[this.#word(NUMBER)] = undefined;
    this.size = -this.size;
  }

  get isGone(): boolean {
    return this.#word(SIZE) < 0;
  }

  /** Bytes of topic, properties and payload. */
  get size(): number {
    return Math.abs(this.#word(SIZE));
  }

  set size(size: number) {
    this.#setWord(SIZE, size);
  }

  get qos(): QoS {
    return this.#word(QOS) as QoS; // `take` has put one there
  }

  get order(): number {
    return this.#double(ORDER);
  }

  get expiresAt(): number {
    return this.#double(EXPIRES_AT);
  }

  /** Decodes the topic name. */
  get name(): string {
    const start = this.start + HEADER;
    return decodeUtf8(this.piece.bytes, start, start + this.#word(TOPIC_LENGTH));
  }

  /** Takes up a message of just this size. */
  take(publication: Publication, order: number): void {
    const { bytes, topicLength, propertiesStart, propertiesEnd, payloadStart, payloadEnd, expiryAt } = publication;
    const propertiesLength = propertiesEnd - propertiesStart;
    this.#setWord(QOS, publication.qos);
    this.#setWord(TOPIC_LENGTH, topicLength);
    this.#setWord(PROPERTIES_LENGTH, propertiesLength);
    this.#setWord(EXPIRY_AT, expiryAt < 0 ? -1 : expiryAt - propertiesStart);
    this.#setDouble(EXPIRES_AT, publication.expiresAt);
    this.#setDouble(ORDER, order);
    this.piece.sources[this.#word(NUMBER)] = publication.source;
    const target = this.piece.bytes;
    const at = this.start + HEADER;
    publication.writeTopic(target, at, 0);
    copyBytes(target, at + topicLength, bytes, propertiesStart, propertiesEnd);
    copyBytes(target, at + topicLength + propertiesLength, bytes, payloadStart, payloadEnd);
  }

  /** Becomes a copy of a record of the same size. */
  copy(other: RetainedRecord): void {
    const number = this.#word(NUMBER);
    const { start, piece: { bytes, sources } } = other;
    this.piece.bytes.set(bytes.subarray(start, start + HEADER + other.size), this.start);
    this.piece.sources[number] = sources[other.#word(NUMBER)];
    this.#setWord(NUMBER, number);
  }

  /** Lets `publication` be this message, whose topic is `name`, until it is replaced or another one comes or goes. */
  show(name: string, publication: Publication): void {
    const { start, piece: { bytes, sources } } = this;
    publication.reset(new NamedTopic(name), this.qos, true, bytes);
    publication.topicStart = start + HEADER;
    publication.topicEnd = publication.topicStart + this.#word(TOPIC_LENGTH);
    publication.propertiesStart = publication.topicEnd;
    publication.propertiesEnd = publication.propertiesStart + this.#word(PROPERTIES_LENGTH);
    publication.payloadStart = publication.propertiesEnd;
    publication.payloadEnd = publication.topicStart + this.size;
    publication.source = sources[this.#word(NUMBER)];
    publication.expiresAt = this.expiresAt;
    const expiryAt = this.#word(EXPIRY_AT);
    if (expiryAt >= 0) publication.expiryAt = publication.propertiesStart + expiryAt;
  }

  #word(field: number): number {
    return this.piece.words[(this.start >> 2) + field] ?? 0;
  }

  #setWord(field: number, value: number): void {
    this.piece.words[(this.start >> 2) + field] = value;
  }

  #double(field: number): number {
    return this.piece.doubles[(this.start >> 3) + field] ?? 0;
  }

  #setDouble(field: number, value: number): void {
    this.piece.doubles[(this.start >> 3) + field] = value;
  }
}
