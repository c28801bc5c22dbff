/**
 * An application message inside the broker.
 *
 * It points at bytes instead of holding decoded values: a message is forwarded far more often than it is looked at.
 * The same class serves for a message that still lies in the chunk it came in (borrowed) and for one that is kept.
 *
 * @module
 */

import { variableByteIntegerLength, writeVariableByteInteger } from "../codec/bytes.ts";
import type { QoS } from "../codec/packets.ts";
import { encodePacket } from "../codec/encode.ts";
import { frameOf } from "../codec/framer.ts";
import type { PublishProperties } from "../codec/properties.ts";
import { PublishPropertiesView, PublishView } from "../codec/publish_view.ts";
import { copyBytes } from "./output.ts";
import { MAX_SLAB_ENTRY, type Slab } from "./slab.ts";
import type { MessagePlace } from "./pending.ts";
import type { SessionAccess } from "./session_access.ts";
import { NamedTopic, type Topic } from "./topic_cache.ts";

const NO_BYTES = new Uint8Array(0);
const NOWHERE: Topic = new NamedTopic("");

/** What a PUBLISH to one receiver looks like. Mutable, so that one object serves for all messages. */
export class PublishForm {
  /** Whether the receiver speaks MQTT 5.0. */
  v5 = false;
  qos: QoS = 0;
  retain = false;
  dup = false;
  /** Ignored with QoS 0. */
  packetId = 0;
  /** 0 for none. */
  topicAlias = 0;
  /** Whether the topic name is left out, because the receiver knows the alias. */
  omitTopic = false;
  subscriptionIds: readonly number[] | undefined = undefined;
  /** Bytes at the beginning of the topic that the receiver does not see. */
  mountLength = 0;
}

/** A message: its topic and its bytes. */
export class Publication {
  topic: Topic = NOWHERE;
  qos: QoS = 0;
  retain = false;
  /** Holds properties and payload. Borrowed from a chunk until {@linkcode keep}. */
  bytes: Uint8Array = NO_BYTES;
  /** Where the topic name stands in `bytes`; -1 if it is not there. */
  topicStart = -1;
  topicEnd = -1;
  /** The properties of MQTT 5.0 as they are sent on: without their length and without a topic alias. */
  propertiesStart = 0;
  propertiesEnd = 0;
  payloadStart = 0;
  payloadEnd = 0;
  /** Where the identifier byte of the message expiry interval stands in `bytes`; -1 for none. */
  expiryAt = -1;
  /** Clock time in milliseconds at which the message expires; `Infinity` for never. */
  expiresAt = Infinity;
  /** The packet that it came in, for receivers that can have the very same bytes; `frameStart` is -1 if none can. */
  frameStart = -1;
  frameIdAt = 0;
  frameV5 = false;
  /** What its publisher may do, and speaks for; undefined when nobody knows, or it was the broker. */
  source: SessionAccess | undefined;
  /** Whether `bytes` belongs to this message alone and is never written again. */
  isOwned = false;
  /** Whether the bytes lie in a slab beside others, which should not stay there for long. */
  isBrief = false;
  /** Where it stands in the store, for the commit that it waits for. */
  place: MessagePlace | undefined;
  #kept: Publication | undefined;
  #briefly: Publication | undefined;

  /** Forgets the message before, so that the fields can be filled with the next one. */
  reset(topic: Topic, qos: QoS, retain: boolean, bytes: Uint8Array): void {
    this.topic = topic;
    this.qos = qos;
    this.retain = retain;
    this.bytes = bytes;
    this.isOwned = false;
    this.topicStart = -1;
    this.expiryAt = -1;
    this.expiresAt = Infinity;
    this.frameStart = -1;
    this.#kept = undefined;
    this.#briefly = undefined;
  }

  /** Bytes that this message holds in memory once it is kept. */
  get size(): number {
    return this.propertiesEnd - this.propertiesStart + this.payloadEnd - this.payloadStart;
  }

  /** The payload; a view, so copy what is to outlive this message. */
  get payload(): Uint8Array {
    return this.bytes.subarray(this.payloadStart, this.payloadEnd);
  }

