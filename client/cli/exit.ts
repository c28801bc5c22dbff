/**
 * How a command ends: its exit codes, and the errors that carry one.
 *
 * @module
 */

/** Exit codes; those of Mosquitto's tools where they have one. A server's refusal ends with its own code instead. */
export const ExitCode = {
  Success: 0,
  /** Misuse, and everything that has no code of its own. */
  Failure: 1,
  /** The connection was lost. */
  ConnectionLost: 7,
  /** `-W`. */
  TimedOut: 27,
  /** Whoever reads our output has gone away: what a shell reports for SIGPIPE. */
  BrokenPipe: 141,
} as const;

/** A command line that cannot be understood. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The command has failed; the lines go to standard error unless `--quiet` is given. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number = ExitCode.Failure, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
