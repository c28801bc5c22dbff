/**
 * The platform's time.
 *
 * @module
 */

import type { Clock } from "../engine/clock.ts";

/** What timers can wait for; with more they fire at once. 24 days. */
const LONGEST_DELAY = 2_147_483_647;

/**
 * Wall-clock time at start, moved on by the monotonic clock: never goes back.
 *
 * @example
 * ```ts
 * import { systemClock } from "@x/mqtt/client";
 *
 * const cancel = systemClock.schedule(60_000, () => console.log("a minute later"));
 * console.log(new Date(systemClock.now()));
 * cancel();
 * ```
 */
export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  schedule(delay, task) {
    const id = setTimeout(task, Math.min(delay, LONGEST_DELAY));
    return () => clearTimeout(id);
  },
};
