/**
 * The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677) over AUTH packets: neither the network nor the server's file
 * ever has the password, and the client learns that the server is the right one.
 *
 * @module
 */

import { ReasonCode } from "../../codec/reason_codes.ts";
import { hmac, sha256, xor } from "../../engine/scram_keys.ts";
import {
  formatAuthMessage,
  formatServerFirst,
  parseClientFinal,
  parseClientFirst,
} from "../../engine/scram_messages.ts";
import type { AuthExchange, AuthStep, BrokerHooks, ConnectDecision, ConnectRequest, MaybePromise } from "../hooks.ts";
import { AuthFileError } from "./file_error.ts";
import type { PasswordHash, ScramHash } from "./password_hash.ts";
import { parsePasswordFile } from "./password_lines.ts";
import { preparedText } from "./prepared_text.ts";
import { type Bytes, equalSecrets, fromBase64, randomBytes, toBase64 } from "./secrets.ts";

/** What a server keeps of a user: it proves nothing to others. */
export interface ScramCredentials {
  /** Of the user alone. */
  readonly salt: Uint8Array<ArrayBuffer>;
  /** 4,096 or more. */
  readonly iterations: number;
  /** 32 bytes. */
  readonly storedKey: Uint8Array<ArrayBuffer>;
  /** 32 bytes. */
  readonly serverKey: Uint8Array<ArrayBuffer>;
}

/** Finds the credentials of a user; undefined if there is no such user. */
export type ScramLookup = (username: string) => MaybePromise<ScramCredentials | undefined>;

/** Options of {@linkcode scram}. */
export interface ScramOptions {
  /** Name of the file, for errors. Default `credentials file`. */
  readonly name?: string;
}

/** Users of SCRAM that may change while somebody proves who it is. */
export interface ScramUsers {
  readonly find: ScramLookup;
  /** Credentials that those of a user who does not exist look like. */
  models(): readonly ScramCredentials[];
  /** Whether these are still the user's. */
  isCurrent(username: string, credentials: ScramCredentials): boolean;
}

/** SCRAM-SHA-256 as hooks of the broker. */
export interface Scram {
  /** The method by its name. */
  readonly authenticationMethods: Required<BrokerHooks>["authenticationMethods"];
  /** Refuses all who name no method; put another hook in its place to let them in by other means. */
  readonly authenticate: (request: ConnectRequest) => ConnectDecision;
}

const METHOD = "SCRAM-SHA-256";
const REFUSED: ConnectDecision = {
  reasonCode: ReasonCode.NotAuthorized,
  reasonString: `Cannot connect: authentication method ${METHOD} must be used`,
};
const WRONG: AuthStep = {
  kind: "failure",
  reasonCode: ReasonCode.NotAuthorized,
  reasonString: "Cannot authenticate: bad user name or password",
};

/**
 * SCRAM-SHA-256 with users from the text of a file whose lines `passwd -H scram-sha-256` writes
 * (`user:SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`), or from anywhere else. A user that does not exist is asked
 * like all others. Throws {@linkcode AuthFileError} for a line that cannot be used.
 *
 * @example
 * ```ts
 * import { Broker, scram } from "@x/mqtt/broker";
 *
 * const users = "ann:SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==" +
 *   "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
 * await using broker = new Broker({ ...scram(users) });
 * console.log(broker.counts().connections);
 * ```
 */
export function scram(users: string | ScramLookup, options: ScramOptions = {}): Scram {
  const known = typeof users === "string" ? credentialsIn(users, options.name ?? "credentials file") : undefined;
  const models = [...known?.values() ?? []];
  const find: ScramLookup = typeof users === "string" ? (username) => known?.get(username) : users;
  return {
    authenticate: () => REFUSED,
    authenticationMethods: scramMethods({ find, models: () => models, isCurrent: () => true }),
  };
}

/** The method for users that are kept elsewhere. */
export function scramMethods(users: ScramUsers): Scram["authenticationMethods"] {
  const decoys = new Decoys(users);
  return { [METHOD]: (request) => new ScramExchange(request.username, users, decoys) };
}

function credentialsIn(text: string, name: string): Map<string, ScramHash> {
  const credentials = new Map<string, ScramHash>();
  for (const [user, hash] of parsePasswordFile(text, name)) credentials.set(user, assertScram(user, hash, text, name));
  return credentials;
}

function assertScram(user: string, hash: PasswordHash, text: string, name: string): ScramHash {
  if (hash.scheme === "scram-sha-256") return hash;
  const line = 1 + text.split("\n").findLastIndex((line) => line.startsWith(`${user}:`));
  throw new AuthFileError(
    name,
    line,
    "it must hold SCRAM-SHA-256 credentials; write them with `passwd -H scram-sha-256`",
  );
}

