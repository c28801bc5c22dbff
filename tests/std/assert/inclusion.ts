/** Assertions that a string, an array or an object holds something. @module */

import { AssertionError, format, suffix } from "./assertion_error.ts";
import { equal } from "./equal.ts";
import { assertEquals } from "./equality.ts";

/** An array-like object (`Array`, `Uint8Array` and others) that is not a string. */
export type ArrayLikeArg<T> = ArrayLike<T> & object;

/** Fails unless `actual` holds a deeply equal value for each of `expected`, in any order. */
export function assertArrayIncludes<T>(actual: ArrayLikeArg<T>, expected: ArrayLikeArg<T>, msg?: string): void {
  const values = Array.from(actual);
  const missing = Array.from(expected).filter((wanted) => !values.some((value) => equal(value, wanted)));
  if (missing.length === 0) return;
  throw new AssertionError(
    `Expected actual: "${format(actual)}" to include: "${format(expected)}"${suffix(msg)}\nmissing: ${format(missing)}`,
  );
}

/** Fails unless the string `actual` includes `expected`. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (actual.includes(expected)) return;
  throw new AssertionError(`Expected actual: "${actual}" to contain: "${expected}"${suffix(msg)}`);
}

/** Fails unless the regular expression matches `actual`. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) return;
  throw new AssertionError(`Expected actual: "${actual}" to match: "${expected}"${suffix(msg)}`);
}

/** Fails if the regular expression matches `actual`. */
export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!expected.test(actual)) return;
  throw new AssertionError(`Expected actual: "${actual}" to not match: "${expected}"${suffix(msg)}`);
}

/** Fails unless `actual` holds everything that `expected` holds, deeply; `actual` may hold more. */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any -- so that an interface without an index signature fits, as in the original
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  assertEquals(shared(actual, expected, new Map()), shared(expected, expected, new Map()), msg);
}

/**
 * What of `actual` has a counterpart in `expected`. Built from plain objects on both sides, so that classes do not
 * matter below the top.
 */
function shared(actual: object, expected: object, seen: Map<object, object>): unknown {
  const before = seen.get(actual);
  if (before) return before;
  const result: Record<PropertyKey, unknown> = {};
  seen.set(actual, result);
  for (const key of Reflect.ownKeys(actual)) {
    if (key in expected) result[key] = sharedValue(Reflect.get(actual, key), Reflect.get(expected, key), seen);
  }
  return result;
}

function sharedValue(actual: unknown, expected: unknown, seen: Map<object, object>): unknown {
  if (typeof actual !== "object" || typeof expected !== "object" || actual === null || expected === null) return actual;
  if (actual instanceof RegExp) return actual;
  if (actual instanceof Map && expected instanceof Map) {
    return new Map(
      [...actual].filter(([key]) => expected.has(key)).map(([key, value]) => {
        return [key, sharedValue(value, expected.get(key), seen)];
      }),
    );
  }
  if (actual instanceof Set && expected instanceof Set) return new Set([...actual].filter((it) => expected.has(it)));
  if (Array.isArray(actual) !== Array.isArray(expected)) return actual;
  return shared(actual, expected, seen);
}
