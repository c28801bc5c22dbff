/**
 * What ends a command from outside: time and signals.
 *
 * @module
 */

import { CommandError, ExitCode } from "./exit.ts";

/** Aborted when the time is over, or when the process is asked to end; the reason is what the command ends with. */
export interface Interruption extends Disposable {
  readonly signal: AbortSignal;
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Begins to watch, until it is disposed of. */
export function interruptions(seconds: number | undefined): Interruption {
  const controller = new AbortController();
  const onSignal = () => controller.abort(new CommandError("", ExitCode.Success));
  const onTimeout = () => controller.abort(new CommandError("Timed out", ExitCode.TimedOut));
  const timer = seconds === undefined ? undefined : setTimeout(onTimeout, seconds * 1_000);
  for (const name of SIGNALS) Deno.addSignalListener(name, onSignal);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      for (const name of SIGNALS) Deno.removeSignalListener(name, onSignal);
    },
  };
}
