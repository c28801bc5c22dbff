/**
 * Properties into the bytes of a packet.
 *
 * @module
 */

import { variableByteIntegerLength } from "./bytes.ts";
import { packetTypeName } from "./packet_types.ts";
import { PROPERTY_BY_NAME, PropertyId, type PropertySpecification, PropertyType, WILL } from "./property_table.ts";
import type { Properties } from "./property_types.ts";
import { excerpt } from "./topic.ts";
import { binarySize, checkInteger, stringSize, type Writer } from "./writer.ts";

/**
 * How many bytes `properties` take, without the property length before them. `owner` is the packet type, or `WILL`.
 * `TypeError` for a property that may not stand in this packet and for values of the wrong type, `RangeError` for
 * values out of range.
 */
export function measureProperties(properties: Properties | undefined, owner: number): number {
  if (properties === undefined) return 0;
  let length = 0;
  for (const name in properties) {
    const value: unknown = properties[name as keyof Properties];
    if (value !== undefined) length += propertySize(specificationOf(name, owner), value, owner);
  }
  return length;
}

/** Writes the property length, as {@linkcode measureProperties} gave it, and the properties. */
export function writeProperties(writer: Writer, properties: Properties | undefined, length: number): void {
  writer.variableByteInteger(length);
  if (properties !== undefined) writePropertyList(writer, properties);
}

/** Writes properties that {@linkcode measureProperties} has measured and found to be right. */
export function writePropertyList(writer: Writer, properties: Properties): void {
  for (const name in properties) {
    const value: unknown = properties[name as keyof Properties];
    const specification = PROPERTY_BY_NAME.get(name);
    if (value !== undefined && specification !== undefined) writeProperty(writer, specification, value);
  }
}

function specificationOf(name: string, owner: number): PropertySpecification {
  const specification = PROPERTY_BY_NAME.get(name);
  if (specification !== undefined && specification.packets.includes(owner)) return specification;
  const packet = owner === WILL ? "will" : packetTypeName(owner);
  throw new TypeError(`Cannot encode ${packet}: properties must be those of ${packet}, received ${name}`);
}

function propertySize(specification: PropertySpecification, value: unknown, owner: number): number {
  const name = specification.name;
  const least = specification.zero === undefined ? 0 : 1;
  switch (specification.type) {
    case PropertyType.Flag:
      checkInteger(value, 0, 1, name);
      return 2;
    case PropertyType.Uint16:
      checkInteger(value, least, 0xffff, name);
      return 3;
    case PropertyType.Uint32:
      checkInteger(value, least, 0xffffffff, name);
      return 5;
    case PropertyType.Utf8String:
      return 1 + stringSize(stringOf(value, specification));
    case PropertyType.BinaryData:
      return 1 + binarySize(value, name);
    default:
      return listSize(specification, value, owner);
  }
}

function listSize(specification: PropertySpecification, value: unknown, owner: number): number {
  const name = specification.name;
  if (!Array.isArray(value)) throw new TypeError(`Cannot encode packet: ${name} must be an array`);
  if (value.length > 1 && !specification.repeatable.includes(owner)) {
    throw new RangeError(`Cannot encode ${packetTypeName(owner)}: ${name} must be one, received ${value.length}`);
  }
  let size = 0;
  for (const item of value) {
    if (specification.type === PropertyType.StringPair) {
      size += 1 + stringSize(stringOf(item[0], specification)) + stringSize(stringOf(item[1], specification));
    } else {
      checkInteger(item, 1, 268_435_455, name);
      size += 1 + variableByteIntegerLength(item);
    }
  }
  return size;
}

function stringOf(value: unknown, specification: PropertySpecification): string {
  if (typeof value !== "string") throw new TypeError(`Cannot encode packet: ${specification.name} must be a string`);
  if (specification.id === PropertyId.ResponseTopic && (value === "" || value.includes("#") || value.includes("+"))) {
    throw new RangeError(`Cannot encode packet: responseTopic must be a topic name, received "${excerpt(value)}"`);
  }
  return value;
}

/** Writes a value that `propertySize` has found to be of the property's type; hence the assertions. */
function writeProperty(writer: Writer, specification: PropertySpecification, value: unknown): void {
  const { id, type } = specification;
  if (type === PropertyType.StringPair) {
    for (const [name, text] of value as [string, string][]) {
      writer.byte(id);
      writer.string(name);
      writer.string(text);
    }
    return;
  }
  if (type === PropertyType.VariableByteInteger) {
    for (const item of value as number[]) {
      writer.byte(id);
      writer.variableByteInteger(item);
    }
    return;
  }
  writer.byte(id);
  if (type === PropertyType.Flag) writer.byte(value as number);
  else if (type === PropertyType.Uint16) writer.uint16(value as number);
  else if (type === PropertyType.Uint32) writer.uint32(value as number);
  else if (type === PropertyType.Utf8String) writer.string(value as string);
  else writer.binary(value as Uint8Array);
}
