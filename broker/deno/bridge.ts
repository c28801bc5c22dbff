/**
 * Bridges on Deno.
 *
 * @module
 */

import { openTransport, systemClock } from "../../client/mod.ts";
import { BridgeCore, type BridgePlatform } from "../bridge/bridge.ts";
import type { BridgeOptions } from "../bridge/options.ts";
import type { Broker } from "../broker.ts";

const PLATFORM: BridgePlatform = {
  open: openTransport,
  clock: systemClock,
  random: Math.random,
  hostname,
};

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

/** A connection from a broker to another one, which runs until it is closed, or the broker is. */
export class Bridge extends BridgeCore {
  /**
   * Starts at once, and connects when it can. Without `remoteClientId`, Deno asks for the permission to see the name of
   * this machine.
   *
   * @throws {RangeError} For a number out of its range.
   * @throws {TypeError} For addresses or topics that cannot be.
   */
  constructor(broker: Broker, options: BridgeOptions, platform: Partial<BridgePlatform> = {}) {
    super(broker, options, { ...PLATFORM, ...platform });
  }
}
