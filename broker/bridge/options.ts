/**
 * Everything that can be set about a bridge, with its defaults.
 *
 * @module
 */

import type { ProtocolVersion, TlsInit } from "../../client/common.ts";
import { isIPv4, isIPv6 } from "../ip_address.ts";
import { type BridgeTopic, TopicMap } from "./topics.ts";

/**
 * A bridge from this broker to another one: `bridges` in `BrokerOptions`. Names, meanings and defaults are those of a
 * `connection` of Mosquitto where it has the option.
 *
 * Two brokers need one bridge, of either of them, for both directions. If each has one to the other, messages circle
 * unless both speak MQTT 5.0, and both brokers are of this kind. Around a ring of three brokers, they always do.
 */
export interface BridgeOptions {
  /** Names the bridge: in its client identifiers, its state topic and the log. */
  readonly name: string;
  /**
   * Where the other broker is: `mqtt://host:1883`, `mqtts://host:8883`, or a WebSocket. With several, the first one is
   * the main one unless `roundRobin` says otherwise.
   */
  readonly addresses: readonly string[];
  /** What goes which way. The first entry with a prefix that matches a message maps its topic. */
  readonly topics: readonly BridgeTopic[];
  /** 3 for MQTT 3.1, 4 for 3.1.1, 5 for 5.0. Default 4. With 5, properties are carried over, and two brokers may have a bridge to each other. */
  readonly protocolVersion?: ProtocolVersion;
  /**
   * Client identifier on the other broker. Default: the name of this machine, for which Deno wants `--allow-sys=hostname`,
   * a dot, `name`.
   */
  readonly remoteClientId?: string;
  /** User name on the other broker. */
  readonly remoteUsername?: string;
  /** Password on the other broker. */
  readonly remotePassword?: string;
  /** Client identifier on this broker. Default: `local.` and `remoteClientId`. */
  readonly localClientId?: string;
  /** User name on this broker, for its log and its rules about who owns a session; a bridge may do everything. */
  readonly localUsername?: string;
  /** Whether the other broker forgets, with the connection, what waits for the bridge. Default false. */
  readonly cleanSession?: boolean;
  /** Whether this broker does: then nothing is kept for the other one while it cannot be reached. Default `cleanSession`. */
  readonly localCleanSession?: boolean;
  /** Seconds without a packet after which the bridge asks whether the other broker is there, 5 to 65,535. Default 60. */
  readonly keepAlive?: number;
  /**
   * Seconds from the end of a connection, or of an attempt at all addresses, to the next attempt: constant, or a random
   * time from `base` up that grows to `cap`. Default `{ base: 5, cap: 30 }`.
   */
  readonly restartTimeout?: number | { readonly base: number; readonly cap: number };
  /** Whether all addresses are equal; else the bridge goes back to the first one when that can be reached. Default false. */
  readonly roundRobin?: boolean;
  /**
   * `automatic` (default): connects at once and again. `once`: connects once. `lazy`: connects when `threshold` messages
   * wait, and disconnects when nothing has come or gone for `idleTimeout` seconds.
   */
  readonly startType?: "automatic" | "lazy" | "once";
  /** For `lazy`: seconds, default 60. */
  readonly idleTimeout?: number;
  /** For `lazy`: messages, default 10. */
  readonly threshold?: number;
  /** Whether the state is published, retained, as `1` and `0`, here and on the other broker. Default true. */
  readonly notifications?: boolean;
  /** Whether it is published here only. Default false. */
  readonly notificationsLocalOnly?: boolean;
  /** Where. Default `$SYS/broker/connection/REMOTE-CLIENT-ID/state`. */
  readonly notificationTopic?: string;
  /**
   * Before MQTT 5.0: whether to tell the other broker that this is a bridge. One that refuses that is asked again
   * without. Default true.
   */
  readonly tryPrivate?: boolean;
  /** Whether to unsubscribe, on the other broker, from topics that only go out, as it may know them from before. Default true. */
  readonly attemptUnsubscribe?: boolean;
  /** Whether the retain flag goes along to the other broker. Default true. */
  readonly outgoingRetain?: boolean;
  /** Bytes of the largest PUBLISH to the other broker, 0 for no limit of ours; a larger one is dropped. Default 0. */
  readonly maxPacketSize?: number;
  /** Topic aliases that the other broker may use, 0 to 65,535; MQTT 5.0 only. Default 10. */
  readonly maxTopicAlias?: number;
  /** How TLS is spoken. */
  readonly tls?: TlsInit;
  /** The IP address of this machine to connect from. Default: what the system chooses by its routes. */
  readonly localAddress?: string;
  /** Messages that wait here for the other broker. Default 100,000. */
  readonly maxQueuedMessages?: number;
  /** Bytes of payload and properties that wait. Default 64 MiB. */
  readonly maxQueuedBytes?: number;
  /** Seconds that a message waits at most. Default for ever. */
  readonly maxQueuedAge?: number;
  /** What gives way when no more may wait. Default `drop-oldest`. */
  readonly queueOverflow?: "drop-oldest" | "drop-newest";
  /** Messages a second to the other broker, so that a long queue leaves some of the network to others. Default no limit. */
  readonly rate?: number;
}

