/**
 * Hashed passwords in the forms of `mosquitto_passwd`, and SCRAM credentials in that of PostgreSQL.
 *
 * - `$7$iterations$salt$hash`: PBKDF2 with HMAC-SHA-512, salt and hash in base64
 * - `$6$salt$hash`: SHA-512 over password and salt, as Mosquitto 1.6 and before wrote it
 * - `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`: what a server of SCRAM keeps (RFC 5803)
 *
 * @module
 */

import { scramKeys } from "../../engine/scram_keys.ts";
import { preparedText } from "./prepared_text.ts";
import { type Bytes, equalSecrets, fromBase64, randomBytes, toBase64 } from "./secrets.ts";

/** How a new password is hashed. */
export type PasswordScheme = PasswordHash["scheme"];

/** PBKDF2 with HMAC-SHA-512. */
export interface Pbkdf2Hash {
  readonly scheme: "sha512-pbkdf2";
  readonly iterations: number;
  readonly salt: Bytes;
  readonly hash: Bytes;
}

/** SHA-512 over password and salt. */
export interface Sha512Hash {
  readonly scheme: "sha512";
  readonly salt: Bytes;
  readonly hash: Bytes;
}

/** Credentials for SCRAM-SHA-256. */
export interface ScramHash {
  readonly scheme: "scram-sha-256";
  readonly iterations: number;
  readonly salt: Bytes;
  readonly storedKey: Bytes;
  readonly serverKey: Bytes;
}

/** A hashed password. */
export type PasswordHash = Pbkdf2Hash | Sha512Hash | ScramHash;

/** More would keep a processor busy for seconds. */
const MAX_ITERATIONS = 10_000_000;
const SALT_BYTES = 12;
const PBKDF2_BYTES = 64;
const SHA512_BYTES = 64;
const SHA256_BYTES = 32;

/** Reads a hash; a text says what is wrong with it. */
export function parsePasswordHash(text: string): PasswordHash | string {
  if (text.startsWith("$7$")) return parsePbkdf2(text);
  if (text.startsWith("$6$")) return parseSha512(text);
  if (text.startsWith("SCRAM-SHA-256$")) return parseScram(text);
  if (/^\$[0-9a-z]+\$/.test(text)) {
    return "the hash must begin with $7$, $6$ or SCRAM-SHA-256$, received another kind; set the password again";
  }
  return "the password must be hashed, received plain text; hash the file with `passwd -U`";
}

function parsePbkdf2(text: string): PasswordHash | string {
  const [, , rounds = "", salt = "", hash = "", ...more] = text.split("$");
  const iterations = parseIterations(rounds);
  const parts = { salt: fromBase64(salt), hash: fromBase64(hash) };
  if (iterations === undefined || !parts.salt?.length || parts.hash?.length !== PBKDF2_BYTES || more.length > 0) {
    return "the hash must have the form $7$iterations$salt$hash with 64 bytes of hash in base64";
  }
  return { scheme: "sha512-pbkdf2", iterations, salt: parts.salt, hash: parts.hash };
}

function parseSha512(text: string): PasswordHash | string {
  const [, , salt = "", hash = "", ...more] = text.split("$");
  const parts = { salt: fromBase64(salt), hash: fromBase64(hash) };
  if (!parts.salt?.length || parts.hash?.length !== SHA512_BYTES || more.length > 0) {
    return "the hash must have the form $6$salt$hash with 64 bytes of hash in base64";
  }
  return { scheme: "sha512", salt: parts.salt, hash: parts.hash };
}

function parseScram(text: string): PasswordHash | string {
  const match = /^SCRAM-SHA-256\$(\d+):([^$:]+)\$([^$:]+):([^$:]+)$/.exec(text);
  const [, rounds = "", ...encoded] = match ?? [];
  const iterations = parseIterations(rounds);
  const [salt, storedKey, serverKey] = encoded.map(fromBase64);
  if (
    iterations === undefined || !salt?.length || storedKey?.length !== SHA256_BYTES ||
    serverKey?.length !== SHA256_BYTES
  ) {
    return "the credentials must have the form SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey";
  }
  return { scheme: "scram-sha-256", iterations, salt, storedKey, serverKey };
}

function parseIterations(text: string): number | undefined {
  const iterations = Number(text);
  return /^\d{1,8}$/.test(text) && iterations >= 1 && iterations <= MAX_ITERATIONS ? iterations : undefined;
}

/** Writes a hash as it stands in a file. */
export function formatPasswordHash(password: PasswordHash): string {
  const salt = toBase64(password.salt);
  switch (password.scheme) {
    case "sha512-pbkdf2":
      return `$7$${password.iterations}$${salt}$${toBase64(password.hash)}`;
    case "sha512":
      return `$6$${salt}$${toBase64(password.hash)}`;
    case "scram-sha-256": {
      const keys = `${toBase64(password.storedKey)}:${toBase64(password.serverKey)}`;
      return `SCRAM-SHA-256$${password.iterations}:${salt}$${keys}`;
    }
  }
}

/** Hashes a password with a fresh salt. `iterations` has no effect on `sha512`. */
export async function hashPassword(
  password: string,
  scheme: PasswordScheme,
  iterations: number,
  salt: Bytes = randomBytes(scheme === "scram-sha-256" ? 16 : SALT_BYTES),
): Promise<PasswordHash> {
  const bytes = new TextEncoder().encode(password);
  switch (scheme) {
    case "sha512-pbkdf2":
      return { scheme, iterations, salt, hash: await pbkdf2(bytes, salt, iterations) };
    case "sha512":
      return { scheme, salt, hash: await sha512(bytes, salt) };
    case "scram-sha-256": {
      const { storedKey, serverKey } = await scramKeys(preparedText(password), salt, iterations);
      return { scheme, iterations, salt, storedKey, serverKey };
    }
  }
}

/** Whether a password is the one that was hashed. Takes as long for a wrong one as for the right one. */
export async function verifyPassword(known: PasswordHash, password: Bytes): Promise<boolean> {
  switch (known.scheme) {
    case "sha512-pbkdf2":
      return equalSecrets(await pbkdf2(password, known.salt, known.iterations), known.hash);
    case "sha512":
      return equalSecrets(await sha512(password, known.salt), known.hash);
    case "scram-sha-256": {
      const { storedKey } = await scramKeys(textOf(password), known.salt, known.iterations);
      return equalSecrets(storedKey, known.storedKey);
    }
  }
}

async function pbkdf2(password: Bytes, salt: Bytes, iterations: number): Promise<Bytes> {
  const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
  const algorithm = { name: "PBKDF2", hash: "SHA-512", salt, iterations };
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, PBKDF2_BYTES * 8));
}

async function sha512(password: Bytes, salt: Bytes): Promise<Bytes> {
  const bytes = new Uint8Array(password.length + salt.length);
  bytes.set(password);
  bytes.set(salt, password.length);
  return new Uint8Array(await crypto.subtle.digest("SHA-512", bytes));
}

/** What cannot be prepared is no password that was ever hashed, but must cost the same. */
function textOf(password: Bytes): string {
  const text = new TextDecoder().decode(password);
  try {
    return preparedText(text);
  } catch {
    return text;
  }
}
