/**
 * Parameters of a request, from its query: all of them are known, well-formed, and there once.
 *
 * @module
 */

import { ApiFailure } from "./failure.ts";

/** Characters that a client identifier or a topic can have at most. */
const LONGEST_TEXT = 65_535;

/** Reads the query of a request. */
export class Parameters {
  readonly #values: ReadonlyMap<string, string>;

  /** Throws {@linkcode ApiFailure} for anything but `names`. */
  constructor(search: string, names: readonly string[]) {
    const values = new Map<string, string>();
    for (const part of search.slice(1).split("&")) {
      if (part === "") continue;
      const [name, value] = split(part);
      if (!names.includes(name)) {
        const known = names.length === 0 ? "no parameter is known here" : `it must be one of ${names.join(", ")}`;
        throw new ApiFailure("bad_request", `Cannot use parameter ${excerptOf(name)}: ${known}`);
      }
      if (values.has(name)) throw new ApiFailure("bad_request", `Cannot use parameter ${name}: it must stand once`);
      values.set(name, value);
    }
    this.#values = values;
  }

  /** A text; undefined if it is absent. */
  text(name: string, longest: number = LONGEST_TEXT): string | undefined {
    const value = this.#values.get(name);
    if (value !== undefined && value.length > longest) {
      throw wrong(name, `at most ${longest} characters long`, value);
    }
    return value;
  }

  /** A text that has to be there and not be empty. */
  required(name: string): string {
    const value = this.text(name);
    if (value !== undefined && value !== "") return value;
    throw new ApiFailure("bad_request", `Cannot use the request: there must be a parameter ${name}`);
  }

  /** One of these words; the first one if it is absent. */
  word<const T extends string>(name: string, words: readonly [T, ...T[]]): T {
    const value = this.#values.get(name);
    if (value === undefined) return words[0];
    const found = words.find((word) => word === value);
    if (found === undefined) throw wrong(name, `one of ${words.join(", ")}`, value);
    return found;
  }

  /** A whole number. */
  whole(name: string, from: number, to: number, fallback: number): number {
    const value = this.#values.get(name);
    if (value === undefined) return fallback;
    const number = Number(value);
    if (/^\d{1,15}$/.test(value) && number >= from && number <= to) return number;
    throw wrong(name, `a whole number from ${from} to ${to}`, value);
  }

  /** `true` or `false`; false if it is absent. */
  flag(name: string): boolean {
    return this.word(name, ["false", "true"]) === "true";
  }
}

function wrong(name: string, expected: string, received: string): ApiFailure {
  return new ApiFailure(
    "bad_request",
    `Cannot use parameter ${name}: it must be ${expected}, received ${excerptOf(received)}`,
  );
}

function split(part: string): [name: string, value: string] {
  const at = part.indexOf("=");
  return at < 0 ? [decoded(part), ""] : [decoded(part.slice(0, at)), decoded(part.slice(at + 1))];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw new ApiFailure("bad_request", "Cannot use the query: it must be UTF-8 in percent-encoding");
  }
}

/** What a message repeats of what it was given. */
function excerptOf(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}...` : text);
}
