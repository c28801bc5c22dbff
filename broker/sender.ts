/**
 * Packets on their way to one client: encoded within what the client takes, counted, logged.
 *
 * @module
 */

import { encodePacketWithin } from "../codec/encode.ts";
import type { Packet, ProtocolVersion, QoS } from "../codec/packets.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import { TextMap } from "../engine/text_map.ts";
import { OutboundTopicAliases } from "../engine/topic_aliases.ts";
import { sentDetails } from "./connection_log.ts";
import type { BrokerCore } from "./core.ts";
import { LARGEST, type Output } from "./output.ts";
import type { Publication, PublishForm } from "./publication.ts";
import type { SessionLink } from "./session_link.ts";

/** Above this many bytes waiting to be written, queued messages stay in their queue. */
const CONGESTED = 262_144;
/** A client with this many bytes waiting gets no more QoS 0 messages as long as there is no memory. */
const SLOW = 65_536;

/** What a client has said about what it takes. */
export interface ReceiverLimits {
  readonly clientId: string;
  readonly version: ProtocolVersion;
  /** Bytes of the largest packet, `Infinity` for any. */
  readonly maximumPacketSize: number;
  /** 0 for none. */
  readonly topicAliasMaximum: number;
  /** Stands before all topics, unseen by the client; undefined for nothing. */
  readonly mountPoint?: string;
  /** The same in bytes. */
  readonly mountLength?: number;
  /** Whether it is a bridge of before MQTT 5.0. */
  readonly isBridge?: boolean;
}

/** The sending side of a connection. */
export class Sender implements SessionLink {
  readonly #core: BrokerCore;
  readonly #output: Output;
  readonly #form: PublishForm;
  #v5 = false;
  #limits: ReceiverLimits = { clientId: "", version: 4, maximumPacketSize: Infinity, topicAliasMaximum: 0 };
  #mountLength = 0;
  #aliases: OutboundTopicAliases | undefined;

  constructor(core: BrokerCore, output: Output) {
    this.#core = core;
    this.#form = core.publishForm;
    this.#output = output;
  }

  /** Sets what CONNECT has said; before it, packets go out in the form of 3.1.1. */
  configure(limits: ReceiverLimits): void {
    this.#limits = limits;
    this.#v5 = limits.version === 5;
    this.#mountLength = limits.mountLength ?? 0;
    if (limits.topicAliasMaximum > 0) this.#aliases = new OutboundTopicAliases(limits.topicAliasMaximum, new TextMap());
  }

  /** Whether the client speaks MQTT 5.0. */
  get v5(): boolean {
    return this.#v5;
  }

  get keepsRetain(): boolean {
    return this.#v5 || this.#limits.isBridge === true;
  }

  get congested(): boolean {
    return this.#output.pending > CONGESTED;
  }

  get isFilling(): boolean {
    return 2 * this.#output.pending > this.#core.options.maxOutputBytes;
  }

  /**
   * Sends a packet that is no PUBLISH, without its explanations if the client does not take it with them. False: it is
   * larger than the client takes, and was not sent.
   */
  send(packet: Packet): boolean {
    const { version, maximumPacketSize, clientId } = this.#limits;
    const bytes = encodePacketWithin(packet, version, maximumPacketSize);
    const { log, metrics } = this.#core;
    if (bytes === undefined) {
      log.write(
        "warning",
        `Cannot send ${packet.type.toUpperCase()} to ${clientId}: it is larger than the client takes`,
      );
      return false;
    }
    metrics.packetsSent++;
    if (log.debug) {
      // One that is refused has no name yet.
      const name = clientId === "" ? "<unknown>" : clientId;
      log.write("debug", `Sending ${packet.type.toUpperCase()} to ${name}${sentDetails(packet)}`);
    }
    this.#output.append(bytes, 0, bytes.length);
    return true;
  }

