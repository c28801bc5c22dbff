/**
 * PUBLISH from a client: the hot path of the broker (MQTT 5.0 section 3.3).
 *
 * @module
 */

import { MqttError } from "../codec/errors.ts";
import type { Frame } from "../codec/framer.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import { InboundTopicAliases } from "../engine/topic_aliases.ts";
import type { ConnectionPolicy } from "./connection_policy.ts";
import { describe } from "./audit.ts";
import type { BrokerCore } from "./core.ts";
import type { ClientInfo } from "./hooks.ts";
import type { Publication } from "./publication.ts";
import type { Session } from "./session.ts";
import { isReserved } from "./sys_access.ts";
import { isTopic, type Topic } from "./topic_cache.ts";

/** The connection, as far as this room needs it. */
export interface PublishAnswerer {
  readonly v5: boolean;
  readonly client: ClientInfo;
  /** Whether it has ended: nothing may be done for it any more. */
  readonly isGone: boolean;
  /** Sends PUBACK or PUBREC. */
  acknowledge(qos: 1 | 2, packetId: number, reasonCode: number): void;
  /** Lets nothing leave before all that was written down so far is committed. */
  hold(): void;
}

const MEMORY_FULL = "memory_limit is reached";

/** Takes the PUBLISH packets of one connection. */
export class PublishHandler {
  readonly #core: BrokerCore;
  readonly #session: Session;
  readonly #connection: PublishAnswerer;
  readonly #policy: ConnectionPolicy;
  #aliases: InboundTopicAliases<Topic> | undefined;
  #lastTopic: Topic | undefined;

  constructor(core: BrokerCore, session: Session, connection: PublishAnswerer, policy: ConnectionPolicy) {
    this.#core = core;
    this.#policy = policy;
    this.#session = session;
    this.#connection = connection;
  }

  /**
   * Takes the PUBLISH in `frame`. A promise means that the application has still to decide: nothing more may be
   * handled for this connection until it settles. Throws {@linkcode MqttError} for what ends the connection.
   */
  handle(frame: Frame): Promise<void> | undefined {
    const core = this.#core;
    const view = core.publishView;
    view.read(frame, this.#connection.v5 ? 5 : 4);
    const { qos, packetId } = view;
    this.#assertSupported(qos, view.retain);
    const publication = core.incoming;
    publication.propertiesStart = view.propertiesStart;
    publication.propertiesEnd = view.propertiesEnd;
    publication.payloadStart = view.payloadStart;
    publication.payloadEnd = view.end;
    if (view.propertiesEnd === view.propertiesStart) {
      publication.reset(this.#topicIn(frame.bytes, view.topicStart, view.topicEnd), qos, view.retain, frame.bytes);
      this.#offerVerbatim(frame, publication);
    } else {
      this.#readProperties(frame, publication);
    }
    if (publication.bytes === frame.bytes) publication.isOwned = frame.isOwned;
    core.metrics.publishReceived++;
    core.metrics.publishBytesReceived += view.end - view.payloadStart;
    if (qos > 0) core.metrics.acknowledgedReceived.add(qos, view.end - view.payloadStart);
    if (core.log.debug) this.#log(publication, view.dup, packetId);
    if (qos > 0 && this.#session.inbound.publish(packetId, qos as 1 | 2) === "duplicate") {
      if (this.#session.journal !== undefined) this.#connection.hold();
      this.#connection.acknowledge(2, packetId, ReasonCode.Success);
      return undefined;
    }
    try {
      return this.#authorize(publication, packetId);
    } catch (error) {
      this.#forget(publication, packetId);
      throw error;
    }
  }

  #assertSupported(qos: number, retain: boolean): void {
    const { maximumQoS } = this.#policy;
    const { retainAvailable } = this.#core.options;
    if (qos > maximumQoS) {
      throw new MqttError(
        `Cannot publish: QoS must be at most ${maximumQoS}, received ${qos}`,
        ReasonCode.QoSNotSupported,
      );
    }
    if (retain && !retainAvailable) {
      throw new MqttError("Cannot publish: retain must be 0 here, received 1", ReasonCode.RetainNotSupported);
    }
  }

  #topicIn(bytes: Uint8Array, start: number, end: number): Topic {
    if (this.#policy.isMounted) return this.#policy.mountedTopic(this.#core.topics, bytes, start, end);
    const last = this.#lastTopic;
    if (last !== undefined && isTopic(last, bytes, start, end)) return last;
    return this.#lastTopic = this.#core.topics.get(bytes, start, end);
  }

  #readProperties(frame: Frame, publication: Publication): void {
    const { bytes } = frame;
    const { publishView: view, propertiesView: properties, clock } = this.#core;
    properties.scan(bytes, view.propertiesStart, view.propertiesEnd);
    if (properties.hasSubscriptionIdentifiers) {
      throw new MqttError(
        "Cannot publish: subscription identifiers must not stand in a client's PUBLISH",
        ReasonCode.ProtocolError,
      );
    }
    const { topicAlias } = properties;
    const topic = topicAlias > 0
      ? this.#resolveAlias(bytes, topicAlias)
      : this.#topicIn(bytes, view.topicStart, view.topicEnd);
    publication.reset(topic, view.qos, view.retain, bytes);
    if (properties.messageExpiryAt >= 0) {
      publication.expiryAt = properties.messageExpiryAt;
      publication.expiresAt = clock.now() + properties.messageExpiryInterval * 1000;
    }
    if (topicAlias > 0) cutProperty(publication, properties.topicAliasAt);
    else this.#offerVerbatim(frame, publication);
  }

  #resolveAlias(bytes: Uint8Array, alias: number): Topic {
    const view = this.#core.publishView;
    const aliases = this.#aliases ??= new InboundTopicAliases(this.#policy.maxTopicAlias);
    if (view.topicStart === view.topicEnd) return aliases.resolve(alias);
    const topic = this.#topicIn(bytes, view.topicStart, view.topicEnd);
    aliases.set(alias, topic);
    return topic;
  }

