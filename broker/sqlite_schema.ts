/**
 * The tables of a store in a SQLite file, and how files of older versions become files of this one.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import { isFull } from "./sqlite_errors.ts";

/** Marks a file as a store of ours, in the place that SQLite has for that: "MQTT" in ASCII. */
const APPLICATION_ID = 0x4d515454;

/**
 * What leads from each version of the schema to the next: the first entry makes version 1 of an empty file. Published
 * entries never change; a new version is a new entry.
 *
 * Deliveries lie in the order of their session's queue, so that a part of it is read in one go. A message counts its
 * deliveries, so that it goes with the last one without a search for others.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE session (
    id INTEGER PRIMARY KEY,
    client_id TEXT NOT NULL,
    username TEXT,
    expiry_interval INTEGER NOT NULL,
    ended_at REAL
  ) STRICT;
  CREATE TABLE subscription (
    session INTEGER NOT NULL,
    filter TEXT NOT NULL,
    qos INTEGER NOT NULL,
    no_local INTEGER NOT NULL,
    retain_as_published INTEGER NOT NULL,
    retain_handling INTEGER NOT NULL,
    identifier INTEGER NOT NULL,
    PRIMARY KEY (session, filter)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    deliveries INTEGER NOT NULL,
    topic TEXT NOT NULL,
    qos INTEGER NOT NULL,
    retain INTEGER NOT NULL,
    expires_at REAL,
    properties BLOB,
    payload BLOB NOT NULL
  ) STRICT;
  CREATE TABLE delivery (
    session INTEGER NOT NULL,
    position INTEGER NOT NULL,
    message INTEGER NOT NULL,
    qos INTEGER NOT NULL,
    retain INTEGER NOT NULL,
    size INTEGER NOT NULL,
    phase INTEGER NOT NULL,
    packet_id INTEGER,
    sent_order INTEGER,
    subscription_ids TEXT,
    share TEXT,
    PRIMARY KEY (session, position)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE received (
    session INTEGER NOT NULL,
    packet_id INTEGER NOT NULL,
    PRIMARY KEY (session, packet_id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE retained (
    topic TEXT PRIMARY KEY,
    qos INTEGER NOT NULL,
    expires_at REAL,
    properties BLOB,
    payload BLOB NOT NULL
  ) STRICT;
  CREATE TABLE will (
    session INTEGER PRIMARY KEY,
    due_at REAL,
    delay INTEGER NOT NULL,
    topic TEXT NOT NULL,
    qos INTEGER NOT NULL,
    retain INTEGER NOT NULL,
    properties BLOB,
    payload BLOB NOT NULL,
    protocol_version INTEGER NOT NULL,
    peer_protocol TEXT NOT NULL,
    peer_address TEXT NOT NULL
  ) STRICT;
  `,
  // Who may do what is asked again after a restart: of those who are away, and of those whose messages are retained.
  // Retained messages that were being sent to a new subscription are sent by the next broker. And what a session leaves,
  // which may be a great deal, goes a part at a time.
  `
  ALTER TABLE session ADD COLUMN access TEXT;
  ALTER TABLE retained ADD COLUMN access TEXT;
  ALTER TABLE subscription ADD COLUMN retained_pending INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE removed_session (id INTEGER PRIMARY KEY) STRICT;
  `,
  // How far the machine's clock was ahead of the one by which all times were written; no row for not at all.
  `
  CREATE TABLE ahead (id INTEGER PRIMARY KEY CHECK (id = 1), milliseconds REAL NOT NULL) STRICT;
  `,
];

/** The version that this code reads and writes. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

/** The version of the schema in a file, 0 for an empty one. Throws for what is no store, or one of a newer version. */
export function schemaVersionOf(db: DatabaseSync): number {
  const isEmpty = db.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
  const owner = pragma(db, "application_id");
  if (isEmpty && owner === 0) return 0;
  if (owner !== APPLICATION_ID) {
    throw new TypeError("it must be a store of this broker, received a database of another program");
  }
  const version = pragma(db, "user_version");
  if (version <= SCHEMA_VERSION) return version;
  throw new RangeError(`its version must be at most ${SCHEMA_VERSION}, received ${version}, made by a newer broker`);
}

/**
 * Brings a file from the version that {@linkcode schemaVersionOf} has found to this one, in one transaction: what comes
 * between leaves it as it was.
 */
export function migrateSchema(db: DatabaseSync, version: number, migrations: readonly string[] = MIGRATIONS): void {
  if (version === migrations.length) return;
  db.exec("BEGIN IMMEDIATE");
  try {
    if (version === 0) db.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    for (const migration of migrations.slice(version)) db.exec(migration);
    db.exec(`PRAGMA user_version = ${migrations.length}; COMMIT`);
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
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
    if (!isFull(error)) throw error;
  }
}

function pragma(db: DatabaseSync, name: "user_version" | "application_id"): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}
