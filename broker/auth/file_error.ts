/**
 * What is wrong in a file about users or access.
 *
 * @module
 */

/** A line of a password or access file that cannot be used. */
export class AuthFileError extends Error {
  /** Name of the file, as it was given. */
  readonly file: string;
  /** Number of the line; the first one is 1. */
  readonly line: number;

  /** `reason` goes on behind file and line, e.g. `the access must be read or write, received "all"`. */
  constructor(file: string, line: number, reason: string) {
    super(`Cannot use ${file}, line ${line}: ${reason}`);
    this.name = "AuthFileError";
    this.file = file;
    this.line = line;
  }
}

/** The lines of a file without their line ends, LF or CRLF, with numbers from 1. A byte order mark is left out. */
export function* linesOf(text: string): IterableIterator<readonly [line: string, number: number]> {
  let number = 0;
  for (const line of text.replace(/^\ufeff/, "").split("\n")) {
    number++;
    yield [line.endsWith("\r") ? line.slice(0, -1) : line, number];
  }
}
