/**
 * The SQL that a store consists of.
 *
 * @module
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";

const LOADED_DELIVERY = `
  SELECT delivery.*, message.topic, message.qos AS message_qos, message.retain AS message_retain,
    message.expires_at, message.properties, message.payload
  FROM delivery JOIN message ON message.id = delivery.message
`;

/** Whether a row's session was not removed. */
const IS_THERE = "session NOT IN (SELECT id FROM removed_session)";

const SQL = {
  begin: "BEGIN IMMEDIATE",
  commit: "COMMIT",
  noteAhead: "INSERT OR REPLACE INTO ahead VALUES (1, ?)",
  putSession: "INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?, ?, ?)",
  noteRemoval: "INSERT INTO removed_session SELECT id FROM session WHERE id = ?",
  removeSession: "DELETE FROM session WHERE id = ?",
  putSubscription: "INSERT OR REPLACE INTO subscription VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
  removeSubscription: "DELETE FROM subscription WHERE session = ? AND filter = ?",
  removeLastMessage: "DELETE FROM message WHERE id = ? AND deliveries = 1",
  releaseMessage: "UPDATE message SET deliveries = deliveries - 1 WHERE id = ?",
  updateDelivery: "UPDATE delivery SET phase = ?, packet_id = ?, sent_order = ? WHERE session = ? AND position = ?",
  removeDelivery: "DELETE FROM delivery WHERE session = ? AND position = ?",
  removeReceived: "DELETE FROM received WHERE session = ? AND packet_id = ?",
  putRetained: "INSERT OR REPLACE INTO retained VALUES (?, ?, ?, ?, ?, ?)",
  removeRetained: "DELETE FROM retained WHERE topic = ?",
  putWill: "INSERT OR REPLACE INTO will VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  removeWill: "DELETE FROM will WHERE session = ?",

  highestNumber: `SELECT max(
    (SELECT coalesce(max(id), 0) FROM session),
    (SELECT coalesce(max(id), 0) FROM removed_session),
    (SELECT coalesce(max(id), 0) FROM message),
    (SELECT coalesce(max(max(position, coalesce(sent_order, 0))), 0) FROM delivery)
  ) AS highest`,
  sessions: "SELECT * FROM session WHERE id > ? ORDER BY id LIMIT ?",
  subscriptions: `SELECT * FROM subscription WHERE (session, filter) > (?, ?) AND ${IS_THERE}
    ORDER BY session, filter LIMIT ?`,
  received: `SELECT * FROM received WHERE (session, packet_id) > (?, ?) AND ${IS_THERE}
    ORDER BY session, packet_id LIMIT ?`,
  inFlight: `${LOADED_DELIVERY} WHERE phase > 0 AND ${IS_THERE} ORDER BY session, sent_order`,
  backlogs: `SELECT session, count(*) AS count, sum(size) AS bytes, count(share) AS shared
    FROM delivery WHERE phase = 0 AND ${IS_THERE} GROUP BY session`,
  queued: `${LOADED_DELIVERY} WHERE session = ? AND position >= ? AND phase = 0 AND ${IS_THERE}
    ORDER BY position LIMIT ?`,
  retained: "SELECT rowid, * FROM retained WHERE rowid > ? ORDER BY rowid LIMIT ?",
  wills: `SELECT *, NULL AS expires_at FROM will WHERE session > ? AND ${IS_THERE} ORDER BY session LIMIT ?`,

  // What a removed session has left, a part at a time.
  nextRemoved: "SELECT id FROM removed_session LIMIT 1",
  sweptPosition: `SELECT max(position) AS last
    FROM (SELECT position FROM delivery WHERE session = ? ORDER BY position LIMIT ?)`,
  sweepReferences: `UPDATE message SET deliveries = deliveries - gone.count
    FROM (SELECT message, count(*) AS count FROM delivery WHERE session = ? AND position <= ? GROUP BY message) AS gone
    WHERE gone.message = message.id`,
  sweepMessages: `DELETE FROM message WHERE deliveries = 0
    AND id IN (SELECT message FROM delivery WHERE session = ? AND position <= ?)`,
  sweepDeliveries: "DELETE FROM delivery WHERE session = ? AND position <= ?",
  sweepReceived: `DELETE FROM received
    WHERE (session, packet_id) IN (SELECT session, packet_id FROM received WHERE session = ? LIMIT ?)`,
  sweepSubscriptions: `DELETE FROM subscription
    WHERE (session, filter) IN (SELECT session, filter FROM subscription WHERE session = ? LIMIT ?)`,
  forgetRemoval: "DELETE FROM removed_session WHERE id = ?",
} as const;

/** Prepared statements by name. */
export type Statements = { readonly [Name in keyof typeof SQL]: StatementSync };

/** Prepares all statements, once for the life of the connection. */
export function prepareStatements(db: DatabaseSync): Statements {
  const named = Object.entries(SQL).map(([name, sql]) => [name, db.prepare(sql)]);
  return Object.fromEntries(named) as Statements; // the same names as in SQL
}
