/**
 * Lines to the system's log, by way of the `logger` program that every Linux has.
 *
 * @module
 */

import { type LogLevel, visible } from "../log.ts";
import type { LogTarget } from "./log_writer.ts";

/** Severities of syslog. */
const SEVERITIES: Readonly<Record<LogLevel, number>> = {
  error: 3,
  warning: 4,
  notice: 5,
  information: 6,
  debug: 7,
  subscribe: 5,
  unsubscribe: 5,
};
const DAEMON = 3;
const LOCAL0 = 16;

/** A line with its priority before it; `facility` is the number of `local0` to `local7`, undefined for `daemon`. */
export function syslogLine(level: LogLevel, facility: number | undefined, line: string): string {
  return `<${(facility === undefined ? DAEMON : LOCAL0 + facility) * 8 + SEVERITIES[level]}>${visible(line)}`;
}

/** Starts `logger`. Throws `Deno.errors.NotFound` on the first write where there is none. */
export function openSyslog(): LogTarget {
  let writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  return {
    async write(bytes) {
      writer ??= startLogger();
      try {
        await writer.write(bytes);
      } catch (error) {
        writer = undefined;
        throw error;
      }
      return bytes.length;
    },
    close: () => void writer?.close().catch(() => {}),
  };
}

function startLogger(): WritableStreamDefaultWriter<Uint8Array> {
  const child = new Deno.Command("logger", {
    args: ["--prio-prefix", "--tag", "mqtt-broker"],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  child.unref();
  return child.stdin.getWriter();
}