  /** A copy that owns its bytes; the same one for all who ask while this is the message. */
  keep(): Publication {
    if (this.#kept !== undefined) return this.#kept;
    if (this.isOwned) return this.#kept = this.#sharing(this.bytes, 0);
    const properties = this.propertiesEnd - this.propertiesStart;
    const bytes = new Uint8Array(this.size);
    if (properties > 0) bytes.set(this.bytes.subarray(this.propertiesStart, this.propertiesEnd));
    bytes.set(this.payload, properties);
    const kept = new Publication();
    kept.reset(this.topic.kept, this.qos, this.retain, bytes);
    kept.isOwned = true;
    kept.propertiesEnd = properties;
    kept.payloadStart = properties;
    kept.payloadEnd = bytes.length;
    if (this.expiryAt >= 0) kept.expiryAt = this.expiryAt - this.propertiesStart;
    kept.expiresAt = this.expiresAt;
    kept.source = this.source;
    kept.#kept = kept;
    this.#kept = kept;
    return kept;
  }

  /** Like {@linkcode keep}, for a receiver of its own: a message that expires at `time` at the latest. */
  expiringAt(time: number): Publication {
    const kept = this.keep();
    if (kept.expiresAt <= time) return kept;
    const copy = kept.#sharing(kept.bytes, 0);
    copy.#kept = copy;
    copy.expiresAt = time;
    return copy;
  }

  /** Like {@linkcode keep}, for a message that waits only until its receiver has room. */
  keepBriefly(slab: Slab): Publication {
    if (this.#kept !== undefined) return this.#kept;
    if (this.#briefly !== undefined) return this.#briefly;
    const fits = this.frameStart >= 0 && this.payloadEnd - this.frameStart <= MAX_SLAB_ENTRY;
    return fits ? this.#briefly = this.#copyTo(slab) : this.keep();
  }

  /** Copies the whole packet that it came in, so that it can go out as it is. */
  #copyTo(slab: Slab): Publication {
    const moved = slab.add(this.bytes, this.frameStart, this.payloadEnd) - this.frameStart;
    const copy = this.#sharing(slab.bytes, moved);
    copy.isOwned = false;
    copy.isBrief = true;
    return copy;
  }

  /** The same message with all parts `moved` bytes further on in `bytes`. */
  #sharing(bytes: Uint8Array, moved: number): Publication {
    const copy = new Publication();
    copy.topic = this.topic;
    copy.qos = this.qos;
    copy.retain = this.retain;
    copy.bytes = bytes;
    copy.isOwned = true;
    copy.propertiesStart = this.propertiesStart + moved;
    copy.propertiesEnd = this.propertiesEnd + moved;
    copy.payloadStart = this.payloadStart + moved;
    copy.payloadEnd = this.payloadEnd + moved;
    copy.expiryAt = this.expiryAt < 0 ? -1 : this.expiryAt + moved;
    copy.expiresAt = this.expiresAt;
    copy.source = this.source;
    copy.frameStart = this.frameStart < 0 ? -1 : this.frameStart + moved;
    copy.frameIdAt = this.frameIdAt + moved;
    copy.frameV5 = this.frameV5;
    return copy;
  }

  /** Whether the packet that it came in is what such a receiver gets, but for the packet identifier. */
  isVerbatim(v5: boolean, qos: QoS, retain: boolean): boolean {
    return this.frameStart >= 0 && this.frameV5 === v5 && this.qos === qos && !retain;
  }

  /** Bytes of the whole packet in this form. */
  encodedLength(form: PublishForm): number {
    const remaining = this.#remainingLength(form);
    return 1 + variableByteIntegerLength(remaining) + remaining;
  }

  /**
   * Writes the packet into `target` at `at`; there must be room for {@linkcode encodedLength} bytes.
   * `now` is the clock's time, undefined for a message that did not wait. Returns where the packet identifier stands.
   */
  write(target: Uint8Array, at: number, form: PublishForm, now: number | undefined): number {
    target[at] = 0x30 | (form.dup ? 8 : 0) | (form.qos << 1) | (form.retain ? 1 : 0);
    at = writeVariableByteInteger(target, at + 1, this.#remainingLength(form));
    const length = form.omitTopic ? 0 : this.topicLength - form.mountLength;
    target[at++] = length >>> 8;
    target[at++] = length & 0xff;
    if (length > 0) this.writeTopic(target, at, form.mountLength);
    at += length;
    const idAt = at;
    if (form.qos > 0) {
      target[at++] = form.packetId >>> 8;
      target[at++] = form.packetId & 0xff;
    }
    if (form.v5) at = this.#writeProperties(target, at, form, now);
    copyBytes(target, at, this.bytes, this.payloadStart, this.payloadEnd);
    return idAt;
  }

  /** Bytes of the topic name. */
  get topicLength(): number {
    return this.topicStart < 0 ? this.topic.bytes.length : this.topicEnd - this.topicStart;
  }

  /** Writes the topic name, its first `from` bytes left out. */
  writeTopic(target: Uint8Array, at: number, from: number): void {
    if (this.topicStart < 0) copyBytes(target, at, this.topic.bytes, from, this.topic.bytes.length);
    else copyBytes(target, at, this.bytes, this.topicStart + from, this.topicEnd);
  }

  #remainingLength(form: PublishForm): number {
    const topic = form.omitTopic ? 0 : this.topicLength - form.mountLength;
    const properties = form.v5 ? this.#propertiesLength(form) : 0;
    const payload = this.payloadEnd - this.payloadStart;
    return 2 + topic + (form.qos > 0 ? 2 : 0) + properties + payload;
  }

  #propertiesLength(form: PublishForm): number {
    const content = this.#propertiesContentLength(form);
    return variableByteIntegerLength(content) + content;
  }

