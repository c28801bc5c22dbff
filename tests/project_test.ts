/** The rules that hold the project together, which no compiler checks. @module */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { VERSION } from "../broker/version.ts";
import { repository } from "./support/process.ts";
import { sourceFiles } from "./support/sources.ts";

/** What each folder may import from, besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  codec: [],
  engine: ["codec"],
  broker: ["codec", "engine"],
  client: ["codec", "engine"],
};

/** The broker's parts that are clients themselves: through the front door, as everybody else. */
const CLIENTS_OF_THE_BROKER = /^broker\/(?:admin\/page\/|bridge\/|deno\/bridge\.ts$)/;
const FRONT_DOORS = ["client/mod.ts", "client/browser.ts", "client/common.ts"];
/** Through the one thing that a bridge needs beyond that. */
const SIDE_DOOR = { from: /^broker\/bridge\//, to: "client/relay.ts" };

interface Source {
  /** Relative to the repository. */
  readonly path: string;
  readonly folder: string;
  /** Without comments. */
  readonly code: string;
}

async function sourcesOf(folders: readonly string[]): Promise<Source[]> {
  const paths = await sourceFiles(folders);
  assert(paths.length > 0);
  return await Promise.all(paths.map(async (path) => {
    const text = await Deno.readTextFile(new URL(path, repository));
    const code = text.replace(/\/\*.*?\*\//gs, "").replace(/^\s*\/\/.*$/gm, "");
    return { path, folder: path.slice(0, path.indexOf("/")), code };
  }));
}

/** The modules that a source imports or exports from, as paths in the repository or as they are written. */
function importsOf({ path, code }: Source): string[] {
  const specifiers = [...code.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)"([^"]+)"/g)].map((match) => match[1] ?? "");
  const base = new URL(path, repository);
  return specifiers.map((it) => it.startsWith(".") ? new URL(it, base).href.slice(repository.href.length) : it);
}

Deno.test("project: imports go one way", async () => {
  const sources = await sourcesOf(Object.keys(MAY_IMPORT));
  const wrong = sources.flatMap((source) => {
    const allowed = [source.folder, ...MAY_IMPORT[source.folder] ?? []];
    const inside = importsOf(source).filter((it) => /^[\w-]+\/|\.ts$/.test(it) && !it.startsWith("@"));
    const isClient = CLIENTS_OF_THE_BROKER.test(source.path);
    const isBridge = SIDE_DOOR.from.test(source.path);
    const others = inside.filter((it) => !(isClient && FRONT_DOORS.includes(it)) && !(isBridge && it === SIDE_DOOR.to));
    return others.filter((it) => !allowed.includes(it.split("/")[0] ?? "")).map((it) => `${source.path} -> ${it}`);
  });
  assertEquals(wrong, []);
});

Deno.test("project: codec and engine need no runtime but the Web's", async () => {
  const sources = await sourcesOf(["codec", "engine"]);
  const runtime = /\bDeno\.|"node:|"npm:|"jsr:|\b(?:setTimeout|setInterval|Date\.now|performance\.now|process\.)/;
  assertEquals(sources.filter(({ code }) => runtime.test(code)).map(({ path }) => path), []);
});

Deno.test("project: only broker/deno/ and the client's transports touch Deno", async () => {
  const sources = await sourcesOf(["broker", "client"]);
  const touching = sources.filter(({ code }) => /\bDeno\./.test(code.replaceAll("Deno.args", ""))).map(({ path }) =>
    path
  );
  assertEquals(
    touching.filter((path) => !/^broker\/deno\/|^client\/(?:cli\/\w+|deno_websocket|tcp)\.ts$/.test(path)),
    [],
  );
});

Deno.test("project: the docs of every public entry are checked", async () => {
  const { exports, tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", repository)));
  const entries = Object.values<string>(exports).map((path) => path.slice("./".length));
  const command = `deno doc --lint ${entries.join(" ")}`;
  assertStringIncludes(tasks.check.command, command);
  assertStringIncludes(await Deno.readTextFile(new URL(".ci/run", repository)), command);
});

Deno.test("project: one version", async () => {
  const { version } = JSON.parse(await Deno.readTextFile(new URL("deno.json", repository)));
  assertEquals(VERSION, version);
});