  /** Parts that can go out as they came; whoever speaks the same version can have the whole packet so, if its flags are those of a first delivery. */
  #offerVerbatim(frame: Frame, publication: Publication): void {
    const view = this.#core.publishView;
    if (this.#policy.isMounted) return;
    publication.topicStart = view.topicStart;
    publication.topicEnd = view.topicEnd;
    if (frame.bytes[frame.start] !== (0x30 | (view.qos << 1))) return;
    publication.frameStart = frame.start;
    publication.frameIdAt = view.topicEnd;
    publication.frameV5 = this.#connection.v5;
  }

  #authorize(publication: Publication, packetId: number): Promise<void> | undefined {
    const hook = this.#policy.authorizePublish;
    // Nobody but the broker itself speaks for the broker.
    if (publication.topic.isSys && isReserved(publication.topic, this.#connection.client)) {
      return this.#refuse(publication, packetId);
    }
    if (!this.#session.access.mayPublish(publication.topic)) return this.#refuse(publication, packetId);
    if (this.#core.memory.isFull) return this.#refuseForMemory(publication, packetId);
    if (this.#isTooLong(publication)) return this.#refuseForSize(publication, packetId);
    if (hook === undefined) return this.#accept(publication, packetId);
    const { topic, qos, retain, payload } = publication;
    const allowed = hook(this.#connection.client, { topic: topic.name, qos, retain, payload });
    // What types forbid may come from JavaScript: only `true` allows.
    if (!(allowed instanceof Promise)) {
      return allowed === true ? this.#accept(publication, packetId) : this.#refuse(publication, packetId);
    }
    // Other connections go on meanwhile, so the message must own its bytes.
    return this.#decideLater(publication.keep(), packetId, allowed);
  }

  /** Until then, the message was not taken: the client may come back with it on another connection. */
  async #decideLater(publication: Publication, packetId: number, allowed: Promise<boolean>): Promise<void> {
    const { qos } = publication;
    this.#forget(publication, packetId);
    const yes = await allowed;
    if (this.#connection.isGone) return;
    if (qos > 0) this.#session.inbound.publish(packetId, qos as 1 | 2);
    try {
      if (yes === true) this.#accept(publication, packetId);
      else this.#refuse(publication, packetId);
    } catch (error) {
      this.#forget(publication, packetId);
      throw error;
    }
  }

  #accept(publication: Publication, packetId: number): undefined {
    const { qos } = publication;
    const { journal } = this.#core;
    if (qos > 0 && journal?.isFailing) return this.#refuseForStore(publication, packetId);
    const version = journal?.version;
    const outcome = this.#core.publish(publication, this.#session, this.#connection.v5 && qos > 0);
    if (qos === 0) return;
    if (outcome === "quota-exceeded") return this.#answer(publication, packetId, ReasonCode.QuotaExceeded);
    if (qos === 2) this.#session.journal?.received(packetId);
    if (journal?.version !== version) this.#connection.hold();
    const code = outcome === "delivered" ? ReasonCode.Success : ReasonCode.NoMatchingSubscribers;
    this.#answer(publication, packetId, code);
  }

  /** An acknowledgement would be a lie. Before 5.0 there is no other answer than to close [MQTT-3.3.5-2]. */
  #refuseForStore(publication: Publication, packetId: number): undefined {
    this.#core.metrics.dropped.storeFailed++;
    if (this.#connection.v5) return this.#answer(publication, packetId, ReasonCode.QuotaExceeded);
    throw new MqttError("Cannot publish: the store must be writable", ReasonCode.QuotaExceeded);
  }

  #refuseForMemory(publication: Publication, packetId: number): undefined {
    const { metrics, audit } = this.#core;
    metrics.dropped.memoryFull++;
    const { client } = this.#connection;
    audit.limit(
      "memoryLimit",
      () => `Denied PUBLISH from ${client.peer.address} (${describe(client)}): ${MEMORY_FULL}`,
    );
    if (this.#connection.v5 || publication.qos === 0) {
      return this.#answer(publication, packetId, ReasonCode.QuotaExceeded);
    }
    // Before 5.0 there is no other answer than to close.
    throw new MqttError(`Cannot publish: ${MEMORY_FULL}`, ReasonCode.QuotaExceeded);
  }

  #isTooLong({ payloadStart, payloadEnd }: Publication): boolean {
    return payloadEnd - payloadStart > this.#policy.messageSizeLimit;
  }

  #refuseForSize(publication: Publication, packetId: number): undefined {
    const { audit, metrics } = this.#core;
    metrics.dropped.tooLarge++;
    const { client } = this.#connection;
    audit.limit("messageSizeLimit", () => `Dropped too large PUBLISH from ${describe(client)}`);
    this.#answer(publication, packetId, ReasonCode.ImplementationSpecificError);
  }

