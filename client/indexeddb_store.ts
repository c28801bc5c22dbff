/**
 * A client's store in IndexedDB, for pages and workers.
 *
 * @module
 */

import { ClientStore } from "./client_store.ts";
import type { Db, DbObjectStore, DbRequest, DbTransaction, Platform } from "./indexeddb_types.ts";
import type { ClientStoreWrite, StoredPhase, StoredPublication, StoredState } from "./stored.ts";

export type { QoS } from "../codec/packets.ts";
export type * from "./stored.ts";
export type { ClientStore };

/** How an {@linkcode IndexedDbStore} is opened. */
export interface IndexedDbStoreOptions {
  /**
   * What a commit outlives. `full` (default): the end of the page, and of the browser, and a loss of power as far as the
   * browser can see to that. `normal`: the end of the page; the browser may gather what it writes to the disk.
   */
  readonly durability?: "full" | "normal";
}

/** The version of the database that this code reads and writes; a new one is a new case in `migrate`. */
const VERSION = 1;

/** Object stores. Publications do not change; what does, their states, is apart from them. */
const CLIENT = "client", PUBLICATIONS = "publications", STATES = "states", RECEIVED = "received";
const ALL: readonly string[] = [CLIENT, PUBLICATIONS, STATES, RECEIVED];

const CLIENT_ID = "clientId";

/** What must be so that the error does not come, by its name. */
const EXPLANATIONS: Readonly<Record<string, string>> = {
  QuotaExceededError: "the browser must have room for it",
  VersionError: `its version must be at most ${VERSION}, received one made by a newer client`,
  InvalidStateError: "it must be open, and not deleted",
  UnknownError: "its disk must work, and be undamaged",
};

/**
 * Keeps the state of a client in a database of the browser, for one page or worker at a time. It needs a secure context
 * (`https:` or localhost), where the browser can tell who uses it.
 *
 * @example A page that finishes what it had begun before it was closed
 * ```js
 * import { connect } from "@x/mqtt/client/browser";
 * import { IndexedDbStore } from "@x/mqtt/client/indexeddb";
 *
 * await using store = await IndexedDbStore.open("gateway");
 * await using client = await connect("ws://127.0.0.1:8080/mqtt", { store });
 * await client.publish("page/7/state", "on", { qos: 2 });
 * ```
 */
export class IndexedDbStore extends ClientStore implements AsyncDisposable {
  readonly #name: string;
  readonly #db: Db;
  readonly #durability: "strict" | "relaxed";
  readonly #unlock: () => Promise<void>;

  private constructor(name: string, db: Db, durability: "strict" | "relaxed", unlock: () => Promise<void>) {
    super();
    this.#name = name;
    this.#db = db;
    this.#durability = durability;
    this.#unlock = unlock;
  }

  /**
   * Opens the database of this name; makes it if there is none. Rejects with an `Error` that says what is wrong when
   * another page uses it, when it belongs to another program or to a newer version, or when the browser has no means for
   * it.
   */
  static async open(name: string, options: IndexedDbStoreOptions = {}): Promise<IndexedDbStore> {
    const what = `Cannot open store ${name}`;
    const unlock = await lock(what, name);
    try {
      const durability = options.durability === "normal" ? "relaxed" : "strict";
      return new IndexedDbStore(name, await openDatabase(name), durability, unlock);
    } catch (error) {
      await unlock();
      throw explain(what, error);
    }
  }

  /** Everything in the database. */
  override async load(): Promise<StoredState> {
    try {
      const transaction = this.#db.transaction(ALL, "readonly");
      const [clientId, publications, states, numbers, received] = await Promise.all([
        resultOf(transaction.objectStore(CLIENT).get(CLIENT_ID)),
        resultOf(transaction.objectStore(PUBLICATIONS).getAll()),
        resultOf(transaction.objectStore(STATES).getAll()),
        resultOf(transaction.objectStore(STATES).getAllKeys()),
        resultOf(transaction.objectStore(RECEIVED).getAllKeys()),
      ]);
      const byNumber = new Map(numbers.map((number, at) => [number, states[at]]));
      return {
        clientId: typeof clientId === "string" ? clientId : undefined,
        publications: publications.map((record) => publicationOf(record, byNumber)),
        received: received.map(Number),
      };
    } catch (error) {
      throw explain(`Cannot read store ${this.#name}`, error);
    }
  }

