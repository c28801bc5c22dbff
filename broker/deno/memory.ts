/**
 * The memory of this process.
 *
 * @module
 */

import process from "node:process";

/** Bytes in use. Payloads lie beside the heap. */
export function memoryUsed(): number {
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/**
 * Frees what nobody refers to any more. V8 does so when it sees fit, by its own limits, which are far above those of a
 * small machine; it can be asked only by a function that it has to be told to show.
 */
export function collectGarbage(): void {
  try {
    collector ??= findCollector();
    collector();
  } catch {
    // Without it, garbage counts until V8 frees it.
  }
}

let collector: (() => void) | undefined;

function findCollector(): () => void {
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  const { runInNewContext } = process.getBuiltinModule("node:vm");
  setFlagsFromString("--expose-gc");
  const found: unknown = runInNewContext("gc");
  return typeof found === "function" ? () => void Reflect.apply(found, undefined, []) : () => {};
}
