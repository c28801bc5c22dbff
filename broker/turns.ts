/**
 * Turns of the event loop.
 *
 * A socket that is always ready settles its reads and writes at once, and promises that settle at once keep all other
 * events waiting: *measured*, for up to 128 reads in a row. Whoever has worked for a while lets the others have a turn.
 *
 * @module
 */

/** Runs a task after the events that wait. Not all runtimes have the quick way; a timer takes a millisecond or more. */
const afterEvents: (task: () => void) => unknown = typeof setImmediate === "function"
  ? setImmediate
  : (task) => setTimeout(task, 0);

/** Resolves when the events that wait have had their turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => afterEvents(resolve));
}
