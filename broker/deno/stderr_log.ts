/**
 * Log lines on standard error, in Mosquitto's form.
 *
 * @module
 */

import type { LogSink } from "../log.ts";

const ENCODER = new TextEncoder();

/** Writes lines that begin with the seconds since 1970; with `verbose`, those of level `debug` too. */
export function stderrLog(verbose: boolean): LogSink {
  return {
    debug: verbose,
    write(level, line) {
      if (level === "debug" && !verbose) return;
      Deno.stderr.writeSync(ENCODER.encode(`${Math.floor(Date.now() / 1000)}: ${line}\n`));
    },
  };
}
