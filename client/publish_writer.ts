/**
 * PUBLISH straight into an output's buffer: no packet object, no array of its own.
 *
 * @module
 */

import {
  encodeUtf8,
  MAXIMUM_VARIABLE_BYTE_INTEGER,
  variableByteIntegerLength,
  writeUtf8,
  writeVariableByteInteger,
} from "../codec/bytes.ts";
import { MqttError } from "../codec/errors.ts";
import type { QoS } from "../codec/packets.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import { assertTopicName } from "../codec/topic.ts";
import type { OutboundPayload } from "./outbound_payload.ts";
import type { Output } from "./output.ts";
import { copyBytes } from "./slab.ts";

const TOPIC_ALIAS = 0x23;
const MESSAGE_EXPIRY_INTERVAL = 0x02;
/** More topic names than this are forgotten together. */
const MAXIMUM_TOPICS = 4_096;
export const NO_BYTES: Uint8Array = new Uint8Array(0);

/** Topic names that go out, checked and encoded once, not once a message. */
export class OutboundTopics {
  readonly #topics = new Map<string, Uint8Array>();
  #lastName = "";
  #lastBytes: Uint8Array = NO_BYTES;

  /** The bytes of a topic name. Throws `MqttError` 0x90 if it is none. */
  get(name: string): Uint8Array {
    if (name === this.#lastName && name !== "") return this.#lastBytes;
    const bytes = this.#topics.get(name) ?? this.#add(name);
    this.#lastName = name;
    this.#lastBytes = bytes;
    return bytes;
  }

  #add(name: string): Uint8Array {
    assertTopicName(name);
    if (this.#topics.size >= MAXIMUM_TOPICS) this.#topics.clear();
    const bytes = encodeUtf8(name);
    this.#topics.set(name, bytes);
    return bytes;
  }
}

/** What stands in a PUBLISH beside topic and payload. Mutable, so that one object serves for all. */
export class PublishHeader {
  qos: QoS = 0;
  retain = false;
  dup = false;
  /** Ignored with QoS 0. */
  packetId = 0;
  /** MQTT 5.0: 0 for none. */
  topicAlias = 0;
  /** MQTT 5.0: seconds; -1 for none. */
  messageExpiryInterval = -1;
  /** MQTT 5.0: all other properties in bytes. */
  properties: Uint8Array = NO_BYTES;
}

/** Writes PUBLISH packets of one connection. */
export class PublishWriter {
  readonly #output: Output;
  readonly #isVersion5: boolean;

  constructor(output: Output, isVersion5: boolean) {
    this.#output = output;
    this.#isVersion5 = isVersion5;
  }

  /** The remaining length of the packet; throws `MqttError` 0x95 if no packet can be so long. */
  remainingLength(header: PublishHeader, topic: Uint8Array, payloadLength: number): number {
    const length = 2 + topic.length + (header.qos === 0 ? 0 : 2) + payloadLength + this.#propertiesSize(header);
    if (length <= MAXIMUM_VARIABLE_BYTE_INTEGER) return length;
    throw new MqttError(
      `Cannot publish: remaining length must be at most ${MAXIMUM_VARIABLE_BYTE_INTEGER}, received ${length}`,
      ReasonCode.PacketTooLarge,
    );
  }

  /** The properties with their length; nothing before MQTT 5.0. */
  #propertiesSize(header: PublishHeader): number {
    if (!this.#isVersion5) return 0;
    const length = propertiesLength(header);
    return variableByteIntegerLength(length) + length;
  }

  /** Appends a PUBLISH to the output; `remaining` is what {@linkcode remainingLength} gave. */
  write(header: PublishHeader, topic: Uint8Array, payload: OutboundPayload, remaining: number): void {
    const output = this.#output;
    let at = output.reserve(1 + variableByteIntegerLength(remaining) + remaining);
    const buffer = output.buffer;
    const { qos } = header;
    buffer[at++] = 0x30 | (header.dup ? 8 : 0) | qos << 1 | (header.retain ? 1 : 0);
    at = writeVariableByteInteger(buffer, at, remaining);
    buffer[at++] = topic.length >> 8;
    buffer[at++] = topic.length;
    at = copyBytes(topic, 0, topic.length, buffer, at);
    if (qos > 0) {
      buffer[at++] = header.packetId >> 8;
      buffer[at++] = header.packetId;
    }
    if (this.#isVersion5) at = writeProperties(header, buffer, at);
    const { content, start, length } = payload;
    if (typeof content === "string") writeUtf8(buffer, at, content);
    else copyBytes(content, start, start + length, buffer, at);
  }
}

function propertiesLength(header: PublishHeader): number {
  return (header.topicAlias === 0 ? 0 : 3) + (header.messageExpiryInterval < 0 ? 0 : 5) + header.properties.length;
}

function writeProperties(header: PublishHeader, buffer: Uint8Array, start: number): number {
  let at = writeVariableByteInteger(buffer, start, propertiesLength(header));
  const { topicAlias, messageExpiryInterval } = header;
  if (topicAlias !== 0) {
    buffer[at++] = TOPIC_ALIAS;
    buffer[at++] = topicAlias >> 8;
    buffer[at++] = topicAlias;
  }
  if (messageExpiryInterval >= 0) {
    buffer[at++] = MESSAGE_EXPIRY_INTERVAL;
    buffer[at++] = messageExpiryInterval >>> 24;
    buffer[at++] = messageExpiryInterval >>> 16;
    buffer[at++] = messageExpiryInterval >>> 8;
    buffer[at++] = messageExpiryInterval;
  }
  return copyBytes(header.properties, 0, header.properties.length, buffer, at);
}
