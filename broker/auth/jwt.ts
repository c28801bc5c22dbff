/**
 * JSON Web Tokens (RFC 7519) as passwords.
 *
 * @module
 */

import { ReasonCode } from "../../codec/reason_codes.ts";
import type { Clock } from "../../engine/clock.ts";
import type { AuthStep, BrokerHooks, ConnectDecision, ConnectRequest } from "../hooks.ts";
import { dateOf, systemClock } from "../system_clock.ts";
import { Gate } from "./gate.ts";
import { type KeySetUrl, RemoteKeys } from "./jwks.ts";
import { type ClaimOptions, judgeClaims } from "./jwt_claims.ts";
import { importKeySet, importPem, importSecret, isRecord, isSignedBy, type VerificationKey } from "./jwt_keys.ts";
import { type Bytes, fromBase64Url } from "./secrets.ts";

/** Who may sign tokens. */
export type JwtKeys =
  /** Whoever knows the secret of at least 32 bytes (HS256). Text is taken as UTF-8. */
  | { readonly secret: string | Uint8Array }
  /** Owners of the private keys to these public keys in PEM: RSA (RS256), P-256 (ES256) or Ed25519 (EdDSA). */
  | { readonly pem: string }
  /** The same, or secrets, as the text of a JSON Web Key Set. */
  | { readonly keySet: string }
  /** Owners of the keys at an address, which are fetched when they are needed. */
  | { readonly remote: KeySetUrl };

/** Options of {@linkcode jwt}. */
export interface JwtOptions extends ClaimOptions {
  /** Who may sign tokens. */
  readonly keys: JwtKeys;
  /** Clients whose token is looked at or that wait for it; more are refused with 0x89, server busy. Default 1,000. */
  readonly maxWaiting?: number;
  /** Source of time, for tests. */
  readonly clock?: Clock;
}

/** Tokens as hooks of the broker. */
export interface Jwt {
  /** Decides about a CONNECT whose password is a token. */
  readonly authenticate: (request: ConnectRequest) => Promise<ConnectDecision>;
  /** Method `JWT`: the token as authentication data, so that a client can renew it without a new connection. */
  readonly authenticationMethods: Required<BrokerHooks>["authenticationMethods"];
}

const AT_ONCE = 8;
const MAX_TOKEN_LENGTH = 16_384;

/**
 * Tokens as passwords. A token must be signed with HS256, RS256, ES256 or EdDSA by one of the keys, each of which is for
 * one of these alone; its claim `sub` is the user name; claims `publ` and `subs`, arrays of topic filters, say at most
 * what the client may do. When the token ends, so does the connection: with 0xA0 in MQTT 5.0.
 *
 * Throws `TypeError` or `RangeError`, or has the promise reject with it, for keys that cannot be used.
 *
 * @example
 * ```ts
 * import { Broker, jwt } from "@x/mqtt/broker";
 *
 * const tokens = await jwt({ keys: { secret: "a secret that has at least 32 bytes" }, audience: "mqtt" });
 * await using broker = new Broker({ ...tokens });
 * console.log(broker.counts().connections);
 * ```
 */
export async function jwt(options: JwtOptions): Promise<Jwt> {
  const { leeway = 30 } = options;
  if (!(leeway >= 0 && leeway <= 600)) {
    throw new RangeError(`Cannot use leeway for tokens: it must be 0 to 600 seconds, received ${leeway}`);
  }
  const clock = options.clock ?? systemClock;
  const { keys } = options;
  const source = "remote" in keys ? new RemoteKeys(keys.remote, () => clock.now()) : await importKeys(keys);
  const verifier = new Verifier(source, options, clock);
  const authenticate = (request: ConnectRequest) => verifier.decide(request, request.password);
  return {
    authenticate,
    authenticationMethods: {
      JWT: (request) => ({ next: async (data) => stepOf(await verifier.decide(request, data)) }),
    },
  };
}

async function importKeys(keys: Exclude<JwtKeys, { remote: KeySetUrl }>): Promise<readonly VerificationKey[]> {
  if ("pem" in keys) return await importPem(keys.pem);
  if ("keySet" in keys) {
    const imported = await importKeySet(JSON.parse(keys.keySet), false);
    if (imported.length > 0) return imported;
    throw new TypeError("Cannot use keys for tokens: the key set must have a key that can be used");
  }
  const { secret } = keys;
  return [await importSecret(typeof secret === "string" ? new TextEncoder().encode(secret) : secret.slice())];
}

