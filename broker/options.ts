/**
 * Everything that can be set about a broker, with its defaults.
 *
 * @module
 */

import type { QoS } from "../codec/packets.ts";
import type { Clock } from "../engine/clock.ts";
import { assertBridges, type BridgeOptions } from "./bridge/options.ts";
import type { BrokerHooks } from "./hooks.ts";
import type { ListenerPolicy } from "./listener_policy.ts";
import type { LogSink } from "./log.ts";
import { PUBLISH_RATE_RANGES, type PublishRate } from "./publish_rate.ts";
import { assertRanges, type Range } from "./ranges.ts";
import type { Store } from "./store.ts";
import { systemClock } from "./system_clock.ts";

/**
 * Options of a `Broker`. Names are Mosquitto's where it has the option, and so are defaults, but of `allowAnonymous`,
 * `maxInflightMessages`, `maxPacketSize` and `maxQueuedBytes`.
 */
export interface BrokerOptions extends BrokerHooks, Readonly<PublishRate> {
  /** Receives log lines; nothing is logged without it. */
  readonly log?: LogSink;
  /** Bytes of memory in use, for `$SYS/broker/heap` and `memoryLimit`. Absent: there are neither. */
  readonly heapUsed?: () => number;
  /** Frees memory that is in use no more; called when `memoryLimit` is reached, once in 10 seconds at most. */
  readonly collectGarbage?: () => void;
  /**
   * Keeps sessions, their messages, retained messages and wills beyond the end of the broker. Whoever opened it closes
   * it, after the broker. Absent: all of that is in memory alone.
   */
  readonly store?: Store;
  /**
   * Policies of listeners that have a `name`, so that their access rules hold from the start for what the store has of
   * their clients. What came by others is up to the broker's own rules, or to those that all of these have in common; if
   * there are neither, it is not allowed any more.
   */
  readonly listeners?: readonly ListenerPolicy[];
  /**
   * Connections to other brokers, over which messages go out, come in, or both. What goes out waits in this broker while
   * the other one cannot be reached, in its store if it has one: a gateway keeps through days without an uplink what its
   * devices have been told is safe, and sends it when the uplink is back. `broker.ready` says when messages are kept,
   * `broker.bridges` how the bridges stand. Each has a `name` and a `localClientId` of its own. Default none.
   *
   * @example A gateway
   * ```ts
   * import { Broker } from "@x/mqtt/broker";
   *
   * await using broker = new Broker({
   *   bridges: [{
   *     name: "cloud",
   *     addresses: ["mqtt://127.0.0.1:1883"],
   *     protocolVersion: 5,
   *     remoteClientId: "gateway-7",
   *     topics: [
   *       { pattern: "sensors/#", direction: "out", qos: 1, remotePrefix: "site-7/" },
   *       { pattern: "commands/#", direction: "in", qos: 1, remotePrefix: "site-7/" },
   *     ],
   *   }],
   * });
   * await broker.ready;
   * broker.publish({ topic: "sensors/1", payload: "21.5", qos: 1 });
   * console.log(broker.bridges[0]?.queuedMessages); // 1
   * ```
   */
  readonly bridges?: readonly BridgeOptions[];
  /** Source of time; tests move it by hand. */
  readonly clock?: Clock;
  /** Whether a client without a user name may connect. Default true. */
  readonly allowAnonymous?: boolean;
  /** Prefix of client identifiers that the broker assigns. Default `auto-`. */
  readonly autoIdPrefix?: string;
  /** Whether a client may connect without a client identifier. Default true. */
  readonly allowZeroLengthClientId?: boolean;
  /** What each client identifier must begin with. Default: anything will do. */
  readonly clientIdPrefixes?: string;
  /** Whether a client identifier with a session belongs to the user name that opened it. Default true. */
  readonly bindClientIdToUser?: boolean;
  /**
   * Milliseconds, 1 to 3,600,000, from the connection to the end of its CONNECT and authentication. Default 10,000.
   */
  readonly connectTimeout?: number;
  /** Network connections at one time, 1 to 10,000,000; more are closed at once. Default 100,000. */
  readonly maxConnections?: number;
  /**
   * Sessions, connected or not, 1 to 100,000,000; a client that would need one more gets 0x97. Default 1,000,000.
   */
  readonly maxSessions?: number;
  /**
   * Longest keep alive in seconds, 0 to 65,535. A 5.0 client that asks for more gets this as server keep alive, an older
   * one is refused. Default 65,535.
   */
  readonly maxKeepAlive?: number;
  /**
   * Bytes of the largest packet that is received, 20 to 268,435,460. A larger one ends the connection with 0x95. Default
   * 16 MiB.
   */
  readonly maxPacketSize?: number;
  /**
   * Unacknowledged QoS 1 and 2 messages towards each client, 1 to 65,535; a 5.0 client may ask for fewer.
   * Default 1,000 (Mosquitto's 20 would make a client's round trips its speed).
   */
  readonly maxInflightMessages?: number;
  /**
   * Bytes of payload and properties of these messages, 1 or more; one message is always let through. Default Infinity.
   */
  readonly maxInflightBytes?: number;
  /**
   * Unacknowledged QoS 1 and 2 messages from each 5.0 client, 1 to 65,535; one that sends more is disconnected with
   * 0x93. Default `maxInflightMessages` if that is set, else 20 as Mosquitto announces.
   */
  readonly receiveMaximum?: number;
  /**
   * Messages that wait for one client (beyond those in flight), 1 or more; what comes on top is dropped. `Infinity` lets
   * a client that is away fill the memory. Default 1,000.
   */
  readonly maxQueuedMessages?: number;
  /** Bytes of payload and properties that wait for one client, 1 or more; the same. Default 64 MiB. */
  readonly maxQueuedBytes?: number;
  /**
   * Bytes that wait to be written to one client, 1,024 to 1,073,741,824; a QoS 0 message beyond is dropped. Default 8 MiB.
   */
  readonly maxOutputBytes?: number;
  /** Highest topic alias in each direction, 0 to 65,535. Default 10. */
  readonly maxTopicAlias?: number;
  /** Whether QoS 0 messages wait for a client that is away and has a session. Default false. */
  readonly queueQoS0Messages?: boolean;
  /** Whether messages go out with the QoS of the subscription, even if they were published with less. Default false. */
  readonly upgradeOutgoingQoS?: boolean;
  /**
   * Bytes of the largest payload, 1 or more; a larger one is dropped, and acknowledged with 0x83. Default Infinity.
   */
  readonly messageSizeLimit?: number;
  /**
   * Seconds, 1 or more, after which the session of a client that is away ends, even if the client wants it to last longer.
   * Default Infinity.
   */
  readonly persistentClientExpiration?: number;
  /**
   * Bytes of memory that may be in use, 1 or more, looked at once a second; beyond it, publications and new clients are refused
   * with 0x97. Default Infinity.
   */
  readonly memoryLimit?: number;
  /** Highest QoS that clients may publish with. Default 2. */
  readonly maximumQoS?: QoS;
  /** Whether retained messages are kept. Default true. */
  readonly retainAvailable?: boolean;
  /** Whether a retained message is sent only if who published it still may. Default true. */
  readonly checkRetainSource?: boolean;
  /**
   * Retained messages in all, 0 to 100,000,000; a new one beyond gets 0x97 and is not stored. Default 1,000,000. Each
   * takes about 50 bytes of memory besides its own. There can be a million of more than 8 KiB, or 64 GiB of smaller ones.
   */
  readonly maxRetainedMessages?: number;
  /** Bytes of topics, properties and payloads of all retained messages, 0 or more. Default 1 GiB. */
  readonly maxRetainedBytes?: number;
  /** Levels of a topic name or filter, 1 to 65,536. Default 128. */
  readonly maxTopicLevels?: number;
  /** Bytes of a topic name or filter, 1 to 65,535. A longer name ends the connection with 0x90. Default 65,535. */
  readonly maxTopicLength?: number;
  /** Subscriptions of one client, 1 to 10,000,000; more get 0x97 in the SUBACK. Default 100,000. */
  readonly maxSubscriptions?: number;
  /**
   * Topic filters of one SUBSCRIBE or UNSUBSCRIBE, 1 to 10,000,000; a packet with more ends the connection with 0x97.
   * Default 10,000.
   */
  readonly maxFiltersPerPacket?: number;
  /** Whether connections and their ends are logged. Default true. */
  readonly connectionMessages?: boolean;
  /** Seconds between publications of `$SYS` topics, 0 to 65,535; 0 turns them off. Default 10. */
  readonly sysInterval?: number;
}

