/**
 * The client as a program: `deno run -A jsr:@x/mqtt/client pub|sub|request|bench`.
 *
 * @module
 */

import { parseCommandLine, parseDefaults, type Request } from "./command_line.ts";
import type { Command, Config } from "./config.ts";
import { CommandError, ExitCode, UsageError } from "./exit.ts";
import { readDefaults } from "./files.ts";
import { commandHelp, generalHelp } from "./help.ts";
import { ProcessTerminal, type Terminal } from "./terminal.ts";
import { VERSION } from "./version.ts";

/** Mosquitto's tool for each command, after which its file of defaults is called. */
const TOOLS: Readonly<Record<Command, string | undefined>> = {
  pub: "mosquitto_pub",
  sub: "mosquitto_sub",
  request: "mosquitto_rr",
  bench: undefined,
};

/** Runs a command line to its end, and ends the process. */
export async function main(args: readonly string[]): Promise<void> {
  const terminal = new ProcessTerminal();
  Deno.exit(await run(args, terminal));
}

/** Runs a command line to its end; returns the exit code. */
export async function run([name, ...args]: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const code = await runNamed(name, args, terminal);
    terminal.flush();
    return code;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return ExitCode.BrokenPipe;
    throw error;
  }
}

async function runNamed(name: string | undefined, args: string[], terminal: Terminal): Promise<number> {
  const command = name === "rr" ? "request" : name;
  if (command === "--version") return print(terminal, `@x/mqtt version ${VERSION}\n`);
  if (command === "--help") return print(terminal, generalHelp());
  if (!isCommand(command)) {
    terminal.error(command === undefined ? generalHelp() : `Error: Unknown command '${command}'.\n\n${generalHelp()}`);
    return ExitCode.Failure;
  }
  let request: Request;
  try {
    request = await read(command, args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    terminal.error(`${error.message}\n\nUse '${command} --help' to see usage.`);
    return ExitCode.Failure;
  }
  if (request.kind === "help") return print(terminal, commandHelp(command));
  if (request.kind === "version") return print(terminal, `@x/mqtt version ${VERSION}\n`);
  return await runCommand(request.config, terminal);
}

async function read(command: Command, args: string[]): Promise<Request> {
  const tool = TOOLS[command];
  const defaults = tool === undefined ? "" : await readDefaults(tool);
  return parseCommandLine(command, args, parseDefaults(defaults));
}

async function runCommand(config: Config, terminal: Terminal): Promise<number> {
  try {
    const command = await load(config.command);
    await command(config, terminal);
    return ExitCode.Success;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (!config.quiet && error.message !== "") terminal.error(error.message);
    return error.exitCode;
  }
}

/** Each command loads what it needs. */
async function load(command: Command): Promise<(config: Config, terminal: Terminal) => Promise<void>> {
  switch (command) {
    case "pub":
      return (await import("./pub.ts")).pub;
    case "sub":
      return (await import("./sub.ts")).sub;
    case "request":
      return (await import("./request.ts")).request;
    case "bench":
      return (await import("./bench.ts")).bench;
  }
}

function print(terminal: Terminal, text: string): number {
  terminal.write(text);
  return ExitCode.Success;
}

function isCommand(name: string | undefined): name is Command {
  return name !== undefined && name in TOOLS;
}
