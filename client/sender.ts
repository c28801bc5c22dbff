/**
 * Publications out, on one connection.
 *
 * @module
 */

import type { PubcompPacket, PubrecPacket } from "../codec/packets.ts";
import type { ReasonProperties } from "../codec/properties.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import type { Clock } from "../engine/clock.ts";
import { OutboundTopicAliases } from "../engine/topic_aliases.ts";
import { PUBREL, writeAcknowledgement } from "./acknowledgement_writer.ts";
import { BorrowedPayload, type OutboundPayload } from "./outbound_payload.ts";
import type { Outbox } from "./outbox.ts";
import type { Output } from "./output.ts";
import { NOT_SENT, type Publication, type PublishResult, publishResult, SUCCESS } from "./publication.ts";
import { NO_BYTES, type OutboundTopics, PublishHeader, PublishWriter } from "./publish_writer.ts";
import { isUnlimited, publishObstacle, type ServerLimits } from "./server_limits.ts";

/**
 * Before MQTT 5.0 a server cannot say how many it takes. Those that have a limit mostly have this one, among them
 * Mosquitto, which ends the connection beyond it. Exchanges of QoS 1 do not count there, since they end at once; but one
 * that comes while so many of QoS 2 are open is acknowledged by Mosquitto, and dropped.
 */
const MAXIMUM_QOS2_BEFORE_5 = 20;

const SENT: Promise<PublishResult> = Promise.resolve(SUCCESS);

/** What a sender works with. */
export interface SenderContext {
  readonly outbox: Outbox;
  readonly output: Output;
  readonly topics: OutboundTopics;
  readonly limits: ServerLimits;
  readonly isVersion5: boolean;
  readonly clock: Clock;
}

/** The sender's side of QoS 0, 1 and 2. Topic aliases and quota are those of one connection. */
export class Sender {
  readonly #outbox: Outbox;
  readonly #output: Output;
  readonly #topics: OutboundTopics;
  readonly #limits: ServerLimits;
  readonly #isUnlimited: boolean;
  readonly #isVersion5: boolean;
  readonly #clock: Clock;
  readonly #writer: PublishWriter;
  readonly #aliases: OutboundTopicAliases | undefined;
  readonly #maximumQoS2: number;
  /** Exchanges of QoS 2 that are open. */
  #openQoS2 = 0;
  readonly #header = new PublishHeader();
  readonly #borrowed = new BorrowedPayload();
  #drained: Promise<PublishResult> | undefined;

  /** Takes up the open exchanges of the session; {@linkcode drain} sends them. */
  constructor(context: SenderContext) {
    const { outbox, output, limits, isVersion5 } = context;
    this.#outbox = outbox;
    this.#output = output;
    this.#topics = context.topics;
    this.#limits = limits;
    this.#isUnlimited = isUnlimited(limits);
    this.#isVersion5 = isVersion5;
    this.#clock = context.clock;
    this.#writer = new PublishWriter(output, isVersion5);
    this.#aliases = limits.topicAliasMaximum > 0 ? new OutboundTopicAliases(limits.topicAliasMaximum) : undefined;
    outbox.flow.resume(Math.min(limits.receiveMaximum, outbox.maximumInFlight));
    this.#maximumQoS2 = isVersion5 ? Infinity : MAXIMUM_QOS2_BEFORE_5;
    for (const { qos } of outbox.flow) if (qos === 2) this.#openQoS2++;
  }

  /** Whether a message of QoS 0 can be written now, with none before it that waits. */
  get takesQoS0(): boolean {
    return !this.#output.isBackedUp && this.#outbox.waitingQoS0.first === undefined;
  }

  /**
   * Writes a message of QoS 0; the promise settles when there is room for another one. Throws `MqttError` for what this
   * server does not take.
   */
  publishQoS0(
    topic: string,
    payload: string | Uint8Array,
    retain: boolean,
    properties: Uint8Array,
    messageExpiryInterval: number,
  ): Promise<PublishResult> {
    const header = this.#header;
    header.qos = 0;
    header.retain = retain;
    header.dup = false;
    header.messageExpiryInterval = messageExpiryInterval;
    header.properties = properties;
    this.#borrowed.set(payload);
    this.#write(topic, this.#borrowed);
    return this.#output.isBackedUp ? this.#whenDrained() : SENT;
  }