/** Options with all defaults filled in. */
export type ResolvedOptions =
  & Required<Omit<BrokerOptions, keyof BrokerHooks | keyof PublishRate | Optional>>
  & BrokerHooks
  & PublishRate
  & Pick<BrokerOptions, Optional>;

/** Those without a default. */
type Optional = "log" | "heapUsed" | "collectGarbage" | "store" | "bridges";

const RANGES: readonly Range<keyof BrokerOptions>[] = [
  ["connectTimeout", 1, 3_600_000],
  ["maxConnections", 1, 10_000_000],
  ["maxSessions", 1, 100_000_000],
  ["maxKeepAlive", 0, 65_535],
  ["maxPacketSize", 20, 268_435_460],
  ["maxInflightMessages", 1, 65_535],
  ["maxInflightBytes", 1, Infinity],
  ["receiveMaximum", 1, 65_535],
  ["maxQueuedMessages", 1, Infinity],
  ["memoryLimit", 1, Infinity],
  ["messageSizeLimit", 1, Infinity],
  ["persistentClientExpiration", 1, Infinity],
  ["maxQueuedBytes", 1, Infinity],
  ["maxOutputBytes", 1_024, 1_073_741_824],
  ["maxTopicAlias", 0, 65_535],
  ["maximumQoS", 0, 2],
  ["maxRetainedMessages", 0, 100_000_000],
  ["maxRetainedBytes", 0, Number.MAX_SAFE_INTEGER],
  ["maxTopicLevels", 1, 65_536],
  ["maxTopicLength", 1, 65_535],
  ["maxSubscriptions", 1, 10_000_000],
  ["maxFiltersPerPacket", 1, 10_000_000],
  ["sysInterval", 0, 65_535],
  ...PUBLISH_RATE_RANGES,
];

