/**
 * The broker's clock: times come from there, and the clock of whoever looks may be another one.
 *
 * @module
 */

/** Milliseconds that it is ahead of ours. */
let ahead = 0;

/** The broker has told its time just now. */
export function setClock(brokerTime: number): void {
  ahead = brokerTime - Date.now();
}

/** Milliseconds since 1970, as the broker counts them. */
export function now(): number {
  return Date.now() + ahead;
}
