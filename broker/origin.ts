/**
 * Which broker a client speaks for, so that nothing goes back to the broker that it came from, and nothing goes there
 * twice.
 *
 * A bridge of MQTT 5.0 says in user properties of its CONNECT which broker it belongs to, and is told in one of CONNACK
 * which broker it has reached. Where two brokers have bridges to each other, both then know which of their sessions
 * stand for the other one.
 *
 * @module
 */

import type { UserProperties } from "../codec/property_types.ts";

/** A broker that a client speaks for, as it has said. */
export interface OtherBroker {
  /** A random name that the broker has from its start to its end. */
  readonly identity: string;
  /**
   * How the client renames topics on their way there, in whatever words: those who say the same bring a message to the
   * same topic. Undefined if that is not known.
   */
  readonly renames?: string | undefined;
}

/** In CONNECT the broker that the client speaks for, in CONNACK the one that answers. */
const IDENTITY = "x-mqtt-broker";
/** In CONNECT, see {@linkcode OtherBroker.renames}. */
const RENAMES = "x-mqtt-renames";
/** Characters. Who says a longer one says nothing. */
const LONGEST_IDENTITY = 64;
const LONGEST_RENAMES = 1_024;

/** The user properties that say which broker it is. */
export function saying({ identity, renames }: OtherBroker): UserProperties {
  const said: [string, string][] = [[IDENTITY, identity]];
  if (renames !== undefined && renames.length <= LONGEST_RENAMES) said.push([RENAMES, renames]);
  return said;
}

/** The broker that the user properties of CONNECT or CONNACK name. */
export function brokerIn(properties: UserProperties | undefined): OtherBroker | undefined {
  const identity = valueOf(properties, IDENTITY, LONGEST_IDENTITY);
  return identity === undefined ? undefined : { identity, renames: valueOf(properties, RENAMES, LONGEST_RENAMES) };
}

function valueOf(properties: UserProperties | undefined, wanted: string, longest: number): string | undefined {
  const value = properties?.find(([name]) => name === wanted)?.[1];
  return value === undefined || value === "" || value.length > longest ? undefined : value;
}