  /** Sends PUBACK (`firstByte` 0x40), PUBREC (0x50), PUBREL (0x62) or PUBCOMP (0x70). */
  sendResponse(firstByte: number, packetId: number, reasonCode: number): void {
    const withCode = reasonCode !== ReasonCode.Success && this.#v5;
    const at = this.#output.reserve(withCode ? 5 : 4);
    const { buffer } = this.#output;
    buffer[at] = firstByte;
    buffer[at + 1] = withCode ? 3 : 2;
    buffer[at + 2] = packetId >>> 8;
    buffer[at + 3] = packetId & 0xff;
    if (withCode) buffer[at + 4] = reasonCode;
    this.#core.metrics.packetsSent++;
    if (this.#core.log.debug) this.#logResponse(firstByte, packetId, reasonCode);
  }

  hold(): void {
    this.#core.journal?.hold(this.#output);
  }

  sendPubrel(packetId: number): void {
    this.sendResponse(0x62, packetId, ReasonCode.Success);
  }

  accepts(publication: Publication, qos: QoS, subscriptionIds: readonly number[] | undefined): boolean {
    const { maximumPacketSize, mountPoint } = this.#limits;
    // A subscription that the session has from a listener with another mount point.
    if (mountPoint !== undefined && !publication.topic.name.startsWith(mountPoint)) return false;
    if (maximumPacketSize === Infinity) return true;
    return this.#shape(publication, qos, false, false, 0, subscriptionIds) <= maximumPacketSize;
  }

  sendQoS0(publication: Publication, retain: boolean, subscriptionIds: readonly number[] | undefined): boolean {
    const { metrics, options, memory } = this.#core;
    const { pending } = this.#output;
    if (pending >= options.maxOutputBytes) {
      metrics.dropped.outputFull++;
      return false;
    }
    if (pending >= SLOW && memory.isFull) {
      metrics.dropped.memoryFull++;
      return false;
    }
    if (!this.accepts(publication, 0, subscriptionIds)) {
      metrics.dropped.tooLarge++;
      return true;
    }
    this.#publish(publication, 0, retain, false, 0, subscriptionIds);
    return true;
  }

  sendDelivery(
    publication: Publication,
    qos: 1 | 2,
    retain: boolean,
    dup: boolean,
    packetId: number,
    subscriptionIds: readonly number[] | undefined,
  ): void {
    this.#publish(publication, qos, retain, dup, packetId, subscriptionIds);
  }

  #publish(
    publication: Publication,
    qos: QoS,
    retain: boolean,
    dup: boolean,
    packetId: number,
    subscriptionIds: readonly number[] | undefined,
  ): void {
    const { router, metrics, log } = this.#core;
    metrics.packetsSent++;
    metrics.publishSent++;
    metrics.publishBytesSent += publication.payloadEnd - publication.payloadStart;
    if (qos > 0) metrics.acknowledgedSent.add(qos, publication.payloadEnd - publication.payloadStart);
    if (log.debug) this.#logPublish(publication, qos, retain, dup, packetId);
    const own = dup || subscriptionIds !== undefined || this.#aliases !== undefined || this.#mountLength > 0;
    if (own) return this.#encode(publication, qos, retain, dup, packetId, subscriptionIds);
    const v5 = this.#v5;
    if (router.variants.has(publication)) {
      const { bytes, idAt } = router.variants.of(publication, v5, qos, retain);
      if (qos === 0 && bytes.length > LARGEST && publication.isOwned && bytes.buffer === publication.bytes.buffer) {
        return this.#output.appendShared(bytes);
      }
      return this.#copy(bytes, 0, bytes.length, idAt, qos, packetId);
    }
    if (publication.isVerbatim(v5, qos, retain) && publication.expiryAt < 0) {
      const { bytes, frameStart, payloadEnd, frameIdAt } = publication;
      return this.#copy(bytes, frameStart, payloadEnd, frameIdAt, qos, packetId);
    }
    this.#encode(publication, qos, retain, dup, packetId, subscriptionIds);
  }

  /** Sends a packet that is encoded already, with its packet identifier. */
  #copy(bytes: Uint8Array, start: number, end: number, idAt: number, qos: QoS, packetId: number): void {
    const at = this.#output.append(bytes, start, end) + idAt - start;
    if (qos === 0) return;
    const { buffer } = this.#output;
    buffer[at] = packetId >>> 8;
    buffer[at + 1] = packetId & 0xff;
  }

  /** Encodes for this client alone. */
  #encode(
    publication: Publication,
    qos: QoS,
    retain: boolean,
    dup: boolean,
    packetId: number,
    subscriptionIds: readonly number[] | undefined,
  ): void {
    const assignment = this.#aliases?.assign(publication.topic.name);
    let length = this.#shape(publication, qos, retain, dup, packetId, subscriptionIds);
    const form = this.#form;
    if (assignment !== undefined) {
      form.topicAlias = assignment.alias;
      form.omitTopic = !assignment.isNew;
      const aliased = publication.encodedLength(form);
      if (aliased > this.#limits.maximumPacketSize) {
        // The alias of a first use adds bytes; the packet fits without it.
        form.topicAlias = 0;
        form.omitTopic = false;
      } else {
        length = aliased;
        this.#aliases?.commit(assignment);
      }
    }
    const at = this.#output.reserve(length);
    const now = publication.expiryAt < 0 ? undefined : this.#core.clock.now();
    publication.write(this.#output.buffer, at, form, now);
  }

  /** Sets the form without an alias; returns the packet's length. */
  #shape(
    publication: Publication,
    qos: QoS,
    retain: boolean,
    dup: boolean,
    packetId: number,
    subscriptionIds: readonly number[] | undefined,
  ): number {
    const form = this.#form;
    form.v5 = this.#v5;
    form.qos = qos;
    form.retain = retain;
    form.dup = dup;
    form.packetId = packetId;
    form.subscriptionIds = subscriptionIds;
    form.topicAlias = 0;
    form.omitTopic = false;
    form.mountLength = this.#mountLength;
    return publication.encodedLength(form);
  }

  #logResponse(firstByte: number, packetId: number, reasonCode: number): void {
    const name = ["PUBACK", "PUBREC", "PUBREL", "PUBCOMP"][(firstByte >> 4) - 4] ?? "";
    const code = firstByte < 0x60 ? `, rc${reasonCode}` : "";
    this.#core.log.write("debug", `Sending ${name} to ${this.#limits.clientId} (m${packetId}${code})`);
  }

  #logPublish(publication: Publication, qos: QoS, retain: boolean, dup: boolean, packetId: number): void {
    const flags = `d${dup ? 1 : 0}, q${qos}, r${retain ? 1 : 0}, m${packetId}`;
    const { topic, payload } = publication;
    const line =
      `Sending PUBLISH to ${this.#limits.clientId} (${flags}, '${topic.name}', ... (${payload.length} bytes))`;
    this.#core.log.write("debug", line);
  }
}
