/**
 * Stores of a client that tests open, close and open again.
 *
 * @module
 */

import { SqliteStore, type SqliteStoreOptions } from "../../client/sqlite_store.ts";
import { MemoryStore } from "../../client/store.ts";
import type { ClientStoreUnderTest } from "./store_conformance.ts";
import { StoreFile } from "../support/store_file.ts";

/** A store in memory: what it holds, it holds until the test has ended. */
export function memoryStore(): ClientStoreUnderTest {
  return { store: new MemoryStore(), reopen() {}, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** A store in a file of its own. */
export class SqliteUnderTest extends StoreFile<SqliteStore> implements ClientStoreUnderTest {
  constructor(options: SqliteStoreOptions = {}) {
    super("client", (path) => SqliteStore.open(path, options));
  }
}
