/**
 * Configuration files that are in no file system.
 *
 * @module
 */

import { assertInstanceOf, fail } from "@std/assert";
import {
  type Configuration,
  ConfigurationError,
  type ConfigurationSource,
  parseConfiguration,
} from "../../broker/config/mod.ts";

/** Reads `main.conf`, given as text or together with the files that it includes. */
export function parse(files: string | Record<string, string>): Configuration {
  const all: Record<string, string> = typeof files === "string" ? { "main.conf": files } : files;
  return parseConfiguration("main.conf", sourceOf(all));
}

/** The messages of all that is wrong. Fails if nothing is. */
export function problems(files: string | Record<string, string>): string[] {
  try {
    parse(files);
  } catch (error) {
    assertInstanceOf(error, ConfigurationError);
    return error.message.split("\n");
  }
  fail("Expected the configuration to be refused");
}

/** What the configuration is warned of: `file:line: message`. */
export function warnings(files: string | Record<string, string>): string[] {
  return parse(files).warnings.map(({ place, message }) => `${place.file}:${place.line}: ${message}`);
}

function sourceOf(files: Record<string, string>): ConfigurationSource {
  return {
    readText(path) {
      const text = files[path];
      if (text === undefined) throw new Error(`${path} is missing`);
      return text;
    },
    listFolder(path) {
      const inside = Object.keys(files).filter((name) => name.startsWith(`${path}/`));
      if (inside.length === 0) throw new Error(`${path} is missing`);
      return inside.map((name) => name.slice(path.length + 1));
    },
  };
}
