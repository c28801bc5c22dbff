/**
 * Makes the binaries, `mqtt-broker` and `mqtt`, with the permissions that they need:
 *
 *     deno task compile                        for this machine's processor and the other one, into dist/
 *     deno task compile --target aarch64       for one
 *     deno task compile --read /srv --write /srv   other folders that the broker may use, instead of its own
 *
 * Each program goes in as one module, without V8's cache of compiled code: that takes 12 MB less memory than its many
 * modules with their source maps.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { fileURLToPath } from "node:url";
import { binaryPermissions, CLIENT_PERMISSIONS, UNSTABLE } from "../packaging/permissions.ts";

/** Processors, and what Deno calls them. */
const TARGETS = { x86_64: "x86_64-unknown-linux-gnu", aarch64: "aarch64-unknown-linux-gnu" } as const;
type Processor = keyof typeof TARGETS;

/** In the current folder. */
const OUTPUT = "dist";

const MISSING = `
Cannot compile: Deno must be able to download esbuild, which makes one module of many, and the runtime that it puts into
binaries (denort ${Deno.version.deno}). Without the network, take along the cache (DENO_DIR) of a machine that has
compiled, or set DENORT_BIN to a copy of the runtime for the target.`;

/** Compiles everything that is asked for; returns the exit status. */
async function main(args: string[]): Promise<number> {
  const { target, read, write } = parseArgs(args, {
    string: ["target", "read", "write"],
    collect: ["target", "read", "write"],
    unknown: (argument) => {
      throw new TypeError(`Cannot compile: options must be --target, --read or --write, received ${argument}`);
    },
  });
  const folders = [read, write].map((paths) => paths.length === 0 ? undefined : paths);
  const programs = [
    { name: "mqtt-broker", entry: "../mod.ts", permissions: binaryPermissions(...folders) },
    { name: "mqtt", entry: "../../client/mod.ts", permissions: CLIENT_PERMISSIONS },
  ];
  const wanted = processors(target);
  for (const { name, entry, permissions } of programs) {
    const bundle = `${OUTPUT}/${name}.js`;
    const options = ["--quiet", "--platform", "deno", "--config", fileAt("../../deno.json")];
    if (!await run(["bundle", ...options, "--output", bundle, fileAt(entry)])) return 1;
    for (const processor of wanted) {
      const output = `${OUTPUT}/${name}-${processor}`;
      const flags = [...UNSTABLE, ...permissions];
      console.log(`${output}: ${flags.join(" ")}`);
      const options = ["--no-config", "--no-prompt", "--no-code-cache", "--target", TARGETS[processor]];
      if (!await run(["compile", ...options, "--output", output, ...flags, bundle])) return 1;
    }
  }
  return 0;
}

function fileAt(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}

/** Runs Deno and shows what it says; returns whether it has succeeded. */
async function run(args: string[]): Promise<boolean> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  const said = new TextDecoder().decode(stderr).trimEnd();
  if (said !== "") console.error(said);
  if (!success && /esbuild|denort/.test(said)) console.error(MISSING);
  return success;
}

function processors(names: readonly string[]): Processor[] {
  const known = (name: string): name is Processor => name in TARGETS;
  for (const name of names) {
    if (!known(name)) throw new TypeError(`Cannot compile: --target must be x86_64 or aarch64, received ${name}`);
  }
  return names.length === 0 ? ["x86_64", "aarch64"] : names.filter(known);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
