/**
 * What SQLite's errors mean to those who run a broker.
 *
 * @module
 */

/** What must be so that the error does not come, by SQLite's primary result code. */
const EXPLANATIONS: Readonly<Record<number, string>> = {
  5: "no other program may use it",
  8: "it must be writable",
  10: "its disk must work",
  11: "it must be undamaged",
  13: "its disk must have room",
  14: "it must be a file in a folder that exists, and accessible",
  26: "it must be a store of this broker",
};

/** An error that begins with `what` and says what must be otherwise; SQLite's own is its `cause`. */
export function explain(what: string, error: unknown): Error {
  if (!(error instanceof Error)) return new Error(`${what}: ${error}`);
  const code = "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : undefined;
  // Before there is a file, there is no code: the message is all.
  const primary = code ?? (error.message.startsWith("unable to open") ? 14 : undefined);
  const explanation = primary === undefined ? undefined : EXPLANATIONS[primary];
  if (explanation === undefined) return new Error(`${what}: ${error.message}`, { cause: error });
  return new Error(`${what}: ${explanation}, received "${error.message}"`, { cause: error });
}
