/** Assertions about the order of two values. @module */

import { AssertionError, format } from "./assertion_error.ts";

function check<T>(holds: boolean, actual: T, relation: string, expected: T, msg: string | undefined): void {
  if (!holds) throw new AssertionError(msg ?? `Expect ${format(actual)} ${relation} ${format(expected)}`);
}

/** Fails unless `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  check(actual > expected, actual, ">", expected, msg);
}

/** Fails unless `actual >= expected`. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  check(actual >= expected, actual, ">=", expected, msg);
}

/** Fails unless `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  check(actual < expected, actual, "<", expected, msg);
}

/** Fails unless `actual <= expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  check(actual <= expected, actual, "<=", expected, msg);
}
