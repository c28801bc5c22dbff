/**
 * One flag of a command line.
 *
 * @module
 */

import type { Command, Config } from "./config.ts";
import { UsageError } from "./exit.ts";

/** What `--help` says, where the flag is known, and what it does. */
export interface Flag {
  /** The first one is what messages call it. */
  readonly names: readonly string[];
  readonly commands: readonly Command[];
  readonly help: string;
  readonly action:
    | { readonly kind: "switch"; apply(config: Config): void }
    | {
      readonly kind: "value";
      /** Its name in `--help`. */
      readonly placeholder: string;
      /** What messages call it when it is missing. Default: the placeholder. */
      readonly subject: string;
      apply(config: Config, value: string): void;
    }
    /** Takes as many arguments as it needs; returns how many. */
    | { readonly kind: "rest"; readonly placeholder: string; apply(config: Config, args: readonly string[]): number };
}

/** All commands that talk to a server. */
export const ALL: readonly Command[] = ["pub", "sub", "request", "bench"];

/** A flag without a value. */
export function toggle(
  names: string,
  commands: readonly Command[],
  help: string,
  apply: (config: Config) => void,
): Flag {
  return { names: names.split(" "), commands, help, action: { kind: "switch", apply } };
}

/** A flag with a value; `placeholder` may go on with what messages call it, as in `FILE|file`. */
export function valued(
  names: string,
  placeholder: string,
  commands: readonly Command[],
  help: string,
  apply: (config: Config, value: string) => void,
): Flag {
  const [shown = "", subject = shown.toLowerCase()] = placeholder.split("|");
  return { names: names.split(" "), commands, help, action: { kind: "value", placeholder: shown, subject, apply } };
}

/** A whole number from `from` to `to`; otherwise the message, in which `%` stands for the text. */
export function wholeNumber(text: string, from: number, to: number, message: string): number {
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : NaN;
  if (value >= from && value <= to) return value;
  throw new UsageError(message.replace("%", () => text));
}

/** 0, 1 or 2. */
export function qosOf(text: string, message: string): 0 | 1 | 2 {
  const value = wholeNumber(text, 0, 2, message);
  return value === 0 || value === 1 ? value : 2;
}
