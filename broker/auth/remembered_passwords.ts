/**
 * Passwords that were right, so that they need not be verified again.
 *
 * @module
 */

import { type Bytes, equalSecrets, randomBytes } from "./secrets.ts";

/** More users are forgotten, the oldest first. */
const MAX_REMEMBERED = 100_000;

/**
 * Remembers for each user a mark of the right password: an HMAC under a key that was never written anywhere. It is quick
 * to compare, and no help to somebody who guesses, as only right passwords are remembered.
 */
export class RememberedPasswords {
  readonly #key = crypto.subtle.importKey(
    "raw",
    randomBytes(32),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  readonly #marks = new Map<string, Bytes>();
  /** Compared with when there is nothing to compare with. */
  readonly #none = randomBytes(32);

  /** The mark of a password for a user. */
  async markOf(username: string, password: Bytes): Promise<Bytes> {
    const name = new TextEncoder().encode(username);
    const text = new Uint8Array(4 + name.length + password.length);
    new DataView(text.buffer).setUint32(0, name.length);
    text.set(name, 4);
    text.set(password, 4 + name.length);
    return new Uint8Array(await crypto.subtle.sign("HMAC", await this.#key, text));
  }

  /** Whether this is the mark of the user's right password. */
  has(username: string, mark: Bytes): boolean {
    return equalSecrets(this.#marks.get(username) ?? this.#none, mark);
  }

  /** Remembers the mark of a right password. */
  add(username: string, mark: Bytes): void {
    this.#marks.delete(username);
    this.#marks.set(username, mark);
    if (this.#marks.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#marks.keys();
    if (oldest !== undefined) this.#marks.delete(oldest);
  }
}
