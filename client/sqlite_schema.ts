/**
 * The tables of a client's store in a SQLite file, how older files become files of this version, and what SQLite's
 * errors mean to those who use it.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";

/** Marks a file as a client's store of ours, in the place that SQLite has for that: "MQTc" in ASCII. */
const APPLICATION_ID = 0x4d515463;

/**
 * What leads from each version of the schema to the next: the first entry makes version 1 of an empty file. Published
 * entries never change; a new version is a new entry.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE client (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    client_id TEXT NOT NULL
  ) STRICT;
  CREATE TABLE publication (
    number INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    qos INTEGER NOT NULL CHECK (qos IN (1, 2)),
    retain INTEGER NOT NULL,
    expires_at REAL,
    properties BLOB NOT NULL,
    payload BLOB NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('queued', 'sent', 'released')),
    packet_id INTEGER
  ) STRICT;
  CREATE TABLE received (
    packet_id INTEGER PRIMARY KEY
  ) STRICT;
  `,
];

/** The version that this code reads and writes. */
const SCHEMA_VERSION = MIGRATIONS.length;

/** Brings a file from the version that {@linkcode schemaVersionOf} has found to this one. */
export function migrateSchema(db: DatabaseSync, version: number): void {
  if (version === 0) db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  for (let from = version; from < SCHEMA_VERSION; from++) {
    db.exec("BEGIN IMMEDIATE");
    try {
      db.exec(MIGRATIONS[from] ?? "");
      db.exec(`PRAGMA user_version = ${from + 1}; COMMIT`);
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  }
}

/** The version of the schema in a file, 0 for an empty one. Throws for what is no store, or one of a newer version. */
export function schemaVersionOf(db: DatabaseSync): number {
  const isEmpty = db.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
  if (isEmpty) return 0;
  if (pragma(db, "application_id") !== APPLICATION_ID) {
    throw new TypeError("it must be a store of this client, received a database of another program");
  }
  const version = pragma(db, "user_version");
  if (version <= SCHEMA_VERSION) return version;
  throw new RangeError(`its version must be at most ${SCHEMA_VERSION}, received ${version}, made by a newer client`);
}

/**
 * Has the disk keep what a process that was killed has left in the log of changes: it may have written that and not
 * waited for the disk, and from now on it is taken for kept.
 */
export function settleLog(db: DatabaseSync): void {
  try {
    db.prepare("PRAGMA wal_checkpoint(PASSIVE)").get();
  } catch (error) {
    // The disk keeps the log by then; only the file cannot grow.
    if (codeOf(error) !== FULL) throw error;
  }
}

function pragma(db: DatabaseSync, name: "user_version" | "application_id"): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}

const FULL = 13;

/** What must be so that the error does not come, by SQLite's extended or primary result code. */
const EXPLANATIONS: Readonly<Record<number, string>> = {
  5: "no other client may use it",
  8: "it must be writable",
  10: "its disk must work",
  11: "it must be undamaged",
  [FULL]: "its disk must have room",
  14: "it must be a file in a folder that exists, and accessible",
  26: "it must be a store of this client",
};

/** An error that begins with `what` and says what must be otherwise; SQLite's own is its `cause`. */
export function explain(what: string, error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  // Before there is a file, there is no code: the message is all.
  const explanation = EXPLANATIONS[message.startsWith("unable to open") ? 14 : codeOf(error)];
  if (explanation === undefined) return new Error(`${what}: ${message}`, { cause: error });
  return new Error(`${what}: ${explanation}, received "${message}"`, { cause: error });
}

/** SQLite's primary result code; 0 for other errors. */
function codeOf(error: unknown): number {
  return error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : 0;
}
