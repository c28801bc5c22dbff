/** PINGREQ, PINGRESP, DISCONNECT, AUTH and what is no packet: sections 3.12 to 3.15 and 2.1 of all versions. @module */

import type { MalformedVector, ValidVector } from "./vector.ts";

const disconnectCodes = [
  ...[0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98],
  ...[0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2],
];
const hex = (code: number): string => code.toString(16).padStart(2, "0");

/** Packets that are read. */
export const valid: ValidVector[] = [
  { name: "PINGREQ", versions: [3, 4, 5], bytes: "c0 00", packet: { type: "pingreq" } },
  { name: "PINGRESP", versions: [3, 4, 5], bytes: "d0 00", packet: { type: "pingresp" } },
  {
    name: "PINGREQ with flags, which are not used,",
    versions: [3],
    bytes: "cf 00",
    packet: { type: "pingreq" },
    shortest: false,
  },
  { name: "DISCONNECT", versions: [3, 4, 5], bytes: "e0 00", packet: { type: "disconnect", reasonCode: 0 } },
  {
    name: "DISCONNECT with reason code 0 written out",
    versions: [5],
    bytes: "e0 01 00",
    packet: { type: "disconnect", reasonCode: 0 },
    shortest: false,
  },
  {
    name: "DISCONNECT with property length 0 written out",
    versions: [5],
    bytes: "e0 02 04 00",
    packet: { type: "disconnect", reasonCode: 4 },
    shortest: false,
  },
  ...disconnectCodes.map((reasonCode): ValidVector => ({
    name: `DISCONNECT with reason code 0x${hex(reasonCode)}`,
    versions: [5],
    bytes: `e0 01 ${hex(reasonCode)}`,
    packet: { type: "disconnect", reasonCode },
    statements: { 5: "[MQTT-3.14.2-1]" },
  })),
  {
    name: "DISCONNECT with all properties",
    versions: [5],
    bytes: `e0 * 9c (11 00000000 1f "full" 26 "k" "v" 1c "other")`,
    packet: {
      type: "disconnect",
      reasonCode: 0x9c,
      properties: {
        sessionExpiryInterval: 0,
        reasonString: "full",
        userProperties: [["k", "v"]],
        serverReference: "other",
      },
    },
  },
  { name: "AUTH cut to nothing", versions: [5], bytes: "f0 00", packet: { type: "auth", reasonCode: 0 } },
  {
    name: "AUTH with its method alone",
    versions: [5],
    bytes: `f0 * 19 (15 "SCRAM")`,
    packet: { type: "auth", reasonCode: 0x19, properties: { authenticationMethod: "SCRAM" } },
    statements: { 5: "[MQTT-3.15.2-1] [MQTT-3.15.1-1]" },
  },
  {
    name: "AUTH with all properties",
    versions: [5],
    bytes: `f0 * 18 (15 "SCRAM" 16 0003 000102 1f "more" 26 "k" "v")`,
    packet: {
      type: "auth",
      reasonCode: 0x18,
      properties: {
        authenticationMethod: "SCRAM",
        authenticationData: Uint8Array.of(0, 1, 2),
        reasonString: "more",
        userProperties: [["k", "v"]],
      },
    },
    statements: { 5: "[MQTT-3.15.2-1]" },
  },
  {
    name: "AUTH with success and its method",
    versions: [5],
    bytes: `f0 * 00 (15 "SCRAM")`,
    packet: { type: "auth", reasonCode: 0, properties: { authenticationMethod: "SCRAM" } },
    statements: { 5: "[MQTT-3.15.2-1]" },
  },
];

/** What is refused. */
export const malformed: MalformedVector[] = [
  { name: "packet type 0", versions: [3, 4, 5], bytes: "00 00", reasonCode: 0x81 },
  ...(["c", "d", "e"] as const).map((type): MalformedVector => ({
    name: `${{ c: "PINGREQ", d: "PINGRESP", e: "DISCONNECT" }[type]} with a flag`,
    versions: [4, 5],
    bytes: `${type}1 00`,
    reasonCode: 0x81,
    statements: { 5: "[MQTT-2.1.3-1]" },
  })),
  { name: "PINGREQ with a body", versions: [3, 4, 5], bytes: "c0 01 00", reasonCode: 0x81 },
  { name: "PINGRESP with a body", versions: [3, 4, 5], bytes: "d0 01 00", reasonCode: 0x81 },
  { name: "DISCONNECT with a body", versions: [3, 4], bytes: "e0 01 00", reasonCode: 0x81 },
  { name: "DISCONNECT with a byte too many", versions: [5], bytes: "e0 03 00 00 00", reasonCode: 0x81 },
  ...[0x01, 0x02, 0x10, 0x18, 0x84, 0x86, 0x91, 0xa3, 0xff].map((code): MalformedVector => ({
    name: `DISCONNECT with reason code 0x${hex(code)}`,
    versions: [5],
    bytes: `e0 01 ${hex(code)}`,
    reasonCode: 0x82,
    statements: { 5: "[MQTT-3.14.2-1]" },
  })),
  {
    name: "DISCONNECT with the session expiry interval twice",
    versions: [5],
    bytes: "e0 * 00 (11 00000001 11 00000001)",
    reasonCode: 0x82,
  },
  { name: "DISCONNECT with a receive maximum", versions: [5], bytes: "e0 * 00 (21 0001)", reasonCode: 0x81 },
  { name: "AUTH, which there is not,", versions: [3, 4], bytes: "f0 00", reasonCode: 0x81 },
  {
    name: "AUTH with a flag",
    versions: [5],
    bytes: `f1 * 18 (15 "a")`,
    reasonCode: 0x81,
    statements: { 5: "[MQTT-3.15.1-1] [MQTT-2.1.3-1]" },
  },
  { name: "AUTH without a property length", versions: [5], bytes: "f0 01 18", reasonCode: 0x81 },
  { name: "AUTH without a method", versions: [5], bytes: "f0 02 18 00", reasonCode: 0x82 },
  { name: "AUTH with data and no method", versions: [5], bytes: "f0 * 18 (16 0000)", reasonCode: 0x82 },
  { name: "AUTH with its method twice", versions: [5], bytes: `f0 * 18 (15 "a" 15 "a")`, reasonCode: 0x82 },
  { name: "AUTH with a server reference", versions: [5], bytes: `f0 * 18 (15 "a" 1c "a")`, reasonCode: 0x81 },
  {
    name: "AUTH with a reason code of CONNACK",
    versions: [5],
    bytes: `f0 * 87 (15 "a")`,
    reasonCode: 0x82,
    statements: { 5: "[MQTT-3.15.2-1]" },
  },
];
