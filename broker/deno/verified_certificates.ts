/**
 * Client certificates whose owners have shown that they have the key.
 *
 * Who resumes a session is not asked for a certificate again, and Deno resumes what any TLS server in the process has
 * begun, also one that trusts other authorities or verifies nothing. So a resumed session counts only if its certificate
 * was verified here before.
 *
 * @module
 */

import type { CertificateIdentity } from "./certificate.ts";

/** So many are remembered; one that was forgotten must begin a new session. */
const MOST = 100_000;

/** Certificates, by fingerprint, that were verified against the same authorities. */
export class VerifiedCertificates {
  /** The authorities, as text. */
  readonly authorities: string;
  readonly #certificates = new Map<string, CertificateIdentity>();
  /** The same text for all certificates of an issuer. */
  readonly #issuers = new Map<string, string>();

  constructor(authorities: string) {
    this.authorities = authorities;
  }

  /** Whether it was verified. */
  has(fingerprint: string): boolean {
    return this.#certificates.has(fingerprint);
  }

  /** What it is, if it was verified. */
  get(fingerprint: string): CertificateIdentity | undefined {
    return this.#certificates.get(fingerprint);
  }

  /** It was verified just now. */
  add(fingerprint: string, { issuer, serialNumber }: CertificateIdentity): void {
    // The one that was verified longest ago goes first.
    this.#certificates.delete(fingerprint);
    this.#certificates.set(fingerprint, { issuer: this.#shared(issuer), serialNumber });
    if (this.#certificates.size <= MOST) return;
    for (const oldest of this.#certificates.keys()) {
      this.#certificates.delete(oldest);
      return;
    }
  }

  #shared(issuer: string): string {
    const known = this.#issuers.get(issuer);
    if (known === undefined) this.#issuers.set(issuer, issuer);
    return known ?? issuer;
  }
}
