/**
 * SIGHUP: the configuration as it stands in its files now, for a broker that goes on.
 *
 * @module
 */

import type { Configuration, ListenerAddress, ListenerConfiguration } from "../config/configuration.ts";
import { describe } from "../config/errors.ts";
import type { ListenerPolicy } from "../listener_policy.ts";
import type { RunArguments } from "./arguments.ts";
import { configurationOf } from "./config_file.ts";
import type { ProgramLog } from "./log.ts";
import type { RunningProgram } from "./program.ts";
import { SecurityFiles } from "./security.ts";

/**
 * Takes up users, access rules, log settings and limits, all before the next packet is handled. Connections of clients
 * that may not be here any longer are ended, the others stay. If anything is wrong, the log says so and the old
 * configuration holds.
 */
export function reload(program: RunningProgram, args: RunArguments, log: ProgramLog): void {
  log.write("notice", "Reloading config.");
  try {
    const configuration = configurationOf(args);
    // What cannot be used is found before anything is changed.
    for (const listener of configuration.listeners) new SecurityFiles().hooksFor(listener);
    apply(program, configuration, log);
    log.write("notice", "Config reloaded.");
  } catch (error) {
    log.write("error", `Cannot reload: ${error instanceof Error ? error.message : error}`);
  }
}

function apply(program: RunningProgram, configuration: Configuration, log: ProgramLog): void {
  const { broker, started, policies, security, fixed, listeners } = program;
  log.configure(configuration.log);
  for (const listener of listeners) listener.reload();
  const changed = security.reload();
  const successors = new Map<ListenerPolicy, ListenerConfiguration>();
  for (const [index, listener] of started.listeners.entries()) {
    const live = policies[index];
    const now = configuration.listeners.find(({ address }) => isSame(address, listener.address));
    if (live === undefined || now === undefined) continue;
    replace(live, { ...now.policy, ...security.hooksFor(now) });
    successors.set(live, now);
  }
  // Last, as answers that were remembered by the old rules end with it.
  broker.update({ ...configuration.options, ...fixed });
  for (const warning of configuration.warnings) log.write("warning", describe(warning));
  program.bridges.apply(configuration.bridges).catch((error) => {
    log.write("error", `Cannot reload bridges: ${error instanceof Error ? error.message : error}`);
  });
  if (successors.size < policies.length || policies.length < configuration.listeners.length) {
    log.write("warning", "Listeners were added or removed, which needs a restart.");
  }
  const ended = broker.disconnect(({ username }, listener) => {
    const now = successors.get(listener);
    if (now === undefined || now.policy.usernameFrom !== undefined) return false;
    const isChanged = username !== undefined && changed.get(now.security.passwordFile ?? "")?.has(username) === true;
    return isChanged || !security.has(now.security, username);
  });
  if (ended > 0) log.write("notice", `Ended ${ended} connections of clients that may not be here any longer.`);
}

function isSame(one: ListenerAddress, other: ListenerAddress): boolean {
  if (one.kind === "unix") return other.kind === "unix" && other.path === one.path;
  return other.kind === "tcp" && other.port === one.port && other.hostname === one.hostname;
}

/** Connections look at the object itself. Mount point and name stay: subscriptions and the store hold them. */
function replace(live: ListenerPolicy, policy: ListenerPolicy): void {
  const { mountPoint, name } = live;
  for (const name of Object.keys(live)) Reflect.deleteProperty(live, name);
  Object.assign(live, policy, { mountPoint, name });
}
