/**
 * The broker as a program.
 *
 * @module
 */

import { ConfigurationError, describe } from "../config/errors.ts";
import type { Configuration } from "../config/configuration.ts";
import { isLoopback } from "../loopback.ts";
import { VERSION } from "../version.ts";
import { bridgesOf } from "./bridge_files.ts";
import { parseArguments, type RunArguments, UsageError } from "./arguments.ts";
import { configurationOf } from "./config_file.ts";
import { runAsDaemon } from "./daemon.ts";
import { closeDebugger } from "./debugger.ts";
import { HELP } from "./help.ts";
import { installService } from "./install_service.ts";
import { ProgramLog } from "./log.ts";
import { passwd } from "./passwd.ts";
import { dropPrivileges, type Runner } from "./privileges.ts";
import { type RunningProgram, startProgram } from "./program.ts";
import { assertAdminUsable } from "./program_admin.ts";
import { assertCertificatesUsable } from "./program_listeners.ts";
import { SecurityFiles } from "./security.ts";
import { ServiceNotifier } from "./service_notifier.ts";
import { logState, saveNow } from "./state_log.ts";

const USAGE_ERROR = 2;
const FAILURE = 1;

/** Runs the broker until a signal ends it; ends the process. */
export async function main(args: string[]): Promise<void> {
  if (args[0] === "passwd") return Deno.exit(await passwd(args.slice(1)));
  if (args[0] === "install-service") return Deno.exit(installService(args.slice(1)));
  const command = commandOf(args);
  switch (command.kind) {
    case "help":
      return console.log(HELP);
    case "version":
      return console.log(`@x/mqtt version ${VERSION}`);
    case "run":
      await run(command.arguments, args);
  }
}

function commandOf(args: string[]): ReturnType<typeof parseArguments> {
  try {
    return parseArguments(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return fail(`${error.message}\nTry --help.`, USAGE_ERROR);
  }
}

async function run(args: RunArguments, given: string[]): Promise<void> {
  const configuration = load(args);
  if (args.testConfig) return await test(configuration);
  if (args.daemon && !args.daemonized) return goToBackground(given);
  const log = new ProgramLog(args.logFormat);
  const program = await start(configuration, args, log);
  const ended = handleSignals(program, log);
  log.write("information", `@x/mqtt version ${VERSION} running`);
  using notifier = ServiceNotifier.open(log);
  notifier?.ready();
  await ended;
  notifier?.stopping();
  log.write("information", `@x/mqtt version ${VERSION} terminating`);
  await program.close();
  await log.flush();
  Deno.exit(0);
}

function goToBackground(given: string[]): void {
  try {
    runAsDaemon(given);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    fail("Cannot run in the background: --daemon must be allowed to start programs (--allow-run)", FAILURE);
  }
}

function load(args: RunArguments): Configuration {
  try {
    return configurationOf(args);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return fail(`Cannot use the configuration:\n${error.message}`, FAILURE);
  }
}

/** The files that it names are looked at as well. */
async function test(configuration: Configuration): Promise<void> {
  const { warnings, listeners } = configuration;
  for (const warning of warnings) console.error(`Warning: ${describe(warning)}`);
  try {
    await new SecurityFiles().read(listeners);
    assertCertificatesUsable(configuration);
    bridgesOf(configuration.bridges);
    if (configuration.admin !== undefined) await assertAdminUsable(configuration.admin);
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error), FAILURE);
  }
  console.log(`The configuration is right. Listeners: ${listeners.length}, warnings: ${warnings.length}.`);
}

async function start(configuration: Configuration, args: RunArguments, log: ProgramLog): Promise<RunningProgram> {
  try {
    // Before the log file is there: who makes it must be able to open it again.
    const runner = args.configFile === undefined ? undefined : dropPrivileges(configuration.user);
    log.configure(configuration.log);
    log.write("information", `@x/mqtt version ${VERSION} starting`);
    if (args.configFile !== undefined) log.write("information", `Config loaded from ${args.configFile}.`);
    if (runner !== undefined) logUser(log, runner);
    for (const warning of configuration.warnings) log.write("warning", describe(warning));
    if (args.host !== undefined) warnOfStrangers(args.host, log);
    return await startProgram(configuration, args, log);
  } catch (error) {
    await log.flush();
    return fail(error instanceof Error ? error.message : String(error), FAILURE);
  }
}

function logUser(log: ProgramLog, { user, foreignGroups }: Runner): void {
  log.write("information", `Running as user ${user}.`);
  if (foreignGroups.length === 0) return;
  log.write(
    "warning",
    `Still in the groups ${foreignGroups.join(", ")} of root: start the broker as ${user} to be rid of them.`,
  );
}

function warnOfStrangers(host: string, log: ProgramLog): void {
  if (isLoopback(host)) return;
  log.write("warning", `Anyone who can reach ${host} may connect: allow_anonymous is on without a configuration file`);
}

/** Resolves when a signal asks for the end. */
function handleSignals(program: RunningProgram, log: ProgramLog): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  Deno.addSignalListener("SIGINT", () => resolve());
  if (Deno.build.os === "windows") return promise;
  Deno.addSignalListener("SIGTERM", () => resolve());
  Deno.addSignalListener("SIGHUP", () => void program.reload());
  Deno.addSignalListener("SIGUSR1", () => {
    closeDebugger();
    saveNow(program, log);
  });
  Deno.addSignalListener("SIGUSR2", () => logState(program, log));
  return promise;
}

function fail(message: string, status: number): never {
  console.error(message);
  Deno.exit(status);
}
