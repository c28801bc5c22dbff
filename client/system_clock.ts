/**
 * The platform's time.
 *
 * @module
 */

import type { Clock } from "../engine/clock.ts";

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
    const id = setTimeout(task, delay);
    return () => clearTimeout(id);
  },
};
