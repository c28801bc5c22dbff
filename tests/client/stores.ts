/**
 * Stores of a client that tests open, close and open again.
 *
 * @module
 */

import { SqliteStore, type SqliteStoreOptions } from "../../client/sqlite_store.ts";
import { MemoryStore } from "../../client/store.ts";
import type { ClientStoreUnderTest } from "./store_conformance.ts";

/** A store in memory: what it holds, it holds until the test has ended. */
export function memoryStore(): ClientStoreUnderTest {
  return { store: new MemoryStore(), reopen() {}, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** A store in a file of its own. */
export class SqliteUnderTest implements ClientStoreUnderTest {
  readonly path: string;
  readonly #folder: string;
  readonly #options: SqliteStoreOptions;
  #store: SqliteStore | undefined;

  constructor(options: SqliteStoreOptions = {}) {
    this.#folder = Deno.makeTempDirSync({ prefix: "client-store-" });
    this.path = `${this.#folder}/client.db`;
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
