/**
 * Kinds of values: what they look like, and how they are read.
 *
 * @module
 */

/** Reads a value that is not empty; returns undefined if it is not of that kind. */
export interface ValueKind<T> {
  /** What the value must be, as it stands in an error message. */
  readonly expected: string;
  parse(text: string): T | undefined;
}

/** `true` or `false`; `1` and `0` mean the same. */
export const flag: ValueKind<boolean> = {
  expected: "true or false",
  parse: (text) => {
    if (text === "true" || text === "1") return true;
    return text === "false" || text === "0" ? false : undefined;
  },
};

/** Any text that is not empty. */
export const text: ValueKind<string> = { expected: "a text", parse: (value) => value };

/** The path of a file or folder. */
export const path: ValueKind<string> = { expected: "a path", parse: (value) => value };

/** One of a few words. */
export function oneOf<const T extends string>(...words: readonly T[]): ValueKind<T> {
  return {
    expected: words.length === 1 ? `${words[0]}` : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`,
    parse: (value) => words.find((word) => word === value),
  };
}

/** A whole number between two bounds, both included. */
export function whole(from: number, to: number = Number.MAX_SAFE_INTEGER): ValueKind<number> {
  const range = to === Number.MAX_SAFE_INTEGER ? `of ${from} or more` : `from ${from} to ${to}`;
  return {
    expected: `a whole number ${range}`,
    parse(value) {
      const number = /^-?\d+$/.test(value) ? Number(value) : NaN;
      return number >= from && number <= to ? number : undefined;
    },
  };
}

/** A whole number where 0, and for old files -1, means that there is no limit; the value is then `Infinity`. */
export function limit(to: number = Number.MAX_SAFE_INTEGER): ValueKind<number> {
  const number = whole(0, to);
  return {
    expected: `${number.expected} (0 for no limit)`,
    parse: (value) => value === "-1" || value === "0" ? Infinity : number.parse(value),
  };
}

const SECONDS: Readonly<Record<string, number>> = {
  h: 3_600,
  d: 86_400,
  w: 604_800,
  m: 2_592_000,
  y: 31_536_000,
};

/** A time such as `14d`, in seconds: hours, days, weeks, months of 30 days, years of 365 days. */
export const duration: ValueKind<number> = {
  expected: "a whole number of 1 or more and one of h, d, w, m, y, e.g. 14d",
  parse(value) {
    const [, count = "", unit = ""] = /^(\d+)([hdwmy])$/.exec(value) ?? [];
    const seconds = Number(count) * (SECONDS[unit] ?? 0);
    return seconds > 0 ? seconds : undefined;
  },
};

/** A part of a topic name. */
export const topicPrefix: ValueKind<string> = {
  expected: "the beginning of a topic, without + and #",
  parse: (value) => /[+#\0]/.test(value) ? undefined : value,
};
