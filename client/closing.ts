/**
 * How a client says that it goes.
 *
 * @module
 */

import type { DisconnectProperties } from "../codec/properties.ts";
import type { Settings } from "./settings.ts";

/**
 * Options of `close()`.
 *
 * @example
 * ```ts
 * import { type CloseOptions, connect } from "@x/mqtt/client";
 *
 * const client = await connect("mqtt://127.0.0.1:1883", { will: { topic: "gateway/7/state", payload: "lost" } });
 * const asIfLost: CloseOptions = { force: true, reasonCode: 0x04 };
 * await client.close(asIfLost); // the server publishes the will
 * ```
 */
export interface CloseOptions {
  /** True: do not wait for publications that are in flight; they reject. Default false. */
  force?: boolean;
  /** Milliseconds to wait for publications that are in flight; `Infinity` for no limit. Default 10,000. */
  timeout?: number;
  /** Ends that wait. */
  signal?: AbortSignal;
  /** 0x00 (default): the server drops the will. 0x04: it publishes the will; MQTT 5.0 only. */
  reasonCode?: 0x00 | 0x04;
  /** MQTT 5.0 only. */
  properties?: Pick<DisconnectProperties, "sessionExpiryInterval" | "reasonString" | "userProperties">;
}

/** What goes with the DISCONNECT. */
export function disconnectProperties({ properties = {} }: CloseOptions, settings: Settings): DisconnectProperties {
  const { endSessionOnClose, sessionExpiryInterval } = settings;
  if (!endSessionOnClose || sessionExpiryInterval === 0) return properties;
  // The session was to outlive breaks of the network, not this client.
  return { sessionExpiryInterval: 0, ...properties };
}
