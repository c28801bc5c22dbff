/**
 * How a listener encrypts.
 *
 * @module
 */

/** A certificate and its key; paths of PEM files. */
export interface CertificateFiles {
  /** The server's certificate, followed by those of the authorities in between (`certfile`). */
  readonly certFile: string;
  /** Its private key, not encrypted (`keyfile`). */
  readonly keyFile: string;
}

/**
 * TLS for a listener; all files are PEM. Versions 1.2 and 1.3 are spoken, with the cipher suites of Deno's TLS library
 * (ECDHE with AES-GCM or ChaCha20-Poly1305). Deno's library lets nobody choose among these, and knows no
 * Diffie-Hellman parameters, so that Mosquitto's `ciphers` and `dhparamfile` have no counterpart here.
 *
 * Of the protocols that a client offers (ALPN), `mqtt` is agreed on, for WebSockets `http/1.1`; one that offers nothing is
 * served all the same, one that offers other versions of HTTP alone is refused.
 *
 * Certificates of clients must be X.509 of version 3: the library cannot tell whether the owner of one of version 1
 * has its key. `openssl x509 -req` makes version 3 when it is given an `-extfile`, were it one with nothing but
 * `basicConstraints=CA:FALSE`.
 */
export interface TlsOptions extends CertificateFiles {
  /** Authorities whose client certificates are trusted (`cafile`). */
  readonly caFile?: string;
  /** A folder of files with such (`capath`). */
  readonly caPath?: string;
  /**
   * Whether a client must show a certificate; needs `caFile` or `caPath` (`require_certificate`). Default false. Deno lets
   * a client resume a TLS session at any server of the process, so none of them may accept certificates unverified.
   */
  readonly requireCertificate?: boolean;
  /**
   * Certificates of clients that are no longer trusted (`crlfile`). As with OpenSSL, each issuer of client certificates
   * must have a list in it that is not out of date.
   */
  readonly crlFile?: string;
  /** The oldest version that is spoken (`tls_version`). Default `TLSv1.2`. */
  readonly minimumVersion?: "TLSv1.2" | "TLSv1.3";
  /** Other certificates, by the name of the server that the client asks for (SNI), e.g. `mqtt.example.org`. */
  readonly serverNames?: Readonly<Record<string, CertificateFiles>>;
}
