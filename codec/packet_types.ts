/**
 * The control packet types as they stand in the fixed header (MQTT 5.0 section 2.1.2), and the reason codes that
 * each of them may carry.
 *
 * @module
 */

import type { PacketType } from "./packets.ts";

/** The number of each packet type, the upper four bits of the first byte. 0 is reserved. */
export const PACKET_TYPES: { readonly [Type in PacketType]: number } = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  suback: 9,
  unsubscribe: 10,
  unsuback: 11,
  pingreq: 12,
  pingresp: 13,
  disconnect: 14,
  auth: 15,
};

const names: readonly string[] = ["reserved packet type 0", ...Object.keys(PACKET_TYPES).map((t) => t.toUpperCase())];

/** Name of a packet type for messages: "PUBLISH" for 3. */
export function packetTypeName(type: number): string {
  return names[type] ?? `packet type ${type}`;
}

const { connack, puback, pubrec, pubrel, pubcomp, suback, unsuback, disconnect, auth } = PACKET_TYPES;

/** Which reason codes stand in which packets (tables 2-6 of section 2.4, 3.2.2.2, 3.4.2.1, ... of MQTT 5.0). */
const REASON_CODES: readonly (readonly [code: number, ...types: number[]])[] = [
  [0x00, connack, puback, pubrec, pubrel, pubcomp, suback, unsuback, disconnect, auth],
  [0x01, suback],
  [0x02, suback],
  [0x04, disconnect],
  [0x10, puback, pubrec],
  [0x11, unsuback],
  [0x18, auth],
  [0x19, auth],
  [0x80, connack, puback, pubrec, suback, unsuback, disconnect],
  [0x81, connack, disconnect],
  [0x82, connack, disconnect],
  [0x83, connack, puback, pubrec, suback, unsuback, disconnect],
  [0x84, connack],
  [0x85, connack],
  [0x86, connack],
  [0x87, connack, puback, pubrec, suback, unsuback, disconnect],
  [0x88, connack],
  [0x89, connack, disconnect],
  [0x8a, connack],
  [0x8b, disconnect],
  [0x8c, connack],
  [0x8d, disconnect],
  [0x8e, disconnect],
  [0x8f, suback, unsuback, disconnect],
  [0x90, connack, puback, pubrec, disconnect],
  [0x91, puback, pubrec, suback, unsuback],
  [0x92, pubrel, pubcomp],
  [0x93, disconnect],
  [0x94, disconnect],
  [0x95, connack, disconnect],
  [0x96, disconnect],
  [0x97, connack, puback, pubrec, suback, disconnect],
  [0x98, disconnect],
  [0x99, connack, puback, pubrec, disconnect],
  [0x9a, connack, disconnect],
  [0x9b, connack, disconnect],
  [0x9c, connack, disconnect],
  [0x9d, connack, disconnect],
  [0x9e, suback, disconnect],
  [0x9f, connack, disconnect],
  [0xa0, disconnect],
  [0xa1, suback, disconnect],
  [0xa2, suback, disconnect],
];

/** For each reason code one bit per packet type. */
const allowed: Uint16Array = new Uint16Array(256);
for (const [code, ...types] of REASON_CODES) {
  allowed[code] = types.reduce((bits, type) => bits | 1 << type, 0);
}

/** Whether a packet of this type may carry this reason code in MQTT 5.0, whoever sends it. */
export function isReasonCodeOf(type: number, code: number): boolean {
  return ((allowed[code] ?? 0) >> type & 1) === 1;
}
