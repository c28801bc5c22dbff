/**
 * A message on its way to the server.
 *
 * @module
 */

import type { QoS } from "../codec/packets.ts";
import type { PublishProperties, ReasonProperties } from "../codec/properties.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import type { OutboundPayload } from "./outbound_payload.ts";

/**
 * Options of `publish()`.
 *
 * @example
 * ```ts
 * import { connect, json } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * await client.publish("sensors/7", json({ celsius: 21.5 }), {
 *   qos: 1,
 *   retain: true,
 *   properties: { messageExpiryInterval: 3_600, contentType: "application/json" },
 *   signal: AbortSignal.timeout(5_000),
 * });
 * ```
 */
export interface PublishOptions {
  /**
   * 0 at most once (default), 1 at least once, 2 exactly once. In MQTT 5.0 the server says how many of QoS 1 and 2 it
   * takes at a time; before, at most 20 of QoS 2 are under way, and the others wait.
   */
  qos?: QoS;
  /** Whether the server keeps the message for later subscribers of its topic. Default false. */
  retain?: boolean;
  /** MQTT 5.0 only. Topic aliases are assigned by the client. */
  properties?: Omit<PublishProperties, "topicAlias" | "subscriptionIdentifiers">;
  /**
   * Ends the wait. A message that was not sent is not sent any more; one that was sent goes on its way, since the
   * standard knows no way back.
   */
  signal?: AbortSignal;
}

/**
 * How a publication has ended.
 *
 * @example
 * ```ts
 * import { connect, reasonCodeName } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const { ok, reasonCode, properties } = await client.publish("sensors/7", "21.5", { qos: 1 });
 * if (!ok) console.log("refused:", reasonCodeName(reasonCode), properties.reasonString);
 * ```
 */
export interface PublishResult {
  /** Whether the reason code is below 0x80. */
  readonly ok: boolean;
  /**
   * What the server said: 0x00 success, 0x10 no matching subscribers, 0x80 and above for a refusal. With QoS 0 the
   * server says nothing: 0x00 when the message was handed to the transport, 0x80 when the connection broke before.
   * With any QoS 0x80 when the message has expired before it could be sent, and 0x97 when the queue's policy has dropped
   * it. Before MQTT 5.0 the server cannot refuse.
   */
  readonly reasonCode: number;
  /** Reason string and user properties that the server sent along, if any. */
  readonly properties: ReasonProperties;
}

const NO_PROPERTIES: ReasonProperties = Object.freeze({});

/** The result with this code. */
export function publishResult(reasonCode: number, properties: ReasonProperties = NO_PROPERTIES): PublishResult {
  if (reasonCode === 0 && properties === NO_PROPERTIES) return SUCCESS;
  return { ok: reasonCode < 0x80, reasonCode, properties };
}

/** Handed to the transport, or acknowledged without a word. */
export const SUCCESS: PublishResult = Object.freeze({ ok: true, reasonCode: 0, properties: NO_PROPERTIES });
/** Not handed to the transport, because the connection broke or there is none. */
export const NOT_SENT: PublishResult = publishResult(ReasonCode.UnspecifiedError);
/** Dropped by the queue's policy. */
export const DROPPED: PublishResult = publishResult(ReasonCode.QuotaExceeded);

/** The exchange of another session that a message comes from, and goes on with. Made by `passOn()` in relay.ts. */
export interface RelayedExchange {
  /** The same on both sides; 0 with QoS 0. */
  readonly packetId: number;
  /** Whether the server may have got it before, from an earlier client of the same session. */
  readonly isRepeated: boolean;
  /** QoS 2: PUBREC has come, perhaps again. Undefined if PUBREL may follow at once, as it then may after `release()`. */
  onReceived: (() => void) | undefined;
}

/** A message, who waits for its end, and its place in the queue of those that wait to be sent. */
export class Publication {
  readonly topic: string;
  readonly payload: OutboundPayload;
  readonly qos: QoS;
  readonly retain: boolean;
  /** The properties in bytes, without their length, the message expiry interval left out. */
  readonly properties: Uint8Array;
  /** Clock time at which the message is no longer worth sending; `Infinity` for never. */
  readonly expiresAt: number;
  /** Undefined for a message that begins here. */
  readonly exchange: RelayedExchange | undefined;
  /** Settles when the exchange is complete. */
  readonly completed: Promise<PublishResult>;
  /** Neighbours in the queue, for {@linkcode PublicationQueue} alone. */
  previous: Publication | undefined;
  next: Publication | undefined;
  queued = false;
  /** Whether nobody waits for it any more. */
  isSettled = false;
  #resolve: (result: PublishResult) => void = ignore;
  #reject: (error: unknown) => void = ignore;
  /** Called once, when it is settled. */
  onSettled: ((publication: Publication) => void) | undefined;

  constructor(
    topic: string,
    payload: OutboundPayload,
    qos: QoS,
    retain: boolean,
    properties: Uint8Array,
    expiresAt: number,
    exchange?: RelayedExchange,
  ) {
    this.exchange = exchange;
    this.topic = topic;
    this.payload = payload;
    this.qos = qos;
    this.retain = retain;
    this.properties = properties;
    this.expiresAt = expiresAt;
    this.completed = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** What it counts for in the queue's bound; a UTF-16 unit of the topic as one byte. */
  get size(): number {
    return this.topic.length + this.payload.length + this.properties.length;
  }

  /** The exchange is complete. */
  settle(result: PublishResult): void {
    if (!this.#end()) return;
    this.#resolve(result);
  }

  /** The exchange cannot be completed, or nobody waits for it any more. */
  fail(error: unknown): void {
    if (!this.#end()) return;
    this.#reject(error);
  }

  #end(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    this.onSettled?.(this);
    return true;
  }
}

function ignore(): void {}

/** First in, first out, with leaving from the middle at no cost. */
export class PublicationQueue {
  #first: Publication | undefined;
  #last: Publication | undefined;

  /** The one that waits longest. */
  get first(): Publication | undefined {
    return this.#first;
  }

  /** Adds behind all others. */
  push(publication: Publication): void {
    publication.queued = true;
    publication.previous = this.#last;
    if (this.#last === undefined) this.#first = publication;
    else this.#last.next = publication;
    this.#last = publication;
  }

  /** Adds before all others. */
  unshift(publication: Publication): void {
    publication.queued = true;
    publication.next = this.#first;
    if (this.#first === undefined) this.#last = publication;
    else this.#first.previous = publication;
    this.#first = publication;
  }

  /** Takes one out, wherever it stands. */
  remove(publication: Publication): void {
    if (!publication.queued) return;
    const { previous, next } = publication;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    publication.previous = undefined;
    publication.next = undefined;
    publication.queued = false;
  }
}
