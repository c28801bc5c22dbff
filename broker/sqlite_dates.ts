/**
 * The times in a SQLite file, on a machine whose clock is set while the broker runs.
 *
 * A device without a clock of its own finds out the date when it has a network. The broker's clock does not follow, as
 * nobody has been away for the days that it was off by; but then all times in the file are off by these days, and by the
 * next broker's clock whatever waits would have waited for too long. So the file says how far it is off, and the next
 * broker puts it right.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import type { Statements } from "./sqlite_statements.ts";
import { dateOf, systemClock } from "./system_clock.ts";

/** Milliseconds that are of no account. */
const LITTLE = 1_000;

/** How far the machine's clock is ahead of the broker's, and whether the file knows. */
export class StoredDates {
  /** What the file says. */
  #noted = 0;

  /** Notes it, if it has changed; runs within the transaction that writes times. */
  note({ noteAhead }: Statements): void {
    const ahead = dateOf(systemClock) - systemClock.now();
    if (Math.abs(ahead - this.#noted) < LITTLE) return;
    noteAhead.run(ahead);
    this.#noted = ahead;
  }

  /** The transaction was taken back: nobody knows what the file says. */
  forget(): void {
    this.#noted = NaN;
  }
}

/** Puts all times right that an earlier broker has written by another clock than the machine had at its end. */
export function correctDates(db: DatabaseSync): void {
  const ahead = db.prepare("SELECT milliseconds FROM ahead").get()?.milliseconds;
  if (typeof ahead !== "number") return;
  db.exec(`
    BEGIN IMMEDIATE;
    UPDATE session SET ended_at = ended_at + ${ahead};
    UPDATE message SET expires_at = expires_at + ${ahead};
    UPDATE retained SET expires_at = expires_at + ${ahead};
    UPDATE will SET due_at = due_at + ${ahead};
    DELETE FROM ahead;
    COMMIT;
  `);
}
