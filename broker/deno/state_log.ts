/**
 * What the broker says about its state when a signal asks for it.
 *
 * @module
 */

import { VERSION } from "../version.ts";
import type { ProgramLog } from "./log.ts";
import type { RunningProgram } from "./program.ts";
import { subscriptionTree } from "./subscription_tree.ts";

/** So many subscriptions, and lines about them, are shown: whoever asks by mistake must not stop the broker for long. */
const MOST_SHOWN = 1_000;

/** SIGUSR1, which has Mosquitto save its database. */
export function saveNow({ store }: RunningProgram, log: ProgramLog): void {
  if (store === undefined) {
    log.write("notice", "Nothing to save: without persistence, or --store, all is in memory.");
    return;
  }
  try {
    store.checkpoint();
    log.write("notice", "Saved: the store's file has all that was committed, without the log of changes beside it.");
  } catch (error) {
    log.write("error", `Cannot save: ${error instanceof Error ? error.message : error}`);
  }
}

/** SIGUSR2: the subscriptions, as Mosquitto shows them, and what else the broker holds. */
export function logState({ broker }: RunningProgram, log: ProgramLog): void {
  const { connections, sessions, subscriptions, retained, dropped } = broker.counts();
  const all = Object.values(dropped).reduce((sum, count) => sum + count, 0);
  log.write(
    "notice",
    `@x/mqtt version ${VERSION}: ${connections} connections, ${sessions} sessions, ${subscriptions} subscriptions, ` +
      `${retained} retained messages, ${all} messages dropped, ${log.dropped} log lines dropped`,
  );
  const lines = subscriptionTree(broker.inspection.subscriptions(), subscriptions, MOST_SHOWN);
  for (const line of lines) log.write("notice", line);
}
