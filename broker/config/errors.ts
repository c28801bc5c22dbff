/**
 * What can be wrong with a configuration, and where.
 *
 * @module
 */

/** A line of a configuration file. */
export interface Place {
  /** Path as it was given, or as `include_dir` led to it. */
  readonly file: string;
  /** The first line is 1; 0 if no single line is to blame. */
  readonly line: number;
}

/** Something to be said about a line. */
export interface Remark {
  /** The line. */
  readonly place: Place;
  /** For an error: what must be and what was received. For a warning: what happens instead. */
  readonly message: string;
}

/** A configuration that must not be used as it is. The message names file and line of each problem. */
export class ConfigurationError extends Error {
  /** Always `ConfigurationError`. */
  override readonly name = "ConfigurationError";
  /** What is wrong, in the order of the file. */
  readonly problems: readonly Remark[];

  /** An error about all of these. */
  constructor(problems: readonly Remark[]) {
    super(problems.map(describe).join("\n"));
    this.problems = problems;
  }

  /** An error about one line. */
  static at(place: Place, message: string): ConfigurationError {
    return new ConfigurationError([{ place, message }]);
  }
}

/** `file:line: message`. */
export function describe({ place: { file, line }, message }: Remark): string {
  return line > 0 ? `${file}:${line}: ${message}` : `${file}: ${message}`;
}