  /** Writes all changes in one transaction. */
  override async commit(writes: readonly ClientStoreWrite[]): Promise<void> {
    if (writes.length === 0) return;
    try {
      const transaction = this.#db.transaction(ALL, "readwrite", { durability: this.#durability });
      const done = completed(transaction);
      try {
        for (const write of writes) apply(write, (name) => transaction.objectStore(name));
        transaction.commit();
      } catch (error) {
        transaction.abort();
        done.catch(() => {}); // `error` says more
        throw error;
      }
      await done;
    } catch (error) {
      throw explain(`Cannot write to store ${this.#name}`, error);
    }
  }

  /** Closes the database. The client that uses it must be closed before. */
  async close(): Promise<void> {
    this.#db.close();
    await this.#unlock();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

// What is missing where there is no browser is absent, which the type says.
const platform: Platform = globalThis as Platform;

/** Keeps others away until the returned function is called, or the page is gone. */
function lock(what: string, name: string): Promise<() => Promise<void>> {
  const locks = platform.navigator?.locks;
  if (locks === undefined) {
    throw new TypeError(`${what}: there must be Web Locks, as in browsers on https: and localhost, received none`);
  }
  return new Promise((resolve, reject) => {
    const closed = Promise.withResolvers<void>();
    const held = locks.request(`mqtt client store ${name}`, { ifAvailable: true }, (granted) => {
      if (granted === null) return Promise.reject(new Error(`${what}: no other page or worker may use it`));
      resolve(() => {
        closed.resolve();
        return held;
      });
      return closed.promise;
    });
    held.catch(reject);
  });
}

function openDatabase(name: string): Promise<Db> {
  if (platform.indexedDB === undefined) throw new TypeError("there must be IndexedDB, received none");
  const request = platform.indexedDB.open(name, VERSION);
  return new Promise((resolve, reject) => {
    request.onupgradeneeded = ({ oldVersion }) => migrate(request.result, oldVersion);
    request.onblocked = () => reject(new Error("no other page may have it open in an older version"));
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const db = request.result;
      if (ALL.every((it) => db.objectStoreNames.contains(it))) {
        // Somebody deletes it: to hold on would only delay that.
        db.onversionchange = () => db.close();
        return resolve(db);
      }
      db.close();
      reject(new TypeError("it must be a store of this client, received a database of another program"));
    };
  });
}

/** Brings a database of an older version, 0 for a new one, to this one. */
function migrate(db: Db, from: number): void {
  if (from < 1) { for (const name of ALL) db.createObjectStore(name); }
}

function apply(write: ClientStoreWrite, store: (name: string) => DbObjectStore): void {
  switch (write.kind) {
    case "setClientId":
      return void store(CLIENT).put(write.clientId, CLIENT_ID);
    case "addPublication": {
      const { state, ...publication } = write.publication;
      const { number, properties, payload } = publication;
      // A part of a larger array would be kept with all of it.
      store(PUBLICATIONS).put({ ...publication, properties: properties.slice(), payload: payload.slice() }, number);
      return void store(STATES).put(state, number);
    }
    case "updatePublication":
      return void store(STATES).put(write.state, write.number);
    case "removePublication":
      store(PUBLICATIONS).delete(write.number);
      return void store(STATES).delete(write.number);
    case "addReceived":
      return void store(RECEIVED).put(true, write.packetId);
    case "removeReceived":
      return void store(RECEIVED).delete(write.packetId);
  }
}

/** Databases return what was put into them, as it was. */
function publicationOf(record: unknown, states: ReadonlyMap<unknown, unknown>): StoredPublication {
  const publication = record as Omit<StoredPublication, "state">; // put by `apply`
  const state = states.get(publication.number) as StoredPhase | undefined; // put by `apply`
  return { ...publication, state: state ?? { phase: "queued" } };
}

function resultOf<T>(request: DbRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function completed(transaction: DbTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

/** An error that begins with `what` and says what must be otherwise; the browser's own is its `cause`. */
function explain(what: string, error: unknown): Error {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const explanation = EXPLANATIONS[name];
  if (explanation === undefined) return new Error(`${what}: ${message}`, { cause: error });
  return new Error(`${what}: ${explanation}, received "${message}"`, { cause: error });
}
