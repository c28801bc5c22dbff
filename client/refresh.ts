/**
 * What changes from one attempt to connect to the next.
 *
 * @module
 */

import type { ConnectInit } from "./options.ts";

/**
 * What is known of an attempt to connect before it begins.
 *
 * @example
 * ```ts
 * import { connect, type ConnectAttempt } from "@x/mqtt/client";
 *
 * function report({ server, attempt, error }: ConnectAttempt): void {
 *   console.log("attempt", attempt, "to", server, error === undefined ? "" : `after ${error.message}`);
 * }
 * await using client = await connect("mqtt://127.0.0.1:1883", { refresh: report });
 * ```
 */
export interface ConnectAttempt {
  /** URL of the server whose turn it is, without credentials and query. */
  readonly server: string;
  /** How many attempts there were since the last connection, with this one: 1 for the first. */
  readonly attempt: number;
  /** Why the last attempt or connection ended; undefined for the very first. */
  readonly error: Error | undefined;
  /** Aborted when the attempt takes longer than `connectTimeout`, and when the client is closed. */
  readonly signal: AbortSignal;
}

/**
 * What an attempt is made with in place of what `connect()` was told.
 *
 * @example
 * ```ts
 * import { connect, type Refreshed } from "@x/mqtt/client";
 *
 * function signed(now: number): Refreshed {
 *   return { url: `mqtt://127.0.0.1:1883/?expires=${now + 60_000}`, username: "gateway-7" };
 * }
 * await using client = await connect("mqtt://127.0.0.1:1883", { refresh: () => signed(Date.now()) });
 * ```
 */
export interface Refreshed extends Pick<ConnectInit, "username" | "password" | "headers" | "tls"> {
  /** Goes before the list of servers, and before where a server has redirected to. */
  url?: string | URL;
}

/**
 * Called before each attempt to connect, also the first.
 *
 * @example
 * ```ts
 * import { connect, type Refresh } from "@x/mqtt/client";
 *
 * async function newToken(_signal: AbortSignal): Promise<string> {
 *   return await Promise.resolve("a token that lasts for some minutes");
 * }
 * const refresh: Refresh = async ({ signal }) => ({ username: "gateway-7", password: await newToken(signal) });
 * await using client = await connect("mqtt://127.0.0.1:1883", { refresh });
 * ```
 */
export type Refresh = (attempt: ConnectAttempt) => Refreshed | void | Promise<Refreshed | void>;
