/**
 * What a log line looks like.
 *
 * @module
 */

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

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** A time in local terms as C's `strftime` writes it in its own locale; what it does not know stays as it is. */
export function strftime(format: string, date: Date): string {
  return format.replaceAll(/%([a-zA-Z%])/g, (whole: string, letter: string) => conversion(letter, date) ?? whole);
}

function conversion(letter: string, date: Date): string | undefined {
  const hour = date.getHours();
  const minutesWest = date.getTimezoneOffset();
  switch (letter) {
    case "a":
      return DAYS[date.getDay()]?.slice(0, 3);
    case "A":
      return DAYS[date.getDay()];
    case "b":
    case "h":
      return MONTHS[date.getMonth()]?.slice(0, 3);
    case "B":
      return MONTHS[date.getMonth()];
    case "c":
      return strftime("%a %b %e %T %Y", date);
    case "C":
      return two(Math.floor(date.getFullYear() / 100));
    case "d":
      return two(date.getDate());
    case "D":
    case "x":
      return strftime("%m/%d/%y", date);
    case "e":
      return String(date.getDate()).padStart(2, " ");
    case "F":
      return strftime("%Y-%m-%d", date);
    case "H":
      return two(hour);
    case "I":
      return two(hour % 12 || 12);
    case "j":
      return String(dayOfYear(date)).padStart(3, "0");
    case "m":
      return two(date.getMonth() + 1);
    case "M":
      return two(date.getMinutes());
    case "n":
      return " ";
    case "p":
      return hour < 12 ? "AM" : "PM";
    case "r":
      return strftime("%I:%M:%S %p", date);
    case "R":
      return strftime("%H:%M", date);
    case "s":
      return String(Math.floor(date.getTime() / 1000));
    case "S":
      return two(date.getSeconds());
    case "T":
    case "X":
      return strftime("%H:%M:%S", date);
    case "u":
      return String(date.getDay() || 7);
    case "w":
      return String(date.getDay());
    case "y":
      return two(date.getFullYear() % 100);
    case "Y":
      return String(date.getFullYear());
    case "z": {
      const size = Math.abs(minutesWest);
      return `${minutesWest > 0 ? "-" : "+"}${two(Math.floor(size / 60))}${two(size % 60)}`;
    }
    case "Z":
      return Intl.DateTimeFormat("en", { timeZoneName: "short" }).formatToParts(date)
        .find(({ type }) => type === "timeZoneName")?.value;
    case "%":
      return "%";
  }
  return undefined;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}

function dayOfYear(date: Date): number {
  const midnight = Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  return (midnight - Date.UTC(date.getFullYear(), 0, 0)) / 86_400_000;
}
