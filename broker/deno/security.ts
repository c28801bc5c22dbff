/**
 * Password files, access control files and keys of listeners, read once for all that name them, and again on request.
 *
 * @module
 */

import { type AccessControl, accessControl } from "../auth/access_control.ts";
import { type PasswordFile, passwordFile } from "../auth/password_file.ts";
import type { ListenerConfiguration, SecurityConfiguration } from "../config/configuration.ts";
import type { Peer } from "../../engine/transport.ts";
import type { BrokerHooks, ClientInfo } from "../hooks.ts";
import type { ListenerPolicy } from "../listener_policy.ts";
import { authenticationWith, noting, refusalOf } from "./listener_hooks.ts";
import { readUtf8File } from "./text_file.ts";
import { readTokens, type Tokens, tokensId } from "./token_files.ts";

/** What of a listener's configuration is about users. */
export type SecuredListener = Pick<ListenerConfiguration, "security" | "policy">;

/** Whether a client that came in under the settings `was` may stay under the settings `now`. */
export type MayStay = (was: SecurityConfiguration, now: SecurityConfiguration, client: ClientInfo) => boolean;

/** What listeners have to know of users, by the paths of the files. */
export class SecurityFiles {
  #users: ReadonlyMap<string, PasswordFile> = new Map();
  #rules: ReadonlyMap<string, AccessControl> = new Map();
  #tokens: ReadonlyMap<string, Tokens> = new Map();
  /** Who has shown a token: the password file may have a user of the same name. */
  readonly #withToken = new WeakSet<Peer>();

  /**
   * Reads all files that the listeners name. Rejects with an error that names the file which cannot be read or used. The
   * function that it resolves with has all of it hold, and forgets files that nobody names any more.
   */
  async read(listeners: readonly SecuredListener[]): Promise<() => MayStay> {
    const users = textsOf(listeners.map(({ security }) => security.passwordFile));
    const rules = textsOf(listeners.map(({ security }) => security.aclFile));
    // What cannot be used is found before anything is changed. The policy decides about clients without a user name.
    const newUsers = mapped(users, (name, text) => passwordFile(text, { name, allowAnonymous: true }));
    const newRules = mapped(rules, (name, text) => accessControl(text, { name }));
    const tokens = new Map<string, Tokens>();
    for (const { security } of listeners) {
      if (security.tokens === undefined) continue;
      const id = tokensId(security.tokens);
      tokens.set(id, tokens.get(id) ?? await readTokens(security.tokens, this.#tokens.get(id)));
    }
    return () => {
      const changed = new Map<string, ReadonlySet<string>>();
      // Who is about to show a password of a file that does not count any more has shown nothing.
      for (const [path, known] of this.#users) if (!newUsers.has(path)) known.reload("");
      // Those that are known go on: verifications are under way in them, and connections look at them.
      this.#users = mapped(newUsers, (path, fresh) => {
        const known = this.#users.get(path);
        if (known !== undefined) changed.set(path, known.reload(users.get(path) ?? ""));
        return known ?? fresh;
      });
      this.#rules = mapped(newRules, (path, fresh) => {
        const known = this.#rules.get(path);
        known?.reload(rules.get(path) ?? "");
        return known ?? fresh;
      });
      const before = this.#tokens;
      this.#tokens = tokens;
      return (was, now, { username, peer }) => {
        const { passwordFile: path, allowAnonymous } = now;
        if (username === undefined) return allowAnonymous;
        // Nobody is asked to show who it is.
        if (path === undefined && now.tokens === undefined) return allowAnonymous;
        if (this.#withToken.has(peer)) return now.tokens !== undefined && keysOf(before, was) === keysOf(tokens, now);
        // It has shown no password, or that of another file.
        if (was.passwordFile !== path || changed.get(path ?? "")?.has(username) === true) return false;
        return this.#users.get(path ?? "")?.has(username) === true;
      };
    };
  }

  /** The hooks for a listener whose files were read. */
  hooksFor({ security, policy }: SecuredListener): BrokerHooks & Pick<ListenerPolicy, "allowAnonymous"> {
    const { allowAnonymous, passwordFile: path, aclFile, tokens } = security;
    const access = this.#rules.get(aclFile ?? "")?.access;
    // A certificate says more than a password.
    if (policy.usernameFrom !== undefined) return { access };
    const users = this.#users.get(path ?? "");
    const known = tokens === undefined ? undefined : this.#tokens.get(tokensId(tokens));
    if (known !== undefined) {
      const noted = noting(known.hooks, (peer) => this.#withToken.add(peer));
      return { access, ...authenticationWith(noted, users, allowAnonymous) };
    }
    if (users === undefined && !allowAnonymous) {
      return { access, authenticate: refusalOf("there must be a password_file") };
    }
    return { access, authenticate: users?.authenticate, authenticationMethods: users?.authenticationMethods };
  }
}

/** Whose tokens were taken, and on which terms; undefined if none were. */
function keysOf(all: ReadonlyMap<string, Tokens>, { tokens }: SecurityConfiguration): string | undefined {
  const id = tokens === undefined ? undefined : tokensId(tokens);
  return id === undefined ? undefined : `${id} ${all.get(id)?.keys}`;
}

/** The texts of files by their paths; a path that is undefined names none. */
function textsOf(paths: readonly (string | undefined)[]): ReadonlyMap<string, string> {
  const named = new Set(paths.filter((path) => path !== undefined));
  return new Map([...named].map((path) => [path, readText(path)]));
}

function mapped<V, W>(map: ReadonlyMap<string, V>, change: (path: string, value: V) => W): ReadonlyMap<string, W> {
  return new Map([...map].map(([path, value]) => [path, change(path, value)]));
}

function readText(path: string): string {
  try {
    return readUtf8File(path);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const isForbidden = error instanceof Deno.errors.PermissionDenied;
    const hint = isForbidden ? "; the user that the broker runs as (option user) must be allowed to" : "";
    throw new Error(`Cannot read ${path}: ${message}${hint}`);
  }
}
