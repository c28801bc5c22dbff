/**
 * Properties out of the bytes of a packet.
 *
 * @module
 */

import { packetTypeName } from "./packet_types.ts";
import {
  PROPERTY_BIT,
  PROPERTY_BY_ID,
  PropertyId,
  propertyMask,
  type PropertySpecification,
  PropertyType,
  repeatableMask,
  WILL,
} from "./property_table.ts";
import type { Properties } from "./property_types.ts";
import type { Reader } from "./reader.ts";
import { ReasonCode } from "./reason_codes.ts";
import { excerpt } from "./topic.ts";

const MASKS: readonly number[] = Array.from({ length: 16 }, (_, packet) => propertyMask(packet));
const REPEATABLE_MASKS: readonly number[] = Array.from({ length: 16 }, (_, packet) => repeatableMask(packet));

/**
 * Reads a property length and that many bytes of properties (MQTT 5.0 section 2.2.2); undefined if there are none.
 * `owner` is the packet type, or `WILL`.
 *
 * Throws `MqttError`: 0x81 for what cannot be parsed and for a property that may not stand in this packet
 * (section 2.2.2.2), 0x82 for one that stands there twice or has a value that is not allowed, 0x94 for topic alias 0.
 */
export function readProperties(reader: Reader, owner: number): Properties | undefined {
  const length = reader.variableByteInteger();
  if (length === 0) return undefined;
  const packetEnd = reader.end;
  const end = reader.position + length;
  if (end > packetEnd) throw reader.malformed("the properties must end within the packet");
  reader.end = end;
  const properties = readPropertyList(reader, owner);
  reader.end = packetEnd;
  return properties;
}

/** Reads properties up to the end of `reader`, as {@linkcode readProperties} does. */
export function readPropertyList(reader: Reader, owner: number): Properties {
  // The table gives each name a value of the type that Properties has for it.
  const values: Record<string, unknown> = {};
  const allowed = MASKS[owner] ?? 0;
  const repeatable = REPEATABLE_MASKS[owner] ?? 0;
  let seen = 0;
  while (reader.position < reader.end) {
    const id = reader.byte();
    const bit = PROPERTY_BIT[id] ?? 0;
    const specification = PROPERTY_BY_ID[id];
    if (specification === undefined || (bit & allowed) === 0) {
      const packet = owner === WILL ? "the will" : packetTypeName(owner);
      throw reader.malformed(`property 0x${id.toString(16)} must not stand in ${packet}`);
    }
    if ((bit & seen) !== 0) throw reader.protocolError(`${specification.name} must stand in it once`);
    seen |= bit & ~repeatable;
    readValue(reader, specification, values);
  }
  return values as Properties;
}

function readValue(reader: Reader, specification: PropertySpecification, values: Record<string, unknown>): void {
  const name = specification.name;
  switch (specification.type) {
    case PropertyType.Flag: {
      const value = reader.byte();
      if (value > 1) throw reader.protocolError(`${name} must be 0 or 1, received ${value}`);
      values[name] = value;
      return;
    }
    case PropertyType.Uint16:
      values[name] = notZero(reader, specification, reader.uint16());
      return;
    case PropertyType.Uint32:
      values[name] = notZero(reader, specification, reader.uint32());
      return;
    case PropertyType.VariableByteInteger:
      append(values, name, notZero(reader, specification, reader.variableByteInteger()));
      return;
    case PropertyType.Utf8String:
      values[name] = specification.id === PropertyId.ResponseTopic ? responseTopic(reader) : reader.string();
      return;
    case PropertyType.BinaryData:
      values[name] = reader.binary();
      return;
    default:
      append(values, name, [reader.string(), reader.string()]);
  }
}

function notZero(reader: Reader, specification: PropertySpecification, value: number): number {
  if (value !== 0 || specification.zero === undefined) return value;
  throw reader.error(`${specification.name} must be at least 1, received 0`, specification.zero);
}

function append(values: Record<string, unknown>, name: string, value: unknown): void {
  const list = values[name];
  if (Array.isArray(list)) list.push(value);
  else values[name] = [value];
}

/** A response topic is a topic name: not empty, no wildcards [MQTT-3.3.2-14]. */
function responseTopic(reader: Reader): string {
  const topic = reader.string();
  if (topic === "") throw reader.protocolError("response topic must have at least one character");
  if (topic.includes("#") || topic.includes("+")) {
    throw reader.error(`response topic must have no wildcards, received "${excerpt(topic)}"`, ReasonCode.ProtocolError);
  }
  return topic;
}
