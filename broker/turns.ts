/**
 * Turns of the event loop.
 *
 * @module
 */

import { systemClock } from "./system_clock.ts";

/** Runs a task after the events that wait. Not all runtimes have the quick way; a timer takes a millisecond or more. */
const afterEvents: (task: () => void) => unknown = typeof setImmediate === "function"
  ? setImmediate
  : (task) => setTimeout(task, 0);

/** Resolves when all that has come in by now has been handled. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => afterEvents(resolve));
}

/** So many small pieces of work, a few microseconds each, are done before other clients have their turn. */
const PIECES_IN_A_ROW = 2_048;

/** The work of one client that comes in small pieces, many of which may stand in one packet. */
export class Stint {
  #done = 0;

  /** Counts pieces that were done. A promise: enough for now, the next ones wait until it resolves. */
  done(pieces: number): Promise<void> | undefined {
    this.#done += pieces;
    if (this.#done < PIECES_IN_A_ROW) return undefined;
    this.#done = 0;
    // Only a timer lets the runtime look at its sockets.
    return new Promise((resolve) => systemClock.schedule(1, resolve));
  }
}
