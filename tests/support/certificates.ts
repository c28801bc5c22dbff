/**
 * Certificates for tests, made by OpenSSL when they are needed; no key outlives the tests.
 *
 * @module
 */

import { hasProgram } from "./mosquitto.ts";
import { runProcess } from "./process.ts";

/** True where OpenSSL is installed. Tests that need certificates are ignored where it is not. */
export const hasOpenssl: boolean = hasProgram("openssl");

/** A certificate and its key. */
export interface KeyPair {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Who a certificate is for. */
export interface Subject {
  /** In OpenSSL's form, e.g. `/O=Acme/CN=device-7`. */
  readonly subject: string;
  /** Lines of a configuration file for the extensions; default those of a client. Empty for none (X.509 version 1). */
  readonly extensions?: readonly string[];
  /** Days until it expires; negative for one that has expired. Default 2. */
  readonly days?: number;
}

/** Extensions of a server's certificate, for `localhost` and `127.0.0.1`. */
export const SERVER: readonly string[] = ["subjectAltName=DNS:localhost,IP:127.0.0.1", "extendedKeyUsage=serverAuth"];
/** Extensions of an authority. */
export const AUTHORITY: readonly string[] = ["basicConstraints=critical,CA:TRUE", "keyUsage=keyCertSign,cRLSign"];
const CLIENT: readonly string[] = ["basicConstraints=CA:FALSE", "extendedKeyUsage=clientAuth"];

/** An authority in a folder of its own, which is removed with it. */
export class CertificateAuthority implements AsyncDisposable {
  /** Its own certificate. */
  readonly caFile: string;
  /** Where everything lies; free for more files. */
  readonly folder: string;
  #made = 0;

  private constructor(folder: string) {
    this.folder = folder;
    this.caFile = `${folder}/ca.crt`;
  }

  /** Makes an authority with this name. */
  static async create(name: string = "Test CA"): Promise<CertificateAuthority> {
    const authority = new CertificateAuthority(await Deno.makeTempDir({ prefix: "certificates-" }));
    await authority.#makeKey("ca.key");
    const config = await authority.#write("ca.cnf", [
      "[req]",
      "distinguished_name=name",
      "x509_extensions=extensions",
      "[name]",
      "[extensions]",
      ...AUTHORITY,
    ]);
    await authority.#openssl(
      ["req", "-x509", "-new", "-key", "ca.key", "-days", "2", "-subj", `/CN=${name}`, "-config", config],
      "ca.crt",
    );
    return authority;
  }

  /** Issues a certificate. */
  async issue({ subject, extensions = CLIENT, days = 2 }: Subject): Promise<KeyPair> {
    const name = `certificate-${++this.#made}`;
    await this.#makeKey(`${name}.key`);
    const config = await this.#write(`${name}.cnf`, ["[req]", "distinguished_name=name", "[name]"]);
    const request = ["req", "-new", "-utf8", "-key", `${name}.key`, "-subj", subject, "-config", config];
    await this.#openssl(request, `${name}.csr`);
    const extensionFile = await this.#write(`${name}.ext`, extensions);
    const sign = ["x509", "-req", "-in", `${name}.csr`, "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"];
    const extend = extensions.length > 0 ? ["-extfile", extensionFile] : [];
    await this.#openssl([...sign, "-days", String(days), ...extend], `${name}.crt`);
    return { certFile: `${this.folder}/${name}.crt`, keyFile: `${this.folder}/${name}.key` };
  }

  /** Makes a list of revoked certificates; negative `hours`: one that is out of date. Returns its path. */
  async revocationList(revoked: readonly KeyPair[], hours: number = 24): Promise<string> {
    const name = `list-${++this.#made}`;
    await this.#write(`${name}.txt`, []);
    await this.#write(`${name}.number`, ["01"]);
    const config = await this.#write(`${name}.cnf`, [
      "[ca]",
      "default_ca=default",
      "[default]",
      `database=${name}.txt`,
      `crlnumber=${name}.number`,
      "default_md=sha256",
    ]);
    const command = ["ca", "-config", config, "-cert", "ca.crt", "-keyfile", "ca.key"];
    for (const { certFile } of revoked) await this.#openssl([...command, "-revoke", certFile]);
    const time = (at: number) => new Date(at).toISOString().replace(/[-:T]|\.\d+/g, "");
    const now = Date.now();
    const dates = ["-crl_lastupdate", time(now - 48 * 3_600_000), "-crl_nextupdate", time(now + hours * 3_600_000)];
    await this.#openssl([...command, "-gencrl", ...dates], `${name}.pem`);
    return `${this.folder}/${name}.pem`;
  }

  /** Removes all of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }

  #makeKey(file: string): Promise<void> {
    return this.#openssl(["ecparam", "-name", "prime256v1", "-genkey", "-noout"], file);
  }

  async #write(file: string, lines: readonly string[]): Promise<string> {
    await Deno.writeTextFile(`${this.folder}/${file}`, lines.map((line) => `${line}\n`).join(""));
    return file;
  }

  async #openssl(args: string[], out?: string): Promise<void> {
    const output = out === undefined ? [] : ["-out", out];
    const { code, stderr } = await runProcess("openssl", [...args, ...output], { cwd: this.folder });
    if (code !== 0) throw new Error(`Cannot make certificates: openssl ${args[0]} ended with ${code}\n${stderr}`);
  }
}
