/**
 * The files behind a TLS listener, read and checked: all of them hold, or none.
 *
 * @module
 */

import process from "node:process";
import type { SecureContext } from "node:tls";
import { RevocationLists } from "./certificate.ts";
import type { CertificateFiles, TlsOptions } from "./tls_options.ts";
import { VerifiedCertificates } from "./verified_certificates.ts";

/** What handshakes need, as the files were when it was made. */
export interface TlsContext {
  readonly requireCertificate: boolean;
  readonly secureContext: SecureContext;
  /** By server name, in lower case. */
  readonly byServerName: ReadonlyMap<string, SecureContext>;
  readonly revocationLists: RevocationLists | undefined;
  readonly verified: VerifiedCertificates;
}

/**
 * Reads the files. Throws an `Error` that names the option and the file that cannot be used. With the same authorities,
 * what `previous` has verified stays so.
 */
export function loadTlsContext(options: TlsOptions, previous?: TlsContext): TlsContext {
  const { requireCertificate = false, caFile, caPath, crlFile, serverNames = {} } = options;
  if (requireCertificate && caFile === undefined && caPath === undefined) {
    throw new TypeError("Cannot use TLS: caFile or caPath must be given with requireCertificate, received neither");
  }
  const authorities = requireCertificate ? authoritiesOf(caFile, caPath) : undefined;
  const trusted = authorities?.join("") ?? "";
  const contextOf = (files: CertificateFiles) => secureContextOf(files, authorities, options.minimumVersion);
  return {
    requireCertificate,
    secureContext: contextOf(options),
    byServerName: new Map(Object.entries(serverNames).map(([name, files]) => [name.toLowerCase(), contextOf(files)])),
    revocationLists: crlFile === undefined ? undefined : revocationListsOf(crlFile),
    verified: previous?.verified.authorities === trusted ? previous.verified : new VerifiedCertificates(trusted),
  };
}

/** `node:tls`, loaded by those who use it only: that takes 20 ms. */
export function nodeTls(): typeof import("node:tls") {
  return process.getBuiltinModule("node:tls");
}

function secureContextOf(
  { certFile, keyFile }: CertificateFiles,
  authorities: string[] | undefined,
  minVersion: TlsOptions["minimumVersion"] = "TLSv1.2",
): SecureContext {
  const cert = readFile("certFile", certFile);
  const key = readFile("keyFile", keyFile);
  try {
    assertKeyMatches(cert, key);
    return nodeTls().createSecureContext({ cert, key, ca: authorities, minVersion });
  } catch (error) {
    throw unusable(`certFile ${certFile} with keyFile ${keyFile}`, error);
  }
}

/** Deno would notice only at the first handshake. */
function assertKeyMatches(cert: string, key: string): void {
  const { X509Certificate, createPrivateKey } = process.getBuiltinModule("node:crypto");
  if (new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) return;
  throw new TypeError("the key must be that of the certificate");
}

function authoritiesOf(caFile: string | undefined, caPath: string | undefined): string[] {
  const texts = new Set<string>();
  if (caFile !== undefined) texts.add(certificatesIn(`caFile ${caFile}`, readFile("caFile", caFile)));
  if (caPath !== undefined) { for (const text of filesIn(caPath)) texts.add(text); }
  return [...texts];
}

function certificatesIn(what: string, text: string): string {
  if (text.includes("-----BEGIN CERTIFICATE-----") || text.includes("-----BEGIN TRUSTED CERTIFICATE-----")) return text;
  throw unusable(what, new TypeError("there must be a block `BEGIN CERTIFICATE`"));
}

/** The folder holds each certificate under its name and, as a link, under its hash. */
function filesIn(folder: string): string[] {
  let names: string[];
  try {
    names = [...Deno.readDirSync(folder)].filter(({ isDirectory }) => !isDirectory).map(({ name }) => name);
  } catch (error) {
    throw unusable(`caPath ${folder}`, error);
  }
  const texts = names.map((name) => readFile("caPath", `${folder}/${name}`));
  const certificates = texts.filter((text) => text.includes("-----BEGIN CERTIFICATE-----"));
  if (certificates.length > 0) return certificates;
  throw unusable(`caPath ${folder}`, new TypeError("there must be a file with certificates"));
}

function revocationListsOf(path: string): RevocationLists {
  try {
    return new RevocationLists(Deno.readTextFileSync(path));
  } catch (error) {
    throw unusable(`crlFile ${path}`, error);
  }
}

function readFile(option: string, path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw unusable(`${option} ${path}`, error);
  }
}

function unusable(what: string, error: unknown): Error {
  const reason = error instanceof Error ? error.message : String(error);
  return new Error(`Cannot use ${what}: ${reason}`, { cause: error });
}
