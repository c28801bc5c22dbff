/**
 * One or more packets of each kind as applications send them, for the bench and the tests.
 *
 * @module
 */

import type { Packet, ProtocolVersion } from "../../codec/packets.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A packet and what it stands for. */
export interface Sample {
  /** Name of the packet kind, and what is particular about it. */
  readonly name: string;
  /** The packet. */
  readonly packet: Packet;
}

/** Typical packets of a version. Those without properties are the same in all versions. */
export function samples(version: ProtocolVersion): Sample[] {
  return version === 5 ? [...common(5), ...onlyIn5()] : common(version);
}

function common(version: ProtocolVersion): Sample[] {
  const reasonCodes = version === 5 ? [0] : [];
  return [
    {
      name: "connect",
      packet: { type: "connect", protocolVersion: version, clientId: "gateway-0042", cleanStart: true, keepAlive: 60 },
    },
    {
      name: "connect with will and login",
      packet: {
        type: "connect",
        protocolVersion: version,
        clientId: "gateway-0042",
        cleanStart: false,
        keepAlive: 60,
        will: { topic: "gateways/0042/state", payload: bytes("offline"), qos: 1, retain: true },
        username: "gateway",
        password: bytes("correct horse battery staple"),
      },
    },
    { name: "connack", packet: { type: "connack", sessionPresent: version > 3, reasonCode: 0 } },
    {
      name: "publish QoS 0",
      packet: {
        type: "publish",
        topic: "sensors/7/temperature",
        payload: bytes('{"value":21.5,"unit":"C"}'),
        qos: 0,
        retain: false,
        dup: false,
      },
    },
    {
      name: "publish QoS 1",
      packet: {
        type: "publish",
        topic: "sensors/7/temperature",
        payload: bytes('{"value":21.5,"unit":"C"}'),
        qos: 1,
        retain: false,
        dup: false,
        packetId: 4711,
      },
    },
    {
      name: "publish 4 KB",
      packet: {
        type: "publish",
        topic: "cameras/entrance/preview",
        payload: new Uint8Array(4096).fill(0x5a),
        qos: 2,
        retain: true,
        dup: false,
        packetId: 4712,
      },
    },
    { name: "puback", packet: { type: "puback", packetId: 4711, reasonCode: 0 } },
    { name: "pubrec", packet: { type: "pubrec", packetId: 4711, reasonCode: 0 } },
    { name: "pubrel", packet: { type: "pubrel", packetId: 4711, reasonCode: 0 } },
    { name: "pubcomp", packet: { type: "pubcomp", packetId: 4711, reasonCode: 0 } },
    {
      name: "subscribe",
      packet: {
        type: "subscribe",
        packetId: 1,
        subscriptions: [
          { filter: "sensors/+/temperature", qos: 1, ...optionsOf5(version) },
          { filter: "commands/gateway-0042/#", qos: 2, ...optionsOf5(version) },
        ],
      },
    },
    { name: "suback", packet: { type: "suback", packetId: 1, reasonCodes: [1, 2] } },
    {
      name: "unsubscribe",
      packet: { type: "unsubscribe", packetId: 2, filters: ["sensors/+/temperature", "commands/gateway-0042/#"] },
    },
    { name: "unsuback", packet: { type: "unsuback", packetId: 2, reasonCodes } },
    { name: "pingreq", packet: { type: "pingreq" } },
    { name: "pingresp", packet: { type: "pingresp" } },
    { name: "disconnect", packet: { type: "disconnect", reasonCode: 0 } },
  ];
}

function optionsOf5(version: ProtocolVersion) {
  return version === 5 ? { noLocal: false, retainAsPublished: true, retainHandling: 1 as const } : {};
}

function onlyIn5(): Sample[] {
  return [
    {
      name: "connect with properties",
      packet: {
        type: "connect",
        protocolVersion: 5,
        clientId: "gateway-0042",
        cleanStart: false,
        keepAlive: 60,
        properties: { sessionExpiryInterval: 3600, receiveMaximum: 100, topicAliasMaximum: 16 },
      },
    },
    {
      name: "connack with properties",
      packet: {
        type: "connack",
        sessionPresent: false,
        reasonCode: 0,
        properties: {
          receiveMaximum: 100,
          maximumPacketSize: 1_000_000,
          topicAliasMaximum: 16,
          assignedClientIdentifier: "auto-2f8e12",
          sharedSubscriptionAvailable: 1,
        },
      },
    },
    {
      name: "publish with properties",
      packet: {
        type: "publish",
        topic: "requests/gateway-0042",
        payload: bytes("status?"),
        qos: 1,
        retain: false,
        dup: false,
        packetId: 4713,
        properties: {
          payloadFormatIndicator: 1,
          messageExpiryInterval: 60,
          contentType: "text/plain",
          responseTopic: "responses/console-1",
          correlationData: bytes("17"),
          userProperties: [["trace", "4bf92f3577b34da6"], ["from", "console-1"]],
        },
      },
    },
    {
      name: "puback with reason",
      packet: {
        type: "puback",
        packetId: 4713,
        reasonCode: 0x87,
        properties: { reasonString: "not for you" },
      },
    },
    {
      name: "disconnect with reason",
      packet: { type: "disconnect", reasonCode: 0x8e, properties: { reasonString: "another one came" } },
    },
    {
      name: "auth",
      packet: {
        type: "auth",
        reasonCode: 0x18,
        properties: {
          authenticationMethod: "SCRAM-SHA-256",
          authenticationData: bytes("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"),
        },
      },
    },
  ];
}
