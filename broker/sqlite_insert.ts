/**
 * Adds many rows with few statements: most of the time that a statement takes is the way into SQLite and back.
 *
 * @module
 */

import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";

/** Rows of the larger statement. More gain next to nothing. */
const ROWS = 16;

/** Rows for one table, gathered within a transaction. */
export class RowInserter {
  readonly #one: StatementSync;
  readonly #many: StatementSync;
  readonly #columns: number;
  #values: SQLInputValue[] = [];

  /** `insert` begins the statement, e.g. `INSERT INTO message`. */
  constructor(db: DatabaseSync, insert: string, columns: number) {
    const row = `(${Array(columns).fill("?").join()})`;
    this.#one = db.prepare(`${insert} VALUES ${row}`);
    this.#many = db.prepare(`${insert} VALUES ${Array(ROWS).fill(row).join()}`);
    this.#columns = columns;
  }

  /** Adds a row, at the latest with {@linkcode RowInserter.flush}. */
  add(...row: SQLInputValue[]): void {
    this.#values.push(...row);
    if (this.#values.length === ROWS * this.#columns) this.#runMany();
  }

  /** Adds the rows that wait. */
  flush(): void {
    const values = this.#values;
    if (values.length === 0) return;
    this.#values = [];
    for (let at = 0; at < values.length; at += this.#columns) {
      this.#one.run(...values.slice(at, at + this.#columns));
    }
  }

  /** Forgets the rows that wait, as their transaction is taken back. */
  clear(): void {
    this.#values = [];
  }

  #runMany(): void {
    const values = this.#values;
    this.#values = [];
    this.#many.run(...values);
  }
}
