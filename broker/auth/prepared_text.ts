/**
 * User names and passwords as SCRAM takes them, from whoever sends them.
 *
 * @module
 */

import { saslPrep } from "../../engine/scram_messages.ts";

/**
 * Characters of a user name or password. Strangers send them, and normalization sorts combining characters: *measured*,
 * 32,000 of these in the wrong order keep the broker busy for 0.7 s, 1,024 for less than 1 ms.
 */
const LONGEST = 1_024;

/** Prepares a user name or password. Throws `TypeError` for one that cannot be used. */
export function preparedText(text: string): string {
  if (text.length <= LONGEST) return saslPrep(text);
  throw new TypeError(`Cannot use user name or password: it must have at most ${LONGEST} characters`);
}
