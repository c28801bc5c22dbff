/**
 * The argument of `-D`: a property of MQTT 5.0 for one of the packets.
 *
 * @module
 */

import { PACKET_TYPES } from "../../codec/packet_types.ts";
import type { Properties } from "../../codec/properties.ts";
import { PROPERTIES, type PropertySpecification, PropertyType, WILL } from "../../codec/property_table.ts";
import { addUserProperty, type Config, type PropertyTarget } from "./config.ts";
import { UsageError } from "./exit.ts";

const TARGETS: Readonly<Record<PropertyTarget, number>> = {
  connect: PACKET_TYPES.connect,
  publish: PACKET_TYPES.publish,
  subscribe: PACKET_TYPES.subscribe,
  unsubscribe: PACKET_TYPES.unsubscribe,
  disconnect: PACKET_TYPES.disconnect,
  will: WILL,
};

/** Packets that a command line cannot give properties to. */
const UNSUPPORTED = new Set(["puback", "pubrec", "pubrel", "pubcomp", "auth"]);

const LARGEST: Readonly<Record<number, number>> = {
  [PropertyType.Flag]: 255,
  [PropertyType.Uint16]: 0xffff,
  [PropertyType.Uint32]: 0xffff_ffff,
  [PropertyType.VariableByteInteger]: 0x0fff_ffff,
};

/** The name of a property on a command line, and in JSON: `contentType` is `content-type`. */
export function propertyName(name: keyof Properties): string {
  if (name === "subscriptionIdentifiers") return "subscription-identifier";
  if (name === "userProperties") return "user-property";
  if (name === "maximumQoS") return "maximum-qos";
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Takes `command identifier value...` off the front of `args` and puts it into `config`; returns how many it took. */
export function takeProperty(config: Config, args: readonly string[]): number {
  const [command, identifier, value, second] = args;
  if (command === undefined || identifier === undefined || value === undefined) throw tooFew();
  const target = command.toLowerCase();
  if (!isTarget(target) && !UNSUPPORTED.has(target)) {
    throw new UsageError("Error: Invalid command given in --property argument.\n");
  }
  const specification = PROPERTIES.find(({ name }) => propertyName(name) === identifier);
  if (specification === undefined) {
    throw new UsageError("Error: Invalid property name given in --property argument.\n");
  }
  if (!isTarget(target)) {
    throw new UsageError(`Error: ${identifier} property not supported for ${command} in --property argument.\n`);
  }
  if (!specification.packets.includes(TARGETS[target])) {
    throw new UsageError(`Error: ${identifier} property not allowed for ${command} in --property argument.\n`);
  }
  config.version = 5;
  const properties = config.properties[target];
  if (specification.type === PropertyType.StringPair) {
    if (second === undefined) throw tooFew();
    addUserProperty(properties, [value, second]);
    return 4;
  }
  if (specification.name in properties) {
    const owner = target === "will" ? "Will" : target.toUpperCase();
    throw new UsageError(`Error in ${owner} properties: Duplicate property in property list`);
  }
  setProperty(properties, specification, target, value);
  return 3;
}

function setProperty(
  properties: Properties,
  specification: PropertySpecification,
  target: PropertyTarget,
  text: string,
): void {
  const { name, type } = specification;
  switch (type) {
    case PropertyType.Utf8String:
      Object.assign(properties, { [name]: text });
      return;
    case PropertyType.BinaryData:
      Object.assign(properties, { [name]: new TextEncoder().encode(text) });
      return;
    default: {
      const value = numberOf(specification, target, text);
      Object.assign(properties, { [name]: name === "subscriptionIdentifiers" ? [value] : value });
    }
  }
}

function numberOf({ name, type, zero }: PropertySpecification, target: PropertyTarget, text: string): number {
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : NaN;
  if (!(value >= 0 && value <= (LARGEST[type] ?? 0))) {
    throw new UsageError(`Error: Property value (${text}) out of range for property ${propertyName(name)}.\n`);
  }
  if (value === 0 && zero !== undefined || type === PropertyType.Flag && value > 1) {
    const owner = target === "will" ? "Will" : target.toUpperCase();
    throw new UsageError(
      `Error in ${owner} properties: A network protocol error occurred when communicating with the broker.`,
    );
  }
  return value;
}

function isTarget(text: string): text is PropertyTarget {
  return text in TARGETS;
}

function tooFew(): UsageError {
  return new UsageError("Error: --property argument given but not enough arguments specified.\n");
}
