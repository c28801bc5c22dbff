/**
 * What every `Store` must do, as cases for any test runner: for those who keep a broker's state elsewhere.
 *
 * @module
 */

import { STORE_CASES } from "./store_cases.ts";
import { Shelf, type StoreUnderTest } from "./store_shelf.ts";

export type { ProtocolVersion, QoS, RetainHandling } from "../codec/packets.ts";
export type { Permissions } from "./hooks.ts";
export type { OtherBroker } from "./origin.ts";
export type * from "./store.ts";
export type { StoreUnderTest } from "./store_shelf.ts";

/** One thing that a store must do. */
export interface StoreCase {
  /** What that is. */
  readonly name: string;
  /** Rejects with an `Error` that says what is wrong if the store does not do it. */
  readonly run: () => Promise<void>;
}

/**
 * All cases; each opens a store of its own with `open`, which makes an empty one.
 *
 * @example The cases as tests of Deno: `Deno.test(name, run)` in the place of `await run()`
 * ```ts
 * import { MemoryStore } from "@x/mqtt/broker";
 * import { storeConformance } from "@x/mqtt/broker/store-conformance";
 *
 * const open = () => ({
 *   store: new MemoryStore(),
 *   reopen() {},
 *   [Symbol.asyncDispose]: () => Promise.resolve(),
 * });
 * for (const { name, run } of storeConformance(open)) {
 *   await run();
 *   console.log(`my store: ${name}`);
 * }
 * ```
 */
export function storeConformance(open: () => StoreUnderTest | Promise<StoreUnderTest>): StoreCase[] {
  return Object.entries(STORE_CASES).map(([name, body]) => ({
    name,
    run: async () => {
      await using test = await open();
      await body(new Shelf(test));
    },
  }));
}
