/**
 * Where the records of retained messages lie: one behind the other in large pieces of memory. *Measured* for messages of
 * 64 bytes: an array of its own for each costs 500 bytes more, and half of the time that storing takes.
 *
 * @module
 */

import { ALIGNMENT, lengthOf, Piece, RetainedRecord } from "./retained_record.ts";

/** Bytes of a piece that messages share. */
const PIECE_SIZE = 65_536;
/** What is larger gets a piece of its own. */
const LARGEST_SHARED = 8_192;
/** A piece with less than this part of it in use is given up: what is left moves, so that memory follows the messages. */
const SPARSE = 0.25;
/** Places of a piece. */
const PLACES = PIECE_SIZE / ALIGNMENT;

/** Gives places to records, and moves them together when much of their memory has become free. */
export class RetainedMemory {
  readonly #pieces: (Piece | undefined)[] = [];
  /** Numbers of pieces that are no more. */
  readonly #freeIds: number[] = [];
  readonly #onMove: (record: RetainedRecord, place: number) => void;
  readonly #record = new RetainedRecord();
  #current = this.#addPiece(PIECE_SIZE);
  #bytes = 0;

  /** `onMove` is told where a record lies from now on. It must neither settle nor leave anything. */
  constructor(onMove: (record: RetainedRecord, place: number) => void) {
    this.#onMove = onMove;
  }

  /** Bytes of all records without their headers. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The record at a place. It is always the same object: valid until another one is looked at, settled or moved. */
  at(place: number): RetainedRecord {
    const piece = this.#pieces[Math.floor(place / PLACES)] ?? this.#current; // every place is in a piece
    return this.#record.open(piece, (place % PLACES) * ALIGNMENT);
  }

  /** Finds a place for a record with so many bytes, one at least. Others may move. */
  settle(size: number): number {
    const place = this.#place(size);
    this.#bytes += size;
    return place;
  }

  #place(size: number): number {
    const length = lengthOf(size);
    const piece = length > LARGEST_SHARED ? this.#addPiece(length) : this.#pieceFor(length);
    const place = piece.id * PLACES + piece.used / ALIGNMENT;
    this.#record.open(piece, piece.used).begin(size);
    piece.used += length;
    piece.live += length;
    return place;
  }

  /** Lets the record at a place have so many bytes if it needs no other place for that. */
  resize(place: number, size: number): boolean {
    const record = this.at(place);
    if (lengthOf(size) !== lengthOf(record.size)) return false;
    this.#bytes += size - record.size;
    record.size = size;
    return true;
  }

  /** Gives up the record at a place. Others may move. */
  leave(place: number): void {
    const record = this.at(place);
    const { piece, size } = record;
    record.end();
    piece.live -= lengthOf(size);
    this.#bytes -= size;
    if (piece !== this.#current) this.#clearIfSparse(piece);
  }

  #pieceFor(length: number): Piece {
    const full = this.#current;
    if (full.bytes.length - full.used >= length) return full;
    this.#current = this.#addPiece(PIECE_SIZE);
    this.#clearIfSparse(full);
    return this.#current;
  }

  #addPiece(length: number): Piece {
    const piece = new Piece(this.#freeIds.pop() ?? this.#pieces.length, length);
    this.#pieces[piece.id] = piece;
    return piece;
  }

  #clearIfSparse(piece: Piece): void {
    if (piece.live >= SPARSE * piece.bytes.length) return;
    const record = new RetainedRecord();
    for (let start = 0; start < piece.used; start += lengthOf(record.size)) {
      if (!record.open(piece, start).isGone) this.#move(record);
    }
    this.#pieces[piece.id] = undefined;
    this.#freeIds.push(piece.id);
  }

  #move(record: RetainedRecord): void {
    const place = this.#place(record.size);
    this.at(place).copy(record);
    this.#onMove(record, place);
  }
}
