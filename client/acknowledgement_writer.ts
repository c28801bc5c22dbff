/**
 * PUBACK, PUBREC, PUBREL and PUBCOMP straight into an output's buffer.
 *
 * @module
 */

import type { Output } from "./output.ts";

/** First bytes of the four packets (MQTT 5.0 section 2.1). */
export const PUBACK = 0x40, PUBREC = 0x50, PUBREL = 0x62, PUBCOMP = 0x70;

/** Appends one of them. A reason code of 0 is left out, as it has to be before MQTT 5.0. */
export function writeAcknowledgement(output: Output, firstByte: number, packetId: number, reasonCode: number): void {
  const remaining = reasonCode === 0 ? 2 : 3;
  const at = output.reserveAnswer(2 + remaining);
  const { buffer } = output;
  buffer[at] = firstByte;
  buffer[at + 1] = remaining;
  buffer[at + 2] = packetId >> 8;
  buffer[at + 3] = packetId;
  if (remaining === 3) buffer[at + 4] = reasonCode;
}
