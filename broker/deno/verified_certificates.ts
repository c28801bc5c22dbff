/**
 * Client certificates whose owners have shown that they have the key.
 *
 * Who resumes a session is not asked for a certificate again, and Deno resumes what any TLS server in the process has
 * begun, also one that trusts other authorities or verifies nothing. So a resumed session counts only if its certificate
 * was verified here before.
 *
 * @module
 */

/** So many are remembered; one that was forgotten must begin a new session. */
const MOST = 100_000;

/** Certificates, by fingerprint, that were verified against the same authorities. */
export class VerifiedCertificates {
  /** The authorities, as text. */
  readonly authorities: string;
  readonly #fingerprints = new Set<string>();

  constructor(authorities: string) {
    this.authorities = authorities;
  }

  /** Whether it was verified. */
  has(fingerprint: string): boolean {
    return this.#fingerprints.has(fingerprint);
  }

  /** It was verified just now. */
  add(fingerprint: string): void {
    // The one that was verified longest ago goes first.
    this.#fingerprints.delete(fingerprint);
    this.#fingerprints.add(fingerprint);
    if (this.#fingerprints.size <= MOST) return;
    for (const oldest of this.#fingerprints) {
      this.#fingerprints.delete(oldest);
      return;
    }
  }
}
