/**
 * Clears away what removed sessions have left in a SQLite file.
 *
 * @module
 */

import type { Statements } from "./sqlite_statements.ts";

/** Rows that go in one transaction: at least, and at most. */
const ROWS = { least: 100, most: 2_000 };
/** Milliseconds that a transaction should take. How many rows that is depends on where they lie, and on the disk. */
const LONGEST = 4;

/** Finds how many rows can go at a time. */
export class Broom {
  #rows = ROWS.least;

  /** Has `work` remove so many rows. */
  use(work: (rows: number) => void): void {
    const begun = performance.now();
    work(this.#rows);
    const fits = performance.now() - begun < LONGEST;
    this.#rows = Math.min(Math.max(fits ? this.#rows * 1.5 : this.#rows / 2, ROWS.least), ROWS.most);
  }
}

/** Clears away about so many rows; runs within a transaction. Returns whether there may be more. */
export function sweep(statements: Statements, rows: number): boolean {
  for (let left = rows; left > 0;) {
    const id = statements.nextRemoved.get()?.id;
    if (typeof id !== "number") return false;
    left -= sweepSession(statements, id, Math.ceil(left));
  }
  return true;
}

/** Returns how many rows are gone, at least 1. */
function sweepSession(statements: Statements, id: number, rows: number): number {
  const { changes } = sweepQueue(statements, id, rows);
  let gone = Number(changes);
  if (gone < rows) gone += Number(statements.sweepReceived.run(id, rows - gone).changes);
  if (gone < rows) gone += Number(statements.sweepSubscriptions.run(id, rows - gone).changes);
  if (gone >= rows) return gone;
  statements.removeWill.run(id);
  statements.forgetRemoval.run(id);
  return gone + 1;
}

function sweepQueue(statements: Statements, id: number, rows: number): { readonly changes: number | bigint } {
  const last = statements.sweptPosition.get(id, rows)?.last;
  if (typeof last !== "number") return { changes: 0 };
  statements.sweepReferences.run(id, last);
  statements.sweepMessages.run(id, last);
  return statements.sweepDeliveries.run(id, last);
}
