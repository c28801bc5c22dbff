/**
 * Password files: a line `user:hash` for each user.
 *
 * @module
 */

import { AuthFileError, linesOf } from "./file_error.ts";
import { parsePasswordHash, type PasswordHash } from "./password_hash.ts";

/**
 * Reads a password file. Comments begin with `#`; the last line of a user holds. Throws {@linkcode AuthFileError} for a
 * line that is no `user:hash`, above all for one with a password in plain text, which is not repeated.
 */
export function parsePasswordFile(text: string, name: string): Map<string, PasswordHash> {
  const users = new Map<string, PasswordHash>();
  for (const [line, number] of linesOf(text)) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const colon = line.indexOf(":");
    const user = line.slice(0, colon).trim();
    if (colon < 0 || user === "") throw new AuthFileError(name, number, "it must have the form user:hash");
    const hash = parsePasswordHash(line.slice(colon + 1).trim());
    if (typeof hash === "string") throw new AuthFileError(name, number, hash);
    users.set(user, hash);
  }
  return users;
}
