/**
 * A client's store in a SQLite file, for Deno and for Node from version 22.13 on.
 *
 * @module
 */

import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import { ClientStore } from "./client_store.ts";
import { openPrivately } from "./sqlite_file.ts";
import { explain, migrateSchema, schemaVersionOf, settleLog } from "./sqlite_schema.ts";
import type { ClientStoreWrite, StoredPhase, StoredPublication, StoredState } from "./stored.ts";

export type { QoS } from "../codec/packets.ts";
export type * from "./stored.ts";
export type { ClientStore };

/** How a {@linkcode SqliteStore} is opened. */
export interface SqliteStoreOptions {
  /**
   * What a commit outlives. `full` (default): the end of the process and a loss of power, at the price of waiting for the
   * disk. `normal`: the end of the process; a loss of power may take the last commits, but leaves a whole store, so that
   * QoS 2 messages of that moment may be lost or doubled.
   */
  readonly durability?: "full" | "normal";
  /** Bytes that the file may grow to, as if its disk had no more; its log has some more. Default: no limit. */
  readonly maxBytes?: number;
}

/** Bytes of a page, SQLite's default. */
const PAGE = 4_096;

type Row = Record<string, SQLOutputValue>;

/**
 * Keeps the state of a client in one file (and a log beside it while it is open, named like it with `-wal`).
 *
 * @example A script that finishes what it had begun before it was killed
 * ```ts
 * import { connect } from "@x/mqtt/client";
 * import { SqliteStore } from "@x/mqtt/client/sqlite";
 *
 * const path = await Deno.makeTempFile({ suffix: ".db" }); // the same one in each run
 * using store = SqliteStore.open(path);
 * await using client = await connect("mqtt://127.0.0.1:1883", { store });
 * await client.publish("sensors/7", "21.5", { qos: 2 });
 * ```
 */
export class SqliteStore extends ClientStore implements Disposable {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #statements: Statements;

  private constructor(path: string, db: DatabaseSync) {
    super();
    this.#path = path;
    this.#db = db;
    this.#statements = prepareStatements(db);
  }

  /**
   * Opens a store; makes it if there is no such file, for the user of the process alone. Throws an `Error` that says
   * what is wrong with a file that is in use, is damaged or read-only, belongs to another program or to a newer version,
   * or has no room to grow.
   */
  static open(path: string, options: SqliteStoreOptions = {}): SqliteStore {
    // SQLite would keep everything in a file that is gone when it is closed.
    if (path === "") throw new RangeError("Cannot open store: path must not be empty");
    let db: DatabaseSync | undefined;
    try {
      db = openPrivately(path);
      // Taken at the first look and kept: two clients must not believe that they own the same session.
      db.exec("PRAGMA locking_mode = EXCLUSIVE");
      const version = schemaVersionOf(db);
      db.exec("PRAGMA journal_mode = WAL");
      db.exec(`PRAGMA synchronous = ${options.durability === "normal" ? "NORMAL" : "FULL"}`);
      if (options.maxBytes !== undefined) db.exec(`PRAGMA max_page_count = ${Math.ceil(options.maxBytes / PAGE)}`);
      // With this, a file that cannot be written to is found now.
      db.exec("BEGIN IMMEDIATE; COMMIT");
      settleLog(db);
      migrateSchema(db, version);
      return new SqliteStore(path, db);
    } catch (error) {
      db?.close();
      throw explain(`Cannot open store ${path}`, error);
    }
  }

  /** Everything in the file. */
  override load(): StoredState {
    const { clientId, publications, received } = this.#statements;
    try {
      return {
        clientId: clientId.all().map((row) => String(row.client_id))[0],
        publications: publications.all().map(publicationOf),
        received: received.all().map((row) => Number(row.packet_id)),
      };
    } catch (error) {
      throw explain(`Cannot read store ${this.#path}`, error);
    }
  }

  /** Writes all changes in one transaction. */
  override commit(writes: readonly ClientStoreWrite[]): void {
    try {
      this.#statements.begin.run();
      for (const write of writes) this.#apply(write);
      this.#statements.commit.run();
    } catch (error) {
      // Some errors have taken the transaction back already.
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw explain(`Cannot write to store ${this.#path}`, error);
    }
  }

  /** Closes the file. The client that uses it must be closed before. */
  close(): void {
    this.#db.close();
  }

  /** The same as {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #apply(write: ClientStoreWrite): void {
    const statements = this.#statements;
    switch (write.kind) {
      case "setClientId":
        return void statements.setClientId.run(write.clientId);
      case "addPublication":
        return this.#add(write.publication);
      case "updatePublication":
        return void statements.update.run(write.state.phase, packetIdOf(write.state), write.number);
      case "removePublication":
        return void statements.remove.run(write.number);
      case "addReceived":
        return void statements.addReceived.run(write.packetId);
      case "removeReceived":
        return void statements.removeReceived.run(write.packetId);
    }
  }

  #add({ number, topic, qos, retain, expiresAt, properties, payload, state }: StoredPublication): void {
    this.#statements.add.run(
      number,
      topic,
      qos,
      retain ? 1 : 0,
      expiresAt === Infinity ? null : expiresAt,
      properties,
      payload,
      state.phase,
      packetIdOf(state),
    );
  }
}

const SQL = {
  begin: "BEGIN IMMEDIATE",
  commit: "COMMIT",
  clientId: "SELECT client_id FROM client",
  publications: "SELECT * FROM publication ORDER BY number",
  received: "SELECT packet_id FROM received",
  setClientId: "INSERT OR REPLACE INTO client (only, client_id) VALUES (1, ?)",
  add: `INSERT INTO publication (number, topic, qos, retain, expires_at, properties, payload, phase, packet_id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  update: "UPDATE publication SET phase = ?, packet_id = ? WHERE number = ?",
  remove: "DELETE FROM publication WHERE number = ?",
  addReceived: "INSERT OR IGNORE INTO received (packet_id) VALUES (?)",
  removeReceived: "DELETE FROM received WHERE packet_id = ?",
} as const;

type Statements = { readonly [Name in keyof typeof SQL]: StatementSync };

/** Prepares all statements, once for the life of the connection. */
function prepareStatements(db: DatabaseSync): Statements {
  const named = Object.fromEntries(Object.entries(SQL).map(([name, sql]) => [name, db.prepare(sql)]));
  return named as Statements; // the same names as in SQL
}

function packetIdOf(state: StoredPhase): number | null {
  return state.phase === "queued" ? null : state.packetId;
}

function publicationOf(row: Row): StoredPublication {
  return {
    number: Number(row.number),
    topic: String(row.topic),
    qos: row.qos === 1 ? 1 : 2,
    retain: row.retain === 1,
    expiresAt: row.expires_at === null ? Infinity : Number(row.expires_at),
    properties: bytesOf(row.properties),
    payload: bytesOf(row.payload),
    state: phaseOf(row),
  };
}

function phaseOf({ phase, packet_id }: Row): StoredPhase {
  if (phase === "queued") return { phase };
  return { phase: phase === "released" ? "released" : "sent", packetId: Number(packet_id) };
}

function bytesOf(value: SQLOutputValue | undefined): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(0);
}
