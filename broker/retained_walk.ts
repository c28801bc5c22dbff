/**
 * Goes from one retained message to the next, in the order of their topics.
 *
 * @module
 */

import { type RetainedFilter, Verdict } from "./retained_filter.ts";
import type { RetainedIndex } from "./retained_index.ts";
import { type Piece, type RetainedMemory, startOf } from "./retained_memory.ts";

/** What it costs to seek, as much as to look at so many messages. */
const SEEK = 4;

/** A walk over the messages whose topics match a filter, or over all. They may change between any two steps. */
export class RetainedWalk {
  readonly #index: RetainedIndex;
  readonly #memory: RetainedMemory;
  readonly #filter: RetainedFilter | undefined;
  #block = 0;
  #at = 0;
  /** That of the index when it was there. */
  #version = -1;
  /** The piece that holds the message that the walk has come to; undefined at the beginning. */
  piece: Piece | undefined;
  /** Where the message starts in the piece. */
  start = 0;
  /** How many messages were looked at so far: what it cost. */
  looked = 0;

  /** `filter` undefined: all of them, those of the broker itself included. */
  constructor(index: RetainedIndex, memory: RetainedMemory, filter: RetainedFilter | undefined) {
    this.#index = index;
    this.#memory = memory;
    this.#filter = filter;
  }

  /** Whether the message may have been moved since the walk came to it. */
  get isOutdated(): boolean {
    return this.#version !== this.#index.version;
  }

  /** Goes on to the next message. False: there is none. */
  next(): boolean {
    if (this.piece === undefined) this.#begin();
    else if (this.#version === this.#index.version || this.#return(this.piece)) this.#at++;
    return this.#find();
  }

  /** Goes back to where the message is now, or if there is none to the next. False: there is none either. */
  again(): boolean {
    if (this.piece === undefined) this.#begin();
    else this.#return(this.piece);
    return this.#find();
  }

  #begin(): void {
    const filter = this.#filter;
    if (filter !== undefined) this.#seek(filter.target, filter.targetStart, filter.targetEnd, false);
  }

  /** Whether the topic has a message. */
  #return(piece: Piece): boolean {
    // A message's bytes stay where they are for whoever holds the piece, even if it is somewhere else now.
    this.#seek(piece.bytes, piece.topicStart(this.start), piece.topicEnd(this.start), false);
    return this.#index.found !== undefined;
  }

  #seek(bytes: Uint8Array, start: number, end: number, isPast: boolean): void {
    this.#index.seek(bytes, start, end, isPast);
    this.#block = this.#index.block;
    this.#at = this.#index.at;
  }

  #find(): boolean {
    this.#version = this.#index.version;
    const filter = this.#filter;
    for (;;) {
      const place = this.#index.placeAt(this.#block, this.#at);
      if (place === undefined) {
        if (!this.#index.hasBlock(this.#block)) return false;
        this.#block++;
        this.#at = 0;
        continue;
      }
      this.looked++;
      const piece = this.#memory.pieceOf(place);
      const start = startOf(place);
      const verdict = filter?.check(piece.bytes, piece.topicStart(start), piece.topicEnd(start)) ?? Verdict.Matches;
      if (verdict === Verdict.End) return false;
      if (verdict === Verdict.Matches) {
        this.piece = piece;
        this.start = start;
        return true;
      }
      if (verdict === Verdict.GoOn) this.#at++;
      else this.#leap(filter);
    }
  }

  #leap(filter: RetainedFilter | undefined): void {
    if (filter === undefined) return;
    this.looked += SEEK;
    this.#seek(filter.target, filter.targetStart, filter.targetEnd, filter.isPast);
  }
}
