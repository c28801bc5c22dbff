/**
 * Lines of a configuration file into names and values.
 *
 * @module
 */

import type { Place } from "./errors.ts";

/** An option as it stands in the file. */
export interface ConfigurationLine extends Place {
  /** The first word. */
  readonly name: string;
  /** The rest of the line, without blanks at its ends; empty if there is none. */
  readonly value: string;
}

/**
 * The lines of `text` that are neither empty nor comments. A comment has `#` as its first character; elsewhere `#` is
 * part of the value. Line ends may be those of Windows, and a byte order mark is skipped.
 */
export function* lines(text: string, file: string): Generator<ConfigurationLine> {
  let line = 0;
  for (const raw of text.replace(/^\uFEFF/, "").split("\n")) {
    line++;
    const content = raw.trim();
    if (content === "" || content.startsWith("#")) continue;
    const [, name = "", value = ""] = /^(\S+)\s*(.*)$/.exec(content) ?? [];
    yield { file, line, name, value };
  }
}
