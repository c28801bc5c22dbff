/**
 * Our own edition of the functions of `@std/assert` 1.0 that the tests use, for machines that cannot reach JSR.
 *
 * Names, signatures and what passes or fails are those of the original; the wording of a failure is only similar.
 * `deno.json` puts this folder in the original's place through `links`, which is never published.
 *
 * @module
 */

export { AssertionError } from "./assertion_error.ts";
export { assertEquals, assertNotEquals, assertNotStrictEquals, assertStrictEquals } from "./equality.ts";
export { equal } from "./equal.ts";
export { assertInstanceOf, assertIsError, assertRejects, assertThrows } from "./errors.ts";
export {
  assertArrayIncludes,
  assertMatch,
  assertNotMatch,
  assertObjectMatch,
  assertStringIncludes,
} from "./inclusion.ts";
export { assertGreater, assertGreaterOrEqual, assertLess, assertLessOrEqual } from "./order.ts";
export { assert, assertExists, assertFalse, fail } from "./truth.ts";
