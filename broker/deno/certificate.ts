/**
 * What a certificate and a certificate revocation list (RFC 5280) say, as far as a listener wants to know.
 *
 * Deno's `node:tls` ignores its option `crl`, so lists are read here. Whether certificates are signed by whom they name
 * is `node:tls`'s business; a list is trusted as the file that it is in.
 *
 * @module
 */

import { elementsOf, hex, onlyElement, Tag } from "./der.ts";
import { commonNameOf, nameText } from "./distinguished_name.ts";

/** A certificate. */
export interface Certificate {
  readonly commonName: string | undefined;
  /** In the form of RFC 2253. */
  readonly subject: string;
  /** In lower-case hexadecimal digits. */
  readonly serialNumber: string;
  /** The issuer's name as it stands there, in hexadecimal digits. */
  readonly issuer: string;
  /** 1, 2 or 3. */
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
}

/** What revocation lists tell certificates apart by. */
export type CertificateIdentity = Pick<Certificate, "issuer" | "serialNumber">;

/** Reads a certificate in DER. Throws `TypeError` if it is none. */
export function readCertificate(der: Uint8Array): Certificate {
  const [signed] = elementsOf(onlyElement(der, Tag.Sequence).contents);
  if (signed?.tag !== Tag.Sequence) throw new TypeError("Cannot read the certificate: it must have a signed part");
  const fields = elementsOf(signed.contents);
  const version = fields[0]?.tag === Tag.Context0 ? fields.shift() : undefined;
  const [serial, _algorithm, issuer, validity, subject] = fields;
  const [, end] = validity === undefined ? [] : elementsOf(validity.contents);
  if (
    serial?.tag !== Tag.Integer || issuer?.tag !== Tag.Sequence || subject?.tag !== Tag.Sequence || end === undefined
  ) {
    throw new TypeError("Cannot read the certificate: it must have a serial number, an issuer, an end and a subject");
  }
  return {
    commonName: commonNameOf(subject.contents),
    subject: nameText(subject.contents),
    serialNumber: hex(serial.contents),
    issuer: hex(issuer.bytes),
    version: version === undefined ? 1 : 1 + (version.contents.at(-1) ?? 0),
    notAfter: timeOf(end.contents, end.tag === Tag.UtcTime),
  };
}

/** Revoked certificates of one issuer. */
interface IssuerList {
  readonly serialNumbers: ReadonlySet<string>;
  /** Milliseconds since 1970; after that the list says nothing any more. Infinity if it does not say. */
  readonly nextUpdate: number;
}

/** Why a certificate may not be used. */
export type Revocation = "revoked" | "no list of its issuer" | "list of its issuer is out of date";

/** The lists of one file. */
export class RevocationLists {
  readonly #lists = new Map<string, IssuerList[]>();

  /** Reads the lists in a text of PEM blocks. Throws `TypeError` if there is none, or one is damaged. */
  constructor(pem: string) {
    const blocks = [...pem.matchAll(/-----BEGIN X509 CRL-----([^-]*)-----END X509 CRL-----/g)];
    if (blocks.length === 0) throw new TypeError("there must be a block `BEGIN X509 CRL`");
    for (const [, base64 = ""] of blocks) this.#add(Uint8Array.fromBase64(base64));
  }

  /** Undefined: the certificate may be used. As with OpenSSL, an issuer without a list vouches for nobody. */
  check({ issuer, serialNumber }: CertificateIdentity, now: number): Revocation | undefined {
    const lists = this.#lists.get(issuer);
    if (lists === undefined) return "no list of its issuer";
    if (lists.some(({ serialNumbers }) => serialNumbers.has(serialNumber))) return "revoked";
    return lists.some(({ nextUpdate }) => now <= nextUpdate) ? undefined : "list of its issuer is out of date";
  }

  #add(der: Uint8Array): void {
    const [signed] = elementsOf(onlyElement(der, Tag.Sequence).contents);
    if (signed?.tag !== Tag.Sequence) throw new TypeError("the list must have a signed part");
    const fields = elementsOf(signed.contents);
    if (fields[0]?.tag === Tag.Integer) fields.shift();
    const [_algorithm, issuer, _thisUpdate, ...rest] = fields;
    if (issuer?.tag !== Tag.Sequence) throw new TypeError("the list must have an issuer");
    const next = rest[0]?.tag === Tag.UtcTime || rest[0]?.tag === Tag.GeneralizedTime ? rest.shift() : undefined;
    const revoked = rest[0]?.tag === Tag.Sequence ? elementsOf(rest[0].contents) : [];
    const list = {
      serialNumbers: new Set(revoked.map(({ contents }) => hex(elementsOf(contents)[0]?.contents ?? new Uint8Array()))),
      nextUpdate: next === undefined ? Infinity : timeOf(next.contents, next.tag === Tag.UtcTime),
    };
    const key = hex(issuer.bytes);
    this.#lists.set(key, [...this.#lists.get(key) ?? [], list]);
  }
}

/** Both kinds of times, in the only form that RFC 5280 allows. */
function timeOf(contents: Uint8Array, isShort: boolean): number {
  const text = String.fromCharCode(...contents);
  const [, year = "", ...parts] = /^(\d\d|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? [];
  const [month = NaN, day, hour, minute, second] = parts.map(Number);
  // Two digits mean 1950 to 2049.
  const full = isShort ? Number(year) + (Number(year) < 50 ? 2000 : 1900) : Number(year);
  const time = Date.UTC(full, month - 1, day, hour, minute, second);
  if (Number.isNaN(time)) throw new TypeError(`its time must be in UTC, received ${JSON.stringify(text)}`);
  return time;
}
