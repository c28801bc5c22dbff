/**
 * Servers that a server names in its place (MQTT 5.0 section 4.11).
 *
 * @module
 */

import { ReasonCode } from "../codec/reason_codes.ts";
import { ServerError } from "./errors.ts";
import type { ServerAddress } from "./server_address.ts";
import type { Servers } from "./servers.ts";

/** More are not tried. */
const MAXIMUM_TARGETS = 8;

/** A host name or address, an IPv6 address in brackets, and perhaps a port. */
const REFERENCE = /^(?:\[[\da-f:.]+\]|[\w.-]+)(?::\d{1,5})?$/i;

/** Where a server sends its client to. */
export interface Redirection {
  readonly targets: Servers;
  /** For good (0x9D, server moved), and not just this time (0x9C, use another server). */
  readonly isPermanent: boolean;
}

/**
 * The redirection in `error`, if it is one: it names hosts and ports, all else is as with the server that has answered,
 * so that nobody is led away from TLS. Without a port it is the default one.
 */
export function redirectionIn(error: Error, from: ServerAddress): Redirection | undefined {
  if (!(error instanceof ServerError)) return undefined;
  const isPermanent = error.reasonCode === ReasonCode.ServerMoved;
  if (!isPermanent && error.reasonCode !== ReasonCode.UseAnotherServer) return undefined;
  const [first, ...more] = (error.properties.serverReference ?? "").split(" ", MAXIMUM_TARGETS)
    .flatMap((reference) => targetOf(reference, from));
  return first && { targets: [first, ...more], isPermanent };
}

function targetOf(reference: string, from: ServerAddress): ServerAddress[] {
  const { protocol, pathname, search, host } = from.url;
  const text = `${protocol}//${reference}${pathname}${search}`;
  // A Unix socket's URL has no host that could be another one.
  if (host === "" || !REFERENCE.test(reference) || !URL.canParse(text)) return [];
  return [{ ...from, url: new URL(text) }];
}
