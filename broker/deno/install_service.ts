/**
 * The command `install-service`: the broker as a service of systemd.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { brokerPermissions, FOLDERS, UNIT, UNSTABLE } from "../packaging/permissions.ts";
import { GATEWAY_CONFIGURATION, SERVICE, unitOf, USERS } from "../packaging/unit.ts";

const DEFAULT_CONFIGURATION = `${FOLDERS.configuration}/mosquitto.conf`;

const HELP = `Writes the unit that makes the broker a service of systemd, or shows it.

Usage: install-service [options]

Options:
      --write                write the unit, and a sample configuration and an empty file of users where there are none;
                             without it, show the unit
      --unit FILE            where the unit goes (default ${UNIT})
  -c, --config-file FILE     what the broker reads (default ${DEFAULT_CONFIGURATION})
      --sample               show the sample configuration, for a gateway
      --force                replace a unit that is there
  -h, --help                 show this text

The unit runs the program that writes it: ${Deno.build.standalone ? "this binary" : "Deno with this module"}, with the
permissions that it needs and no others. It gets a user of its own and may write to ${FOLDERS.state},
${FOLDERS.runtime} and ${FOLDERS.logs} alone.
`;

/** Runs the command; returns the exit status. */
export function installService(args: string[]): number {
  const unknown: string[] = [];
  const flags = parseArgs(args, {
    string: ["unit", "config-file"],
    boolean: ["write", "sample", "force", "help"],
    alias: { c: "config-file", h: "help" },
    unknown: (argument) => {
      unknown.push(argument);
      return false;
    },
  });
  if (flags.help) return show(HELP);
  if (unknown.length > 0) {
    console.error(`Cannot install: options must be those of --help, received ${unknown.join(" ")}`);
    return 2;
  }
  if (flags.sample) return show(GATEWAY_CONFIGURATION);
  const configuration = flags["config-file"] ?? DEFAULT_CONFIGURATION;
  if (!configuration.startsWith("/")) {
    // systemd starts the broker in another folder.
    console.error(`Cannot install: --config-file must be an absolute path, received ${JSON.stringify(configuration)}`);
    return 2;
  }
  const command = ownCommand();
  warnOfHidden([...command, configuration]);
  const unit = unitOf([...command, "-c", configuration]);
  if (!flags.write) return show(unit);
  return write(flags.unit ?? UNIT, unit, configuration, flags.force);
}

/** What starts this program. */
function ownCommand(): string[] {
  if (Deno.build.standalone) return [Deno.execPath()];
  return [Deno.execPath(), "run", "--no-prompt", ...UNSTABLE, ...brokerPermissions(), Deno.mainModule];
}

/** The unit keeps the service away from all homes, and gives it temporary folders of its own. */
const HIDDEN = /^(?:file:\/\/)?(\/(?:home|root|run\/user|tmp|var\/tmp)\/.*)/;

function warnOfHidden(command: readonly string[]): void {
  for (const argument of command) {
    const [, path] = HIDDEN.exec(argument) ?? [];
    if (path !== undefined) {
      console.error(`Warning: the service cannot read ${path}; put it elsewhere, e.g. below /usr/local`);
    }
  }
}

function show(text: string): number {
  console.log(text.trimEnd());
  return 0;
}

function write(path: string, unit: string, configuration: string, force: boolean): number {
  try {
    Deno.writeTextFileSync(path, unit, { createNew: !force, mode: 0o644 });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      console.error(`Cannot write ${path}: it is there already; give --force to replace it`);
    } else {
      console.error(`Cannot write ${path}: ${error instanceof Error ? error.message : error}`);
    }
    return 1;
  }
  console.log(`Wrote ${path}.`);
  // systemd does not start a service without the file, and without users nobody gets in.
  if (addFile(USERS, "", 0o600)) console.log(`Wrote ${USERS}, with no users yet.`);
  const isSample = addFile(configuration, GATEWAY_CONFIGURATION, 0o644);
  if (isSample) console.log(`Wrote ${configuration}, a sample for a gateway.`);
  console.log(`Next: ${isSample ? `look through ${configuration}, then ` : ""}run`);
  console.log(`  systemctl daemon-reload && systemctl enable --now ${SERVICE}`);
  return 0;
}

/** False: it is there already and stays as it is, or cannot be written. */
function addFile(path: string, text: string, mode: number): boolean {
  try {
    Deno.mkdirSync(path.replace(/[^/]*$/, "") || ".", { recursive: true });
    Deno.writeTextFileSync(path, text, { createNew: true, mode });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    console.error(`Cannot write ${path}: ${error instanceof Error ? error.message : error}`);
    return false;
  }
}
