/** Assertions about classes, thrown errors and rejected promises. @module */

import { stripVTControlCharacters } from "node:util";
import { AssertionError, suffix } from "./assertion_error.ts";

/** A class, abstract or not, whose instances are `T`. */
// deno-lint-ignore no-explicit-any -- only `any` lets the parameters of every constructor in, as in the original
type Class<T> = abstract new (...args: any[]) => T;

/** A class that can be constructed; the original's name for the parameter of `assertInstanceOf`. */
// deno-lint-ignore no-explicit-any -- see above
export type AnyConstructor = new (...args: any[]) => any;

/** Fails unless `actual` is an instance of the class. */
export function assertInstanceOf<T extends AnyConstructor>(
  actual: unknown,
  expectedType: T,
  msg?: string,
): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  throw new AssertionError(
    `Expected object to be an instance of "${expectedType.name}" but was "${nameOf(actual)}"${suffix(msg)}`,
  );
}

/** Fails unless `error` is an `Error`, of the class, with a message that includes the text, where these are given. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: Class<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  if (!(error instanceof Error)) {
    throw new AssertionError(`Expected "error" to be an Error object${suffix(msg)}`);
  }
  if (ErrorClass && !(error instanceof ErrorClass)) {
    throw new AssertionError(
      `Expected error to be instance of "${ErrorClass.name}", but was "${nameOf(error)}"${suffix(msg)}\n${error.stack}`,
    );
  }
  if (!msgMatches) return;
  const text = stripVTControlCharacters(error.message);
  const found = typeof msgMatches === "string"
    ? text.includes(stripVTControlCharacters(msgMatches))
    : msgMatches.test(text);
  if (found) return;
  const wanted = typeof msgMatches === "string" ? JSON.stringify(msgMatches) : String(msgMatches);
  throw new AssertionError(
    `Expected error message to include ${wanted}, but got ${JSON.stringify(error.message)}${suffix(msg)}`,
  );
}

/** Fails unless `fn` throws; returns what it threw. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Fails unless `fn` throws an error of the class, with a message that includes the text; returns the error. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  classOrMsg?: Class<Error> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const expected = expectation(classOrMsg, msgIncludes, msg);
  try {
    fn();
  } catch (error) {
    return checkError(error, expected, "thrown");
  }
  throw new AssertionError(`Expected function to throw${suffix(expected.msg)}`);
}

/** Fails unless the promise that `fn` returns rejects; resolves to the reason. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** Fails unless it rejects with an error of the class, with a message that includes the text; resolves to the error. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: Class<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: Class<Error> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const expected = expectation(classOrMsg, msgIncludes, msg);
  const promise = promiseOf(fn, expected.msg);
  try {
    await promise;
  } catch (error) {
    return checkError(error, expected, "rejected");
  }
  throw new AssertionError(`Expected function to reject${suffix(expected.msg)}`);
}

interface Expectation {
  ErrorClass?: Class<Error>;
  msgIncludes?: string;
  msg?: string;
}

function expectation(classOrMsg?: Class<Error> | string, msgIncludes?: string, msg?: string): Expectation {
  return typeof classOrMsg === "string" ? { msg: classOrMsg } : { ErrorClass: classOrMsg, msgIncludes, msg };
}

function checkError(error: unknown, { ErrorClass, msgIncludes, msg }: Expectation, how: string): unknown {
  if (!ErrorClass) return error;
  if (!(error instanceof Error)) throw new AssertionError(`A non-Error object was ${how}${suffix(msg)}`);
  assertIsError(error, ErrorClass, msgIncludes, msg);
  return error;
}

/** A function that throws at once instead of returning a promise does not reject. */
function promiseOf(fn: () => PromiseLike<unknown>, msg: string | undefined): PromiseLike<unknown> {
  let result: unknown;
  try {
    result = fn();
  } catch (cause) {
    throw new AssertionError(`Function throws when expected to reject${suffix(msg)}`, { cause });
  }
  if (isPromiseLike(result)) return result;
  throw new AssertionError(`Function throws when expected to reject${suffix(msg)}`);
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === "object" ? value.constructor?.name ?? "Object" : typeof value;
}
