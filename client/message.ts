/**
 * What a subscriber receives.
 *
 * @module
 */

import { decodeUtf8 } from "../codec/bytes.ts";
import type { QoS } from "../codec/packets.ts";
import { type PublishProperties, readProperties } from "../codec/properties.ts";
import type { Receipt } from "./receipts.ts";
import { type StandardSchema, validated } from "./standard_schema.ts";

/** The properties that a message keeps; topic alias and subscription identifiers belong to its delivery. */
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
  readonly #receipt: Receipt | undefined;
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
    if (schema === undefined) return JSON.parse(this.text());
    return this.#validated(schema);
  }

  async #validated<Output>(schema: StandardSchema<Output>): Promise<Output> {
    return await validated(JSON.parse(this.text()), schema);
  }

  static {
    createMessage = (topic, qos, retain, dup, bytes, start, payloadStart, end, receipt) =>
      new Message(topic, qos, retain, dup, bytes, start, payloadStart, end, receipt);
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
