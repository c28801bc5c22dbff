/**
 * The listeners of a program: what its configuration says, and what is open.
 *
 * @module
 */

import { ReasonCode } from "../../codec/reason_codes.ts";
import type { ListenerInfo } from "../admin/api.ts";
import type { Broker } from "../broker.ts";
import type { Configuration, ListenerAddress, ListenerConfiguration } from "../config/configuration.ts";
import type { ListenerPolicy } from "../listener_policy.ts";
import type { LogSink } from "../log.ts";
import type { Listener } from "./listen.ts";
import { openListener } from "./open_listener.ts";
import type { MayStay, SecurityFiles } from "./security.ts";
import { loadTlsContext } from "./tls_context.ts";

/** The first port that takes no privilege, unless the system says otherwise. */
const FIRST_FREE_PORT = 1_024;

/** One listener of the configuration. */
interface ProgramListener {
  readonly configuration: ListenerConfiguration;
  /** Connections look at the object itself, whenever it matters. */
  readonly policy: ListenerPolicy;
  /** One for each of its addresses; none if it could not be opened. */
  readonly opened: readonly Listener[];
}

/** All listeners, in the order of the configuration. */
export class ProgramListeners {
  readonly #log: LogSink;
  #all: readonly ProgramListener[];

  /** Opens nothing yet. The files of `security` have been read. */
  constructor(configuration: Configuration, security: SecurityFiles, log: LogSink) {
    this.#log = log;
    this.#all = configuration.listeners.map((listener) => prepared(listener, security));
  }

  /** What holds for each listener. */
  get policies(): readonly ListenerPolicy[] {
    return this.#all.map(({ policy }) => policy);
  }

  /** Those that are open. */
  get opened(): readonly Listener[] {
    return this.#all.flatMap(({ opened }) => opened);
  }

  /** How those that are open stand. */
  get states(): ListenerInfo[] {
    return this.#all.flatMap(({ configuration: { address: { kind }, protocol, tls }, opened }) => {
      const secure = tls === undefined ? "" : "s";
      const name = kind === "unix" ? kind : `${protocol === "websockets" ? "ws" : "mqtt"}${secure}`;
      return opened.map((listener) => {
        const { hostname, port } = listener.address;
        return { hostname, port, protocol: name, connections: listener.counts().connections };
      });
    });
  }

  /** Opens those that are not open. Each that cannot be is handed to `onFailure`, which may throw. */
  async open(broker: Broker, configuration: Configuration, onFailure: (error: Error) => void): Promise<void> {
    for (const [index, listener] of this.#all.entries()) {
      if (listener.opened.length > 0) continue;
      const opened = await this.#open(broker, listener, configuration, onFailure);
      this.#all = this.#all.with(index, { ...listener, opened });
    }
  }

  async #open(
    broker: Broker,
    { configuration: listener, policy }: ProgramListener,
    configuration: Configuration,
    onFailure: (error: Error) => void,
  ): Promise<readonly Listener[]> {
    const { address } = listener;
    // Both loopback addresses are to have the same port, also when it is any free one.
    const isTwin = configuration.isLocalOnly && address.kind === "tcp" && address.hostname === "::1";
    const port = isTwin && address.port === 0 ? this.opened.at(-1)?.address.port : undefined;
    const wanted = port === undefined ? listener : { ...listener, address: { ...address, port } };
    try {
      return await openListener(broker, wanted, policy, configuration, this.#log);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      // A machine without IPv6 has no ::1.
      if (isTwin) this.#log.write("warning", `Not listening on ::1: ${reason}`);
      else onFailure(new Error(`Cannot listen on ${describeAddress(address)}: ${reason}${hintFor(error, address)}`));
      return [];
    }
  }

  /**
   * Takes up another configuration for the listeners that it still has, without a gap, and closes the others; those that
   * are new are left to `open`. The function that it returns disconnects the clients that may not stay, or came by a way
   * that is there no more, and returns how many these were.
   */
  apply(configuration: Configuration, security: SecurityFiles): (broker: Broker, mayStay: MayStay) => number {
    const before = this.#all;
    const kept = new Map<
      ListenerPolicy,
      { readonly was: ListenerConfiguration; readonly now: ListenerConfiguration }
    >();
    this.#all = configuration.listeners.map((now) => {
      const known = before.find(({ configuration: was }) => isSameAddress(was.address, now.address));
      if (known === undefined) return prepared(now, security);
      kept.set(known.policy, { was: known.configuration, now });
      this.#update(known, now, security);
      return { ...known, configuration: now };
    });
    const gone = before.filter(({ policy }) => !kept.has(policy));
    for (const listener of gone) this.#close(listener);
    const isGone = new Set(gone.map(({ policy }) => policy));
    return (broker, mayStay) => {
      const cutOff = broker.disconnect((_client, policy) => {
        const change = kept.get(policy);
        return isGone.has(policy) || (change !== undefined && wayOf(change.was) !== wayOf(change.now));
      }, ReasonCode.AdministrativeAction);
      const unwanted = broker.disconnect((client, policy) => {
        const change = kept.get(policy);
        if (change === undefined || change.now.policy.usernameFrom !== undefined) return false;
        return !mayStay(change.was.security, change.now.security, client);
      });
      return cutOff + unwanted;
    };
  }

  #update({ policy, opened }: ProgramListener, now: ListenerConfiguration, security: SecurityFiles): void {
    const { protocol, httpDir, tls } = now;
    for (const listener of opened) {
      listener.reload({ protocol, httpDir: protocol === "websockets" ? httpDir : undefined, tls });
    }
    if ((now.policy.mountPoint ?? "") !== (policy.mountPoint ?? "")) {
      const where = describeAddress(now.address);
      this.#log.write("warning", `The mount_point of ${where} stays as it is: another one needs a restart.`);
    }
    replace(policy, { ...now.policy, ...security.hooksFor(now) });
  }

  #close({ configuration: { address }, opened }: ProgramListener): void {
    if (opened.length > 0) this.#log.write("information", `Closing listen socket on ${describeAddress(address)}.`);
    // It never rejects.
    for (const listener of opened) void listener.close();
  }
}

