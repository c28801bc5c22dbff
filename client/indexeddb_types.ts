/**
 * As much of IndexedDB and Web Locks as the store uses. Not every runtime that type-checks this package knows them, and
 * a package may not bring a library of types along.
 *
 * @module
 */

/** `IDBRequest`. */
export interface DbRequest<T> {
  readonly result: T;
  readonly error: DOMException | null;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
}

/** `IDBOpenDBRequest`. */
export interface DbOpenRequest extends DbRequest<Db> {
  onupgradeneeded: ((event: { readonly oldVersion: number }) => void) | null;
  onblocked: (() => void) | null;
}

/** `IDBObjectStore`. */
export interface DbObjectStore {
  put(value: unknown, key?: number | string): unknown;
  delete(key: number | string): unknown;
  get(key: number | string): DbRequest<unknown>;
  getAll(): DbRequest<unknown[]>;
  getAllKeys(): DbRequest<unknown[]>;
}

/** `IDBTransaction`. */
export interface DbTransaction {
  readonly error: DOMException | null;
  oncomplete: (() => void) | null;
  onabort: (() => void) | null;
  objectStore(name: string): DbObjectStore;
  commit(): void;
  abort(): void;
}

/** `IDBDatabase`. */
export interface Db {
  readonly objectStoreNames: { contains(name: string): boolean };
  onversionchange: (() => void) | null;
  createObjectStore(name: string): unknown;
  transaction(
    names: readonly string[],
    mode: "readonly" | "readwrite",
    options?: { readonly durability: "strict" | "relaxed" },
  ): DbTransaction;
  close(): void;
}

/** `LockManager`. */
export interface Locks {
  request(
    name: string,
    options: { readonly ifAvailable: true },
    callback: (lock: unknown) => Promise<void>,
  ): Promise<void>;
}

/** What a page or a worker has; other runtimes do not. */
export interface Platform {
  readonly indexedDB?: { open(name: string, version: number): DbOpenRequest };
  readonly navigator?: { readonly locks?: Locks };
}
