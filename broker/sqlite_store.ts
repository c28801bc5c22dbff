/**
 * A store in a SQLite file, for brokers on Deno and Node.
 *
 * It stands apart from the rest of the broker, so that who runs where there are no files needs no SQLite either.
 *
 * @module
 */

import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type {
  LoadedDelivery,
  Store,
  StoredBacklog,
  StoredMessage,
  StoredRetained,
  StoredSession,
  StoredSubscription,
  StoredWill,
  StoreWrite,
} from "./store.ts";
import { correctDates, StoredDates } from "./sqlite_dates.ts";
import { explain } from "./sqlite_errors.ts";
import {
  accessValue,
  backlogOf,
  deliveryValues,
  expiryValue,
  loadedDeliveryOf,
  phaseNumber,
  propertiesValue,
  retainedOf,
  type Row,
  sessionOf,
  subscriptionOf,
  willOf,
} from "./sqlite_rows.ts";
import { openPrivately } from "./sqlite_file.ts";
import { migrateSchema, schemaVersionOf, settleLog } from "./sqlite_schema.ts";
import { prepareStatements, type Statements } from "./sqlite_statements.ts";
import { RowInserter } from "./sqlite_insert.ts";
import { Broom, sweep } from "./sqlite_sweep.ts";

export type { ProtocolVersion, QoS, RetainHandling } from "../codec/packets.ts";
export type { Permissions } from "./hooks.ts";
export type { OtherBroker } from "./origin.ts";
export type * from "./store.ts";

/**
 * What a commit outlives. `full`: a crash of the broker and a loss of power, at the price of waiting for the disk.
 * `normal`: a crash of the broker; a loss of power may take the last commits, but leaves a whole store.
 */
export type Durability = "full" | "normal";

/** How a {@linkcode SqliteStore} is opened. */
export interface SqliteStoreOptions {
  /** Default `full`. */
  readonly durability?: Durability;
  /** Bytes that the file may grow to, as if its disk had no more; its log has some more. Default: no limit. */
  readonly maxBytes?: number;
}

/** Bytes of a page, SQLite's default. */
const PAGE = 4_096;
/** Pages that the log of changes may have before they go where they belong: that makes a commit wait. */
const LOG_PAGES = 1_000;
/** Rows of a table that are read at a time. */
const ROWS = 1_000;
/** KiB of pages that are kept in memory. */
const CACHE = 16_384;

/**
 * Keeps the state of a broker in one file (and a log beside it while it is open, named like it with `-wal`).
 *
 * @example A broker that loses nothing that it has acknowledged
 * ```ts
 * import { Broker, listen } from "@x/mqtt/broker";
 * import { SqliteStore } from "@x/mqtt/broker/sqlite";
 *
 * const path = await Deno.makeTempFile({ suffix: ".db" });
 * using store = SqliteStore.open(path, { durability: "full" });
 * await using broker = new Broker({ store });
 * listen(broker, { port: 0 });
 * ```
 */
export class SqliteStore implements Store, Disposable {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #statements: Statements;
  readonly #broom = new Broom();
  readonly #dates = new StoredDates();
  // What comes in great numbers; the order of rows in different tables does not matter.
  readonly #messages: RowInserter;
  readonly #deliveries: RowInserter;
  readonly #received: RowInserter;
  readonly #inserters: readonly RowInserter[];

