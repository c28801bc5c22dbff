/** Tests that end, and waiting that ends. @module */

import { AssertionError } from "@std/assert";

/** The longest that one test may take: a watchdog, not an expectation. Milliseconds. */
const WATCHDOG = 15_000;

/** Runs a test body under a watchdog, so that a hanging test fails instead of hanging the run. */
export async function bounded(body: () => Promise<void>, milliseconds: number = WATCHDOG): Promise<void> {
  const expired = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => expired.reject(new AssertionError(`Expected the test to end within ${milliseconds} ms`)),
    milliseconds,
  );
  try {
    await Promise.race([body(), expired.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until a condition holds that no packet announces, e.g. that a closed connection has been noticed. */
export async function until(condition: () => boolean, what: string, milliseconds: number = 4_000): Promise<void> {
  const deadline = Date.now() + milliseconds;
  while (!condition()) {
    if (Date.now() > deadline) throw new AssertionError(`Expected ${what} within ${milliseconds} ms`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
