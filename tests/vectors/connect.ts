/** CONNECT: section 3.1 of all versions. What is refused stands in connect_malformed.ts. @module */

import type { ValidVector } from "./vector.ts";

const octets = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** CONNECTs that are read. */
export const valid: ValidVector[] = [
  {
    name: "CONNECT with nothing but a client identifier",
    versions: [3],
    bytes: "10 * 00 06 4d 51 49 73 64 70 03 02 00 3c 00 02 63 31",
    packet: { type: "connect", protocolVersion: 3, clientId: "c1", cleanStart: true, keepAlive: 60 },
  },
  {
    name: "CONNECT with nothing but a client identifier",
    versions: [4],
    bytes: "10 0e 00 04 4d 51 54 54 04 02 00 3c 00 02 63 31",
    packet: { type: "connect", protocolVersion: 4, clientId: "c1", cleanStart: true, keepAlive: 60 },
    statements: { 4: "[MQTT-3.1.2-11] [MQTT-3.1.2-18] [MQTT-3.1.2-20] [MQTT-3.1.3-3]" },
  },
  {
    name: "CONNECT with nothing but a client identifier",
    versions: [5],
    bytes: "10 0f 00 04 4d 51 54 54 05 02 00 3c 00 00 02 63 31",
    packet: { type: "connect", protocolVersion: 5, clientId: "c1", cleanStart: true, keepAlive: 60 },
    statements: { 5: "[MQTT-3.1.2-1] [MQTT-2.2.2-1] [MQTT-3.1.3-3]" },
  },
  {
    name: "CONNECT with an empty client identifier",
    versions: [4],
    bytes: "10 0c 00 04 4d 51 54 54 04 02 ff ff 00 00",
    packet: { type: "connect", protocolVersion: 4, clientId: "", cleanStart: true, keepAlive: 65535 },
    statements: { 4: "[MQTT-3.1.3-3]" },
  },
  {
    name: "CONNECT with all fields in their order",
    versions: [3],
    bytes: `10 * "MQIsdp" 03 f4 000a "client" "will/topic" "gone" "user" "secret"`,
    packet: {
      type: "connect",
      protocolVersion: 3,
      clientId: "client",
      cleanStart: false,
      keepAlive: 10,
      will: { topic: "will/topic", payload: new TextEncoder().encode("gone"), qos: 2, retain: true },
      username: "user",
      password: new TextEncoder().encode("secret"),
    },
  },
  {
    name: "CONNECT with all fields in their order",
    versions: [4],
    bytes: `10 * "MQTT" 04 f4 000a "client" "will/topic" "gone" "user" "secret"`,
    packet: {
      type: "connect",
      protocolVersion: 4,
      clientId: "client",
      cleanStart: false,
      keepAlive: 10,
      will: { topic: "will/topic", payload: new TextEncoder().encode("gone"), qos: 2, retain: true },
      username: "user",
      password: new TextEncoder().encode("secret"),
    },
    statements: {
      4: "[MQTT-3.1.2-9] [MQTT-3.1.2-14] [MQTT-3.1.2-19] [MQTT-3.1.2-21] [MQTT-3.1.3-1]",
    },
  },
  {
    name: "CONNECT with all fields and properties in their order",
    versions: [5],
    bytes: `10 * "MQTT" 05 f6 000a
      (11 0000003c 21 000a 27 00010000 22 0005 19 01 17 00 26 "a" "1" 26 "a" "2" 15 "SCRAM" 16 0002 00ff)
      "client"
      (18 00000005 01 01 02 0000000a 03 "text/plain" 08 "answers" 09 0001 07 26 "b" "")
      "will/topic" "gone" "user" 0003 000180`,
    packet: {
      type: "connect",
      protocolVersion: 5,
      clientId: "client",
      cleanStart: true,
      keepAlive: 10,
      properties: {
        sessionExpiryInterval: 60,
        receiveMaximum: 10,
        maximumPacketSize: 65536,
        topicAliasMaximum: 5,
        requestResponseInformation: 1,
        requestProblemInformation: 0,
        userProperties: [["a", "1"], ["a", "2"]],
        authenticationMethod: "SCRAM",
        authenticationData: octets(0, 0xff),
      },
      will: {
        topic: "will/topic",
        payload: new TextEncoder().encode("gone"),
        qos: 2,
        retain: true,
        properties: {
          willDelayInterval: 5,
          payloadFormatIndicator: 1,
          messageExpiryInterval: 10,
          contentType: "text/plain",
          responseTopic: "answers",
          correlationData: octets(7),
          userProperties: [["b", ""]],
        },
      },
      username: "user",
      password: octets(0, 1, 0x80),
    },
    statements: {
      5: "[MQTT-3.1.2-9] [MQTT-3.1.2-12] [MQTT-3.1.2-17] [MQTT-3.1.2-19] [MQTT-3.1.3-1] [MQTT-1.5.7-1]",
    },
  },
  {
    name: "CONNECT with a password and no user name",
    versions: [5],
    bytes: `10 * "MQTT" 05 40 0000 () "" 0001 ff`,
    packet: {
      type: "connect",
      protocolVersion: 5,
      clientId: "",
      cleanStart: false,
      keepAlive: 0,
      password: octets(0xff),
    },
    statements: { 5: "[MQTT-3.1.2-16] [MQTT-3.1.2-19]" },
  },
  {
    name: "CONNECT with an empty will payload, user name and password",
    versions: [4],
    bytes: `10 * "MQTT" 04 c6 0000 "c" "t" 0000 "" 0000`,
    packet: {
      type: "connect",
      protocolVersion: 4,
      clientId: "c",
      cleanStart: true,
      keepAlive: 0,
      will: { topic: "t", payload: octets(), qos: 0, retain: false },
      username: "",
      password: octets(),
    },
  },
  {
    name: "CONNECT that ends before the user name that its flags announce",
    versions: [3],
    bytes: `10 * "MQIsdp" 03 c2 003c "c1"`,
    packet: { type: "connect", protocolVersion: 3, clientId: "c1", cleanStart: true, keepAlive: 60 },
    shortest: false,
  },
  {
    name: "CONNECT with flags and bits that are not used",
    versions: [3],
    bytes: `1f * "MQIsdp" 03 3b 003c "c1"`,
    packet: { type: "connect", protocolVersion: 3, clientId: "c1", cleanStart: true, keepAlive: 60 },
    shortest: false,
  },
];
