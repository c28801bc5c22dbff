/**
 * The keys of SCRAM-SHA-256 (RFC 5802 section 3, RFC 7677), by Web Crypto, for both sides.
 *
 * @module
 */

type Bytes = Uint8Array<ArrayBuffer>;

/** What follows from a password: the first three are known to both sides, or to the server alone. */
export interface ScramKeys {
  readonly clientKey: Bytes;
  readonly storedKey: Bytes;
  readonly serverKey: Bytes;
}

/** Derives the keys; `password` must have been prepared. */
export async function scramKeys(password: string, salt: Bytes, iterations: number): Promise<ScramKeys> {
  const secret = new TextEncoder().encode(password);
  const base = await crypto.subtle.importKey("raw", secret, "PBKDF2", false, ["deriveBits"]);
  const algorithm = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
  const salted = new Uint8Array(await crypto.subtle.deriveBits(algorithm, base, 256));
  const clientKey = await hmac(salted, "Client Key");
  return { clientKey, storedKey: await sha256(clientKey), serverKey: await hmac(salted, "Server Key") };
}

/** SHA-256. */
export async function sha256(bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** HMAC-SHA-256 over a text. */
export async function hmac(key: Bytes, text: string): Promise<Bytes> {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, new TextEncoder().encode(text)));
}

/** What is in one of them and not in the other, bit by bit; both have the same length. */
export function xor(a: Uint8Array, b: Uint8Array): Bytes {
  return Uint8Array.from(a, (byte, index) => byte ^ (b[index] ?? 0));
}