/** As with Mosquitto 2.0, a broker that root has started is not root any more when it opens its listeners. */
function hintFor(error: unknown, address: ListenerAddress): string {
  if (!(error instanceof Deno.errors.PermissionDenied)) return "";
  if (address.kind === "unix") return ": the user that the broker runs as must be allowed to write there";
  if (address.port >= FIRST_FREE_PORT) return "";
  return `: ports below ${FIRST_FREE_PORT} need the capability CAP_NET_BIND_SERVICE, which a service manager can give`;
}

/** Throws an error that names the file if a listener's certificates cannot be used. */
export function assertCertificatesUsable({ listeners }: Configuration): void {
  for (const { tls } of listeners) if (tls !== undefined) loadTlsContext(tls);
}

function prepared(configuration: ListenerConfiguration, security: SecurityFiles): ProgramListener {
  const name = nameOf(configuration.address);
  return { configuration, policy: { ...configuration.policy, ...security.hooksFor(configuration), name }, opened: [] };
}

/** As it stands in the store. */
function nameOf(address: ListenerAddress): string {
  return address.kind === "unix" ? address.path : `${address.hostname ?? ""}:${address.port}`;
}

function describeAddress(address: ListenerAddress): string {
  if (address.kind === "unix") return address.path;
  return `${address.hostname ?? "all addresses"} port ${address.port}`;
}

function isSameAddress(one: ListenerAddress, other: ListenerAddress): boolean {
  if (one.kind === "unix" || other.kind === "unix") {
    return one.kind === "unix" && other.kind === "unix" && one.path === other.path;
  }
  return one.port === other.port && one.hostname === other.hostname && one.family === other.family &&
    one.bindInterface === other.bindInterface;
}

/** Who came in plain text has not come to a listener with TLS, and a name from elsewhere is not that of a certificate. */
function wayOf({ protocol, tls, policy }: ListenerConfiguration): string {
  const { usernameFrom = "connect" } = policy;
  return `${protocol} ${tls === undefined ? "plain" : "TLS"} ${tls?.requireCertificate === true} ${usernameFrom}`;
}

/** Mount point and name stay: subscriptions and the store hold them. */
function replace(live: ListenerPolicy, policy: ListenerPolicy): void {
  const { mountPoint, name } = live;
  for (const name of Object.keys(live)) Reflect.deleteProperty(live, name);
  Object.assign(live, policy, { mountPoint, name });
}
