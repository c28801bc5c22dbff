/**
 * Numbers, sizes and times as people read them.
 *
 * @module
 */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const SIZES = ["B", "KB", "MB", "GB", "TB"];

/** E.g. `12,345`. */
export function count(value: number): string {
  return whole.format(value);
}

/** E.g. `12.3K`. */
export function compact(value: number): string {
  return Math.abs(value) < 10_000 ? whole.format(value) : short.format(value);
}

/** A number per second, e.g. `0.4`, `85`, `12.3K`. */
export function rate(value: number): string {
  return value < 10 ? String(Number(value.toFixed(1))) : compact(value);
}

/** E.g. `1.5 KB`. */
export function bytes(value: number): string {
  let size = value;
  let unit = 0;
  for (; size >= 999.5 && unit < SIZES.length - 1; unit++) size /= 1_000;
  return `${size < 10 && unit > 0 ? size.toFixed(1) : Math.round(size)} ${SIZES[unit]}`;
}

/** Milliseconds with the digits that matter, e.g. `0.31 ms`, `12 ms`, `1.4 s`. */
export function milliseconds(value: number): string {
  if (value >= 999.5) return `${(value / 1_000).toFixed(1)} s`;
  return `${Number(value.toFixed(value >= 10 ? 0 : value >= 1 ? 1 : 2))} ms`;
}

/** The two largest units, e.g. `3 d 4 h`; seconds go in. */
export function duration(seconds: number): string {
  const rounded = Math.max(0, Math.round(seconds));
  const parts: [number, string][] = [
    [Math.floor(rounded / 86_400), "d"],
    [Math.floor(rounded / 3_600) % 24, "h"],
    [Math.floor(rounded / 60) % 60, "min"],
    [rounded % 60, "s"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  if (first === -1) return "0 s";
  return parts.slice(first, first + 2).filter(([value]) => value > 0).map(([value, unit]) => `${value} ${unit}`).join(
    " ",
  );
}

const dateAndTime = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** E.g. `23 Nov 2026, 09:00:35`, of a time in milliseconds since 1 January 1970. */
export function dateTime(time: number): string {
  return dateAndTime.format(time);
}

/** Hours, minutes and seconds of a time in milliseconds since 1 January 1970. */
export function clockTime(time: number): string {
  return new Date(time).toLocaleTimeString("en-GB");
}
