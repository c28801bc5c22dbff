/**
 * Waiting that can be given up.
 *
 * @module
 */

import type { Clock } from "../engine/clock.ts";

/** Settles as `promise` does, or rejects with the signal's reason if that is aborted first. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      promise.catch(() => {}); // nobody waits for it any more
      return reject(signal.reason);
    }
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** Settles with `promise`, after so many milliseconds, or when the signal is aborted, whichever comes first. */
export async function settledWithin(
  clock: Clock,
  milliseconds: number,
  promise: Promise<unknown>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const enough = Promise.withResolvers<void>();
  const cancel = clock.schedule(milliseconds, enough.resolve);
  await abortable(Promise.race([promise, enough.promise]), signal).catch(() => {});
  cancel();
}

/**
 * Lets everything else run that can: promises, and one turn of the event loop. It is about order, not about time, hence
 * no clock.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
