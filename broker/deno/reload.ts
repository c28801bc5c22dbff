/**
 * SIGHUP: the configuration as it stands in its files now, for a broker that goes on.
 *
 * @module
 */

import type { BridgeOptions } from "../bridge/options.ts";
import type { Configuration } from "../config/configuration.ts";
import { describe } from "../config/errors.ts";
import type { RunArguments } from "./arguments.ts";
import { bridgesOf } from "./bridge_files.ts";
import { configurationOf } from "./config_file.ts";
import type { ProgramLog } from "./log.ts";
import type { RunningProgram } from "./program.ts";
import { assertCertificatesUsable } from "./program_listeners.ts";
import type { MayStay } from "./security.ts";

/**
 * Takes up users, access rules, certificates, the admin token, log settings and limits, all before the next packet is
 * handled, and then opens new listeners. Connections of clients that may not be here any longer are ended, the others
 * stay. If anything is wrong, the log says so and the old configuration holds. Never rejects.
 */
export async function reload(program: RunningProgram, args: RunArguments, log: ProgramLog): Promise<void> {
  log.write("notice", "Reloading config.");
  try {
    const configuration = configurationOf(args);
    // What cannot be used is found before anything is changed.
    const takeUp = await program.security.read(configuration.listeners);
    assertCertificatesUsable(configuration);
    const bridges = bridgesOf(configuration.bridges);
    // As it reads its own files, and is the last that could find something wrong.
    program.admin?.reload(configuration.admin);
    apply(program, configuration, bridges, log, takeUp);
    await program.listeners.open(program.broker, configuration, ({ message }) => log.write("error", message));
    log.write("notice", "Config reloaded.");
  } catch (error) {
    const problems = error instanceof Error ? error.message : String(error);
    for (const problem of problems.split("\n")) log.write("error", `Cannot reload: ${problem}`);
  }
}

function apply(
  program: RunningProgram,
  configuration: Configuration,
  bridges: readonly BridgeOptions[],
  log: ProgramLog,
  takeUp: () => MayStay,
): void {
  const { broker, security, fixed, listeners } = program;
  log.configure(configuration.log);
  const mayStay = takeUp();
  const disconnect = listeners.apply(configuration, security);
  // After the rules, as answers that were remembered by the old ones end with it.
  broker.update({ ...configuration.options, ...fixed, bridges });
  const ended = disconnect(broker, mayStay);
  for (const warning of configuration.warnings) log.write("warning", describe(warning));
  warnOfRestart(program.started, configuration, log);
  if (ended > 0) log.write("notice", `Ended ${ended} connections of clients that may not be here any longer.`);
}

/** What holds from the start to the end. */
const NEED_RESTART: readonly (readonly [name: string, valueOf: (configuration: Configuration) => unknown])[] = [
  ["persistence", ({ persistence }) => persistence],
  ["pid_file", ({ pidFile }) => pidFile],
  ["user", ({ user }) => user],
  ["admin_listener", ({ admin }) => admin && [admin.hostname, admin.port]],
  ["admin_token_file", ({ admin }) => admin?.tokenFile],
  ["admin_certfile", ({ admin }) => admin?.tls?.certFile],
  ["admin_keyfile", ({ admin }) => admin?.tls?.keyFile],
  ["admin_host", ({ admin }) => admin?.hosts ?? []],
];

function warnOfRestart(started: Configuration, now: Configuration, log: ProgramLog): void {
  for (const [name, valueOf] of NEED_RESTART) {
    if (JSON.stringify(valueOf(started)) === JSON.stringify(valueOf(now))) continue;
    log.write("warning", `Other settings for ${name} need a restart.`);
  }
}
