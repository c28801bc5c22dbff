/**
 * What a log line looks like.
 *
 * @module
 */

import { strftime } from "../../engine/strftime.ts";
import { type LogLevel, visible } from "../log.ts";

/** `text` is Mosquitto's form, `json` an object a line with `time` (ISO 8601, UTC), `level` and `message`. */
export type LogFormat = "text" | "json";

/** What stands before a line. */
export interface TimestampSettings {
  readonly timestamp: boolean;
  /** For {@linkcode strftime}; undefined for the seconds since 1970. */
  readonly timestampFormat: string | undefined;
}

/** Puts a line together, without line end. `now` is in milliseconds since 1970. */
export function formatLine(
  format: LogFormat,
  settings: TimestampSettings,
  level: LogLevel,
  line: string,
  now: number,
): string {
  if (format === "json") return JSON.stringify({ time: new Date(now).toISOString(), level, message: line });
  // Names of clients may have line ends in them.
  const safe = visible(line);
  if (!settings.timestamp) return safe;
  const { timestampFormat } = settings;
  const time = timestampFormat === undefined ? Math.floor(now / 1000) : strftime(timestampFormat, new Date(now));
  return `${time}: ${safe}`;
}