  /** 5.0 tells the client; before, an acknowledgement is all that there is [MQTT-3.3.5-2]. */
  #refuse(publication: Publication, packetId: number): undefined {
    this.#core.metrics.dropped.notAuthorized++;
    this.#core.audit.publication(this.#connection.client, publication.topic.name);
    this.#answer(publication, packetId, ReasonCode.NotAuthorized);
  }

  #answer(publication: Publication, packetId: number, reasonCode: number): undefined {
    const { qos } = publication;
    if (qos === 0) return;
    const { v5 } = this.#connection;
    const refused = v5 && reasonCode >= 0x80;
    if (qos === 1 || refused) this.#session.inbound.acknowledged(packetId, qos);
    this.#connection.acknowledge(qos, packetId, v5 ? reasonCode : ReasonCode.Success);
  }

  /** The client will send it again, and then it must not look like a duplicate. */
  #forget({ qos }: Publication, packetId: number): void {
    if (qos > 0) this.#session.inbound.acknowledged(packetId, qos as 1 | 2);
  }

  #log(publication: Publication, dup: boolean, packetId: number): void {
    const { qos, retain, topic, payload } = publication;
    const flags = `d${dup ? 1 : 0}, q${qos}, r${retain ? 1 : 0}, m${packetId}`;
    const line =
      `Received PUBLISH from ${this.#connection.client.clientId} (${flags}, '${topic.name}', ... (${payload.length} bytes))`;
    this.#core.log.write("debug", line);
  }
}

/** Takes the 3 bytes of the topic alias out of the properties: an alias holds for one connection only. */
function cutProperty(publication: Publication, at: number): void {
  const { bytes, propertiesStart: start, propertiesEnd: end } = publication;
  if (at === start) publication.propertiesStart += 3;
  else if (at + 3 === end) publication.propertiesEnd -= 3;
  else {
    // It stands in the middle: the message gets bytes of its own.
    const own = new Uint8Array(publication.payloadEnd - start - 3);
    own.set(bytes.subarray(start, at));
    own.set(bytes.subarray(at + 3, publication.payloadEnd), at - start);
    publication.bytes = own;
    publication.isOwned = true;
    publication.propertiesStart = 0;
    publication.propertiesEnd = end - start - 3;
    publication.payloadStart = publication.propertiesEnd;
    publication.payloadEnd = own.length;
    if (publication.expiryAt >= 0) publication.expiryAt -= publication.expiryAt > at ? start + 3 : start;
  }
}
