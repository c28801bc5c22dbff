/**
 * All options of Mosquitto 2.0's `mosquitto.conf`, and those that only this broker has: name, where it may stand, kind
 * of value, and what it does or why it does nothing.
 *
 * @module
 */

import { ADMIN_OPTIONS } from "./admin_options.ts";
import { BRIDGE_OPTIONS } from "./bridge_options.ts";
import { PLUGIN_OPTIONS, PROCESS_OPTIONS, PROTOCOL_OPTIONS, STRUCTURE_OPTIONS } from "./general_options.ts";
import { LISTENER_OPTIONS, SECURITY_OPTIONS, TLS_OPTIONS } from "./listener_options.ts";
import { LIMIT_OPTIONS } from "./limit_options.ts";
import type { Option } from "./option.ts";
import { TOKEN_OPTIONS } from "./token_options.ts";

/** The table. A name that ends with `*` stands for all names that begin so. */
export const OPTION_TABLE: readonly Option[] = [
  ...STRUCTURE_OPTIONS,
  ...LISTENER_OPTIONS,
  ...TLS_OPTIONS,
  ...SECURITY_OPTIONS,
  ...TOKEN_OPTIONS,
  ...PROTOCOL_OPTIONS,
  ...PROCESS_OPTIONS,
  ...PLUGIN_OPTIONS,
  ...BRIDGE_OPTIONS,
  ...LIMIT_OPTIONS,
  ...ADMIN_OPTIONS,
];

const BY_NAME: ReadonlyMap<string, Option> = new Map(OPTION_TABLE.map((option) => [option.name, option]));
const BY_PREFIX: readonly Option[] = OPTION_TABLE.filter(({ name }) => name.endsWith("*"));

/** The row of an option; undefined for a name that Mosquitto does not know either. */
export function findOption(name: string): Option | undefined {
  return BY_NAME.get(name) ?? BY_PREFIX.find((option) => name.startsWith(option.name.slice(0, -1)));
}

/** The known name that a misspelt one most likely stands for. */
export function similarName(name: string): string | undefined {
  const wanted = name.toLowerCase().replaceAll(/[-.]/g, "_");
  let best: string | undefined;
  let least = 3;
  for (const known of BY_NAME.keys()) {
    const distance = editDistance(wanted, known, least);
    if (distance < least) [best, least] = [known, distance];
  }
  return best;
}

/** Letters to add, remove or change; `limit` or more is as good as `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return Math.min(limit, row[b.length] ?? limit);
}
