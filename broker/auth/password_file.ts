/**
 * Users and passwords as Mosquitto's password files hold them.
 *
 * @module
 */

import { ReasonCode } from "../../codec/reason_codes.ts";
import type { BrokerHooks, ConnectDecision, ConnectRequest, MaybePromise } from "../hooks.ts";
import { Gate } from "./gate.ts";
import { formatPasswordHash, type PasswordHash, type ScramHash, verifyPassword } from "./password_hash.ts";
import { parsePasswordFile } from "./password_lines.ts";
import { RememberedPasswords } from "./remembered_passwords.ts";
import { type ScramCredentials, scramMethods, type ScramUsers } from "./scram.ts";
import type { Bytes } from "./secrets.ts";

/** Options of {@linkcode passwordFile}. */
export interface PasswordFileOptions {
  /** Name of the file, for errors. Default `password file`. */
  readonly name?: string;
  /** Whether a client without a user name may connect. Default false. */
  readonly allowAnonymous?: boolean;
  /** Passwords that are verified at the same time, 1 or more. Default 2. */
  readonly maxVerifications?: number;
  /** Clients that wait for their verification; more are refused with 0x89, server busy. Default 200. */
  readonly maxWaiting?: number;
}

/** Users from a password file, as a hook of the broker. */
export interface PasswordFile {
  /** Decides about a CONNECT by its user name and password. */
  readonly authenticate: (request: ConnectRequest) => MaybePromise<ConnectDecision>;
  /**
   * Method `SCRAM-SHA-256` for users whose lines `passwd -H scram-sha-256` has written; undefined if there is none at the
   * moment. These users may also send their password as all others do.
   */
  readonly authenticationMethods: BrokerHooks["authenticationMethods"];
  /** Whether there is such a user. */
  readonly has: (username: string) => boolean;
  /**
   * Takes another text in place of the file's. Returns the users that are gone or have another line now: whoever is
   * connected as one of them should not be any longer. Throws {@linkcode AuthFileError}, and changes nothing.
   */
  readonly reload: (text: string) => ReadonlySet<string>;
}

/** As Mosquitto answers, whatever the reason: who may not come in learns nothing. */
const REFUSED: ConnectDecision = {
  reasonCode: ReasonCode.NotAuthorized,
  reasonString: "Cannot connect: bad user name or password",
};
const BUSY: ConnectDecision = {
  reasonCode: ReasonCode.ServerBusy,
  reasonString: "Cannot connect: too many passwords are being verified",
};

/** What an unknown user is compared with when the file has no user at all. */
const NOBODY: PasswordHash = {
  scheme: "sha512-pbkdf2",
  iterations: 101,
  salt: new Uint8Array(12),
  hash: new Uint8Array(64),
};

/**
 * Users from the text of a password file as `mosquitto_passwd`, or our `passwd`, writes it: `$7$` (PBKDF2), `$6$`
 * (SHA-512) or `SCRAM-SHA-256$`. Throws {@linkcode AuthFileError} for a line that is none of these.
 *
 * An unknown user costs the same work as a known one, verification runs beside the broker's work, and a password that
 * was right once is recognized without that work, so that a thousand devices come back at once.
 *
 * @example
 * ```ts
 * import { Broker, passwordFile } from "@x/mqtt/broker";
 *
 * const users = passwordFile(
 *   "ann:$7$101$9cqK3CVQVGf1WK9l$lY233/vB5nBoYH4LIylVAUlbfhqewo0/2pw36IBcPUU+XeDD8bilOr8M4NORzt5O0G4XXDvSeWRANcJ2ME9AQw==",
 * );
 * await using broker = new Broker({ authenticate: users.authenticate });
 * console.log(users.has("ann"), broker.counts().connections);
 * ```
 */
export function passwordFile(text: string, options: PasswordFileOptions = {}): PasswordFile {
  const users = new Users(text, options);
  const methods = scramMethods(users);
  return {
    authenticate: (request) => users.authenticate(request),
    get authenticationMethods() {
      return users.models().length > 0 ? methods : undefined;
    },
    has: (username) => users.has(username),
    reload: (newText) => users.reload(newText),
  };
}

class Users implements ScramUsers {
  readonly #name: string;
  readonly #allowAnonymous: boolean;
  readonly #gate: Gate;
  readonly #seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  #known: Map<string, PasswordHash>;
  #hashes: PasswordHash[];
  #scramHashes: ScramHash[];
  #remembered = new RememberedPasswords();

  constructor(text: string, options: PasswordFileOptions) {
    const { name = "password file", allowAnonymous = false, maxVerifications = 2, maxWaiting = 200 } = options;
    this.#name = name;
    this.#allowAnonymous = allowAnonymous;
    this.#gate = new Gate(maxVerifications, maxWaiting);
    this.#known = parsePasswordFile(text, name);
    this.#hashes = [...this.#known.values()];
    this.#scramHashes = this.#hashes.filter(isScram);
  }

  readonly find = (username: string): ScramCredentials | undefined => {
    const hash = this.#known.get(username);
    return hash !== undefined && isScram(hash) ? hash : undefined;
  };

  models(): readonly ScramCredentials[] {
    return this.#scramHashes;
  }

  isCurrent(username: string, credentials: ScramCredentials): boolean {
    return this.find(username) === credentials;
  }

  has(username: string): boolean {
    return this.#known.has(username);
  }

  reload(text: string): ReadonlySet<string> {
    const before = this.#known;
    this.#known = parsePasswordFile(text, this.#name);
    this.#hashes = [...this.#known.values()];
    this.#scramHashes = this.#hashes.filter(isScram);
    // A verification that is under way remembers in the old one.
    this.#remembered = new RememberedPasswords();
    const changed = new Set<string>();
    for (const [user, hash] of before) {
      const now = this.#known.get(user);
      if (now === undefined || formatPasswordHash(now) !== formatPasswordHash(hash)) changed.add(user);
    }
    return changed;
  }

  authenticate({ username, password }: ConnectRequest): MaybePromise<ConnectDecision> {
    if (username === undefined) return this.#allowAnonymous ? true : REFUSED;
    if (password === undefined) return REFUSED;
    // The password lies in a chunk that is read over.
    return this.#verify(username, password.slice());
  }

  async #verify(username: string, password: Bytes): Promise<ConnectDecision> {
    const known = this.#known.get(username);
    const hash = known ?? this.#decoy(username);
    const remembered = this.#remembered;
    // Asked about unknown users, too, so that it takes the same time.
    const mark = await remembered.markOf(username, password);
    if (remembered.has(username, mark) && this.#isCurrent(username, known)) return true;
    const verification = this.#gate.run(() => verifyPassword(hash, password));
    if (verification === undefined) return BUSY;
    const isRight = await verification;
    // The file may have been reloaded meanwhile.
    if (!isRight || !this.#isCurrent(username, known)) return REFUSED;
    remembered.add(username, mark);
    return true;
  }

  #isCurrent(username: string, hash: PasswordHash | undefined): boolean {
    return hash !== undefined && this.#known.get(username) === hash;
  }

  /** The hash of somebody else, always the same one for the same name, so that its work tells nothing. */
  #decoy(username: string): PasswordHash {
    let hash = this.#seed;
    for (let i = 0; i < username.length; i++) hash = Math.imul(hash ^ username.charCodeAt(i), 0x01000193);
    return this.#hashes[(hash >>> 0) % this.#hashes.length] ?? NOBODY;
  }
}

function isScram(hash: PasswordHash): hash is ScramHash {
  return hash.scheme === "scram-sha-256";
}
