/**
 * What a subscriber receives.
 *
 * @module
 */

import { decodeUtf8 } from "../codec/bytes.ts";
import type { QoS } from "../codec/packets.ts";
import { type PublishProperties, readProperties } from "../codec/properties.ts";
import { assertAcknowledgementCode } from "./checks.ts";
import type { Receipt } from "./receipts.ts";
import { type StandardSchema, validated } from "./standard_schema.ts";

/**
 * The properties that a message keeps; topic alias and subscription identifiers belong to its delivery.
 *
 * @example
 * ```ts
 * import { connect, type MessageProperties } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const isText = ({ payloadFormatIndicator }: MessageProperties) => payloadFormatIndicator === 1;
 * client.addEventListener("message", ({ message }) => console.log(isText(message.properties)));
 * ```
 */
export type MessageProperties = Omit<PublishProperties, "topicAlias" | "subscriptionIdentifiers">;

/** For short texts a loop is faster than a call of the decoder. */
const SHORT_TEXT = 96;

const decoder = new TextDecoder();
const NO_PROPERTIES: MessageProperties = Object.freeze({});

/** Makes a message. Its properties are in `bytes` from `start`, its payload from `payloadStart` to `end`, for good. */
export let createMessage: (
  topic: string,
  qos: QoS,
  retain: boolean,
  dup: boolean,
  bytes: Uint8Array,
  start: number,
  payloadStart: number,
  end: number,
  receipt: Receipt | undefined,
) => Message;

/** The same message for a reader who acknowledges it: each of them has one of its own. */
export let manualCopyOf: (message: Message) => Message;

/** The acknowledgement that the server waits for; undefined with QoS 0. */
export let receiptOf: (message: Message) => Receipt | undefined;

/** All properties that the message came with, those that belong to its delivery among them. */
export let deliveryPropertiesOf: (message: Message) => PublishProperties;

/**
 * An application message. It reads like a `Response`, but at once, because all of it is here.
 *
 * @example
 * ```ts
 * import { connect, json } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const subscription = client.subscribe("sensors/+");
 * await subscription.ready;
 * await client.publish("sensors/7", json({ celsius: 21.5 }));
 * for await (const message of subscription) {
 *   console.log(message.topic, message.json()); // sensors/7 { celsius: 21.5 }
 *   break;
 * }
 * ```
 */
export class Message {
  /** Topic name that it was published to. */
  readonly topic: string;
  /** Quality of service of this delivery. */
  readonly qos: QoS;
  /** True for a retained message that was sent because of a new subscription (or by `retainAsPublished`). */
  readonly retain: boolean;
  /** True if the server may have delivered it before. */
  readonly dup: boolean;
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #payloadStart: number;
  readonly #end: number;
  #receipt: Receipt | undefined;
  #isManual = false;
  #properties: MessageProperties | undefined;

  private constructor(
    topic: string,
    qos: QoS,
    retain: boolean,
    dup: boolean,
    bytes: Uint8Array,
    start: number,
    payloadStart: number,
    end: number,
    receipt: Receipt | undefined,
  ) {
    this.topic = topic;
    this.qos = qos;
    this.retain = retain;
    this.dup = dup;
    this.#bytes = bytes;
    this.#start = start;
    this.#payloadStart = payloadStart;
    this.#end = end;
    this.#receipt = receipt;
  }

