/**
 * The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677) over AUTH packets: the password never leaves the machine, and
 * the server has to show that it knows the user.
 *
 * @module
 */

import { hmac, type ScramKeys, scramKeys, sha256, xor } from "../engine/scram_keys.ts";
import {
  formatAuthMessage,
  formatClientFinalWithoutProof,
  formatClientFirstBare,
  parseServerFirst,
  saslPrep,
} from "../engine/scram_messages.ts";
import type { Authentication } from "./options.ts";

/**
 * Who wants to authenticate with SCRAM.
 *
 * @example
 * ```ts
 * import { connect, scram, type ScramInit } from "@x/mqtt/client";
 *
 * async function connectWith(credentials: ScramInit) {
 *   return await connect("mqtts://broker.example", { authentication: scram(credentials) });
 * }
 * export const connecting = () => connectWith({ username: "ann", password: "secret" });
 * ```
 */
export interface ScramInit {
  /** The user's name. */
  username: string;
  /** The user's password. */
  password: string;
  /** A server that asks for fewer iterations is refused: it might be one that collects proofs. Default 4,096. */
  minIterations?: number;
  /** A server that asks for more iterations is refused: they are work. Default 1,000,000. */
  maxIterations?: number;
}

const GS2_HEADER = "n,,";

/**
 * Authenticates with SCRAM-SHA-256, for the option `authentication` of `connect`. Throws `TypeError` for a user name or
 * password with control characters. Web Crypto must be there: in browsers, the page must come by HTTPS or from localhost.
 *
 * @example
 * ```ts
 * import { scram } from "@x/mqtt/client";
 *
 * const authentication = scram({ username: "ann", password: "secret" });
 * console.log(authentication.method); // SCRAM-SHA-256
 * ```
 */
export function scram(init: ScramInit): Authentication {
  return new ScramClient(init);
}

type State =
  | { readonly kind: "new" }
  | { readonly kind: "begun"; readonly nonce: string; readonly bare: string }
  | { readonly kind: "proved"; readonly signature: Uint8Array };

class ScramClient implements Authentication {
  readonly method = "SCRAM-SHA-256";
  readonly #username: string;
  readonly #password: string;
  readonly #minIterations: number;
  readonly #maxIterations: number;
  #state: State = { kind: "new" };
  /** Of the last salt, so that coming back costs nothing. */
  #derived: { readonly salt: string; readonly iterations: number; readonly keys: ScramKeys } | undefined;

  constructor({ username, password, minIterations = 4_096, maxIterations = 1_000_000 }: ScramInit) {
    this.#username = saslPrep(username);
    this.#password = saslPrep(password);
    this.#minIterations = minIterations;
    this.#maxIterations = maxIterations;
  }

  start(): Uint8Array {
    const nonce = base64(crypto.getRandomValues(new Uint8Array(24)));
    const bare = formatClientFirstBare(this.#username, nonce);
    this.#state = { kind: "begun", nonce, bare };
    return encode(GS2_HEADER + bare);
  }

  async respond(data: Uint8Array | undefined): Promise<Uint8Array> {
    const state = this.#state;
    this.#state = { kind: "new" };
    const text = decode(data);
    const server = parseServerFirst(text);
    if (state.kind !== "begun" || server === undefined) throw refusal("its answer must be that of SCRAM");
    const { nonce, salt, iterations } = server;
    if (!nonce.startsWith(state.nonce) || nonce === state.nonce) throw refusal("its nonce must go on from ours");
    if (iterations < this.#minIterations || iterations > this.#maxIterations) {
      throw refusal(
        `its iterations must be ${this.#minIterations} to ${this.#maxIterations}, received ${iterations}`,
      );
    }
    const { clientKey, storedKey, serverKey } = await this.#keys(salt, iterations);
    const withoutProof = formatClientFinalWithoutProof(GS2_HEADER, nonce);
    const authMessage = formatAuthMessage(state.bare, text, withoutProof);
    const proof = xor(clientKey, await hmac(storedKey, authMessage));
    this.#state = { kind: "proved", signature: await hmac(serverKey, authMessage) };
    return encode(`${withoutProof},p=${base64(proof)}`);
  }

  /** Both signatures are hashed again before they are compared, so that the time tells nothing about them. */
  async finish(data: Uint8Array | undefined): Promise<void> {
    const state = this.#state;
    this.#state = { kind: "new" };
    const match = /^v=([^,]+)/.exec(decode(data));
    if (state.kind !== "proved" || match === null) throw refusal("it must show that it knows the user");
    const expected = await sha256(encode(base64(state.signature)));
    const received = await sha256(encode(match[1] ?? ""));
    if (base64(expected) !== base64(received)) throw refusal("its signature must be right");
  }

  async #keys(salt: string, iterations: number): Promise<ScramKeys> {
    if (this.#derived?.salt === salt && this.#derived.iterations === iterations) return this.#derived.keys;
    const keys = await scramKeys(this.#password, fromBase64(salt), iterations);
    this.#derived = { salt, iterations, keys };
    return keys;
  }
}

function refusal(reason: string): Error {
  return new Error(`Cannot trust the server: ${reason}`);
}

function base64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    throw refusal("its salt must be base64");
  }
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function decode(data: Uint8Array | undefined): string {
  return data === undefined ? "" : new TextDecoder().decode(data);
}
