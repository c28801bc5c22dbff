/**
 * Changes to the text of a password file; all lines that are not about the user stay as they are.
 *
 * @module
 */

import { AuthFileError, linesOf } from "./file_error.ts";
import { parsePasswordHash } from "./password_hash.ts";

/** The text with this line for the user, in place of earlier ones or at the end. */
export function setUser(text: string, user: string, hash: string): string {
  const line = `${user}:${hash}`;
  let isSet = false;
  const lines = textLines(text).flatMap((existing) => {
    if (userOf(existing) !== user) return [existing];
    if (isSet) return [];
    isSet = true;
    return [line];
  });
  if (!isSet) lines.push(line);
  return joined(lines);
}

/** The text without the user; undefined if there is no such user. */
export function removeUser(text: string, user: string): string | undefined {
  const lines = textLines(text);
  const others = lines.filter((line) => userOf(line) !== user);
  return others.length < lines.length ? joined(others) : undefined;
}

/** The text with all plain passwords hashed; what is hashed already stays. Throws {@linkcode AuthFileError}. */
export async function hashAll(
  text: string,
  name: string,
  hash: (password: string) => Promise<string>,
): Promise<string> {
  const lines: string[] = [];
  for (const [index, line] of textLines(text).entries()) {
    const user = userOf(line);
    if (line.trim() === "" || line.startsWith("#")) lines.push(line);
    else if (user === undefined) throw new AuthFileError(name, index + 1, "it must have the form user:password");
    else {
      const password = line.slice(line.indexOf(":") + 1).trim();
      // Nobody can come in with such a line, and with its hash everybody could.
      if (password === "") throw new AuthFileError(name, index + 1, "the password must not be empty; delete the line");
      lines.push(`${user}:${await hashed(password, hash)}`);
    }
  }
  return joined(lines);
}

/** What begins like a hash and is a good one is taken for one. */
async function hashed(password: string, hash: (password: string) => Promise<string>): Promise<string> {
  return typeof parsePasswordHash(password) === "string" ? await hash(password) : password;
}

/** Says what is wrong with a user name for a password file; undefined if nothing is. */
export function userNameProblem(user: string): string | undefined {
  if (user === "" || user.trim() !== user) return "must not be empty, nor begin or end with a blank";
  if (user.includes(":") || user.startsWith("#")) return "must have no colon, and no # in front";
  if (/\p{Cc}/u.test(user)) return "must have no control characters";
  return new TextEncoder().encode(user).length > 65_535 ? "must have at most 65535 bytes" : undefined;
}

function userOf(line: string): string | undefined {
  const colon = line.indexOf(":");
  return colon <= 0 || line.startsWith("#") ? undefined : line.slice(0, colon).trim();
}

function textLines(text: string): string[] {
  const lines = [...linesOf(text)].map(([line]) => line);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