/** Credentials for users that do not exist, always the same for the same name; no password fits them. */
class Decoys {
  readonly #users: ScramUsers;
  readonly #secret: Bytes = randomBytes(32);

  constructor(users: ScramUsers) {
    this.#users = users;
  }

  async of(username: string): Promise<ScramCredentials> {
    const models = this.#users.models();
    // The same after a restart: an invented salt that changes would give itself away.
    const bits = await hmac(models[0]?.serverKey ?? this.#secret, `decoy ${username}`);
    const choice = new DataView(bits.buffer).getUint32(28);
    const model = models[choice % models.length];
    const salt = new Uint8Array(model?.salt.length ?? 16);
    salt.set(bits.subarray(0, Math.min(salt.length, 28)));
    return { salt, iterations: model?.iterations ?? 4_096, storedKey: randomBytes(32), serverKey: randomBytes(32) };
  }
}

/** What was said so far. */
interface Asked {
  readonly username: string;
  readonly gs2Header: string;
  readonly nonce: string;
  readonly clientFirstBare: string;
  readonly serverFirst: string;
  readonly credentials: ScramCredentials;
  readonly isKnown: boolean;
}

class ScramExchange implements AuthExchange {
  readonly #expected: string | undefined;
  readonly #users: ScramUsers;
  readonly #decoys: Decoys;
  #state: { readonly kind: "new" } | { readonly kind: "asked"; readonly asked: Asked } | { readonly kind: "over" } = {
    kind: "new",
  };

  /** `expected` is the user name of CONNECT, if it has one. */
  constructor(expected: string | undefined, users: ScramUsers, decoys: Decoys) {
    this.#expected = expected;
    this.#users = users;
    this.#decoys = decoys;
  }

  async next(data: Uint8Array | undefined): Promise<AuthStep> {
    const state = this.#state;
    this.#state = { kind: "over" };
    const message = textOf(data);
    if (message === undefined) return WRONG;
    switch (state.kind) {
      case "new":
        return await this.#begin(message);
      case "asked":
        return await judge(state.asked, message, this.#users);
      case "over":
        return WRONG;
    }
  }

  async #begin(message: string): Promise<AuthStep> {
    const first = parseClientFirst(message);
    if (first === undefined) return WRONG;
    const { gs2Header, authorizationId, bare } = first;
    const username = prepared(first.username);
    const isOther = (name: string | undefined) => name !== undefined && name !== first.username;
    if (username === undefined || isOther(authorizationId) || isOther(this.#expected)) return WRONG;
    // Asked for in any case, so that it takes as long.
    const decoy = await this.#decoys.of(username);
    const found = await this.#users.find(username);
    const credentials = found ?? decoy;
    const nonce = first.nonce + toBase64(randomBytes(24));
    const serverFirst = formatServerFirst({
      nonce,
      salt: toBase64(credentials.salt),
      iterations: credentials.iterations,
    });
    const asked = { username, gs2Header, nonce, clientFirstBare: bare, serverFirst, credentials };
    this.#state = { kind: "asked", asked: { ...asked, isKnown: found !== undefined } };
    return { kind: "continue", data: bytesOf(serverFirst) };
  }
}

async function judge(asked: Asked, message: string, users: ScramUsers): Promise<AuthStep> {
  const final = parseClientFinal(message);
  if (final === undefined) return WRONG;
  const { nonce, gs2Header, clientFirstBare, serverFirst, credentials } = asked;
  const proof = fromBase64(final.proof);
  if (final.nonce !== nonce || final.channelBinding !== btoa(gs2Header) || proof?.length !== 32) return WRONG;
  const authMessage = formatAuthMessage(clientFirstBare, serverFirst, final.withoutProof);
  const clientKey = xor(proof, await hmac(credentials.storedKey, authMessage));
  const isRight = equalSecrets(await sha256(clientKey), credentials.storedKey);
  const signature = await hmac(credentials.serverKey, authMessage);
  if (!isRight || !asked.isKnown || !users.isCurrent(asked.username, credentials)) return WRONG;
  return { kind: "success", data: bytesOf(`v=${toBase64(signature)}`), username: asked.username };
}

function prepared(username: string): string | undefined {
  try {
    return preparedText(username);
  } catch {
    return undefined;
  }
}

function textOf(data: Uint8Array | undefined): string | undefined {
  if (data === undefined) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    return undefined;
  }
}

function bytesOf(text: string): Bytes {
  return new TextEncoder().encode(text);
}