/**
 * Fills in the defaults. Throws `RangeError` for a number out of its range, `TypeError` or `MqttError` for a bridge that
 * cannot be.
 */
export function resolveOptions(options: BrokerOptions): ResolvedOptions {
  assertRanges(options, RANGES, "Cannot use these options: option ");
  assertBridges(options.bridges ?? []);
  return {
    listeners: [],
    clock: systemClock,
    allowAnonymous: true,
    clientIdPrefixes: "",
    autoIdPrefix: "auto-",
    allowZeroLengthClientId: true,
    bindClientIdToUser: true,
    connectTimeout: 10_000,
    maxConnections: 100_000,
    maxSessions: 1_000_000,
    maxKeepAlive: 65_535,
    maxPacketSize: 16 * 1024 * 1024,
    maxInflightMessages: 1_000,
    maxInflightBytes: Infinity,
    receiveMaximum: options.maxInflightMessages ?? 20,
    queueQoS0Messages: false,
    upgradeOutgoingQoS: false,
    memoryLimit: Infinity,
    messageSizeLimit: Infinity,
    persistentClientExpiration: Infinity,
    checkRetainSource: true,
    connectionMessages: true,
    maxQueuedMessages: 1_000,
    maxQueuedBytes: 64 * 1024 * 1024,
    maxOutputBytes: 8 * 1024 * 1024,
    maxTopicAlias: 10,
    maximumQoS: 2,
    retainAvailable: true,
    maxRetainedMessages: 1_000_000,
    maxRetainedBytes: 1024 * 1024 * 1024,
    maxTopicLevels: 128,
    maxTopicLength: 65_535,
    maxSubscriptions: 100_000,
    maxFiltersPerPacket: 10_000,
    maxPublishRate: Infinity,
    maxPublishBurst: undefined,
    maxPublishBytesRate: Infinity,
    maxPublishBytesBurst: undefined,
    sysInterval: 10,
    ...withoutUndefined(options),
  };
}

/** An option that is given as undefined means its default. */
function withoutUndefined(options: BrokerOptions): BrokerOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
