/**
 * What can be told about a bridge.
 *
 * @module
 */

import { bare } from "./address.ts";
import type { BridgeOptions } from "./options.ts";

/**
 * What a bridge is doing:
 *
 * - `starting`: it opens its session with this broker.
 * - `connecting`: it tries to reach the other broker.
 * - `connected`: messages flow.
 * - `waiting`: the last attempt or connection has failed; the next attempt comes at its time.
 * - `idle`: it needs no connection now (start type `lazy`).
 * - `stopped`: it was closed, has ended for good (start type `once`), or could not be made.
 */
export type BridgeState = "starting" | "connecting" | "connected" | "waiting" | "idle" | "stopped";

/** How a bridge stands at the moment. Counts are since its start. */
export interface BridgeStatus {
  /** Its name. */
  readonly name: string;
  /** What it is doing. */
  readonly state: BridgeState;
  /** Where the other broker is: the address in use, or the one that was tried last. */
  readonly address: string;
  /** Since when, in milliseconds since 1970. */
  readonly since: number;
  /** Messages that wait for the other broker, those under way included. */
  readonly queuedMessages: number;
  /** Bytes of properties and payloads of those that are not under way. */
  readonly queuedBytes: number;
  /** Messages that the other broker has got. */
  readonly forwarded: number;
  /** Messages that came from the other broker. */
  readonly received: number;
  /** Messages of either direction that were given up: no room, too old, refused by the receiver. */
  readonly dropped: number;
  /** Connections to the other broker. */
  readonly connects: number;
  /** Why the last attempt or connection failed; undefined if none did since the last connection. */
  readonly lastError: string | undefined;
}

/** The status of a bridge that is not made yet, or cannot be made, because of `lastError`. */
export function statusWithout(options: BridgeOptions, since: number, lastError: string | undefined): BridgeStatus {
  return {
    name: options.name,
    state: lastError === undefined ? "starting" : "stopped",
    address: bare(options.addresses[0] ?? ""),
    since,
    queuedMessages: 0,
    queuedBytes: 0,
    forwarded: 0,
    received: 0,
    dropped: 0,
    connects: 0,
    lastError,
  };
}
