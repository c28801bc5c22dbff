/**
 * The properties of MQTT 5.0 (section 2.2.2): their types, and their bytes apart from a packet. The table of what
 * each of them is stands in `property_table.ts`.
 *
 * @module
 */

import { PACKET_TYPES } from "./packet_types.ts";
import type { PacketType } from "./packets.ts";
import { WILL } from "./property_table.ts";
import type { Properties } from "./property_types.ts";
import { readPropertyList } from "./read_properties.ts";
import { Reader } from "./reader.ts";
import { measureProperties, writePropertyList } from "./write_properties.ts";
import { Writer } from "./writer.ts";

export type * from "./property_types.ts";

/** What properties belong to: a packet, or the will within a CONNECT. */
export type PropertyOwner = PacketType | "will";

/**
 * The properties that `bytes` hold from `start` up to `end`, without their length before them. Strings and binary data
 * are copies. Throws `MqttError` as `decodePacket` does: 0x81, 0x82, 0x94.
 */
export function readProperties(bytes: Uint8Array, start: number, end: number, owner: PropertyOwner): Properties {
  const type = PACKET_TYPES[owner === "will" ? "connect" : owner];
  return readPropertyList(new Reader(bytes, start, end, type), ownerNumber(owner));
}

/**
 * How many bytes `properties` take, without their length before them. Throws as `encodePacket` does: `TypeError` for a
 * property that may not stand there and a value of the wrong type, `RangeError` for a value out of range.
 */
export function propertiesLength(properties: Properties, owner: PropertyOwner): number {
  return measureProperties(properties, ownerNumber(owner));
}

/** The bytes of `properties`, without their length before them; throws as {@linkcode propertiesLength} does. */
export function writeProperties(properties: Properties, owner: PropertyOwner): Uint8Array {
  const bytes = new Uint8Array(propertiesLength(properties, owner));
  writePropertyList(new Writer(bytes, 0), properties);
  return bytes;
}

function ownerNumber(owner: PropertyOwner): number {
  return owner === "will" ? WILL : PACKET_TYPES[owner];
}
