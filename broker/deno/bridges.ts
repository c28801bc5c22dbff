/**
 * The bridges of the program, as its configuration says.
 *
 * @module
 */

import type { TlsInit } from "../../client/common.ts";
import type { BridgeOptions } from "../bridge/options.ts";
import type { BridgeStatus } from "../bridge/status.ts";
import type { Broker } from "../broker.ts";
import type { BridgeConfiguration, BridgeTlsConfiguration } from "../config/configuration.ts";
import type { LogSink } from "../log.ts";
import type { Bridge } from "./bridge.ts";

interface Active {
  readonly bridge: Bridge;
  /** What it was made of, certificates included. */
  readonly made: string;
}

/** All bridges of one broker. */
export class Bridges implements AsyncDisposable {
  readonly #broker: Broker;
  readonly #log: LogSink;
  readonly #active = new Map<string, Active>();
  /** One change after the other. */
  #changed: Promise<void> = Promise.resolve();

  constructor(broker: Broker, log: LogSink) {
    this.#broker = broker;
    this.#log = log;
  }

  /** How each bridge stands, in the order of the configuration. */
  get statuses(): readonly BridgeStatus[] {
    return [...this.#active.values()].map(({ bridge }) => bridge.status);
  }

  /**
   * Makes the bridges what the configuration says: ends those that are gone, starts those that are new, and does both
   * with those that are different. Settles when messages are kept for all of them. Throws at once for a file that
   * cannot be read, and then changes nothing.
   */
  async apply(configurations: readonly BridgeConfiguration[]): Promise<void> {
    const wanted = configurations.map(({ options, tls }): BridgeOptions => {
      return tls === undefined ? options : { ...options, tls: tlsInitOf(options.name, tls) };
    });
    const before = this.#changed;
    const change = before.then(() => this.#apply(wanted));
    this.#changed = change.catch(() => {});
    await change;
  }

  async #apply(wanted: readonly BridgeOptions[]): Promise<void> {
    const made = new Map(wanted.map((options) => [options.name, JSON.stringify(options)]));
    const unwanted = [...this.#active.values()].filter((active) => made.get(active.bridge.name) !== active.made);
    await Promise.all(unwanted.map(({ bridge }) => {
      this.#active.delete(bridge.name);
      return bridge.close();
    }));
    await this.#start(wanted.filter(({ name }) => !this.#active.has(name)), made);
    // What waits for a broker that nobody connects to any more would wait for ever.
    const used = new Set([...this.#active.values()].map(({ bridge }) => bridge.localClientId));
    for (const { bridge } of unwanted) {
      if (!used.has(bridge.localClientId)) this.#broker.endSession(bridge.localClientId);
    }
  }

  async #start(missing: readonly BridgeOptions[], made: ReadonlyMap<string, string>): Promise<void> {
    if (missing.length === 0) return;
    // Whoever has no bridges does not load the client.
    const { Bridge } = await import("./bridge.ts");
    await Promise.all(missing.map((options) => {
      const bridge = new Bridge(this.#broker, options, { log: this.#log });
      this.#active.set(options.name, { bridge, made: made.get(options.name) ?? "" });
      return bridge.ready;
    }));
  }

  /** Ends all bridges. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#changed;
    await Promise.all([...this.#active.values()].map(({ bridge }) => bridge.close()));
    this.#active.clear();
  }
}

function tlsInitOf(name: string, tls: BridgeTlsConfiguration): TlsInit {
  const { caFile, caPath, certFile, keyFile, insecure, alpn } = tls;
  const authorities = [
    ...caFile === undefined ? [] : [read(name, "bridge_cafile", caFile)],
    ...caPath === undefined ? [] : filesOf(name, caPath).map((file) => read(name, "bridge_capath", file)),
  ];
  return {
    ca: authorities.length === 0 ? undefined : authorities,
    cert: certFile && read(name, "bridge_certfile", certFile),
    key: keyFile && read(name, "bridge_keyfile", keyFile),
    anyName: insecure,
    alpnProtocols: alpn === undefined ? undefined : [alpn],
  };
}

/** The certificates in a folder, by their names as Mosquitto wants them. */
function filesOf(name: string, folder: string): string[] {
  return attempt(name, "bridge_capath", folder, () => {
    const files = [...Deno.readDirSync(folder)].filter((entry) => !entry.isDirectory && entry.name.endsWith(".crt"));
    if (files.length === 0) throw new Error("it has no file that ends with .crt");
    return files.map((entry) => `${folder}/${entry.name}`);
  });
}

function read(name: string, option: string, path: string): string {
  return attempt(name, option, path, () => Deno.readTextFileSync(path));
}

function attempt<T>(name: string, option: string, path: string, task: () => T): T {
  try {
    return task();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot make bridge ${name}: ${option} must be readable, received ${path} (${reason})`);
  }
}
