/**
 * Certificates for tests, made by OpenSSL when they are needed and valid for a day.
 *
 * @module
 */

import { AssertionError } from "@std/assert";
import { runProcess } from "../support/process.ts";

/** A certificate and its key: as PEM texts, and as the files that other programs read. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** An authority that signs certificates; disposing it removes its folder. */
export class Authority implements AsyncDisposable {
  readonly #folder: string;
  readonly #own: Identity;
  #issued = 0;

  private constructor(folder: string, own: Identity) {
    this.#folder = folder;
    this.#own = own;
  }

  /** Makes an authority that nobody trusts yet. */
  static async make(): Promise<Authority> {
    const folder = await Deno.makeTempDir({ prefix: "certificates-" });
    const files = filesOf(folder, "authority");
    await openssl([
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"],
      ...["-keyout", files.keyFile, "-out", files.certFile, "-subj", "/CN=Test authority"],
      ...["-addext", "basicConstraints=critical,CA:TRUE"],
    ]);
    return new Authority(folder, await identityOf(files));
  }

  /** Its own certificate in PEM. */
  get cert(): string {
    return this.#own.cert;
  }

  /** The file of its own certificate. */
  get certFile(): string {
    return this.#own.certFile;
  }

  /** Makes a key and a certificate for it. `names` are like `DNS:localhost` and `IP:127.0.0.1`. */
  async issue(commonName: string, names: readonly string[] = [`DNS:${commonName}`]): Promise<Identity> {
    const files = filesOf(this.#folder, `issued-${++this.#issued}`);
    const request = `${files.certFile}.request`;
    const extensions = `${files.certFile}.extensions`;
    await Deno.writeTextFile(extensions, `basicConstraints=CA:FALSE\nsubjectAltName=${names.join(",")}\n`);
    await openssl([
      ...["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-keyout", files.keyFile, "-out", request, "-subj", `/CN=${commonName}`],
    ]);
    await openssl([
      ...["x509", "-req", "-in", request, "-CA", this.#own.certFile, "-CAkey", this.#own.keyFile, "-CAcreateserial"],
      ...["-days", "1", "-extfile", extensions, "-out", files.certFile],
    ]);
    return await identityOf(files);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

interface Files {
  readonly certFile: string;
  readonly keyFile: string;
}

function filesOf(folder: string, name: string): Files {
  return { certFile: `${folder}/${name}.pem`, keyFile: `${folder}/${name}.key` };
}

async function identityOf(files: Files): Promise<Identity> {
  const [cert, key] = await Promise.all([Deno.readTextFile(files.certFile), Deno.readTextFile(files.keyFile)]);
  return { ...files, cert, key };
}

async function openssl(args: string[]): Promise<void> {
  const { code, stderr } = await runProcess("openssl", args);
  if (code !== 0) throw new AssertionError(`Expected openssl ${args[0]} to succeed\n${stderr}`);
}
