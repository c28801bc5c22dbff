/**
 * The broker as a program.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { Broker } from "../broker.ts";
import type { Durability, SqliteStore } from "../sqlite_store.ts";
import type { BrokerOptions } from "../options.ts";
import { VERSION } from "../version.ts";
import { stderrLog } from "./stderr_log.ts";
import { listen } from "./listen.ts";

const HELP = `An MQTT 3.1, 3.1.1 and 5.0 broker.

Usage: deno run -A jsr:@x/mqtt/broker [options]

Options:
  -p, --port PORT         listen on this TCP port, 0 for any free one (default 1883)
  -b, --host HOST         listen on this address, e.g. 0.0.0.0 or :: (default 127.0.0.1)
  -v, --verbose           log what happens: connections, subscriptions, publications
      --store FILE        keep sessions, messages of QoS 1 and 2 and retained messages in this SQLite file
      --durability LEVEL  what an acknowledgement outlives: full (default) also a loss of power, normal a crash
      --max-queued N      messages that may wait for one client (default 1000)
  -h, --help              show this text
      --version           show the version

Anyone may connect: put no more than loopback in reach of people that you do not trust.
SIGINT and SIGTERM end the broker.
`;

const FLAGS = ["port", "host", "verbose", "store", "durability", "max-queued", "help", "version"];
const USAGE_ERROR = 2;
const FAILURE = 1;

/** Runs the broker until a signal ends it; ends the process. */
export async function main(args: string[]): Promise<void> {
  const options = parse(args);
  if (options === undefined) return;
  const store = await openStore(options);
  const broker = openBroker({
    store,
    log: stderrLog(options.verbose),
    maxQueuedMessages: options.maxQueued,
    heapUsed: () => Deno.memoryUsage().heapUsed,
  });
  const log = stderrLog(options.verbose);
  log.write("notice", `@x/mqtt version ${VERSION} starting`);
  try {
    const { address } = listen(broker, { hostname: options.host, port: options.port });
    const family = address.hostname.includes(":") ? "ipv6" : "ipv4";
    log.write("notice", `Opening ${family} listen socket on port ${address.port}.`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return fail(`Cannot listen on ${options.host} port ${options.port}: ${reason}`, FAILURE);
  }
  log.write("notice", `@x/mqtt version ${VERSION} running`);
  await signalled();
  log.write("notice", `@x/mqtt version ${VERSION} terminating`);
  await broker.close();
  store?.close();
  Deno.exit(0);
}

function openBroker(options: BrokerOptions): Broker {
  try {
    return new Broker(options);
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error), FAILURE);
  }
}

interface CliOptions {
  readonly host: string;
  readonly port: number;
  readonly verbose: boolean;
  readonly maxQueued: number | undefined;
  readonly store: string | undefined;
  readonly durability: Durability;
}

/** Undefined: nothing is left to do. */
function parse(args: string[]): CliOptions | undefined {
  const unknown: string[] = [];
  const flags = parseArgs(args, {
    string: ["port", "host", "store", "durability", "max-queued"],
    boolean: ["verbose", "help", "version"],
    alias: { p: "port", b: "host", v: "verbose", h: "help" },
    unknown: (argument) => {
      unknown.push(argument);
      return false;
    },
  });
  if (flags.help) return void console.log(HELP);
  if (flags.version) return void console.log(`@x/mqtt version ${VERSION}`);
  if (unknown.length > 0) {
    return fail(
      `Cannot start: options must be among --${FLAGS.join(", --")}, received ${unknown.join(" ")}`,
      USAGE_ERROR,
    );
  }
  return {
    store: flags.store,
    durability: durabilityOf(flags.durability ?? "full"),
    host: flags.host ?? "127.0.0.1",
    port: wholeNumber("--port", flags.port ?? "1883", 0, 65_535),
    verbose: flags.verbose,
    maxQueued: flags["max-queued"] === undefined
      ? undefined
      : wholeNumber("--max-queued", flags["max-queued"], 1, 1_000_000),
  };
}

function durabilityOf(text: string): Durability {
  if (text === "full" || text === "normal") return text;
  return fail(`Cannot start: --durability must be full or normal, received ${JSON.stringify(text)}`, USAGE_ERROR);
}

/** SQLite is loaded only by those who use it. */
async function openStore({ store: path, durability }: CliOptions): Promise<SqliteStore | undefined> {
  if (path === undefined) return undefined;
  const { SqliteStore } = await import("../sqlite_store.ts");
  try {
    return SqliteStore.open(path, { durability });
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error), FAILURE);
  }
}

function wholeNumber(name: string, text: string, from: number, to: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= from && value <= to) return value;
  return fail(
    `Cannot start: ${name} must be a whole number from ${from} to ${to}, received ${JSON.stringify(text)}`,
    USAGE_ERROR,
  );
}

function fail(message: string, status: number): never {
  console.error(`${message}\nTry --help.`);
  Deno.exit(status);
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => resolve());
  });
}
