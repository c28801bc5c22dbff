/**
 * From arguments to what they ask for.
 *
 * @module
 */

import { checkConfig, type Command, type Config, defaultConfig } from "./config.ts";
import { UsageError } from "./exit.ts";
import { findFlag } from "./flags.ts";

/** What a command line asks for. */
export type Request =
  | { readonly kind: "run"; readonly config: Config }
  | { readonly kind: "help" }
  | { readonly kind: "version" };

/**
 * Reads the arguments of a command, after those that a file of defaults holds.
 *
 * @throws {UsageError} For what cannot be understood.
 */
export function parseCommandLine(
  command: Command,
  args: readonly string[],
  defaults: readonly string[][] = [],
): Request {
  const config = defaultConfig(command);
  for (const line of [...defaults, args]) {
    const special = applyArguments(config, line);
    if (special !== undefined) return { kind: special };
  }
  checkConfig(config);
  return { kind: "run", config };
}

/** The lines of a file of defaults, each a flag and the rest of the line as its value. */
export function parseDefaults(text: string): string[][] {
  return text.split(/\r?\n/)
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, flag = "", value] = line.match(/^ *(\S*)(?: (.*))?$/) ?? [];
      return value === undefined || value === "" ? [flag] : [flag, value];
    })
    .filter(([flag]) => flag !== "");
}

function applyArguments(config: Config, args: readonly string[]): "help" | "version" | undefined {
  for (let at = 0; at < args.length;) {
    const name = args[at++] ?? "";
    if (name === "--help") return "help";
    if (name === "--version") return "version";
    const flag = findFlag(config.command, name);
    if (flag === undefined) throw new UsageError(`Error: Unknown option '${name}'.`);
    const { action } = flag;
    if (action.kind === "switch") action.apply(config);
    else if (action.kind === "rest") at += action.apply(config, args.slice(at));
    else {
      const value = args[at++];
      if (value === undefined) throw missingValue(flag.names[0] ?? name, action.subject);
      action.apply(config, value);
    }
  }
  return undefined;
}

function missingValue(name: string, subject: string): UsageError {
  if (subject === "max_inflight") {
    return new UsageError(`Error: ${name} argument given but max_inflight not specified.\n`);
  }
  return new UsageError(`Error: ${name} argument given but no ${subject} specified.\n`);
}
