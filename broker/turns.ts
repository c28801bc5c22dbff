/**
 * Turns of the event loop, which clients with much to do share with all others.
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
