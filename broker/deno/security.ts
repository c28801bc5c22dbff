/**
 * Password and access control files of listeners, read once for all that name them, and again on request.
 *
 * @module
 */

import { type AccessControl, accessControl } from "../auth/access_control.ts";
import { type PasswordFile, passwordFile } from "../auth/password_file.ts";
import type { ListenerConfiguration, SecurityConfiguration } from "../config/configuration.ts";
import type { BrokerHooks } from "../hooks.ts";
import { ReasonCode } from "../../codec/reason_codes.ts";

/** What of a listener's configuration is about users. */
export type SecuredListener = Pick<ListenerConfiguration, "security" | "policy">;

/** Users and rules by the paths of their files. */
export class SecurityFiles {
  readonly #users = new Map<string, PasswordFile>();
  readonly #rules = new Map<string, AccessControl>();

  /** The hooks for a listener. Throws an error that names the file if it cannot be read or used. */
  hooksFor({ security, policy }: SecuredListener): Pick<BrokerHooks, "authenticate" | "access"> {
    const { allowAnonymous, passwordFile: users, aclFile: rules } = security;
    return {
      // A certificate says more than a password.
      authenticate: policy.usernameFrom !== undefined
        ? undefined
        : users === undefined
        ? withoutUsers(allowAnonymous)
        : this.#usersOf(users).authenticate,
      access: rules === undefined ? undefined : this.#rulesOf(rules).access,
    };
  }

  /**
   * Reads all files again. Returns the users whose line has gone or changed, by the path of their file. Throws for a file
   * that cannot be read or used; those that were read before it hold already.
   */
  reload(): ReadonlyMap<string, ReadonlySet<string>> {
    const changed = new Map<string, ReadonlySet<string>>();
    for (const [path, users] of this.#users) changed.set(path, users.reload(readText(path)));
    for (const [path, rules] of this.#rules) rules.reload(readText(path));
    return changed;
  }

  /** Whether a user may still be there whose line has not changed since the connection was let in. */
  has(security: SecurityConfiguration, username: string | undefined): boolean {
    const { allowAnonymous, passwordFile: path } = security;
    if (username === undefined || path === undefined) return allowAnonymous;
    return this.#usersOf(path).has(username);
  }

  #usersOf(path: string): PasswordFile {
    let users = this.#users.get(path);
    if (users === undefined) {
      // The listener's policy decides about clients without a user name.
      users = passwordFile(readText(path), { name: path, allowAnonymous: true });
      this.#users.set(path, users);
    }
    return users;
  }

  #rulesOf(path: string): AccessControl {
    let rules = this.#rules.get(path);
    if (rules === undefined) {
      rules = accessControl(readText(path), { name: path });
      this.#rules.set(path, rules);
    }
    return rules;
  }
}

/** Without a password file, user names mean nothing: all may come in, or nobody. */
function withoutUsers(allowAnonymous: boolean): BrokerHooks["authenticate"] {
  return allowAnonymous ? undefined : () => ({
    reasonCode: ReasonCode.NotAuthorized,
    reasonString: "Cannot connect: there must be a password_file, or allow_anonymous true",
  });
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new Error(`Cannot read ${path}: ${error instanceof Error ? error.message : error}`);
  }
}
