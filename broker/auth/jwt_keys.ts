/**
 * Keys that sign tokens. Each key is for one algorithm, which the key alone decides: a token cannot choose how it is
 * verified.
 *
 * @module
 */

import { type Bytes, fromBase64, fromBase64Url } from "./secrets.ts";

/** Algorithms of RFC 7518 and RFC 8037 that are understood. */
export type JwtAlgorithm = "HS256" | "RS256" | "ES256" | "EdDSA";

/** A key that verifies tokens. */
export interface VerificationKey {
  readonly algorithm: JwtAlgorithm;
  /** Its identifier, if it has one. */
  readonly id: string | undefined;
  readonly key: CryptoKey;
}

/** HS256 wants a key as long as its hash (RFC 7518 section 3.2). */
const LEAST_SECRET_BYTES = 32;
const LEAST_RSA_BITS = 2_048;
/** A set with more keys is cut off. */
const MAX_KEYS = 100;

const IMPORTS = {
  HS256: { name: "HMAC", hash: "SHA-256" },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  EdDSA: { name: "Ed25519" },
} as const satisfies Record<JwtAlgorithm, unknown>;

/** How to verify with each algorithm. */
const VERIFICATIONS = {
  HS256: { name: "HMAC" },
  RS256: { name: "RSASSA-PKCS1-v1_5" },
  ES256: { name: "ECDSA", hash: "SHA-256" },
  EdDSA: { name: "Ed25519" },
} as const satisfies Record<JwtAlgorithm, unknown>;

/** Whether the key made this signature. */
export async function isSignedBy({ algorithm, key }: VerificationKey, data: Bytes, signature: Bytes): Promise<boolean> {
  try {
    return await crypto.subtle.verify(VERIFICATIONS[algorithm], key, signature, data);
  } catch {
    return false; // a signature of a wrong length
  }
}

/** A shared secret, for HS256. Throws `RangeError` for a short one. */
export async function importSecret(secret: Bytes, id?: string): Promise<VerificationKey> {
  if (secret.length < LEAST_SECRET_BYTES) {
    throw new RangeError(
      `Cannot use secret for tokens: it must have at least ${LEAST_SECRET_BYTES} bytes, received ${secret.length}`,
    );
  }
  return {
    algorithm: "HS256",
    id,
    key: await crypto.subtle.importKey("raw", secret, IMPORTS.HS256, false, ["verify"]),
  };
}

/** Public keys in PEM, one after the other. Throws `TypeError` for anything else. */
export async function importPem(text: string): Promise<VerificationKey[]> {
  const blocks = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----([^-]+)-----END \1-----/g)];
  if (blocks.length === 0) throw new TypeError("Cannot use keys for tokens: there must be a PEM block");
  return await Promise.all(blocks.map(([, label = "", body = ""]) => importBlock(label, body)));
}

async function importBlock(label: string, body: string): Promise<VerificationKey> {
  if (label !== "PUBLIC KEY") {
    throw new TypeError(`Cannot use keys for tokens: a PEM block must be PUBLIC KEY, received ${label}`);
  }
  const bytes = fromBase64(body.replace(/\s+/g, ""));
  const algorithm = bytes && algorithmOf(bytes);
  if (bytes === undefined || algorithm === undefined) {
    throw new TypeError("Cannot use keys for tokens: a public key must be RSA, EC (P-256) or Ed25519");
  }
  const key = await crypto.subtle.importKey("spki", bytes, IMPORTS[algorithm], false, ["verify"]);
  return { algorithm, id: undefined, key: assertStrong(key) };
}

/** Object identifiers at the beginning of a SubjectPublicKeyInfo, in hexadecimal. */
const IDENTIFIERS: readonly (readonly [JwtAlgorithm, RegExp])[] = [
  ["RS256", /^30(?:82.{4}|81.{2}|.{2})300d06092a864886f70d010101/],
  ["ES256", /^30.{2}301306072a8648ce3d020106082a8648ce3d030107/],
  ["EdDSA", /^302a300506032b6570/],
];

function algorithmOf(key: Bytes): JwtAlgorithm | undefined {
  const start = Array.from(key.subarray(0, 32), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return IDENTIFIERS.find(([, pattern]) => pattern.test(start))?.[0];
}

function assertStrong(key: CryptoKey): CryptoKey {
  const { algorithm } = key;
  if (!("modulusLength" in algorithm) || Number(algorithm.modulusLength) >= LEAST_RSA_BITS) return key;
  throw new RangeError(`Cannot use keys for tokens: an RSA key must have at least ${LEAST_RSA_BITS} bits`);
}

/**
 * The keys of a JSON Web Key Set (RFC 7517). Keys for other algorithms and purposes are left out; with `isPublic`, secrets
 * are as well. Throws `TypeError` for what is no key set.
 */
export async function importKeySet(value: unknown, isPublic: boolean): Promise<VerificationKey[]> {
  const keys = isRecord(value) ? value.keys : undefined;
  if (!Array.isArray(keys)) throw new TypeError("Cannot use keys for tokens: a key set must have an array `keys`");
  const imported: VerificationKey[] = [];
  for (const key of keys.slice(0, MAX_KEYS)) {
    const usable = await importJwk(key, isPublic).catch(() => undefined);
    if (usable !== undefined) imported.push(usable);
  }
  return imported;
}

/** Undefined: it is for something else. */
async function importJwk(value: unknown, isPublic: boolean): Promise<VerificationKey | undefined> {
  if (!isRecord(value) || !isForVerification(value)) return undefined;
  const id = typeof value.kid === "string" ? value.kid : undefined;
  const { kty, crv, alg } = value;
  const algorithm = kty === "oct" && !isPublic
    ? "HS256"
    : kty === "RSA"
    ? "RS256"
    : kty === "EC" && crv === "P-256"
    ? "ES256"
    : kty === "OKP" && crv === "Ed25519"
    ? "EdDSA"
    : undefined;
  if (algorithm === undefined || (alg !== undefined && alg !== algorithm && alg !== "Ed25519")) return undefined;
  if (algorithm === "HS256") {
    const secret = typeof value.k === "string" ? fromBase64Url(value.k) : undefined;
    return secret && await importSecret(secret, id);
  }
  const key = await crypto.subtle.importKey("jwk", publicPart(value), IMPORTS[algorithm], false, ["verify"]);
  return { algorithm, id, key: assertStrong(key) };
}

function isForVerification({ use, key_ops: operations }: Record<string, unknown>): boolean {
  if (use !== undefined && use !== "sig") return false;
  return operations === undefined || (Array.isArray(operations) && operations.includes("verify"));
}

/** Whoever puts a private key there by mistake should not have it used. */
function publicPart(jwk: Record<string, unknown>): JsonWebKey {
  const text = (name: string) => {
    const value = jwk[name];
    return typeof value === "string" ? { [name]: value } : {};
  };
  return { ...text("kty"), ...text("crv"), ...text("n"), ...text("e"), ...text("x"), ...text("y") };
}

/** Whether a value from JSON is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
