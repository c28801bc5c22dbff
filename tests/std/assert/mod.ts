/** Our own edition of the functions of `@std/assert` 1.0 that the tests use, for machines that cannot reach JSR. */
import nodeAssert from "node:assert";
/** Thrown by a failed assertion. */
export class AssertionError extends Error {
  override name = "AssertionError";
}
/** Placeholder until the full edition. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  nodeAssert.deepStrictEqual(actual, expected, msg);
}
