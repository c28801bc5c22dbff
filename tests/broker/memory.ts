/** What a test can say about memory without guessing when garbage is collected. @module */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes in use once garbage is gone, in the heap and in buffers outside of it. */
export async function memoryInUse(): Promise<{ heap: number; buffers: number }> {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect !== "function") throw new Error("Cannot collect garbage: V8 does not offer gc()");
  // Finalizers of the first round let go of more.
  for (let round = 0; round < 3; round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  const { heapUsed, external } = Deno.memoryUsage();
  return { heap: heapUsed, buffers: external };
}
