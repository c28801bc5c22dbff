/**
 * Options that have a meaning with some schemes only.
 *
 * @module
 */

import type { TransportOptions } from "./transport_options.ts";

const SCHEMES = { tls: "mqtts or wss", localAddress: "mqtt or mqtts" } as const;

/** Throws `TypeError` if one of these is given: what it is to protect would go in the open, or by another way. */
export function assertAbsent(
  { protocol }: URL,
  options: TransportOptions,
  ...names: readonly (keyof typeof SCHEMES)[]
): void {
  const found = names.find((name) => options[name] !== undefined);
  if (found === undefined) return;
  throw new TypeError(
    `Cannot connect: ${found} must go with ${SCHEMES[found]}, received it with ${protocol.slice(0, -1)}`,
  );
}
