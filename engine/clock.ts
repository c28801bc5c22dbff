/**
 * Time as the engine sees it, so that tests can move it by hand.
 *
 * @module
 */

/**
 * A source of time and of one-shot timers.
 *
 * @example
 * ```ts
 * import { type Clock, connect, systemClock } from "@x/mqtt/client";
 *
 * // Tells when the client sets a timer.
 * const clock: Clock = {
 *   now: () => systemClock.now(),
 *   schedule: (milliseconds, callback) => {
 *     console.log("in", milliseconds, "ms");
 *     return systemClock.schedule(milliseconds, callback);
 *   },
 * };
 * await using client = await connect("mqtt://127.0.0.1:1883", { clock });
 * ```
 */
export interface Clock {
  /** Milliseconds since 1 January 1970; never goes back while the process runs. */
  now(): number;
  /** Calls `task` once, `delay` milliseconds from now or later. Returns a function that cancels it. */
  schedule(delay: number, task: () => void): () => void;
}