  private constructor(path: string, db: DatabaseSync) {
    this.#path = path;
    this.#db = db;
    this.#statements = prepareStatements(db);
    this.#messages = new RowInserter(db, "INSERT INTO message", 8);
    this.#deliveries = new RowInserter(db, "INSERT INTO delivery", 11);
    this.#received = new RowInserter(db, "INSERT OR IGNORE INTO received", 2);
    this.#inserters = [this.#messages, this.#deliveries, this.#received];
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
      // Taken at the first look and kept: two brokers must not believe that they own the same sessions.
      db.exec("PRAGMA locking_mode = EXCLUSIVE");
      const version = schemaVersionOf(db);
      db.exec("PRAGMA journal_mode = WAL");
      db.exec(`PRAGMA synchronous = ${options.durability === "normal" ? "NORMAL" : "FULL"}`);
      db.exec(`PRAGMA wal_autocheckpoint = ${LOG_PAGES}; PRAGMA cache_size = -${CACHE}; PRAGMA temp_store = MEMORY`);
      if (options.maxBytes !== undefined) db.exec(`PRAGMA max_page_count = ${Math.ceil(options.maxBytes / PAGE)}`);
      // With this, a file that cannot be written to is found now.
      db.exec("BEGIN IMMEDIATE; COMMIT");
      settleLog(db);
      migrateSchema(db, version);
      correctDates(db);
      return new SqliteStore(path, db);
    } catch (error) {
      db?.close();
      throw explain(`Cannot open store ${path}`, error);
    }
  }

  /** Writes all changes in one transaction. */
  commit(writes: readonly StoreWrite[]): void {
    this.#transact(() => {
      for (const write of writes) this.#apply(write);
      this.#dates.note(this.#statements);
    });
  }

  /** Clears away what sessions have left, for a few milliseconds. */
  sweep(): boolean {
    if (this.#all(this.#statements.nextRemoved).length === 0) return false;
    let isMore = false;
    this.#broom.use((rows) => this.#transact(() => isMore = sweep(this.#statements, rows)));
    return isMore;
  }

  #transact(write: () => void): void {
    try {
      this.#statements.begin.run();
      write();
      this.#flush();
      this.#statements.commit.run();
    } catch (error) {
      for (const rows of this.#inserters) rows.clear();
      this.#dates.forget();
      // Some errors have taken the transaction back already.
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw explain(`Cannot write to store ${this.#path}`, error);
    }
  }

  /**
   * Puts what is in the log of changes into the file, so that the file alone is a whole copy for as long as nothing more is
   * committed. Throws an `Error` when that cannot be written.
   */
  checkpoint(): void {
    try {
      this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (error) {
      throw explain(`Cannot write to store ${this.#path}`, error);
    }
  }

  /** The highest of all numbers in use. */
  highestNumber(): number {
    return Number(this.#all(this.#statements.highestNumber)[0]?.highest);
  }

  /** All sessions. */
  *sessions(): Iterable<StoredSession> {
    for (const row of this.#pages(this.#statements.sessions, ["id"])) yield sessionOf(row);
  }

  /** All subscriptions. */
  *subscriptions(): Iterable<StoredSubscription> {
    for (const row of this.#pages(this.#statements.subscriptions, ["session", "filter"])) yield subscriptionOf(row);
  }

  /** All packet identifiers of QoS 2 messages that were received and not released. */
  *received(): Iterable<{ readonly session: number; readonly packetId: number }> {
    for (const row of this.#pages(this.#statements.received, ["session", "packet_id"])) {
      yield { session: Number(row.session), packetId: Number(row.packet_id) };
    }
  }

  /** All deliveries that were sent and not finished. */
  inFlight(): Iterable<LoadedDelivery> {
    return this.#all(this.#statements.inFlight).map(loadedDeliveryOf);
  }

  /** The sessions that have queued deliveries. */
  backlogs(): Iterable<StoredBacklog> {
    return this.#all(this.#statements.backlogs).map(backlogOf);
  }

  /** The first queued deliveries from a position on. */
  queued(session: number, position: number, limit: number): readonly LoadedDelivery[] {
    return this.#all(this.#statements.queued, session, position, limit).map(loadedDeliveryOf);
  }

  /** All retained messages. */
  *retained(): Iterable<StoredRetained> {
    for (const row of this.#pages(this.#statements.retained, ["rowid"])) yield retainedOf(row);
  }

  /** All wills. */
  *wills(): Iterable<StoredWill> {
    for (const row of this.#pages(this.#statements.wills, ["session"])) yield willOf(row);
  }

  /** Closes the file. The broker that uses it must be closed before. */
  close(): void {
    this.#db.close();
  }

  /** The same as {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #all(statement: StatementSync, ...values: SQLInputValue[]): Row[] {
    try {
      return statement.all(...values);
    } catch (error) {
      throw explain(`Cannot read store ${this.#path}`, error);
    }
  }

  /**
   * All rows, some at a time: the statement takes the key of the last row and a limit. An iterator of SQLite's would do,
   * but Deno's (2.9) takes a damaged page for the end of the table.
   */
  *#pages(statement: StatementSync, key: readonly string[]): Iterable<Row> {
    // No key is as low as this.
    let last: SQLInputValue[] = key.map(() => 0);
    for (;;) {
      const rows = this.#all(statement, ...last, ROWS);
      yield* rows;
      const end = rows.at(-1);
      if (end === undefined || rows.length < ROWS) return;
      last = key.map((name) => end[name] ?? null);
    }
  }

  /** What comes now has to find the rows that wait. */
  #flush(): void {
    for (const rows of this.#inserters) rows.flush();
  }

  #apply(write: StoreWrite): void {
    const statements = this.#statements;
    switch (write.kind) {
      case "putSession":
        return this.#putSession(write.session);
      case "removeSession":
        this.#flush();
        statements.noteRemoval.run(write.session);
        return void statements.removeSession.run(write.session);
      case "putSubscription":
        return this.#putSubscription(write.subscription);
      case "removeSubscription":
        return void statements.removeSubscription.run(write.session, write.filter);
      case "addMessage":
        return this.#addMessage(write.id, write.references, write.message);
      case "addDelivery":
        return this.#deliveries.add(...deliveryValues(write.delivery));
      case "updateDelivery": {
        this.#deliveries.flush();
        const { state } = write;
        const [packetId, order] = state.phase === "queued" ? [null, null] : [state.packetId, state.order];
        return void statements.updateDelivery.run(phaseNumber(state), packetId, order, write.session, write.position);
      }
      case "removeDelivery":
        return this.#removeDelivery(write.session, write.position, write.message);
      case "addReceived":
        return this.#received.add(write.session, write.packetId);
      case "removeReceived":
        this.#received.flush();
        return void statements.removeReceived.run(write.session, write.packetId);
      case "putRetained":
        return this.#putRetained(write.retained);
      case "removeRetained":
        return void statements.removeRetained.run(write.topic);
      case "putWill":
        return this.#putWill(write.will);
      case "removeWill":
        return void statements.removeWill.run(write.session);
    }
  }

  #putSession({ id, clientId, username, expiryInterval, endedAt, access }: StoredSession): void {
    const values = [id, clientId, username ?? null, expiryInterval, endedAt ?? null, accessValue(access)];
    this.#statements.putSession.run(...values);
  }

  #putSubscription(subscription: StoredSubscription): void {
    this.#statements.putSubscription.run(
      subscription.session,
      subscription.filter,
      subscription.qos,
      subscription.noLocal ? 1 : 0,
      subscription.retainAsPublished ? 1 : 0,
      subscription.retainHandling,
      subscription.identifier,
      subscription.retainedPending ? 1 : 0,
    );
  }

  #addMessage(id: number, references: number, message: StoredMessage): void {
    this.#messages.add(
      id,
      references,
      message.topic,
      message.qos,
      message.retain ? 1 : 0,
      expiryValue(message),
      propertiesValue(message),
      message.payload,
    );
  }

  #removeDelivery(session: number, position: number, message: number): void {
    this.#messages.flush();
    this.#deliveries.flush();
    const { removeDelivery, removeLastMessage, releaseMessage } = this.#statements;
    if (removeDelivery.run(session, position).changes === 0) return;
    // Most messages have one receiver, so that the first statement is all.
    if (removeLastMessage.run(message).changes === 0) releaseMessage.run(message);
  }

  #putRetained({ message, publisher }: StoredRetained): void {
    const { topic, qos, payload } = message;
    const values = [topic, qos, expiryValue(message), propertiesValue(message), payload, accessValue(publisher)];
    this.#statements.putRetained.run(...values);
  }

  #putWill({ session, dueAt, delay, message, protocolVersion, peer }: StoredWill): void {
    this.#statements.putWill.run(
      session,
      dueAt ?? null,
      delay,
      message.topic,
      message.qos,
      message.retain ? 1 : 0,
      propertiesValue(message),
      message.payload,
      protocolVersion,
      peer.protocol,
      peer.address,
    );
  }
}
