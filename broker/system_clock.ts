/**
 * The platform's time.
 *
 * @module
 */

import type { Clock } from "../engine/clock.ts";

/**
 * The date as a clock knows it now, in milliseconds since 1970. The machine's may be set while the broker runs, as it is
 * on a device that finds out the time after its start; time spans must not follow that, the end of a token must.
 */
export function dateOf(clock: Clock): number {
  return clock === systemClock ? Date.now() : clock.now();
}

/** Wall-clock time at start, moved on by the monotonic clock: never goes back. */
export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  schedule(delay, task) {
    const id = setTimeout(task, delay);
    return () => clearTimeout(id);
  },
};
