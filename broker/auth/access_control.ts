/**
 * Who may read and write which topics, as Mosquitto's access control files say.
 *
 * @module
 */

import { topicMatches } from "../../codec/topic.ts";
import type { AccessRules, AccessSubject } from "../hooks.ts";
import { type AccessFile, parseAccessFile, type RuleSet } from "./access_lines.ts";

/** Options of {@linkcode accessControl}. */
export interface AccessControlOptions {
  /** Name of the file, for errors. Default `access control file`. */
  readonly name?: string;
}

/** Rules from an access control file, as a hook of the broker. */
export interface AccessControl {
  /** The rules. */
  readonly access: AccessRules;
  /**
   * Takes another text in place of the file's, in force before the next packet. Throws {@linkcode AuthFileError}, and
   * changes nothing.
   */
  readonly reload: (text: string) => void;
}

/**
 * Rules from the text of an access control file, with Mosquitto's meanings: lines `topic [read|write|readwrite|deny]
 * filter` before the first `user name` hold for clients without a user name, those behind it for that user; `pattern`
 * lines for everybody, with `%c` for the client identifier and `%u` for the user name. What no line allows is denied.
 * Subscriptions are let in; what a client may not read does not reach it.
 *
 * A client whose identifier or user name has `+`, `#` or `/` gets nothing by a pattern: it could choose what it stands
 * for. A pattern allows topics that begin with `$` only if it begins so itself. Throws {@linkcode AuthFileError} for a
 * line that cannot be used.
 *
 * @example
 * ```ts
 * import { accessControl, Broker } from "@x/mqtt/broker";
 *
 * const { access, reload } = accessControl("user ann\ntopic read news/#\npattern readwrite devices/%c/#\n");
 * await using broker = new Broker({ access });
 * reload("user ann\ntopic readwrite news/#\n");
 * console.log(broker.counts().connections);
 * ```
 */
export function accessControl(text: string, options: AccessControlOptions = {}): AccessControl {
  const name = options.name ?? "access control file";
  const access = new FileRules(parseAccessFile(text, name));
  return { access, reload: (newText) => access.replace(parseAccessFile(newText, name)) };
}

type Access = "read" | "write";

class FileRules implements AccessRules {
  #file: AccessFile;
  readonly #listeners = new Set<() => void>();

  constructor(file: AccessFile) {
    this.#file = file;
  }

  replace(file: AccessFile): void {
    this.#file = file;
    for (const listener of this.#listeners) listener();
  }

  mayPublish(client: AccessSubject, topic: string): boolean {
    return this.#allows(client, topic, "write");
  }

  maySubscribe(): boolean {
    return true;
  }

  mayReceive(client: AccessSubject, topic: string): boolean {
    return this.#allows(client, topic, "read");
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #allows(client: AccessSubject, topic: string, access: Access): boolean {
    const { anonymous, users, patterns } = this.#file;
    const own = client.username === undefined ? anonymous : users.get(client.username);
    const decision = own && decide(own, topic, access, (filter) => filter);
    if (decision !== undefined) return decision;
    if (isDangerous(client.clientId) || isDangerous(client.username ?? "")) return false;
    return decide(patterns, topic, access, (pattern, isDenial) => fillIn(pattern, client, isDenial)) ?? false;
  }
}

/** True or false: a rule says so. Undefined: none does. */
function decide(
  rules: RuleSet,
  topic: string,
  access: Access,
  filterOf: (rule: string, isDenial: boolean) => string | undefined,
): boolean | undefined {
  const matches = (rule: string, isDenial: boolean) => {
    const filter = filterOf(rule, isDenial);
    return filter !== undefined && topicMatches(filter, topic);
  };
  if (rules.deny.some((rule) => matches(rule, true))) return false;
  return rules[access].some((rule) => matches(rule, false)) ? true : undefined;
}

/** Undefined: the pattern is about user names, and the client has none; or the name would lead to topics that begin with $. */
function fillIn(pattern: string, { clientId, username }: AccessSubject, isDenial: boolean): string | undefined {
  if (username === undefined && pattern.includes("%u")) return undefined;
  const filter = pattern.replace(/%[cu]/g, (placeholder) => placeholder === "%c" ? clientId : username ?? "");
  return !isDenial && filter.startsWith("$") && !pattern.startsWith("$") ? undefined : filter;
}

function isDangerous(name: string): boolean {
  return /[+#/]/.test(name);
}
