/**
 * Publications in, on one connection.
 *
 * @module
 */

import { MqttError } from "../codec/errors.ts";
import type { Frame } from "../codec/framer.ts";
import type { ProtocolVersion } from "../codec/packets.ts";
import { readProperties } from "../codec/properties.ts";
import { PublishPropertiesView, PublishView } from "../codec/publish_view.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import { InboundTopicAliases } from "../engine/topic_aliases.ts";
import { PUBACK, PUBCOMP, PUBREC, writeAcknowledgement } from "./acknowledgement_writer.ts";
import type { Filters } from "./filters.ts";
import type { Inbox } from "./inbox.ts";
import { createMessage, type Message } from "./message.ts";
import type { Output } from "./output.ts";
import type { Receipts } from "./receipts.ts";
import { SlabAllocator } from "./slab.ts";
import type { InboundTopic, TopicTable } from "./topic_table.ts";

const SUBSCRIPTION_IDENTIFIER = 0x0b;

/** What a receiver works with. */
export interface ReceiverContext {
  readonly version: ProtocolVersion;
  readonly output: Output;
  readonly receipts: Receipts;
  readonly filters: Filters;
  readonly topics: TopicTable;
  /** Our own limits. */
  readonly receiveMaximum: number;
  readonly topicAliasMaximum: number;
  readonly sessionPresent: boolean;
  /** Sees every message that is new, before the subscriptions do. */
  readonly onMessage: (message: Message) => void;
}

/** The receiver's side of QoS 0, 1 and 2. Topic aliases and the receive maximum are those of one connection. */
export class Receiver {
  readonly #version: ProtocolVersion;
  readonly #output: Output;
  readonly #receipts: Receipts;
  readonly #filters: Filters;
  readonly #topics: TopicTable;
  readonly #onMessage: (message: Message) => void;
  readonly #aliases: InboundTopicAliases<InboundTopic>;
  readonly #slabs = new SlabAllocator();
  readonly #view = new PublishView();
  readonly #properties = new PublishPropertiesView();

  constructor(context: ReceiverContext) {
    this.#version = context.version;
    this.#output = context.output;
    this.#receipts = context.receipts;
    this.#filters = context.filters;
    this.#topics = context.topics;
    this.#onMessage = context.onMessage;
    this.#aliases = new InboundTopicAliases(context.topicAliasMaximum);
    this.#receipts.resume(context.sessionPresent, context.receiveMaximum, (packetId, qos, reasonCode) => {
      writeAcknowledgement(this.#output, qos === 1 ? PUBACK : PUBREC, packetId, reasonCode);
    });
  }

  /** PUBLISH came. Throws `MqttError` when it breaks the protocol. */
  publish(frame: Frame): void {
    const view = this.#view;
    view.read(frame, this.#version);
    const { bytes } = frame;
    let identifier = 0;
    let identifiers: readonly number[] | undefined;
    let topic: InboundTopic;
    if (view.propertiesEnd === view.propertiesStart) {
      topic = this.#topicOf(bytes, 0);
    } else if (this.#hasOneIdentifierOnly(bytes)) {
      topic = this.#topicOf(bytes, 0);
      identifier = bytes[view.propertiesStart + 1] ?? 0;
    } else {
      this.#properties.scan(bytes, view.propertiesStart, view.propertiesEnd);
      topic = this.#topicOf(bytes, this.#properties.topicAlias);
      if (this.#properties.hasSubscriptionIdentifiers) identifiers = this.#identifiersOf(bytes);
    }
    const { packetId } = view;
    const qos = view.qos;
    const receipt = qos === 0 ? undefined : this.#receipts.accept(packetId, qos, view.dup);
    if (qos > 0 && receipt === undefined) return;

    const slabs = this.#slabs;
    const start = slabs.copy(bytes, view.propertiesStart, view.end);
    const payloadStart = start + view.payloadStart - view.propertiesStart;
    const end = start + view.end - view.propertiesStart;
    const message = createMessage(
      topic.name,
      qos,
      view.retain,
      view.dup,
      slabs.target,
      start,
      payloadStart,
      end,
      receipt,
    );
    const inboxes = identifiers === undefined
      ? this.#filters.route(topic, identifier)
      : this.#filters.routeOf(topic.name, identifiers);
    this.#handOut(message, inboxes);
    // The acknowledgement is due now, unless an inbox holds the message; also when nobody wants it [MQTT-4.5.0-2].
    receipt?.release();
  }

  /** PUBREL came. */
  pubrel(packetId: number): void {
    const isKnown = this.#receipts.release(packetId);
    if (this.#receipts.relay?.onRelease(packetId)) return;
    const code = isKnown || this.#version < 5 ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
    writeAcknowledgement(this.#output, PUBCOMP, packetId, code);
  }

  #handOut(message: Message, inboxes: readonly Inbox[]): void {
    this.#onMessage(message);
    for (const inbox of inboxes) inbox.deliver(message);
  }

  /** The usual case where the server sends subscription identifiers: one byte for it, and no other property. */
  #hasOneIdentifierOnly(bytes: Uint8Array): boolean {
    const { propertiesStart, propertiesEnd } = this.#view;
    if (propertiesEnd - propertiesStart !== 2 || bytes[propertiesStart] !== SUBSCRIPTION_IDENTIFIER) return false;
    const identifier = bytes[propertiesStart + 1] ?? 0;
    return identifier > 0 && identifier < 0x80;
  }

  #identifiersOf(bytes: Uint8Array): readonly number[] | undefined {
    const { propertiesStart, propertiesEnd } = this.#view;
    return readProperties(bytes, propertiesStart, propertiesEnd, "publish").subscriptionIdentifiers;
  }

  #topicOf(bytes: Uint8Array, alias: number): InboundTopic {
    const { topicStart, topicEnd } = this.#view;
    if (topicStart === topicEnd) {
      if (alias !== 0) return this.#aliases.resolve(alias);
      throw new MqttError(
        "Cannot read PUBLISH: it must have a topic name or a topic alias, received neither",
        ReasonCode.ProtocolError,
      );
    }
    const topic = this.#topics.get(bytes, topicStart, topicEnd);
    if (alias !== 0) this.#aliases.set(alias, topic);
    return topic;
  }
}
