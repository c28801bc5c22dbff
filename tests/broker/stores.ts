/**
 * Stores that tests open, close and open again.
 *
 * @module
 */

import { MemoryStore } from "../../broker/memory_store.ts";
import { SqliteStore, type SqliteStoreOptions } from "../../broker/sqlite_store.ts";
import type { StoreUnderTest } from "../../broker/store_conformance.ts";

/** A store in memory: what it holds, it holds until the test has ended. */
export function memoryStore(): StoreUnderTest {
  return { store: new MemoryStore(), reopen() {}, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** A store in a file of its own. */
export class SqliteUnderTest implements StoreUnderTest {
  readonly path: string;
  readonly #folder: string;
  readonly #options: SqliteStoreOptions;
  #store: SqliteStore | undefined;

  constructor(options: SqliteStoreOptions = {}) {
    this.#folder = Deno.makeTempDirSync({ prefix: "store-" });
    this.path = `${this.#folder}/broker.db`;
    this.#options = options;
  }

  /** Opened when it is first asked for. */
  get store(): SqliteStore {
    return this.#store ??= SqliteStore.open(this.path, this.#options);
  }

  close(): void {
    this.#store?.close();
    this.#store = undefined;
  }

  reopen(): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await Deno.remove(this.#folder, { recursive: true });
  }
}
