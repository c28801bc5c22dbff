/**
 * The broker as a program: everything that it has open, from the start to the end.
 *
 * @module
 */

import { Broker } from "../broker.ts";
import type { Configuration } from "../config/configuration.ts";
import type { BrokerOptions } from "../options.ts";
import type { SqliteStore } from "../sqlite_store.ts";
import type { RunArguments } from "./arguments.ts";
import type { ProgramLog } from "./log.ts";
import { bridgesOf } from "./bridge_files.ts";
import { collectGarbage, memoryUsed } from "./memory.ts";
import { writePidFile } from "./privileges.ts";
import { openAdmin, type ProgramAdmin } from "./program_admin.ts";
import { ProgramListeners } from "./program_listeners.ts";
import { reload } from "./reload.ts";
import { SecurityFiles } from "./security.ts";

/** A broker that runs. */
export interface RunningProgram {
  readonly broker: Broker;
  readonly store: SqliteStore | undefined;
  readonly listeners: ProgramListeners;
  readonly security: SecurityFiles;
  /** Undefined for none, and until it is open. */
  readonly admin: ProgramAdmin | undefined;
  /** What it was started with. */
  readonly started: Configuration;
  /** Options that no configuration file has a say in. */
  readonly fixed: BrokerOptions;
  /** Whether there is a configuration file to read again. */
  readonly isFromFile: boolean;
  /** Reads the configuration again, one time after the other; never rejects. */
  reload(): Promise<void>;
  /** Ends all connections, and saves what is to be saved. */
  close(): Promise<void>;
}

/** Starts a broker. Throws an error whose message says what is in the way; then nothing is left open. */
export async function startProgram(
  configuration: Configuration,
  args: RunArguments,
  log: ProgramLog,
): Promise<RunningProgram> {
  await using opened = new AsyncDisposableStack();
  const isService = args.configFile !== undefined;
  if (configuration.pidFile !== undefined) opened.defer(writePidFile(configuration.pidFile));
  warnOfForeignDatabase(configuration, log);
  const store = await openStore(configuration, args);
  if (store !== undefined) opened.defer(() => store.close());
  const fixed: BrokerOptions = {
    log,
    heapUsed: memoryUsed,
    collectGarbage,
    ...args.maxQueued === undefined ? {} : { maxQueuedMessages: args.maxQueued },
  };
  const security = new SecurityFiles();
  const takeUp = await security.read(configuration.listeners);
  takeUp();
  const listeners = new ProgramListeners(configuration, security, log);
  const bridges = bridgesOf(configuration.bridges);
  const broker = new Broker({ ...configuration.options, ...fixed, store, listeners: listeners.policies, bridges });
  opened.defer(() => broker.close());
  log.publish = (topic, line) => broker.publish({ topic, payload: line, qos: 2 });
  if (configuration.isLocalOnly && isService) logLocalOnly(log);
  // Before anybody can publish: what is acknowledged to publishers is kept for the other brokers.
  await broker.ready;
  await listeners.open(broker, configuration, (error) => {
    throw error;
  });
  let reloaded = Promise.resolve();
  let admin: ProgramAdmin | undefined;
  const program: RunningProgram = {
    get admin() {
      return admin;
    },
    broker,
    store,
    listeners,
    security,
    started: configuration,
    fixed,
    isFromFile: isService,
    reload: () => reloaded = reloaded.then(() => reload(program, args, log)),
    close: () => all.disposeAsync(),
  };
  if (configuration.admin !== undefined) admin = opened.use(await openAdmin(program, configuration.admin, log));
  const all = opened.move();
  return program;
}

/** SQLite is loaded only by those who use it. */
async function openStore({ persistence }: Configuration, args: RunArguments): Promise<SqliteStore | undefined> {
  const path = args.store ?? (persistence.enabled ? databaseOf(persistence) : undefined);
  if (path === undefined) return undefined;
  const { SqliteStore } = await import("../sqlite_store.ts");
  return SqliteStore.open(path, { durability: args.durability });
}

/** Whoever comes from Mosquitto should know that sessions do not come along. */
function warnOfForeignDatabase({ persistence }: Configuration, log: ProgramLog): void {
  if (!persistence.enabled || exists(databaseOf(persistence))) return;
  const { location, file } = persistence;
  const foreign = location === undefined ? file : `${location}/${file}`;
  if (exists(foreign)) log.write("warning", `${foreign} is a database of Mosquitto, which is not read.`);
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Beside Mosquitto's own file, which has another form. */
function databaseOf({ location, file }: Configuration["persistence"]): string {
  const name = `${file.replace(/\.db$/, "")}.sqlite`;
  return location === undefined ? name : `${location}/${name}`;
}

function logLocalOnly(log: ProgramLog): void {
  log.write(
    "notice",
    "Starting in local only mode. Connections will only be possible from clients running on this machine.",
  );
  log.write("notice", "Create a configuration file which defines a listener to allow remote access.");
}
