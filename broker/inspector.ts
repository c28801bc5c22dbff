/**
 * How the state of a broker is read.
 *
 * @module
 */

import type { QoS } from "../codec/packets.ts";
import { type ConnectProperties, type PublishProperties, readProperties } from "../codec/properties.ts";
import { parseSharedFilter } from "../codec/topic.ts";
import type { BrokerCore } from "./core.ts";
import type { BrokerInspection, InflightState, MessageState, SessionState, SubscriptionState } from "./inspection.ts";
import type { MetricsState } from "./metrics.ts";
import { Publication } from "./publication.ts";
import type { RetainedEntry } from "./retained.ts";
import { NEVER_EXPIRES, type Session } from "./session.ts";
import type { Subscription } from "./subscription.ts";

/** Reads what the rooms of a broker hold. */
export class Inspector implements BrokerInspection {
  readonly #core: BrokerCore;

  constructor(core: BrokerCore) {
    this.#core = core;
  }

  metrics(): MetricsState {
    return this.#core.metrics.state(this.#core.router);
  }

  get startedAt(): number {
    return this.#core.startedAt;
  }

  now(): number {
    return this.#core.clock.now();
  }

  get retainedBytes(): number {
    return this.#core.retained.bytes;
  }

  get sharedSubscriptions(): number {
    return this.#core.router.sharedSubscriptions;
  }

  get connected(): number {
    return this.#core.sessions.connected;
  }

  get isStoreWritable(): boolean | undefined {
    const { journal } = this.#core;
    return journal === undefined ? undefined : !journal.isFailing;
  }

  *sessions(): Generator<SessionState, void, undefined> {
    for (const session of this.#core.sessions.values()) yield this.#stateOf(session);
  }

  *clients(): Generator<SessionState, void, undefined> {
    for (const session of this.#core.sessions.held()) yield this.#stateOf(session);
  }

  session(clientId: string): SessionState | undefined {
    const session = this.#core.sessions.get(clientId);
    return session && this.#stateOf(session);
  }

  *subscriptions(clientId?: string): Generator<SubscriptionState, void, undefined> {
    const { sessions } = this.#core;
    if (clientId === undefined) {
      for (const session of sessions.values()) yield* subscriptionsOf(session);
      return;
    }
    const session = sessions.get(clientId);
    if (session !== undefined) yield* subscriptionsOf(session);
  }

  *inflight(clientId: string): Generator<InflightState, void, undefined> {
    const session = this.#core.sessions.get(clientId);
    if (session === undefined) return;
    for (const { packetId, qos, phase, message: { publication } } of session.outbound) {
      const isKept = publication.topic.name !== "";
      yield { packetId, qos, phase, message: isKept ? new KeptMessage(publication) : undefined };
    }
  }

  *retained(filter?: string): Generator<MessageState, void, undefined> {
    for (const entry of this.#core.retained.walk(filter, this.#core.clock)) yield new RetainedState(entry);
  }

  retainedMessage(topic: string): MessageState | undefined {
    const entry = this.#core.retained.get(topic, this.#core.clock);
    return entry && new RetainedState(entry);
  }

  #stateOf(session: Session): SessionState {
    const { expiryInterval, expiryTimer } = session;
    return {
      clientId: session.clientId,
      username: session.username,
      broker: session.access.broker,
      connection: this.#core.sessions.holderOf(session)?.connection(),
      expiryInterval: expiryInterval === NEVER_EXPIRES ? Infinity : expiryInterval,
      expiresAt: expiryTimer === undefined ? Infinity : expiryTimer.at,
      isStored: session.journal !== undefined,
      subscriptions: session.subscriptions.size,
      inflight: session.outbound.size,
      queued: session.queued,
      queuedBytes: session.queuedBytes,
      dropped: session.dropped,
      incoming: session.inbound.size,
    };
  }
}

/** What CONNECT has said about a client, kept for those who look. */
export interface ConnectRecord {
  readonly connectedAt: number;
  readonly keepAlive: number;
  readonly cleanStart: boolean;
  readonly receiveMaximum: number;
  readonly maximumPacketSize: number;
}

/** The record of a CONNECT. */
export function connectRecordOf(
  now: number,
  keepAlive: number,
  cleanStart: boolean,
  { receiveMaximum = 65_535, maximumPacketSize = Infinity }: ConnectProperties,
): ConnectRecord {
  return { connectedAt: now, keepAlive, cleanStart, receiveMaximum, maximumPacketSize };
}

function* subscriptionsOf(session: Session): Generator<SubscriptionState, void, undefined> {
  for (const subscription of session.subscriptions.values()) yield subscriptionOf(subscription);
}

function subscriptionOf(subscription: Subscription): SubscriptionState {
  const { session, key, filter, qos, noLocal, retainAsPublished, retainHandling, identifier } = subscription;
  return {
    clientId: session.clientId,
    filter,
    share: key === filter ? undefined : parseSharedFilter(key)?.group,
    qos,
    noLocal,
    retainAsPublished,
    retainHandling,
    identifier: identifier === 0 ? undefined : identifier,
  };
}

/** A message that is kept, which never changes: its parts are made when they are asked for. */
class KeptMessage implements MessageState {
  readonly #publication: Publication;

  constructor(publication: Publication) {
    this.#publication = publication;
  }

  get topic(): string {
    return this.#publication.topic.name;
  }

  get qos(): QoS {
    return this.#publication.qos;
  }

  get payload(): Uint8Array {
    return this.#publication.payload;
  }

  get expiresAt(): number {
    return this.#publication.expiresAt;
  }

  properties(): PublishProperties {
    const { bytes, propertiesStart, propertiesEnd } = this.#publication;
    return readProperties(bytes, propertiesStart, propertiesEnd, "publish");
  }
}

/** A retained message: most of those that are met are not looked at, so a copy is made when one is. */
class RetainedState implements MessageState {
  readonly topic: string;
  readonly #entry: RetainedEntry;
  #copy: KeptMessage | undefined;

  constructor(entry: RetainedEntry) {
    this.#entry = entry;
    this.topic = entry.name;
  }

  get qos(): QoS {
    return this.#entry.qos;
  }

  get expiresAt(): number {
    return this.#entry.expiresAt;
  }

  get payload(): Uint8Array {
    return this.#kept.payload;
  }

  properties(): PublishProperties {
    return this.#kept.properties();
  }

  get #kept(): KeptMessage {
    return this.#copy ??= new KeptMessage(this.#entry.copy() ?? new Publication());
  }
}
