/**
 * The file of a store.
 *
 * @module
 */

import { closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/**
 * Opens a database. One that is not there is made so that only its owner can read what passes through the broker:
 * SQLite would let everybody. What SQLite puts beside it has the permissions of the file itself.
 */
export function openPrivately(path: string): DatabaseSync {
  makePrivate(path);
  return new DatabaseSync(path);
}

/** Never opens a file that is there: closing it again would give up locks that this process has on it. */
function makePrivate(path: string): void {
  // No file.
  if (path === ":memory:" || path.startsWith("file:")) return;
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch {
    // It is there, or cannot be made: SQLite says why.
  }
}
