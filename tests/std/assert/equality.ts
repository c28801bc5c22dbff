/** Assertions that two values are equal, deeply or the very same. @module */

import { AssertionError, format, suffix } from "./assertion_error.ts";
import { equal } from "./equal.ts";

/** Fails unless `actual` and `expected` are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  throw new AssertionError(`Values are not equal${suffix(msg)}\n${difference(actual, expected)}`);
}

/** Fails if `actual` and `expected` are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) return;
  throw new AssertionError(`Expected actual: ${format(actual)} not to be: ${format(expected)}${suffix(msg)}`);
}

/** Fails unless `actual` and `expected` are the same value by `Object.is`. */
export function assertStrictEquals<T>(actual: unknown, expected: T, msg?: string): asserts actual is T {
  if (Object.is(actual, expected)) return;
  const shown = format(actual);
  if (shown === format(expected)) {
    throw new AssertionError(`Values have the same structure but are not reference-equal${suffix(msg)}\n\n${shown}\n`);
  }
  throw new AssertionError(`Values are not strictly equal${suffix(msg)}\n${difference(actual, expected)}`);
}

/** Fails if `actual` and `expected` are the same value by `Object.is`. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!Object.is(actual, expected)) return;
  throw new AssertionError(`Expected "actual" to not be strictly equal to: ${format(actual)}${suffix(msg)}\n`);
}

/** The lines that differ, between what is the same before and after them. */
function difference(actual: unknown, expected: unknown): string {
  const left = format(actual).split("\n");
  const right = format(expected).split("\n");
  let start = 0;
  while (start < left.length && left[start] === right[start]) start++;
  let end = 0;
  const most = Math.min(left.length, right.length) - start;
  while (end < most && left.at(-1 - end) === right.at(-1 - end)) end++;
  return [
    "\n    [Diff] - actual / + expected\n",
    ...left.slice(Math.max(0, start - 3), start).map((line) => `    ${line}`),
    ...left.slice(start, left.length - end).map((line) => `-   ${line}`),
    ...right.slice(start, right.length - end).map((line) => `+   ${line}`),
    ...left.slice(left.length - end).slice(0, 3).map((line) => `    ${line}`),
    "",
  ].join("\n");
}