  #propertiesContentLength(form: PublishForm): number {
    let length = this.propertiesEnd - this.propertiesStart;
    if (form.topicAlias > 0) length += 3;
    if (form.subscriptionIds === undefined) return length;
    for (const id of form.subscriptionIds) length += 1 + variableByteIntegerLength(id);
    return length;
  }

  #writeProperties(target: Uint8Array, at: number, form: PublishForm, now: number | undefined): number {
    at = writeVariableByteInteger(target, at, this.#propertiesContentLength(form));
    if (form.topicAlias > 0) {
      target[at++] = 0x23;
      target[at++] = form.topicAlias >>> 8;
      target[at++] = form.topicAlias & 0xff;
    }
    if (form.subscriptionIds !== undefined) {
      for (const id of form.subscriptionIds) {
        target[at++] = 0x0b;
        at = writeVariableByteInteger(target, at, id);
      }
    }
    if (this.propertiesEnd === this.propertiesStart) return at;
    target.set(this.bytes.subarray(this.propertiesStart, this.propertiesEnd), at);
    if (this.expiryAt >= 0 && now !== undefined) {
      this.#writeRemainingExpiry(target, at + this.expiryAt - this.propertiesStart + 1, now);
    }
    return at + this.propertiesEnd - this.propertiesStart;
  }

  /** A message that waited goes out with the rest of its interval (MQTT 5.0 section 3.3.2.3.3). */
  #writeRemainingExpiry(target: Uint8Array, at: number, now: number): void {
    const seconds = Math.max(0, Math.ceil((this.expiresAt - now) / 1000));
    target[at] = seconds >>> 24;
    target[at + 1] = seconds >>> 16;
    target[at + 2] = seconds >>> 8;
    target[at + 3] = seconds;
  }
}

/** A message as values: what an application, a will or `$SYS` publishes. */
export interface MessageValues {
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties?: PublishProperties | undefined;
}

/** Builds a publication that owns its bytes. `now` is the clock's time. */
export function publicationOf(topic: Topic, message: MessageValues, now: number): Publication {
  const { payload, qos, retain, properties } = message;
  const packet = encodePacket(
    { type: "publish", topic: topic.name, payload, qos: 0, retain, dup: false, properties },
    5,
  );
  const view = new PublishView();
  view.read(frameOf(packet), 5);
  const publication = new Publication();
  publication.reset(topic, qos, retain, packet);
  publication.isOwned = true;
  publication.propertiesStart = view.propertiesStart;
  publication.propertiesEnd = view.propertiesEnd;
  publication.payloadStart = view.payloadStart;
  publication.payloadEnd = view.end;
  if (properties?.messageExpiryInterval === undefined) return publication;
  const expiry = new PublishPropertiesView();
  expiry.scan(packet, view.propertiesStart, view.propertiesEnd);
  publication.expiryAt = expiry.messageExpiryAt;
  publication.expiresAt = now + properties.messageExpiryInterval * 1000;
  return publication;
}
