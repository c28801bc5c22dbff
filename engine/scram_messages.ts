/**
 * The messages of SCRAM (RFC 5802 section 7), which both sides read and write, without its cryptography.
 *
 * @module
 */

/** What a client says first. */
export interface ClientFirst {
  /** Binding to the channel below: we have none, so `n,,` or `y,,`, with an authorization identity if one is given. */
  readonly gs2Header: string;
  readonly authorizationId: string | undefined;
  readonly username: string;
  readonly nonce: string;
  /** The message without the header, as it goes into the proof. */
  readonly bare: string;
}

/** What a server answers. */
export interface ServerFirst {
  readonly nonce: string;
  /** Base64. */
  readonly salt: string;
  readonly iterations: number;
}

/** With what a client proves that it knows the password. */
export interface ClientFinal {
  /** Base64 of the header that it sent first. */
  readonly channelBinding: string;
  readonly nonce: string;
  /** Base64. */
  readonly proof: string;
  /** The message without the proof, as it goes into the proof. */
  readonly withoutProof: string;
}

/** Printable ASCII without a comma. */
const NONCE = /^[\x21-\x2b\x2d-\x7e]{1,1024}$/;

/** Writes the message without its header. */
export function formatClientFirstBare(username: string, nonce: string): string {
  return `n=${username.replaceAll("=", "=3D").replaceAll(",", "=2C")},r=${nonce}`;
}

/** Reads what a client says first. Undefined if it is malformed, wants a channel binding, or extensions that we must know. */
export function parseClientFirst(message: string): ClientFirst | undefined {
  const match = /^([ny],(?:a=([^,]+))?,)(n=([^,]+),r=([^,]+)(?:,[a-ln-zA-Z]=[^,]*)*)$/.exec(message);
  if (match === null) return undefined;
  const [, gs2Header = "", rawAuthorizationId, bare = "", rawUsername = "", nonce = ""] = match;
  const username = unescape(rawUsername);
  const authorizationId = rawAuthorizationId === undefined ? undefined : unescape(rawAuthorizationId);
  if (username === undefined || !NONCE.test(nonce)) return undefined;
  if (rawAuthorizationId !== undefined && authorizationId === undefined) return undefined;
  return { gs2Header, authorizationId, username, nonce, bare };
}

/** Writes a server's answer. */
export function formatServerFirst({ nonce, salt, iterations }: ServerFirst): string {
  return `r=${nonce},s=${salt},i=${iterations}`;
}

/** Reads a server's answer; undefined if it is malformed. */
export function parseServerFirst(message: string): ServerFirst | undefined {
  const match = /^r=([^,]+),s=([^,]+),i=([1-9][0-9]{0,8})(?:,[a-ln-zA-Z]=[^,]*)*$/.exec(message);
  if (match === null) return undefined;
  const [, nonce = "", salt = "", iterations = ""] = match;
  return NONCE.test(nonce) ? { nonce, salt, iterations: Number(iterations) } : undefined;
}

/** Writes the last message of a client up to the proof. */
export function formatClientFinalWithoutProof(gs2Header: string, nonce: string): string {
  return `c=${btoa(String.fromCharCode(...new TextEncoder().encode(gs2Header)))},r=${nonce}`;
}

/** Reads the last message of a client; undefined if it is malformed. */
export function parseClientFinal(message: string): ClientFinal | undefined {
  const match = /^(c=([^,]+),r=([^,]+)(?:,[a-ln-zA-Z]=[^,]*)*),p=([^,]+)$/.exec(message);
  if (match === null) return undefined;
  const [, withoutProof = "", channelBinding = "", nonce = "", proof = ""] = match;
  return { channelBinding, nonce, proof, withoutProof };
}

/** The text that client and server sign. */
export function formatAuthMessage(clientFirstBare: string, serverFirst: string, withoutProof: string): string {
  return `${clientFirstBare},${serverFirst},${withoutProof}`;
}

function unescape(name: string): string | undefined {
  if (/=(?!2C|3D)/.test(name)) return undefined;
  return name.replaceAll("=2C", ",").replaceAll("=3D", "=");
}

const NON_ASCII_SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu;
const MAPPED_TO_NOTHING = /[\u00ad\u034f\u1806\u180b-\u180d\u200c\u200d\u2060\ufe00-\ufe0f\ufeff]/gu;
/** Control characters, private use, surrogates, non-characters, and others of RFC 3454 appendix C. */
const PROHIBITED =
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  /[\p{Cc}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}\u0340\u0341\u06dd\u070f\u180e\u200e\u200f\u2028-\u202e\u2061-\u2063\u206a-\u206f\u2ff0-\u2ffb\ufff9-\ufffd\u{e0001}\u{e0020}-\u{e007f}\u{1d173}-\u{1d17a}\u0000]/u;

/**
 * Prepares a user name or password so that the same characters, typed in different ways, are the same bytes (SASLprep,
 * RFC 4013; its rule about mixed writing directions is left out). Throws `TypeError` for control characters and the like.
 */
export function saslPrep(text: string): string {
  const prepared = text.replace(NON_ASCII_SPACES, " ").replace(MAPPED_TO_NOTHING, "").normalize("NFKC");
  if (!PROHIBITED.test(prepared)) return prepared;
  throw new TypeError("Cannot use user name or password: it must have no control characters");
}
