/**
 * The table of all flags.
 *
 * @module
 */

import type { Command } from "./config.ts";
import { CONNECTION_FLAGS } from "./connection_flags.ts";
import type { Flag } from "./flag.ts";
import { BENCH_FLAGS, PUBLISH_FLAGS, SUBSCRIBE_FLAGS } from "./message_flags.ts";

/** All flags, in groups, in the order of `--help`. */
export const FLAG_GROUPS: readonly { readonly title: string; readonly flags: readonly Flag[] }[] = [
  { title: "Messages", flags: [...PUBLISH_FLAGS, ...SUBSCRIBE_FLAGS, ...BENCH_FLAGS] },
  { title: "Connection", flags: CONNECTION_FLAGS },
];

/** The flag of this name, if the command knows it. */
export function findFlag(command: Command, name: string): Flag | undefined {
  for (const { flags } of FLAG_GROUPS) {
    const flag = flags.find(({ names, commands }) => names.includes(name) && commands.includes(command));
    if (flag !== undefined) return flag;
  }
  return undefined;
}
