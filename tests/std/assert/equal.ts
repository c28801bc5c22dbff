/**
 * Deep equality as `@std/assert` defines it: same constructor, same own enumerable keys (strings and symbols), equal
 * values, sets and maps by content. Numbers compare with `===`, but `NaN` equals itself.
 *
 * @module
 */

/** Tells whether two values are deeply equal. */
export function equal(a: unknown, b: unknown): boolean {
  return compare(a, b, new Map());
}

/** Pairs under comparison further up: a circle is equal if nothing else differs. */
type Seen = Map<object, object>;

function compare(a: unknown, b: unknown, seen: Seen): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof RegExp && b instanceof RegExp) return String(a) === String(b);
  if (a instanceof URL && b instanceof URL) return a.href === b.href;
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (!sameConstructor(a, b)) return false;
  if (a instanceof WeakMap || a instanceof WeakSet) {
    throw new TypeError(`Cannot compare ${a.constructor.name} instances`);
  }
  if (a instanceof WeakRef && b instanceof WeakRef) return compare(a.deref(), b.deref(), seen);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return sameBytes(a, b);
  if (seen.get(a) === b) return true;
  seen.set(a, b);
  if (a instanceof Set && b instanceof Set) return sameSet(a, b, seen);
  if (a instanceof Map && b instanceof Map) return sameMap(a, b, seen);
  return sameProperties(a, b, seen);
}

/** An object without a prototype counts as a plain object. */
function sameConstructor(a: object, b: object): boolean {
  return (a.constructor ?? Object) === (b.constructor ?? Object);
}

/** A short cut: comparing a megabyte key by key takes seconds. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function sameSet(a: Set<unknown>, b: Set<unknown>, seen: Seen): boolean {
  if (a.size !== b.size) return false;
  return [...a].every((value) => b.has(value) || [...b].some((other) => compare(value, other, seen)));
}

function sameMap(a: Map<unknown, unknown>, b: Map<unknown, unknown>, seen: Seen): boolean {
  if (a.size !== b.size) return false;
  return [...a].every(([key, value]) => {
    if (b.has(key)) return compare(value, b.get(key), seen);
    return [...b].some(([otherKey, other]) => compare(key, otherKey, seen) && compare(value, other, seen));
  });
}

function sameProperties(a: object, b: object, seen: Seen): boolean {
  const keys = ownKeys(a);
  if (keys.length !== ownKeys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && compare(Reflect.get(a, key), Reflect.get(b, key), seen));
}

function ownKeys(value: object): PropertyKey[] {
  return Reflect.ownKeys(value).filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
}