  /** Sends what the connection takes now: what is to be sent again first, then what waits. */
  drain(): void {
    const { flow, waiting, waitingQoS0 } = this.#outbox;
    this.#resend();
    for (let first = waitingQoS0.first; first !== undefined; first = waitingQoS0.first) {
      if (this.#output.isBackedUp) return;
      waitingQoS0.remove(first);
      if (this.#sendNew(first)) first.settle(SUCCESS);
    }
    if (waiting.first === undefined || flow.quota === 0 || flow.resending) return;
    for (let first = waiting.first; first !== undefined; first = waiting.first) {
      if (this.#output.isBackedUp || flow.quota === 0 || this.#openQoS2 >= this.#maximumQoS2) return;
      // A request or a message of this client's own has the identifier for a moment: its answer leads back to here.
      if (first.exchange !== undefined && !flow.isFree(first.exchange.packetId)) return;
      waiting.remove(first);
      this.#sendNew(first);
    }
  }

  /** PUBACK came; the properties are undefined when there are none. */
  puback(packetId: number, reasonCode: number, properties?: ReasonProperties): void {
    this.#outbox.flow.puback(packetId)?.settle(publishResult(reasonCode, properties));
  }

  /** PUBREC came. */
  pubrec({ packetId, reasonCode, properties }: PubrecPacket): void {
    const { flow } = this.#outbox;
    const message = flow.get(packetId);
    const onReceived = message?.exchange?.onReceived;
    if (onReceived !== undefined && reasonCode < 0x80) return onReceived();
    const outcome = flow.pubrec(packetId, reasonCode);
    if (outcome === "ended") {
      this.#openQoS2--;
      return message?.settle(publishResult(reasonCode, properties));
    }
    this.#writePubrel(packetId, outcome === "release" ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound);
  }

  /** Sends PUBREL or PUBCOMP, for relay.ts. `added`: exchanges of QoS 2 that have come to the flow with that. */
  answer(firstByte: number, packetId: number, added: number): void {
    this.#openQoS2 += added;
    writeAcknowledgement(this.#output, firstByte, packetId, 0);
  }

  /**
   * PUBCOMP came: the server owns the message since its PUBREC. The one other code, packet identifier not found, says
   * that an earlier PUBCOMP was lost on its way.
   */
  pubcomp({ packetId, properties }: PubcompPacket): void {
    const message = this.#outbox.flow.pubcomp(packetId);
    if (message === undefined) return;
    this.#openQoS2--;
    message.settle(publishResult(ReasonCode.Success, properties));
  }

  #whenDrained(): Promise<PublishResult> {
    this.#drained ??= this.#output.drained.then((isOpen) => {
      this.#drained = undefined;
      return isOpen ? SUCCESS : NOT_SENT;
    });
    return this.#drained;
  }

  #resend(): void {
    const { flow } = this.#outbox;
    for (let exchange = flow.nextResend(); exchange !== undefined; exchange = flow.nextResend()) {
      const { packetId, qos, phase, message } = exchange;
      if (phase === "pubrel") this.#writePubrel(packetId, ReasonCode.Success);
      else this.#sendAgain(message, packetId, qos);
    }
  }

  /** A repetition carries the full topic name, DUP and its old identifier. */
  #sendAgain(publication: Publication, packetId: number, qos: 1 | 2): void {
    const header = this.#headerOf(publication);
    header.dup = true;
    header.packetId = packetId;
    header.topicAlias = 0;
    // What was sent once does not expire here any more [MQTT-4.3.3-7].
    if (header.messageExpiryInterval === 0) header.messageExpiryInterval = 1;
    const topic = this.#topics.get(publication.topic);
    const { payload } = publication;
    const remaining = this.#writer.remainingLength(header, topic, payload.length);
    const obstacle = publishObstacle(this.#limits, qos, publication.retain, remaining);
    if (obstacle === undefined) return this.#writer.write(header, topic, payload, remaining);
    // This server takes less than the one that it was sent to first: the exchange cannot go on.
    publication.fail(obstacle);
    const { flow } = this.#outbox;
    if (qos === 1) return void flow.puback(packetId);
    // The server may hold the identifier, and would take another message with it for this one.
    flow.pubrec(packetId, ReasonCode.Success);
    this.#writePubrel(packetId, ReasonCode.Success);
  }

  /** Sends for the first time; false if it is settled instead. */
  #sendNew(publication: Publication): boolean {
    const header = this.#headerOf(publication);
    if (header.messageExpiryInterval === 0) {
      publication.settle(NOT_SENT);
      return false;
    }
    try {
      this.#write(publication.topic, publication.payload, publication);
      return true;
    } catch (error) {
      publication.fail(error);
      return false;
    }
  }

  /** Writes a PUBLISH by the header, for the first time. `publication`: undefined for QoS 0 that nobody keeps. */
  #write(topic: string, payload: OutboundPayload, publication?: Publication): void {
    const header = this.#header;
    const assignment = this.#aliases?.assign(topic);
    header.topicAlias = assignment === undefined ? 0 : assignment.alias;
    const topicBytes = assignment === undefined || assignment.isNew ? this.#topics.get(topic) : NO_BYTES;
    const remaining = this.#writer.remainingLength(header, topicBytes, payload.length);
    if (!this.#isUnlimited) {
      const obstacle = publishObstacle(this.#limits, header.qos, header.retain, remaining);
      if (obstacle !== undefined) throw obstacle;
    }
    if (header.qos > 0 && publication !== undefined) {
      const { exchange } = publication;
      header.packetId = this.#outbox.flow.begin(publication, header.qos === 1 ? 1 : 2, exchange?.packetId);
      if (exchange !== undefined) header.dup = exchange.isRepeated;
      if (header.qos === 2) this.#openQoS2++;
    }
    if (assignment !== undefined && assignment.isNew) this.#aliases?.commit(assignment);
    this.#writer.write(header, topicBytes, payload, remaining);
  }

  #headerOf(publication: Publication): PublishHeader {
    const header = this.#header;
    const { expiresAt } = publication;
    header.qos = publication.qos;
    header.retain = publication.retain;
    header.dup = false;
    header.properties = publication.properties;
    header.messageExpiryInterval = expiresAt === Infinity ? -1 : this.#secondsUntil(expiresAt);
    return header;
  }

  #secondsUntil(time: number): number {
    return Math.max(0, Math.ceil((time - this.#clock.now()) / 1_000));
  }

  #writePubrel(packetId: number, reasonCode: number): void {
    writeAcknowledgement(this.#output, PUBREL, packetId, this.#isVersion5 ? reasonCode : 0);
  }
}