  /** The properties of MQTT 5.0; empty if there are none, and in the older versions. */
  get properties(): MessageProperties {
    if (this.#payloadStart === this.#start) return NO_PROPERTIES;
    return this.#properties ??= decodeProperties(this.#bytes, this.#start, this.#payloadStart);
  }

  /** How many bytes the payload has. */
  get size(): number {
    return this.#end - this.#payloadStart;
  }

  /** The payload, without a copy: a view into memory that messages share. Do not write, and do not transfer its buffer. */
  get payload(): Uint8Array {
    return this.#bytes.subarray(this.#payloadStart, this.#end);
  }

  /** The payload as a copy of its own, at the beginning of its own buffer. */
  bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.payload);
  }

  /** The payload as text; bytes that are no UTF-8 become U+FFFD, and a byte order mark at the beginning is left out. */
  text(): string {
    if (this.size <= SHORT_TEXT && isAscii(this.#bytes, this.#payloadStart, this.#end)) {
      return decodeUtf8(this.#bytes, this.#payloadStart, this.#end);
    }
    return decoder.decode(this.payload);
  }

  /**
   * The value whose JSON text the payload is.
   *
   * @throws {SyntaxError} If it is none.
   */
  json(): unknown;
  /**
   * The same value as a schema wants it: any validator that has the interface of Standard Schema, as those of Zod,
   * Valibot and ArkType do. Rejects with `SyntaxError` if the payload is no JSON text, and with
   * {@linkcode SchemaError} if the schema finds fault with the value.
   */
  json<Output>(schema: StandardSchema<Output>): Promise<Output>;
  json<Output>(schema?: StandardSchema<Output>): unknown {
    const text = this.text();
    return schema === undefined ? JSON.parse(text) : validated(text, schema);
  }

  /**
   * Says that this message needs no keeping any more, where {@linkcode SubscribeOptions.acknowledge} is `manual`: PUBACK
   * or PUBREC leave now, or behind those of the messages before it, since the standard demands their order. Without
   * effect with QoS 0, when called again, and when the server has lost the session.
   *
   * `reasonCode`: 0 (default), or the reason to refuse the message: 0x80, 0x83, 0x87, 0x90, 0x91, 0x97 or 0x99. The
   * server then takes it for done as well; before MQTT 5.0 it is not told. When several subscriptions have the message,
   * it is acknowledged when all have done so, and refused if one has.
   *
   * A message that the connection took with it unacknowledged comes again from the server; the client recognizes it
   * (with QoS 1 by its DUP flag), and acknowledges it by this same call. Nobody gets it a second time.
   *
   * @throws {TypeError} If the subscription acknowledges by itself.
   * @throws {RangeError} For another reason code.
   *
   * @example
   * ```ts
   * import { connect, ReasonCode } from "@x/mqtt/client";
   *
   * await using client = await connect("mqtt://127.0.0.1:1883");
   * const orders = client.subscribe("orders/+", { qos: 1, acknowledge: "manual" });
   * await orders.ready;
   * await client.publish("orders/7", "12 bolts", { qos: 1 });
   * for await (const message of orders) {
   *   const isUnderstood = /^\d+ \w+$/.test(message.text());
   *   message.acknowledge(isUnderstood ? ReasonCode.Success : ReasonCode.PayloadFormatInvalid);
   *   break;
   * }
   * ```
   */
  acknowledge(reasonCode: number = 0): void {
    if (!this.#isManual) {
      throw new TypeError('Cannot acknowledge: subscription must have the option acknowledge: "manual"');
    }
    assertAcknowledgementCode(reasonCode);
    const receipt = this.#receipt;
    this.#receipt = undefined;
    receipt?.release(reasonCode);
  }

  static {
    createMessage = (topic, qos, retain, dup, bytes, start, payloadStart, end, receipt) =>
      new Message(topic, qos, retain, dup, bytes, start, payloadStart, end, receipt);
    manualCopyOf = (message) => {
      const copy = new Message(
        message.topic,
        message.qos,
        message.retain,
        message.dup,
        message.#bytes,
        message.#start,
        message.#payloadStart,
        message.#end,
        message.#receipt,
      );
      copy.#isManual = true;
      return copy;
    };
    receiptOf = (message) => message.#receipt;
    deliveryPropertiesOf = (message) =>
      readProperties(message.#bytes, message.#start, message.#payloadStart, "publish");
  }
}

function decodeProperties(bytes: Uint8Array, start: number, end: number): MessageProperties {
  const properties: PublishProperties = readProperties(bytes, start, end, "publish");
  const { topicAlias: _alias, subscriptionIdentifiers: _identifiers, ...kept } = properties;
  return kept;
}

/** Whether all bytes are 0x01 to 0x7F. */
function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === 0 || byte > 0x7f) return false;
  }
  return true;
}
