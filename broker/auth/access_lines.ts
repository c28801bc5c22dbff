/**
 * Mosquitto's access control files, read.
 *
 * @module
 */

import { isTopicFilter } from "../../codec/topic.ts";
import { AuthFileError, linesOf } from "./file_error.ts";

/** Topic filters by what they allow. */
export interface RuleSet {
  readonly read: string[];
  readonly write: string[];
  /** Goes before the others. */
  readonly deny: string[];
}

/** What an access control file says. */
export interface AccessFile {
  /** For clients without a user name. */
  readonly anonymous: RuleSet;
  readonly users: ReadonlyMap<string, RuleSet>;
  /** For all clients; `%c` stands for the client identifier, `%u` for the user name. */
  readonly patterns: RuleSet;
}

/** Reads an access control file. Throws {@linkcode AuthFileError} for a line that is none of its language. */
export function parseAccessFile(text: string, name: string): AccessFile {
  const users = new Map<string, RuleSet>();
  const anonymous = emptyRules();
  const patterns = emptyRules();
  let current = anonymous;
  for (const [line, number] of linesOf(text)) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const [keyword, rest] = firstWord(trimmed);
    const fail = (reason: string) => new AuthFileError(name, number, reason);
    switch (keyword) {
      case "user": {
        if (rest === "") throw fail("user must be followed by a user name");
        current = users.get(rest) ?? emptyRules();
        users.set(rest, current);
        break;
      }
      case "topic":
        addRule(current, rest, fail);
        break;
      case "pattern":
        addRule(patterns, rest, fail);
        break;
      default:
        throw fail(`it must begin with user, topic or pattern and a blank, received ${JSON.stringify(keyword)}`);
    }
  }
  return { anonymous, users, patterns };
}

function emptyRules(): RuleSet {
  return { read: [], write: [], deny: [] };
}

function addRule(rules: RuleSet, text: string, fail: (reason: string) => AuthFileError): void {
  const [first, rest] = firstWord(text);
  const [access, filter] = rest === "" ? ["readwrite", first] : [first, rest];
  if (filter === "") throw fail("a topic filter must follow");
  const isAccess = access === "read" || access === "write" || access === "readwrite" || access === "deny";
  if (!isAccess) throw fail(`the access must be read, write, readwrite or deny, received ${JSON.stringify(access)}`);
  if (!isTopicFilter(filter)) throw fail(`the topic filter must be valid, received ${JSON.stringify(filter)}`);
  if (access === "deny") return void rules.deny.push(filter);
  if (access !== "write") rules.read.push(filter);
  if (access !== "read") rules.write.push(filter);
}

/** Only blanks separate words, as with Mosquitto. */
function firstWord(text: string): readonly [word: string, rest: string] {
  const blank = text.indexOf(" ");
  return blank < 0 ? [text, ""] : [text.slice(0, blank), text.slice(blank).trim()];
}
