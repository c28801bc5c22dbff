/**
 * Has a store clear away what ended sessions have left, while clients have their turn.
 *
 * @module
 */

import type { Store } from "./store.ts";

/** Least rest after each part, in milliseconds. */
const LEAST_REST = 2;

/** Calls {@linkcode Store.sweep} until nothing is left, with rests that are as long as the work. */
export class Sweeper {
  readonly #store: Store;
  readonly #onFailure: (error: unknown) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(store: Store, onFailure: (error: unknown) => void) {
    this.#store = store;
    this.#onFailure = onFailure;
  }

  /** There may be something to clear away. After a failure, nothing is done until this is called again. */
  start(): void {
    this.#timer ??= setTimeout(() => this.#sweep(), LEAST_REST);
  }

  /** Ends; what is left is for the next broker. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #sweep(): void {
    this.#timer = undefined;
    const begun = performance.now();
    try {
      if (!this.#store.sweep()) return;
    } catch (error) {
      return this.#onFailure(error);
    }
    this.#timer = setTimeout(() => this.#sweep(), Math.max(LEAST_REST, performance.now() - begun));
  }
}
