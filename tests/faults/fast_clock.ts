/**
 * Time that runs faster than the wall's, so that time-outs of seconds pass in a test.
 *
 * @module
 */

import type { Clock } from "../../engine/clock.ts";

/** A clock on which `factor` seconds pass in one. */
export function fastClock(factor: number): Clock {
  const begin = performance.now();
  return {
    now: () => performance.timeOrigin + begin + (performance.now() - begin) * factor,
    schedule(delay, task) {
      const timer = setTimeout(task, delay / factor);
      return () => clearTimeout(timer);
    },
  };
}
