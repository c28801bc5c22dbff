/**
 * Keys of JSON Web Tokens, from files and addresses that a configuration names.
 *
 * @module
 */

import { type Jwt, jwt, type JwtKeys } from "../auth/jwt.ts";
import type { TokenConfiguration } from "../config/configuration.ts";

/** Tokens that are taken. */
export interface Tokens {
  readonly hooks: Jwt;
  /** Text of the keys, or their address. */
  readonly keys: string;
}

/** The same for settings that mean the same. */
export function tokensId(settings: TokenConfiguration): string {
  return JSON.stringify(settings);
}

/**
 * Reads the keys; `before`, from the same settings, goes on if they are the same. Rejects with an error that names the
 * file if it cannot be read or used. Keys at an address are fetched when the first token comes.
 */
export async function readTokens(settings: TokenConfiguration, before: Tokens | undefined): Promise<Tokens> {
  const { keys, issuers, audiences } = settings;
  const claims = {
    issuer: issuers.length > 0 ? issuers : undefined,
    audience: audiences.length > 0 ? audiences : undefined,
  };
  if (keys.kind === "url") {
    return before ?? { hooks: await jwt({ keys: { remote: { url: keys.url } }, ...claims }), keys: keys.url };
  }
  try {
    const text = await Deno.readTextFile(keys.path);
    if (before?.keys === text) return before;
    return { hooks: await jwt({ keys: keysIn(text), ...claims }), keys: text };
  } catch (error) {
    throw new Error(`Cannot use jwt_key_file ${keys.path}: ${error instanceof Error ? error.message : error}`);
  }
}

/** A secret must be in a key set: a public key that is taken for a secret lets everybody in. */
function keysIn(text: string): JwtKeys {
  if (text.includes("-----BEGIN ")) return { pem: text };
  if (text.trimStart().startsWith("{")) return { keySet: text };
  throw new TypeError("it must hold public keys in PEM, or a JSON Web Key Set");
}
