/**
 * Mosquitto and our broker side by side, each with the same configuration file.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { freePort } from "../support/ports.ts";
import { RunningProcess } from "../support/process.ts";
import { bounded } from "../support/broker.ts";
import { CertificateAuthority, type KeyPair, SERVER } from "../support/certificates.ts";
import { type ClientCertificate, Conversation, type Endpoint } from "./conversation.ts";

/** What clients do. */
export type Script = (conversation: Conversation) => Promise<void>;

/** Where ours is meant to answer differently. */
export interface Difference {
  readonly why: string;
  /** What Mosquitto says: lines as a conversation writes them down; empty for nothing. */
  readonly mosquitto: readonly string[];
  /** What ours says in their place. */
  readonly ours: readonly string[];
}

const FILES = new URL("./files/", import.meta.url);

/** How a comparison is set up. */
export interface Setting {
  /** What the listeners of the file speak. Default `tcp` for both. */
  readonly protocols?: readonly Endpoint["protocol"][];
  /** The listener that clients connect to unless they say which. Default 0. */
  readonly first?: number;
  /** Common names of the clients' certificates; those that begin with `lost` are revoked. */
  readonly devices?: readonly string[];
}

/** Whether certificates have to be made. */
export function needsCertificates({ protocols = [] }: Setting): boolean {
  return protocols.includes("tls") || protocols.includes("wss");
}

/** Runs a script against both with one of the files, and compares what they answer, but for the differences. */
export function compare(
  file: string,
  script: Script,
  differences: readonly Difference[] = [],
  setting: Setting = {},
): () => Promise<void> {
  return () =>
    bounded(async () => {
      await using certificates = needsCertificates(setting) ? await makeCertificates(setting) : undefined;
      const theirs = await answers("mosquitto", file, script, setting, certificates);
      const ours = await answers("ours", file, script, setting, certificates);
      assertEquals(ours, expected(theirs, differences));
    }, 40_000);
}

/** Runs a script against both with one of the files, and compares what they log meanwhile, but for the differences. */
export function compareLogs(
  file: string,
  script: Script,
  differences: readonly Difference[] = [],
): () => Promise<void> {
  return () =>
    bounded(async () => {
      const logs = { mosquitto: [], ours: [] };
      for (const who of ["mosquitto", "ours"] as const) await answers(who, file, script, {}, undefined, logs[who]);
      assertEquals(logs.ours, expected(logs.mosquitto, differences));
    }, 40_000);
}

/** What Mosquitto says, with the differences in it. */
function expected(lines: readonly string[], differences: readonly Difference[]): string[] {
  const result: string[] = [];
  let rest = [...lines];
  for (const { why, mosquitto, ours } of differences) {
    const at = rest.findIndex((_, index) => mosquitto.every((line, offset) => rest[index + offset] === line));
    // A difference that is none any more does not belong on the list.
    assertEquals(at >= 0 && mosquitto.length > 0, true, `mosquitto says no longer ${mosquitto} (${why}): ${rest}`);
    result.push(...rest.slice(0, at), ...ours);
    rest = rest.slice(at + mosquitto.length);
  }
  return [...result, ...rest];
}

async function answers(
  who: "mosquitto" | "ours",
  file: string,
  script: Script,
  { protocols = ["tcp", "tcp"], first = 0 }: Setting,
  certificates: Certificates | undefined,
  log?: string[],
): Promise<string[]> {
  const folder = await Deno.makeTempDir({ prefix: "config-" });
  try {
    const ports = protocols.map(freePort);
    const path = `${folder}/mosquitto.conf`;
    const include = `${folder}/include`;
    await writeConfiguration(file, path, { folder, include, ...certificates?.files }, ports);
    await using process = start(who, path);
    await process.waitForLine(/version \S+ running$/);
    const endpoints = protocols.map((protocol, index) => {
      return { port: ports[index] ?? 0, protocol, path: `${folder}/mqtt.sock`, caCert: certificates?.caCert };
    });
    await using conversation = new Conversation(endpoints, first, certificates?.clients ?? {});
    await script(conversation);
    await conversation[Symbol.asyncDispose]();
    if (log !== undefined) log.push(...await linesBetween(process));
    return conversation.lines;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes a file with this run's ports and files in it, and if a folder goes with it, the files there as well. */
async function writeConfiguration(
  file: string,
  path: string,
  values: Readonly<Record<string, string>>,
  ports: readonly number[],
): Promise<void> {
  const text = await Deno.readTextFile(new URL(file, FILES));
  await Deno.writeTextFile(path, filledIn(text, values, ports));
  const { include = "" } = values;
  if (!text.includes("{include}")) return;
  const folder = file.replace(/conf$/, "d");
  await Deno.mkdir(include);
  for await (const { name } of Deno.readDir(new URL(folder, FILES))) {
    const included = await Deno.readTextFile(new URL(`${folder}/${name}`, FILES));
    await Deno.writeTextFile(`${include}/${name}`, filledIn(included, values, ports));
  }
}

function filledIn(text: string, values: Readonly<Record<string, string>>, ports: readonly number[]): string {
  const files = decodeURIComponent(FILES.pathname).replace(/\/$/, "");
  return text
    .replaceAll(/\{port(\d)\}/g, (_, index: string) => String(ports[Number(index) - 1]))
    .replaceAll("{files}", files)
    .replaceAll(/\{(\w+)\}/g, (whole: string, name: string) => values[name] ?? whole);
}

/** What a server and its clients need. */
interface Certificates extends AsyncDisposable {
  /** Paths by their names in the configuration files. */
  readonly files: Readonly<Record<string, string>>;
  readonly caCert: string;
  readonly clients: Readonly<Record<string, ClientCertificate>>;
}

async function makeCertificates({ devices = [] }: Setting): Promise<Certificates> {
  const authority = await CertificateAuthority.create();
  const server = await authority.issue({ subject: "/CN=localhost", extensions: SERVER });
  const clients: Record<string, ClientCertificate> = {};
  const revoked: KeyPair[] = [];
  for (const name of devices) {
    const pair = await authority.issue({ subject: `/O=Acme/CN=${name}` });
    if (name.startsWith("lost")) revoked.push(pair);
    clients[name] = { cert: await Deno.readTextFile(pair.certFile), key: await Deno.readTextFile(pair.keyFile) };
  }
  const crl = await authority.revocationList(revoked);
  return {
    files: { ca: authority.caFile, cert: server.certFile, key: server.keyFile, crl },
    caCert: await Deno.readTextFile(authority.caFile),
    clients,
    [Symbol.asyncDispose]: () => authority[Symbol.asyncDispose](),
  };
}

/** What was logged between the start and the end, without what is by chance. */
async function linesBetween(process: RunningProcess): Promise<string[]> {
  // All that was logged before comes out with its last line.
  await process.stop();
  const lines = process.stderr.trimEnd().split("\n");
  return lines.slice(lines.findIndex((line) => line.endsWith(" running")) + 1)
    .filter((line) => !/PINGREQ|PINGRESP|version \S+ terminating$/.test(line))
    .map((line) => line.replaceAll(/\b127\.0\.0\.1:\d+/g, "ADDRESS").replace(/ on port \d+\.$/, " on port PORT."));
}

function start(who: "mosquitto" | "ours", path: string): RunningProcess {
  if (who === "mosquitto") return new RunningProcess("/usr/sbin/mosquitto", ["-c", path]);
  return new RunningProcess(Deno.execPath(), ["run", "-A", "broker/mod.ts", "-c", path]);
}
