/** Makes tokens for tests. @module */

import type { JwtAlgorithm } from "../../broker/auth/jwt_keys.ts";

/** A key pair, or a secret, that signs tokens. */
export interface Signer {
  readonly algorithm: JwtAlgorithm;
  readonly publicJwk: JsonWebKey;
  readonly pem: string;
  sign(claims: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
}

const PARAMETERS = {
  RS256: {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: 2048,
    publicExponent: Uint8Array.of(1, 0, 1),
  },
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  EdDSA: { name: "Ed25519" },
} as const;

/** A fresh key pair. */
export async function signer(algorithm: "RS256" | "ES256" | "EdDSA"): Promise<Signer> {
  const parameters = PARAMETERS[algorithm];
  const pair = await crypto.subtle.generateKey(parameters, true, ["sign", "verify"]);
  if (!("privateKey" in pair)) throw new TypeError("Cannot sign: there must be a key pair");
  const der = new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey));
  return {
    algorithm,
    publicJwk: await crypto.subtle.exportKey("jwk", pair.publicKey),
    pem: `-----BEGIN PUBLIC KEY-----\n${
      btoa(String.fromCharCode(...der)).replace(/.{64}/g, "$&\n")
    }\n-----END PUBLIC KEY-----\n`,
    sign: (claims, header = {}) =>
      tokenOf({ alg: algorithm, ...header }, claims, (data) => crypto.subtle.sign(parameters, pair.privateKey, data)),
  };
}

/** A token with HS256, whatever its header says. */
export async function signWithSecret(
  secret: string,
  claims: Record<string, unknown>,
  header: Record<string, unknown> = { alg: "HS256" },
): Promise<string> {
  const bytes = new TextEncoder().encode(secret);
  const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return await tokenOf(header, claims, (data) => crypto.subtle.sign("HMAC", key, data));
}

async function tokenOf(
  header: Record<string, unknown>,
  claims: Record<string, unknown>,
  sign: (data: Uint8Array<ArrayBuffer>) => Promise<ArrayBuffer>,
): Promise<string> {
  const text = `${encoded(JSON.stringify(header))}.${encoded(JSON.stringify(claims))}`;
  const signature = new Uint8Array(await sign(new TextEncoder().encode(text)));
  return `${text}.${base64Url(String.fromCharCode(...signature))}`;
}

/** Base64url of a text in ASCII. */
export function encoded(text: string): string {
  return base64Url(text);
}

function base64Url(binary: string): string {
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
