/**
 * The bridges of one broker.
 *
 * Whoever has none loads neither them nor the client that they are made of.
 *
 * @module
 */

import type { Broker } from "../broker.ts";
import type { BrokerCore } from "../core.ts";
import type { Bridge } from "./bridge.ts";
import type { BridgeOptions } from "./options.ts";
import { type BridgeStatus, statusWithout } from "./status.ts";

/** A bridge that is wanted. */
interface Entry {
  readonly options: BridgeOptions;
  /** The same for the same options, certificates included. */
  readonly made: string;
  /** When it was asked for. */
  readonly since: number;
  state: { readonly kind: "new" } | { readonly kind: "made"; readonly bridge: Bridge } | {
    readonly kind: "failed";
    readonly why: string;
  };
}

/** Makes bridges of options, and ends those that are wanted no more. */
export class Bridges {
  readonly #broker: Broker;
  readonly #core: Pick<BrokerCore, "clock" | "log">;
  #entries: readonly Entry[] = [];
  /** One change after the other. */
  #changed: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(broker: Broker, core: Pick<BrokerCore, "clock" | "log">) {
    this.#broker = broker;
    this.#core = core;
  }

  /** Settles when messages are kept for all of them; rejects if one cannot be made. */
  get ready(): Promise<void> {
    return this.#changed;
  }

  /** How each of them stands, in the order of the options. */
  get statuses(): readonly BridgeStatus[] {
    return this.#entries.map(({ options, since, state }) => {
      if (state.kind === "made") return state.bridge.status;
      return statusWithout(options, since, state.kind === "failed" ? state.why : undefined);
    });
  }

  /**
   * Ends the bridges that are not in these options, starts those that are new, and does both with those that differ. The
   * options must be right.
   */
  apply(wanted: readonly BridgeOptions[]): void {
    if (this.#isClosed) return;
    const before = this.#entries;
    const entries = wanted.map((options): Entry => {
      const made = JSON.stringify(options);
      const same = before.find((entry) => entry.made === made && entry.state.kind !== "failed");
      return same ?? { options, made, since: this.#core.clock.now(), state: { kind: "new" } };
    });
    this.#entries = entries;
    const gone = before.filter((entry) => !entries.includes(entry));
    this.#changed = this.#changed.catch(() => {}).then(() => this.#change(gone, entries));
    // Who waits for it is told; the log has it anyway.
    this.#changed.catch(() => {});
  }

  async #change(gone: readonly Entry[], entries: readonly Entry[]): Promise<void> {
    const unwanted = bridgesOf(gone);
    await Promise.all(unwanted.map((bridge) => bridge.close()));
    const started = await Promise.allSettled(entries.map((entry) => this.#start(entry)));
    // What waits for a broker that nobody connects to any more would wait for ever.
    const used = new Set(bridgesOf(entries).map(({ localClientId }) => localClientId));
    for (const { localClientId } of unwanted) {
      if (!this.#isClosed && !used.has(localClientId)) this.#broker.endSession(localClientId);
    }
    for (const each of started) if (each.status === "rejected") throw each.reason;
  }

  async #start(entry: Entry): Promise<void> {
    if (entry.state.kind === "made") return await entry.state.bridge.ready;
    try {
      const { startBridge } = await import("../deno/bridge.ts");
      if (this.#isClosed) return;
      const bridge = startBridge(this.#broker, entry.options, this.#core);
      entry.state = { kind: "made", bridge };
      await bridge.ready;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      entry.state = { kind: "failed", why };
      this.#core.log.write("error", `Bridge ${entry.options.name}: ${why}`);
      throw error;
    }
  }

  /** Ends all of them; what waits stays in its session. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const closed = bridgesOf(this.#entries).map((bridge) => bridge.close());
    await Promise.all([...closed, this.#changed.catch(() => {})]);
  }
}

function bridgesOf(entries: readonly Entry[]): Bridge[] {
  return entries.flatMap(({ state }) => state.kind === "made" ? [state.bridge] : []);
}
