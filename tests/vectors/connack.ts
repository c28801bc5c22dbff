/** CONNACK: section 3.2 of all versions. @module */

import type { MalformedVector, ValidVector } from "./vector.ts";

/** CONNACKs that are read. */
export const valid: ValidVector[] = [
  {
    name: "CONNACK of an accepted connection",
    versions: [3, 4],
    bytes: "20 02 00 00",
    packet: { type: "connack", sessionPresent: false, reasonCode: 0 },
  },
  {
    name: "CONNACK with session present",
    versions: [4],
    bytes: "20 02 01 00",
    packet: { type: "connack", sessionPresent: true, reasonCode: 0 },
  },
  {
    name: "CONNACK of a refused connection",
    versions: [3, 4],
    bytes: "20 02 00 05",
    packet: { type: "connack", sessionPresent: false, reasonCode: 5 },
  },
  {
    name: "CONNACK with a reserved byte that is not used",
    versions: [3],
    bytes: "20 02 ff 00",
    packet: { type: "connack", sessionPresent: false, reasonCode: 0 },
    shortest: false,
  },
  {
    name: "CONNACK of an accepted connection",
    versions: [5],
    bytes: "20 03 01 00 00",
    packet: { type: "connack", sessionPresent: true, reasonCode: 0 },
    statements: { 5: "[MQTT-2.2.2-1]" },
  },
  {
    name: "CONNACK with all properties",
    versions: [5],
    bytes: `20 * 00 00 (11 ffffffff 21 ffff 24 01 25 00 27 ffffffff 12 "auto-1" 22 000a 1f "why" 26 "k" "v" 28 00 29 01
      2a 00 13 0000 1a "answers/1" 1c "other:1883" 15 "SCRAM" 16 0000)`,
    packet: {
      type: "connack",
      sessionPresent: false,
      reasonCode: 0,
      properties: {
        sessionExpiryInterval: 4_294_967_295,
        receiveMaximum: 65535,
        maximumQoS: 1,
        retainAvailable: 0,
        maximumPacketSize: 4_294_967_295,
        assignedClientIdentifier: "auto-1",
        topicAliasMaximum: 10,
        reasonString: "why",
        userProperties: [["k", "v"]],
        wildcardSubscriptionAvailable: 0,
        subscriptionIdentifierAvailable: 1,
        sharedSubscriptionAvailable: 0,
        serverKeepAlive: 0,
        responseInformation: "answers/1",
        serverReference: "other:1883",
        authenticationMethod: "SCRAM",
        authenticationData: new Uint8Array(0),
      },
    },
  },
  ...[
    ...[0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99],
    ...[0x9a, 0x9b, 0x9c, 0x9d, 0x9f],
  ].map((reasonCode): ValidVector => ({
    name: `CONNACK with reason code 0x${reasonCode.toString(16)}`,
    versions: [5],
    bytes: `20 03 00 ${reasonCode.toString(16)} 00`,
    packet: { type: "connack", sessionPresent: false, reasonCode },
    statements: { 5: "[MQTT-3.2.2-8]" },
  })),
];

/** CONNACKs that are refused. */
export const malformed: MalformedVector[] = [
  { name: "CONNACK of nothing", versions: [3, 4, 5], bytes: "20 00", reasonCode: 0x81 },
  { name: "CONNACK of one byte", versions: [3, 4, 5], bytes: "20 01 00", reasonCode: 0x81 },
  { name: "CONNACK without a property length", versions: [5], bytes: "20 02 00 00", reasonCode: 0x81 },
  { name: "CONNACK with a byte too many", versions: [3, 4], bytes: "20 03 00 00 00", reasonCode: 0x81 },
  { name: "CONNACK with a byte too many", versions: [5], bytes: "20 04 00 00 00 00", reasonCode: 0x81 },
  {
    name: "CONNACK with a flag in its fixed header",
    versions: [4, 5],
    bytes: "21 03 00 00 00",
    reasonCode: 0x81,
    statements: { 5: "[MQTT-2.1.3-1]" },
  },
  {
    name: "CONNACK with a reserved acknowledge flag",
    versions: [4, 5],
    bytes: "20 03 02 00 00",
    reasonCode: 0x81,
    statements: { 5: "[MQTT-3.2.2-1]" },
  },
  { name: "CONNACK with return code 6", versions: [3, 4], bytes: "20 02 00 06", reasonCode: 0x82 },
  {
    name: "CONNACK with session present and a refusal",
    versions: [4, 5],
    bytes: "20 * 01 05",
    reasonCode: 0x82,
    statements: { 4: "[MQTT-3.2.2-4]" },
  },
  {
    name: "CONNACK with session present and reason code 0x87",
    versions: [5],
    bytes: "20 03 01 87 00",
    reasonCode: 0x82,
    statements: { 5: "[MQTT-3.2.2-6]" },
  },
  {
    name: "CONNACK with a reason code of DISCONNECT",
    versions: [5],
    bytes: "20 03 00 8e 00",
    reasonCode: 0x82,
    statements: { 5: "[MQTT-3.2.2-8]" },
  },
  { name: "CONNACK with an unknown reason code", versions: [5], bytes: "20 03 00 ff 00", reasonCode: 0x82 },
  { name: "CONNACK with maximum QoS 2", versions: [5], bytes: "20 * 00 00 (24 02)", reasonCode: 0x82 },
  { name: "CONNACK with retain available 2", versions: [5], bytes: "20 * 00 00 (25 02)", reasonCode: 0x82 },
  { name: "CONNACK with receive maximum 0", versions: [5], bytes: "20 * 00 00 (21 0000)", reasonCode: 0x82 },
  { name: "CONNACK with maximum packet size 0", versions: [5], bytes: "20 * 00 00 (27 00000000)", reasonCode: 0x82 },
  {
    name: "CONNACK with the server keep alive twice",
    versions: [5],
    bytes: "20 * 00 00 (13 0001 13 0001)",
    reasonCode: 0x82,
  },
  { name: "CONNACK with a topic alias", versions: [5], bytes: "20 * 00 00 (23 0001)", reasonCode: 0x81 },
  { name: "CONNACK with an unknown property", versions: [5], bytes: "20 * 00 00 (7f 00)", reasonCode: 0x81 },
  { name: "CONNACK with a property that is cut off", versions: [5], bytes: "20 * 00 00 (13 00)", reasonCode: 0x81 },
  { name: "CONNACK with properties beyond its end", versions: [5], bytes: "20 * 00 00 7f 13 0001", reasonCode: 0x81 },
  {
    name: "CONNACK with a padded property length",
    versions: [5],
    bytes: "20 * 00 00 8000",
    reasonCode: 0x81,
    statements: { 5: "[MQTT-1.5.5-1]" },
  },
];
