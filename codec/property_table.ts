/**
 * The properties of MQTT 5.0 (section 2.2.2): one table of all that the codec knows about them.
 *
 * @module
 */

import { PACKET_TYPES } from "./packet_types.ts";
import type { Properties } from "./property_types.ts";
import { ReasonCode } from "./reason_codes.ts";

/** How a property's value is written (table 2-4). */
export const PropertyType = {
  /** One byte, 0 or 1. */
  Flag: 1,
  Uint16: 2,
  Uint32: 3,
  /** A variable byte integer; the values of all occurrences make up an array. */
  VariableByteInteger: 4,
  Utf8String: 5,
  BinaryData: 6,
  /** Name and value; all occurrences make up an array. */
  StringPair: 7,
} as const;

/** The identifiers of the properties that the codec treats apart from the others of their type. */
export const PropertyId = { ResponseTopic: 0x08, AuthenticationData: 0x16 } as const;

/** The will in a CONNECT has properties of its own; it takes the packet type that the standard reserves. */
export const WILL = 0;

/** One property of the table. */
export interface PropertySpecification {
  /** Identifier on the wire. All of them are below 0x80 and so one byte long. */
  readonly id: number;
  /** Name in {@linkcode Properties}. */
  readonly name: keyof Properties;
  /** One of {@linkcode PropertyType}. */
  readonly type: number;
  /** The packets, by type, in which it may stand. */
  readonly packets: readonly number[];
  /** The packets in which it may stand more than once. */
  readonly repeatable: readonly number[];
  /** For a number that must not be 0: the reason code of a 0. */
  readonly zero?: number;
}

const { connect, connack, publish, puback, pubrec, pubrel, pubcomp } = PACKET_TYPES;
const { subscribe, suback, unsubscribe, unsuback, disconnect, auth } = PACKET_TYPES;
const acknowledgements = [puback, pubrec, pubrel, pubcomp, suback, unsuback];
const all = [WILL, connect, connack, publish, ...acknowledgements, subscribe, unsubscribe, disconnect, auth];
const { Flag, Uint16, Uint32, VariableByteInteger, Utf8String, BinaryData, StringPair } = PropertyType;
const { ProtocolError, TopicAliasInvalid } = ReasonCode;

/** Every property of MQTT 5.0 (table 2-4 and the sections of the packets). */
export const PROPERTIES: readonly PropertySpecification[] = [
  property(0x01, "payloadFormatIndicator", Flag, [publish, WILL]),
  property(0x02, "messageExpiryInterval", Uint32, [publish, WILL]),
  property(0x03, "contentType", Utf8String, [publish, WILL]),
  property(0x08, "responseTopic", Utf8String, [publish, WILL]),
  property(0x09, "correlationData", BinaryData, [publish, WILL]),
  {
    ...property(0x0b, "subscriptionIdentifiers", VariableByteInteger, [publish, subscribe], ProtocolError),
    repeatable: [publish],
  },
  property(0x11, "sessionExpiryInterval", Uint32, [connect, connack, disconnect]),
  property(0x12, "assignedClientIdentifier", Utf8String, [connack]),
  property(0x13, "serverKeepAlive", Uint16, [connack]),
  property(0x15, "authenticationMethod", Utf8String, [connect, connack, auth]),
  property(0x16, "authenticationData", BinaryData, [connect, connack, auth]),
  property(0x17, "requestProblemInformation", Flag, [connect]),
  property(0x18, "willDelayInterval", Uint32, [WILL]),
  property(0x19, "requestResponseInformation", Flag, [connect]),
  property(0x1a, "responseInformation", Utf8String, [connack]),
  property(0x1c, "serverReference", Utf8String, [connack, disconnect]),
  property(0x1f, "reasonString", Utf8String, [connack, ...acknowledgements, disconnect, auth]),
  property(0x21, "receiveMaximum", Uint16, [connect, connack], ProtocolError),
  property(0x22, "topicAliasMaximum", Uint16, [connect, connack]),
  property(0x23, "topicAlias", Uint16, [publish], TopicAliasInvalid),
  property(0x24, "maximumQoS", Flag, [connack]),
  property(0x25, "retainAvailable", Flag, [connack]),
  { ...property(0x26, "userProperties", StringPair, all), repeatable: all },
  property(0x27, "maximumPacketSize", Uint32, [connect, connack], ProtocolError),
  property(0x28, "wildcardSubscriptionAvailable", Flag, [connack]),
  property(0x29, "subscriptionIdentifierAvailable", Flag, [connack]),
  property(0x2a, "sharedSubscriptionAvailable", Flag, [connack]),
];

function property(
  id: number,
  name: keyof Properties,
  type: number,
  packets: readonly number[],
  zero?: number,
): PropertySpecification {
  return { id, name, type, packets, repeatable: [], zero };
}

/** The table by identifier. */
export const PROPERTY_BY_ID: readonly (PropertySpecification | undefined)[] = Array.from(
  { length: 0x2b },
  (_, id) => PROPERTIES.find((specification) => specification.id === id),
);

/** The table by name. */
export const PROPERTY_BY_NAME: ReadonlyMap<string, PropertySpecification> = new Map(
  PROPERTIES.map((specification) => [specification.name, specification]),
);

/** By identifier, a bit of its own for each property; 0 for what is none. */
export const PROPERTY_BIT: Int32Array = Int32Array.from(PROPERTY_BY_ID, (specification) => {
  return specification === undefined ? 0 : 1 << PROPERTIES.indexOf(specification);
});

/** By identifier, the {@linkcode PropertyType}; 0 for what is none. */
export const PROPERTY_TYPE: Uint8Array = Uint8Array.from(PROPERTY_BY_ID, (specification) => specification?.type ?? 0);

/** The bits of the properties that may stand in a packet of this type. */
export function propertyMask(packet: number): number {
  return maskOf((specification) => specification.packets.includes(packet));
}

/** The bits of the properties that may stand more than once in a packet of this type. */
export function repeatableMask(packet: number): number {
  return maskOf((specification) => specification.repeatable.includes(packet));
}

function maskOf(includes: (specification: PropertySpecification) => boolean): number {
  return PROPERTIES.reduce((mask, specification, index) => includes(specification) ? mask | 1 << index : mask, 0);
}