/** Options with nothing left open. */
export interface BridgeSettings extends
  Required<
    Omit<
      BridgeOptions,
      "remoteUsername" | "remotePassword" | "localUsername" | "tls" | "localAddress" | "maxQueuedAge" | "restartTimeout"
    >
  >,
  Pick<BridgeOptions, "remoteUsername" | "remotePassword" | "localUsername" | "tls" | "localAddress" | "maxQueuedAge"> {
  readonly restartTimeout: { readonly base: number; readonly cap: number };
  readonly map: TopicMap;
}

const DEFAULTS = {
  protocolVersion: 4,
  cleanSession: false,
  keepAlive: 60,
  roundRobin: false,
  startType: "automatic",
  idleTimeout: 60,
  threshold: 10,
  notifications: true,
  notificationsLocalOnly: false,
  tryPrivate: true,
  attemptUnsubscribe: true,
  outgoingRetain: true,
  maxPacketSize: 0,
  maxTopicAlias: 10,
  maxQueuedMessages: 100_000,
  maxQueuedBytes: 64 * 1024 * 1024,
  queueOverflow: "drop-oldest",
  rate: Infinity,
} as const;

const RANGES: readonly (readonly [name: keyof BridgeOptions, from: number, to: number])[] = [
  ["keepAlive", 5, 65_535],
  ["idleTimeout", 1, 2_147_483],
  ["threshold", 1, Number.MAX_SAFE_INTEGER],
  ["maxPacketSize", 0, 268_435_460],
  ["maxTopicAlias", 0, 65_535],
  ["maxQueuedMessages", 1, Infinity],
  ["maxQueuedBytes", 1, Infinity],
  ["maxQueuedAge", 1, 4_294_967_295],
  ["rate", 1, Infinity],
];
/** Seconds. */
const SHORTEST_WAIT = 0.01;
const LONGEST_WAIT = 2_147_483;

/**
 * Fills in the defaults; `hostname` is asked for only if the client identifier needs it. Throws `RangeError`,
 * `TypeError` and `MqttError` for options that cannot be.
 */
export function resolveBridge(options: BridgeOptions, hostname: () => string): BridgeSettings {
  const given: BridgeOptions = withoutUndefined(options);
  if (given.name === "") throw new TypeError("Cannot make a bridge: name must have a character, received none");
  if (given.addresses.length === 0) throw fault(given, "addresses", "hold an address", "none");
  for (const address of given.addresses) {
    if (!URL.canParse(address)) throw fault(given, "addresses", "be URLs such as mqtt://host:1883", address);
  }
  for (const [name, from, to] of RANGES) {
    const value = given[name];
    if (value === undefined) continue;
    const isWhole = Number.isInteger(value) || value === Infinity;
    if (typeof value !== "number" || !isWhole || value < from || value > to) {
      throw new RangeError(
        `Cannot make bridge ${given.name}: ${name} must be a whole number from ${from} to ${to}, received ${value}`,
      );
    }
  }
  assertLocalAddress(given);
  const remoteClientId = given.remoteClientId ?? `${hostname()}.${given.name}`;
  return {
    ...DEFAULTS,
    remoteClientId,
    localClientId: `local.${remoteClientId}`,
    localCleanSession: given.cleanSession ?? DEFAULTS.cleanSession,
    notificationTopic: `$SYS/broker/connection/${remoteClientId}/state`,
    ...given,
    restartTimeout: restartTimeoutOf(given),
    map: new TopicMap(given.topics),
  };
}

/**
 * Throws what {@linkcode resolveBridge} does, and `TypeError` for two bridges with one name, or with one session on this
 * broker.
 */
export function assertBridges(bridges: readonly BridgeOptions[]): void {
  const taken = { name: new Set<string>(), localClientId: new Set<string>() };
  for (const options of bridges) {
    const settings = resolveBridge(options, () => "");
    for (const option of ["name", "localClientId"] as const) {
      const value = settings[option];
      if (taken[option].has(value)) throw fault(options, option, "be that of no other bridge", value);
      taken[option].add(value);
    }
  }
}

function assertLocalAddress(options: BridgeOptions): void {
  const { localAddress, addresses } = options;
  if (localAddress === undefined) return;
  if (!isIPv4(localAddress) && !isIPv6(localAddress)) {
    throw fault(options, "localAddress", "be an IP address", localAddress);
  }
  const other = addresses.find((address) => !/^mqtts?:$/.test(new URL(address).protocol));
  if (other !== undefined) throw fault(options, "addresses", "be those of TCP or TLS with localAddress", other);
}

function restartTimeoutOf(options: BridgeOptions): { base: number; cap: number } {
  const { restartTimeout = { base: 5, cap: 30 } } = options;
  const { base, cap } = typeof restartTimeout === "number"
    ? { base: restartTimeout, cap: restartTimeout }
    : restartTimeout;
  if (base >= SHORTEST_WAIT && cap >= base && cap <= LONGEST_WAIT) return { base, cap };
  const range = `${SHORTEST_WAIT} or more seconds, with the cap from the base to ${LONGEST_WAIT}`;
  throw new RangeError(
    `Cannot make bridge ${options.name}: restartTimeout must be ${range}, received ${base} and ${cap}`,
  );
}

function fault({ name }: BridgeOptions, option: string, must: string, received: string): TypeError {
  return new TypeError(`Cannot make bridge ${name}: ${option} must ${must}, received ${received}`);
}

/** An option that is given as undefined means its default. */
function withoutUndefined(options: BridgeOptions): BridgeOptions {
  const { name, addresses, topics, ...others } = options;
  const given = Object.fromEntries(Object.entries(others).filter(([, value]) => value !== undefined));
  return { name, addresses, topics, ...given };
}
