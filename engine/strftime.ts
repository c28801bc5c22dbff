/**
 * Dates and times as the C function `strftime` prints them in the C locale, in local time: for the log of the broker and
 * the tools of the client, which have formats in common with Mosquitto's.
 *
 * @module
 */

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
const MILLISECONDS_A_DAY = 86_400_000;

type Field = (date: Date) => string;

const FIELDS: Readonly<Record<string, Field>> = {
  a: (date) => dayName(date).slice(0, 3),
  A: dayName,
  b: (date) => monthName(date).slice(0, 3),
  B: monthName,
  c: (date) => join(date, "a b e", " ") + ` ${time(date)} ${date.getFullYear()}`,
  C: (date) => two(Math.floor(date.getFullYear() / 100)),
  d: (date) => two(date.getDate()),
  D: (date) => join(date, "m d y", "/"),
  e: (date) => spaced(date.getDate()),
  F: (date) => join(date, "Y m d", "-"),
  g: (date) => two(isoWeek(date).year % 100),
  G: (date) => String(isoWeek(date).year),
  h: (date) => monthName(date).slice(0, 3),
  H: (date) => two(date.getHours()),
  I: (date) => two(hour12(date)),
  j: (date) => String(dayOfYear(date) + 1).padStart(3, "0"),
  k: (date) => spaced(date.getHours()),
  l: (date) => spaced(hour12(date)),
  m: (date) => two(date.getMonth() + 1),
  M: (date) => two(date.getMinutes()),
  n: () => "\n",
  p: (date) => date.getHours() < 12 ? "AM" : "PM",
  P: (date) => date.getHours() < 12 ? "am" : "pm",
  r: (date) => `${join(date, "I M S", ":")} ${field(date, "p")}`,
  R: (date) => join(date, "H M", ":"),
  s: (date) => String(Math.floor(date.getTime() / 1_000)),
  S: (date) => two(date.getSeconds()),
  t: () => "\t",
  T: time,
  u: (date) => String(date.getDay() === 0 ? 7 : date.getDay()),
  U: (date) => two(Math.floor((dayOfYear(date) + 7 - date.getDay()) / 7)),
  V: (date) => two(isoWeek(date).week),
  w: (date) => String(date.getDay()),
  W: (date) => two(Math.floor((dayOfYear(date) + 7 - (date.getDay() + 6) % 7) / 7)),
  x: (date) => join(date, "m d y", "/"),
  X: time,
  y: (date) => two(date.getFullYear() % 100),
  Y: (date) => String(date.getFullYear()),
  z: zone,
  Z: zoneName,
  "%": () => "%",
};

/** The format with the fields of this time in it; what is no field stays as it is. */
export function strftime(format: string, date: Date): string {
  return format.replaceAll(/%([a-zA-Z%])/g, (_, letter: string) => field(date, letter));
}

/** What `strftime` makes of `%` and this letter; both of them if it knows no such field. */
export function field(date: Date, letter: string): string {
  return FIELDS[letter]?.(date) ?? `%${letter}`;
}

function join(date: Date, letters: string, separator: string): string {
  return letters.split(" ").map((letter) => field(date, letter)).join(separator);
}

function time(date: Date): string {
  return join(date, "H M S", ":");
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function spaced(value: number): string {
  return String(value).padStart(2, " ");
}

function dayName(date: Date): string {
  return DAYS[date.getDay()] ?? "";
}

function monthName(date: Date): string {
  return MONTHS[date.getMonth()] ?? "";
}

function hour12(date: Date): number {
  return (date.getHours() + 11) % 12 + 1;
}

/** Days since 1 January. */
function dayOfYear(date: Date): number {
  return dayNumber(date.getFullYear(), date.getMonth(), date.getDate()) - dayNumber(date.getFullYear(), 0, 1);
}

/** Days without the clock changes that local time has. */
function dayNumber(year: number, month: number, day: number): number {
  return Date.UTC(year, month, day) / MILLISECONDS_A_DAY;
}

/** The week of ISO 8601: that of the Thursday, and the year that this belongs to. */
function isoWeek(date: Date): { year: number; week: number } {
  const weekday = (date.getDay() + 6) % 7;
  const thursday = dayNumber(date.getFullYear(), date.getMonth(), date.getDate()) - weekday + 3;
  const year = new Date(thursday * MILLISECONDS_A_DAY).getUTCFullYear();
  return { year, week: Math.floor((thursday - dayNumber(year, 0, 1)) / 7) + 1 };
}

function zone(date: Date): string {
  const offset = -date.getTimezoneOffset();
  const minutes = Math.abs(offset);
  return `${offset < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}${two(minutes % 60)}`;
}

function zoneName(date: Date): string {
  const parts = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" }).formatToParts(date);
  return parts.find(({ type }) => type === "timeZoneName")?.value ?? "";
}
