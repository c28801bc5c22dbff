/**
 * Time as the engine sees it, so that tests can move it by hand.
 *
 * @module
 */

/** A source of time and of one-shot timers. */
export interface Clock {
  /** Milliseconds since 1 January 1970; never goes back while the process runs. */
  now(): number;
  /** Calls `task` once, `delay` milliseconds from now or later. Returns a function that cancels it. */
  schedule(delay: number, task: () => void): () => void;
}
