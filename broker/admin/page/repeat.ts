/**
 * Work that is done again and again while somebody looks.
 *
 * @module
 */

/**
 * Runs a task, waits, and runs it again, until `signal` is aborted; the task must not throw. While the page is hidden it
 * rests, and when it is shown again the task runs at once. `now` makes it run at once, too.
 */
export function repeat(task: () => Promise<void>, milliseconds: number, signal: AbortSignal): { now(): void } {
  let waiting = Promise.withResolvers<void>();
  const now = () => waiting.resolve();
  const shown = () => document.hidden || now();
  const run = async () => {
    while (!signal.aborted) {
      waiting = Promise.withResolvers();
      if (!document.hidden) await task();
      const timer = setTimeout(now, milliseconds);
      await waiting.promise;
      clearTimeout(timer);
    }
  };
  document.addEventListener("visibilitychange", shown, { signal });
  signal.addEventListener("abort", now, { once: true });
  void run();
  return { now };
}
