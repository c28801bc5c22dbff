/**
 * What ends a command from outside: time and signals.
 *
 * @module
 */

/** Aborted when the time is over, or when the process is asked to end. */
export interface Interruption extends Disposable {
  readonly signal: AbortSignal;
  /** Whether it was the time. */
  readonly isTimeout: boolean;
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Begins to watch, until it is disposed of. */
export function interruptions(seconds: number | undefined): Interruption {
  const controller = new AbortController();
  let isTimeout = false;
  const onSignal = () => controller.abort();
  const onTimeout = () => {
    isTimeout = true;
    controller.abort();
  };
  const timer = seconds === undefined ? undefined : setTimeout(onTimeout, seconds * 1_000);
  for (const name of SIGNALS) Deno.addSignalListener(name, onSignal);
  return {
    signal: controller.signal,
    get isTimeout() {
      return isTimeout;
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      for (const name of SIGNALS) Deno.removeSignalListener(name, onSignal);
    },
  };
}
