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
import { brokerPermissions, CLIENT_PERMISSIONS, UNSTABLE } from "../packaging/permissions.ts";

/** Processors, and what Deno calls them. */
const TARGETS = { x86_64: "x86_64-unknown-linux-gnu", aarch64: "aarch64-unknown-linux-gnu" } as const;
type Processor = keyof typeof TARGETS;

const OUTPUT = "dist";

const MISSING_RUNTIME = `
Cannot compile: Deno must be able to download the runtime that it puts into binaries (denort ${Deno.version.deno}); without
the network, set DENORT_BIN to a copy of it for the target.`;

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
    { name: "mqtt-broker", entry: "broker/mod.ts", permissions: brokerPermissions(...folders) },
    { name: "mqtt", entry: "client/mod.ts", permissions: CLIENT_PERMISSIONS },
  ];
  for (const processor of processors(target)) {
    for (const { name, entry, permissions } of programs) {
      const output = `${OUTPUT}/${name}-${processor}`;
      const flags = [...UNSTABLE, ...permissions];
      console.log(`${output}: ${flags.join(" ")}`);
      const options = ["--no-check", "--no-prompt", "--target", TARGETS[processor], "--output", output];
      const compiler = new Deno.Command(Deno.execPath(), { args: ["compile", ...options, ...flags, entry] });
      const { success, stderr } = await compiler.output();
      const said = new TextDecoder().decode(stderr).trimEnd();
      console.error(said);
      if (success) continue;
      if (said.includes("denort")) console.error(MISSING_RUNTIME);
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

if (import.meta.main) Deno.exit(await main(Deno.args));
