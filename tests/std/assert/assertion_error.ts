/** The error of every failed assertion, and how failures are worded. @module */

import { inspect } from "node:util";

/** Thrown when an assertion fails. */
export class AssertionError extends Error {
  /** Makes the error with the text that the test report shows. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

/** Shows a value in a failure message, whole enough to see what differs. */
export function format(value: unknown): string {
  return inspect(value, { depth: 20, sorted: true, maxArrayLength: 200, maxStringLength: 2_000, breakLength: 100 });
}

/** Ends a failure's first sentence with what the caller of the assertion has to say. */
export function suffix(msg: string | undefined): string {
  return msg ? `: ${msg}` : ".";
}