function stepOf(decision: ConnectDecision): AuthStep {
  if (decision === true) return { kind: "success" };
  if (decision === false) return { kind: "failure" };
  if (decision.accepted) return { ...decision, kind: "success" };
  return { kind: "failure", reasonCode: decision.reasonCode, reasonString: decision.reasonString };
}

/** A token in its parts. */
interface Token {
  readonly algorithm: unknown;
  readonly keyId: string | undefined;
  readonly claims: Record<string, unknown>;
  readonly signed: Bytes;
  readonly signature: Bytes;
}

class Verifier {
  readonly #source: RemoteKeys | readonly VerificationKey[];
  readonly #options: JwtOptions;
  readonly #clock: Clock;
  readonly #gate: Gate;

  constructor(source: RemoteKeys | readonly VerificationKey[], options: JwtOptions, clock: Clock) {
    this.#source = source;
    this.#options = options;
    this.#clock = clock;
    this.#gate = new Gate(AT_ONCE, options.maxWaiting ?? 1_000);
  }

  async decide(request: ConnectRequest, password: Uint8Array | undefined): Promise<ConnectDecision> {
    const token = password === undefined ? undefined : parseToken(password);
    if (token === undefined) return refusal("the password must be a token");
    const decision = this.#gate.run(() => this.#verify(token, request));
    return await decision ?? refusal("too many tokens are being verified", ReasonCode.ServerBusy);
  }

  async #verify(token: Token, request: ConnectRequest): Promise<ConnectDecision> {
    const keys = this.#source instanceof RemoteKeys ? await this.#source.current() : this.#source;
    if (keys === undefined) return refusal("the keys for tokens cannot be fetched", ReasonCode.ServerUnavailable);
    if (!await isSigned(token, keys) && !await this.#isSignedByNew(token)) {
      return refusal("the token is not signed by a known key");
    }
    const acceptance = judgeClaims(token.claims, this.#options, request, dateOf(this.#clock));
    return typeof acceptance === "string" ? refusal(acceptance) : { accepted: true, ...acceptance };
  }

  async #isSignedByNew(token: Token): Promise<boolean> {
    if (!(this.#source instanceof RemoteKeys)) return false;
    const keys = await this.#source.renewed();
    return keys !== undefined && await isSigned(token, keys);
  }
}

function refusal(reason: string, reasonCode: number = ReasonCode.NotAuthorized): ConnectDecision {
  return { reasonCode, reasonString: `Cannot connect: ${reason}` };
}

/** The algorithm of the token must be that of the key; the key is never used in another way. */
async function isSigned(token: Token, keys: readonly VerificationKey[]): Promise<boolean> {
  for (const key of keys) {
    if (key.algorithm !== token.algorithm) continue;
    if (token.keyId !== undefined && key.id !== undefined && token.keyId !== key.id) continue;
    if (await isSignedBy(key, token.signed, token.signature)) return true;
  }
  return false;
}

/** Takes a token apart (RFC 7515 section 7.1); undefined for what is none, or wants something that we do not know. */
function parseToken(bytes: Uint8Array): Token | undefined {
  if (bytes.length > MAX_TOKEN_LENGTH) return undefined;
  const text = new TextDecoder().decode(bytes);
  const match = /^([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(text);
  if (match === null) return undefined;
  const [, rawHeader = "", rawClaims = "", rawSignature = ""] = match;
  const header = parseJson(rawHeader);
  const claims = parseJson(rawClaims);
  const signature = fromBase64Url(rawSignature);
  if (header === undefined || claims === undefined || signature === undefined || "crit" in header) return undefined;
  return {
    algorithm: header.alg,
    keyId: typeof header.kid === "string" ? header.kid : undefined,
    claims,
    signed: new TextEncoder().encode(`${rawHeader}.${rawClaims}`),
    signature,
  };
}

function parseJson(encoded: string): Record<string, unknown> | undefined {
  const bytes = fromBase64Url(encoded);
  if (bytes === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
