/**
 * Stores that tests open, close and open again.
 *
 * @module
 */

import { MemoryStore } from "../../broker/memory_store.ts";
import { SqliteStore, type SqliteStoreOptions } from "../../broker/sqlite_store.ts";
import type { StoreUnderTest } from "../../broker/store_conformance.ts";
import { StoreFile } from "../support/store_file.ts";

/** A store in memory: what it holds, it holds until the test has ended. */
export function memoryStore(): StoreUnderTest {
  return { store: new MemoryStore(), reopen() {}, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** A store in a file of its own. */
export class SqliteUnderTest extends StoreFile<SqliteStore> implements StoreUnderTest {
  constructor(options: SqliteStoreOptions = {}) {
    super("broker", (path) => SqliteStore.open(path, options));
  }
}
