/**
 * Makes the binaries, `mqtt-broker` and `mqtt`, with the permissions that they need:
 *
 *     deno task compile                        for this machine's processor and the other one, into dist/
 *     deno task compile --target aarch64       for one
 *     deno task compile --read /srv --write /srv   other folders that the broker may use, instead of its own
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { BROKER_PERMISSIONS, CLIENT_PERMISSIONS, UNSTABLE } from "./permissions.ts";

/** Processors, and what Deno calls them. */
const TARGETS = { x86_64: "x86_64-unknown-linux-gnu", aarch64: "aarch64-unknown-linux-gnu" } as const;
type Processor = keyof typeof TARGETS;

const PROGRAMS = [
  { name: "mqtt-broker", entry: "broker/mod.ts", permissions: BROKER_PERMISSIONS },
  { name: "mqtt", entry: "client/mod.ts", permissions: CLIENT_PERMISSIONS },
] as const;

const OUTPUT = "dist";

/** The permissions with other folders in the place of the broker's own. */
export function permissionsWith(
  permissions: readonly string[],
  folders: { readonly read: readonly string[]; readonly write: readonly string[] },
): string[] {
  const { read, write } = folders;
  return permissions.map((flag) => {
    if (read.length > 0 && flag.startsWith("--allow-read=")) return `--allow-read=${[...read, ...write].join(",")}`;
    return write.length > 0 && flag.startsWith("--allow-write=") ? `--allow-write=${write.join(",")}` : flag;
  });
}

/** Compiles everything that is asked for; returns the exit status. */
async function main(args: string[]): Promise<number> {
  const { target, read, write } = parseArgs(args, {
    string: ["target", "read", "write"],
    collect: ["target", "read", "write"],
    unknown: (argument) => {
      throw new TypeError(`Cannot compile: options must be --target, --read or --write, received ${argument}`);
    },
  });
  for (const processor of processors(target)) {
    for (const { name, entry, permissions } of PROGRAMS) {
      const output = `${OUTPUT}/${name}-${processor}`;
      const flags = [...UNSTABLE, ...permissionsWith(permissions, { read, write })];
      console.log(`${output}: ${flags.join(" ")}`);
      const options = ["--no-check", "--no-prompt", "--target", TARGETS[processor], "--output", output];
      const compiler = new Deno.Command(Deno.execPath(), { args: ["compile", ...options, ...flags, entry] });
      const { success, stderr } = await compiler.output();
      if (success) continue;
      explain(new TextDecoder().decode(stderr));
      return 1;
    }
  }
  return 0;
}

function processors(names: readonly string[]): Processor[] {
  const known = (name: string): name is Processor => name in TARGETS;
  for (const name of names) {
    if (!known(name)) throw new TypeError(`Cannot compile: --target must be x86_64 or aarch64, received ${name}`);
  }
  return names.length === 0 ? ["x86_64", "aarch64"] : names.filter(known);
}

function explain(problem: string): void {
  console.error(problem.trimEnd());
  if (!/denort/.test(problem)) return;
  console.error(
    `\nCannot compile: Deno must be able to download the runtime that it puts into binaries (denort ${Deno.version.deno}); ` +
      "without the network, set DENORT_BIN to a copy of it for the target.",
  );
}

if (import.meta.main) Deno.exit(await main(Deno.args));
