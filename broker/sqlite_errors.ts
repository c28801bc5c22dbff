/**
 * What SQLite's errors mean to those who run a broker.
 *
 * @module
 */

const FULL = 13;

/** What must be so that the error does not come, by SQLite's extended or primary result code. */
const EXPLANATIONS: Readonly<Record<number, string>> = {
  5: "no other program may use it",
  8: "it must be writable",
  10: "its disk must work",
  11: "it must be undamaged",
  [FULL]: "its disk must have room",
  14: "it must be a file in a folder that exists, and accessible",
  26: "it must be a store of this broker",
  // A lock for writing cannot be had for a file that is only open for reading.
  3850: "it must be writable, in a file system that has locks",
};

/** An error that begins with `what` and says what must be otherwise; SQLite's own is its `cause`. */
export function explain(what: string, error: unknown): Error {
  if (!(error instanceof Error)) return new Error(`${what}: ${error}`);
  const code = codeOf(error);
  const explanation = EXPLANATIONS[code] ?? EXPLANATIONS[code & 0xff];
  if (explanation === undefined) return new Error(`${what}: ${error.message}`, { cause: error });
  return new Error(`${what}: ${explanation}, received "${error.message}"`, { cause: error });
}

/** Whether an error of SQLite's says that the disk is full. */
export function isFull(error: unknown): boolean {
  return error instanceof Error && codeOf(error) === FULL;
}

function codeOf(error: Error): number {
  if ("errcode" in error && typeof error.errcode === "number") return error.errcode;
  // Before there is a file, there is no code: the message is all.
  return error.message.startsWith("unable to open") ? 14 : 0;
}
