/** PUBACK, PUBREC, PUBREL, PUBCOMP: sections 3.4 to 3.7 of all versions. @module */

import type { PubackPacket, PubcompPacket, PubrecPacket, PubrelPacket } from "../../codec/packets.ts";
import type { MalformedVector, ValidVector } from "./vector.ts";

interface Kind {
  readonly type: (PubackPacket | PubrecPacket | PubrelPacket | PubcompPacket)["type"];
  readonly first: string;
  readonly codes: readonly number[];
  /** Statement of 5.0 on the codes. */
  readonly statement: string;
}

const received = [0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
const kinds: Kind[] = [
  { type: "puback", first: "40", codes: received, statement: "[MQTT-3.4.2-1]" },
  { type: "pubrec", first: "50", codes: received, statement: "[MQTT-3.5.2-1]" },
  { type: "pubrel", first: "62", codes: [0x92], statement: "[MQTT-3.6.2-1]" },
  { type: "pubcomp", first: "70", codes: [0x92], statement: "[MQTT-3.7.2-1]" },
];

/** Acknowledgements that are read. */
export const valid: ValidVector[] = kinds.flatMap(({ type, first, codes, statement }): ValidVector[] => {
  const name = type.toUpperCase();
  return [
    {
      name,
      versions: [3, 4, 5],
      bytes: `${first} 02 12 34`,
      packet: { type, packetId: 0x1234, reasonCode: 0 },
      statements: type === "pubrel" ? { 4: "[MQTT-3.6.1-1] [MQTT-2.2.2-1]", 5: "[MQTT-3.6.1-1] [MQTT-2.1.3-1]" } : {},
    },
    {
      name: `${name} with reason code 0 written out`,
      versions: [5],
      bytes: `${first} 03 00 01 00`,
      packet: { type, packetId: 1, reasonCode: 0 },
      shortest: false,
    },
    {
      name: `${name} with reason code 0 and property length 0 written out`,
      versions: [5],
      bytes: `${first} 04 00 01 00 00`,
      packet: { type, packetId: 1, reasonCode: 0 },
      shortest: false,
    },
    ...codes.map((reasonCode): ValidVector => ({
      name: `${name} with reason code 0x${reasonCode.toString(16)}`,
      versions: [5],
      bytes: `${first} 03 ff ff ${reasonCode.toString(16)}`,
      packet: { type, packetId: 65535, reasonCode },
      statements: { 5: statement },
    })),
    {
      name: `${name} with properties`,
      versions: [5],
      bytes: `${first} * 0001 00 (1f "because" 26 "k" "v" 26 "k" "v")`,
      packet: {
        type,
        packetId: 1,
        reasonCode: 0,
        properties: { reasonString: "because", userProperties: [["k", "v"], ["k", "v"]] },
      },
    },
  ];
});

/** Acknowledgements that are refused. */
export const malformed: MalformedVector[] = kinds.flatMap(({ type, first, codes, statement }): MalformedVector[] => {
  const name = type.toUpperCase();
  const wrongFlags = type === "pubrel" ? "60" : `${first[0]}2`;
  const notItsOwn = Array.from({ length: 256 }, (_, code) => code).filter((code) => code > 0 && !codes.includes(code));
  return [
    {
      name: `${name} with wrong flags`,
      versions: [4, 5],
      bytes: `${wrongFlags} 02 00 01`,
      reasonCode: 0x81,
      statements: type === "pubrel"
        ? { 4: "[MQTT-3.6.1-1]", 5: "[MQTT-3.6.1-1] [MQTT-2.1.3-1]" }
        : { 5: "[MQTT-2.1.3-1]" },
    },
    { name: `${name} of nothing`, versions: [3, 4, 5], bytes: `${first} 00`, reasonCode: 0x81 },
    { name: `${name} of one byte`, versions: [3, 4, 5], bytes: `${first} 01 00`, reasonCode: 0x81 },
    { name: `${name} of packet identifier 0`, versions: [3, 4, 5], bytes: `${first} 02 00 00`, reasonCode: 0x82 },
    { name: `${name} with a byte too many`, versions: [3, 4], bytes: `${first} 03 00 01 00`, reasonCode: 0x81 },
    { name: `${name} with a byte too many`, versions: [5], bytes: `${first} 05 00 01 00 00 00`, reasonCode: 0x81 },
    {
      name: `${name} with its reason string twice`,
      versions: [5],
      bytes: `${first} * 0001 00 (1f "a" 1f "a")`,
      reasonCode: 0x82,
    },
    { name: `${name} with a server reference`, versions: [5], bytes: `${first} * 0001 00 (1c "a")`, reasonCode: 0x81 },
    {
      name: `${name} with a reason string that is no UTF-8`,
      versions: [5],
      bytes: `${first} * 0001 00 (1f 0001 ff)`,
      reasonCode: 0x81,
    },
    ...[0x01, 0x81, 0x92, 0x10, 0xff].filter((code) => notItsOwn.includes(code)).map((code): MalformedVector => ({
      name: `${name} with reason code 0x${code.toString(16)}`,
      versions: [5],
      bytes: `${first} 03 00 01 ${code.toString(16).padStart(2, "0")}`,
      reasonCode: 0x82,
      statements: { 5: statement },
    })),
  ];
});
