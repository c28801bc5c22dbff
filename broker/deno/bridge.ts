/**
 * What bridges need of Deno.
 *
 * @module
 */

import { openTransport } from "../../client/mod.ts";
import { Bridge } from "../bridge/bridge.ts";
import type { BridgeOptions } from "../bridge/options.ts";
import type { Broker } from "../broker.ts";
import type { BrokerCore } from "../core.ts";

/** Starts a bridge. Throws if it needs the name of this machine, and may not have it. */
export function startBridge(
  broker: Broker,
  options: BridgeOptions,
  { clock, log }: Pick<BrokerCore, "clock" | "log">,
): Bridge {
  return new Bridge(broker, options, { open: openTransport, random: Math.random, clock, log, hostname });
}

function hostname(): string {
  try {
    return Deno.hostname();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    throw new Error(
      "Cannot make a client identifier of this machine's name: set remoteClientId (remote_clientid), or run with --allow-sys=hostname",
    );
  }
}
