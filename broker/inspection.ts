/**
 * A look into a broker: who is there, what it holds, what it has counted. Reading only.
 *
 * @module
 */

import type { PublishProperties } from "../codec/properties.ts";
import type { QoS, RetainHandling } from "../codec/packets.ts";
import type { ClientInfo } from "./hooks.ts";
import type { MetricsState } from "./metrics.ts";
import type { OtherBroker } from "./origin.ts";

/** The will of a client that is connected. */
export interface WillState {
  /** Topic name. */
  readonly topic: string;
  /** QoS that it is published with. */
  readonly qos: QoS;
  /** Whether it is retained. */
  readonly retain: boolean;
  /** The broker's own bytes: not to be changed. */
  readonly payload: Uint8Array;
  /** Seconds that it waits. */
  readonly delay: number;
}

/** The connection of a client. */
export interface ConnectionState {
  /** Who it is. */
  readonly client: ClientInfo;
  /** When it was let in, in milliseconds of the broker's clock, which by default counts from 1970. */
  readonly connectedAt: number;
  /** When its last bytes came, by the same clock. */
  readonly lastArrivalAt: number;
  /** Seconds; 0 for none. */
  readonly keepAlive: number;
  /** Whether it asked for a new session. */
  readonly cleanStart: boolean;
  /** Unacknowledged QoS 1 and 2 messages that it takes. */
  readonly receiveMaximum: number;
  /** Bytes of the largest packet that it takes, `Infinity` for any. */
  readonly maximumPacketSize: number;
  /** Bytes that wait to be written to it. */
  readonly pendingBytes: number;
  /** Published if the connection breaks. */
  readonly will: WillState | undefined;
}

/** A session at the moment when it was asked for. */
export interface SessionState {
  /** Client identifier. */
  readonly clientId: string;
  /** The user that the session belongs to. */
  readonly username: string | undefined;
  /** The broker that its client speaks for; undefined for a client that speaks for itself. */
  readonly broker: OtherBroker | undefined;
  /** Undefined while the client is away. */
  readonly connection: ConnectionState | undefined;
  /** Seconds that it stays after its connection; `Infinity` for ever. */
  readonly expiryInterval: number;
  /** When it ends by the broker's clock, if its client stays away; `Infinity` for never or while it is connected. */
  readonly expiresAt: number;
  /** Whether it outlives the broker. */
  readonly isStored: boolean;
  /** How many subscriptions it has. */
  readonly subscriptions: number;
  /** Messages to the client that it has not acknowledged. */
  readonly inflight: number;
  /** Messages that wait to be sent. */
  readonly queued: number;
  /** Bytes of payload and properties that wait. */
  readonly queuedBytes: number;
  /** Messages that its queue had no room for, or that expired in it, since the broker runs. */
  readonly dropped: number;
  /** QoS 2 messages from the client between PUBLISH and PUBREL. */
  readonly incoming: number;
}

/** A subscription at the moment when it was asked for. */
export interface SubscriptionState {
  /** Whose it is. */
  readonly clientId: string;
  /** Topic filter, without `$share/group/`. */
  readonly filter: string;
  /** Share name of a shared subscription. */
  readonly share: string | undefined;
  /** Granted QoS. */
  readonly qos: QoS;
  /** MQTT 5.0: not for what the client itself publishes. */
  readonly noLocal: boolean;
  /** MQTT 5.0: messages keep their retain flag. */
  readonly retainAsPublished: boolean;
  /** MQTT 5.0: when retained messages are sent. */
  readonly retainHandling: RetainHandling;
  /** MQTT 5.0: subscription identifier. */
  readonly identifier: number | undefined;
}

/** A message that the broker holds. One that is retained no more when it is looked at has an empty payload. */
export interface MessageState {
  /** Topic name. */
  readonly topic: string;
  /** QoS that it was published with. */
  readonly qos: QoS;
  /** The broker's own bytes: not to be changed. */
  readonly payload: Uint8Array;
  /** When it expires by the broker's clock; `Infinity` for never. */
  readonly expiresAt: number;
  /** Properties of MQTT 5.0; the expiry interval is that of its publication. */
  properties(): PublishProperties;
}

/** A message that was sent to a client and is not acknowledged. */
export interface InflightState {
  /** Its packet identifier. */
  readonly packetId: number;
  /** QoS that it was sent with. */
  readonly qos: 1 | 2;
  /** Which packet waits for its answer. */
  readonly phase: "publish" | "pubrel";
  /** Undefined where the broker has not kept it, because the session ends with its connection. */
  readonly message: MessageState | undefined;
}

/**
 * Reads the state of a broker. Everything is a snapshot of the moment when it is read; the iterators go along with what
 * the broker does meanwhile, so a long list can be walked in pieces: what is there all the time is met once, what comes
 * or goes may be met or not.
 *
 * @example Who is slow?
 * ```ts
 * import { Broker } from "@x/mqtt/broker";
 *
 * await using broker = new Broker();
 * for (const { clientId, queued } of broker.inspection.sessions()) {
 *   if (queued > 100) console.log(`${queued} messages wait for ${clientId}`);
 * }
 * ```
 */
export interface BrokerInspection {
  /** Bytes of topics, properties and payloads of the retained messages. */
  readonly retainedBytes: number;
  /** Shared subscriptions of all sessions. */
  readonly sharedSubscriptions: number;
  /** Clients that are connected. */
  readonly connected: number;
  /** Whether the store can be written to; undefined without a store. */
  readonly isStoreWritable: boolean | undefined;
  /** When the broker was made, by its clock. */
  readonly startedAt: number;
  /** Time of the broker's clock, in milliseconds. */
  now(): number;
  /** What was counted since the start. */
  metrics(): MetricsState;
  /** All sessions, connected or not. */
  sessions(): Iterable<SessionState>;
  /** The sessions that are connected. */
  clients(): Iterable<SessionState>;
  /** The session of a client. */
  session(clientId: string): SessionState | undefined;
  /** Subscriptions of all sessions, or of that of one client. */
  subscriptions(clientId?: string): Iterable<SubscriptionState>;
  /** Messages that were sent to a client and are not acknowledged, in the order of their sending. */
  inflight(clientId: string): Iterable<InflightState>;
  /** Retained messages of the topics that `filter` matches; without a filter all, those of `$` topics included. */
  retained(filter?: string): Iterable<MessageState>;
  /** The retained message of a topic. */
  retainedMessage(topic: string): MessageState | undefined;
}
