/**
 * What holds for a connection: the settings of its listener over those of the broker.
 *
 * @module
 */

import type { QoS } from "../codec/packets.ts";
import { parseSharedFilter } from "../codec/topic.ts";
import type { BrokerHooks } from "./hooks.ts";
import type { ListenerPolicy } from "./listener_policy.ts";
import type { ResolvedOptions } from "./options.ts";
import type { OtherBroker } from "./origin.ts";
import type { PublishRate } from "./publish_rate.ts";
import type { SessionQueuePolicy } from "./session_environment.ts";
import type { Topic, TopicCache } from "./topic_cache.ts";

const ENCODER = new TextEncoder();
const NO_BYTES = new Uint8Array(0);

/** One object for all connections of a listener; always up to date with what it is made of. */
export class ConnectionPolicy implements BrokerHooks, Readonly<PublishRate> {
  /** Connections now. */
  connections = 0;
  /** Whether clients see only a part of the topics. */
  readonly isMounted: boolean;
  /** Stands for the listener in the store. */
  readonly name: string | undefined;
  /** Stands before all topics of the clients. Cannot change: subscriptions hold it. */
  readonly mountPoint: string;
  readonly #mountBytes: Uint8Array;
  readonly #options: ResolvedOptions;
  readonly #listener: ListenerPolicy;

  constructor(options: ResolvedOptions, listener: ListenerPolicy) {
    this.#options = options;
    this.#listener = listener;
    this.name = listener.name;
    this.mountPoint = listener.mountPoint ?? "";
    this.isMounted = this.mountPoint !== "";
    this.#mountBytes = this.isMounted ? ENCODER.encode(this.mountPoint) : NO_BYTES;
  }

  /** Bytes of the mount point. */
  get mountLength(): number {
    return this.#mountBytes.length;
  }

  /** Who alone may take up the sessions of its clients; undefined for anybody. */
  get owner(): string | undefined {
    return this.#listener.ownsSessions === true ? this.name : undefined;
  }

  /** The broker that its clients speak for. */
  get broker(): OtherBroker | undefined {
    return this.#listener.broker;
  }

  get allowAnonymous(): boolean {
    return this.#listener.allowAnonymous ?? this.#options.allowAnonymous;
  }

  get allowZeroLengthClientId(): boolean {
    return this.#listener.allowZeroLengthClientId ?? this.#options.allowZeroLengthClientId;
  }

  get autoIdPrefix(): string {
    return this.#listener.autoIdPrefix ?? this.#options.autoIdPrefix;
  }

  get useUsernameAsClientId(): boolean {
    return this.#listener.useUsernameAsClientId ?? false;
  }

  get emptyUsernameIsNone(): boolean {
    return this.#listener.emptyUsernameIsNone ?? false;
  }

  get usernameFrom(): "connect" | "identity" | "subject" {
    return this.#listener.usernameFrom ?? "connect";
  }

  get maximumQoS(): QoS {
    return this.#listener.maximumQoS ?? this.#options.maximumQoS;
  }

  get maxTopicAlias(): number {
    return this.#listener.maxTopicAlias ?? this.#options.maxTopicAlias;
  }

  get maxInflightMessages(): number {
    return this.#listener.maxInflightMessages ?? this.#options.maxInflightMessages;
  }

  get receiveMaximum(): number {
    return this.#listener.receiveMaximum ?? this.#options.receiveMaximum;
  }

  /** For the queue of a session whose client comes by this listener. */
  get queue(): SessionQueuePolicy {
    const { maxQueuedMessages, maxQueuedBytes, maxQueuedAge, queueOverflow, queueQoS0Messages } = this.#listener;
    const options = this.#options;
    const own = [maxQueuedMessages, maxQueuedBytes, maxQueuedAge, queueOverflow, queueQoS0Messages];
    if (own.every((value) => value === undefined)) return options;
    return {
      maxQueuedMessages: maxQueuedMessages ?? options.maxQueuedMessages,
      maxQueuedBytes: maxQueuedBytes ?? options.maxQueuedBytes,
      maxQueuedAge,
      queueOverflow,
      queueQoS0Messages: queueQoS0Messages ?? options.queueQoS0Messages,
    };
  }

  get connectTimeout(): number {
    return this.#listener.connectTimeout ?? this.#options.connectTimeout;
  }

  get maxPacketSize(): number {
    return this.#listener.maxPacketSize ?? this.#options.maxPacketSize;
  }

  get messageSizeLimit(): number {
    return this.#listener.messageSizeLimit ?? this.#options.messageSizeLimit;
  }

  get maxSubscriptions(): number {
    return this.#listener.maxSubscriptions ?? this.#options.maxSubscriptions;
  }

  get maxFiltersPerPacket(): number {
    return this.#listener.maxFiltersPerPacket ?? this.#options.maxFiltersPerPacket;
  }

  get maxPublishRate(): number | undefined {
    return this.#listener.maxPublishRate ?? this.#options.maxPublishRate;
  }

  get maxPublishBurst(): number | undefined {
    return this.#listener.maxPublishBurst ?? this.#options.maxPublishBurst;
  }

  get maxPublishBytesRate(): number | undefined {
    return this.#listener.maxPublishBytesRate ?? this.#options.maxPublishBytesRate;
  }

  get maxPublishBytesBurst(): number | undefined {
    return this.#listener.maxPublishBytesBurst ?? this.#options.maxPublishBytesBurst;
  }

  /** Whether one more connection fits. */
  get hasRoom(): boolean {
    return this.connections < (this.#listener.maxConnections ?? Infinity);
  }

  get authenticate(): BrokerHooks["authenticate"] {
    return this.#listener.authenticate ?? this.#options.authenticate;
  }

  get authorizePublish(): BrokerHooks["authorizePublish"] {
    return this.#listener.authorizePublish ?? this.#options.authorizePublish;
  }

  get authorizeSubscribe(): BrokerHooks["authorizeSubscribe"] {
    return this.#listener.authorizeSubscribe ?? this.#options.authorizeSubscribe;
  }

  get access(): BrokerHooks["access"] {
    return this.#listener.access ?? this.#options.access;
  }

  get authenticationMethods(): BrokerHooks["authenticationMethods"] {
    return this.#listener.authenticationMethods ?? this.#options.authenticationMethods;
  }

  /** The topic that a client's topic name stands for. Throws MqttError if it is no valid one. */
  mountedTopic(topics: TopicCache, bytes: Uint8Array, start: number, end: number): Topic {
    const mount = this.#mountBytes;
    const whole = new Uint8Array(mount.length + end - start);
    whole.set(mount);
    whole.set(bytes.subarray(start, end), mount.length);
    // An empty name is invalid, and must not become the mount point's own.
    return start === end ? topics.get(bytes, start, end) : topics.get(whole, 0, whole.length);
  }

  /** The filter that a client's filter stands for; in a shared subscription, the mount point stands behind the group. */
  mountedFilter(filter: string): string {
    const shared = parseSharedFilter(filter);
    if (shared === undefined) return filter.startsWith("$share/") || filter === "" ? filter : this.mountPoint + filter;
    return `$share/${shared.group}/${this.mountPoint}${shared.filter}`;
  }
}
