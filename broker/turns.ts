/**
 * Turns of the event loop.
 *
 * @module
 */

/** Runs a task after the events that wait. Not all runtimes have the quick way; a timer takes a millisecond or more. */
const afterEvents: (task: () => void) => unknown = typeof setImmediate === "function"
  ? setImmediate
  : (task) => setTimeout(task, 0);

/** Resolves when all that has come in by now has been handled. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => afterEvents(resolve));
}

const ONE_BYTE = new Uint8Array(1);

/**
 * Resolves when the runtime has looked at its sockets. With more to do at once, as writes mostly have, it goes on with
 * that for a long time: it looks when it has to wait. *Measured* on Deno: for a timer it waits a millisecond or more, for
 * another thread, which this is, 50 µs.
 */
export async function letOthersGo(): Promise<void> {
  await crypto.subtle.digest("SHA-256", ONE_BYTE);
}

/**
 * Resolves when the runtime has had to wait, and so has looked at all of its sockets, after a millisecond or more: for
 * work that takes so much longer that it does not matter.
 */
export function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

/** So many small pieces of work, a few microseconds each, are done before other clients have their turn. */
const PIECES_IN_A_ROW = 512;

/** The work of one client that comes in small pieces, many of which may stand in one packet. */
export class Stint {
  #done = 0;

  /** Counts pieces that were done. A promise: enough for now, the next ones wait until it resolves. */
  done(pieces: number): Promise<void> | undefined {
    this.#done += pieces;
    if (this.#done < PIECES_IN_A_ROW) return undefined;
    this.#done = 0;
    return letOthersGo();
  }
}
