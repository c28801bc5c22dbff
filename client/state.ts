/**
 * What a client is doing.
 *
 * @module
 */

import type { ConnackProperties } from "../codec/properties.ts";
import type { ServerLimits } from "./server_limits.ts";

/**
 * What a client is doing; look at `kind`.
 *
 * @example
 * ```ts
 * import { connect } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * client.addEventListener("statechange", () => {
 *   const { state } = client;
 *   if (state.kind === "waiting") console.log("next attempt at", new Date(state.retryAt));
 *   else if (state.kind === "closed") console.log("ended", state.error?.message ?? "by close()");
 * });
 * ```
 */
export type ClientState =
  /** An attempt is under way, to `server`: its URL without credentials and query. */
  | { readonly kind: "connecting"; readonly server: string }
  /** All is well. */
  | {
    readonly kind: "connected";
    /** The server's URL without credentials and query. */
    readonly server: string;
    /** Whether the server goes on from the session of an earlier connection. */
    readonly sessionPresent: boolean;
    /** What the server allows. */
    readonly limits: ServerLimits;
    /** What the server said in its CONNACK; empty before MQTT 5.0. */
    readonly properties: ConnackProperties;
  }
  /** The next attempt is at `retryAt`, milliseconds since 1 January 1970; `error` ended the connection or attempt. */
  | { readonly kind: "waiting"; readonly retryAt: number; readonly error: Error }
  /** `close()` was called: what is in flight comes to its end. */
  | { readonly kind: "closing" }
  /** For ever. `error`: why, unless it was by `close()`. */
  | { readonly kind: "closed"; readonly error: Error | undefined };
