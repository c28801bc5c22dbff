/** Decoding, apart from what the vectors show: what is copied, and how a bad CONNECT is answered. */

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { connackVersion } from "../../codec/decode_connect.ts";
import { decodePacket } from "../../codec/decode.ts";
import { encodePacket } from "../../codec/encode.ts";
import { MqttError } from "../../codec/errors.ts";
import { frameOf } from "../../codec/framer.ts";
import type { Packet, PacketType, ProtocolVersion } from "../../codec/packets.ts";
import { ConnectReturnCode, connectReturnCode, ReasonCode, reasonCodeName } from "../../codec/reason_codes.ts";
import { bytesOf } from "../vectors/vector.ts";

function decode<Type extends PacketType>(
  type: Type,
  bytes: Uint8Array,
  version: ProtocolVersion,
): Extract<Packet, { type: Type }> {
  const packet = decodePacket(frameOf(bytes), version);
  if (!isOf(packet, type)) throw new Error(`Expected ${type}, received ${packet.type}`);
  return packet;
}

function isOf<Type extends PacketType>(packet: Packet, type: Type): packet is Extract<Packet, { type: Type }> {
  return packet.type === type;
}

Deno.test("the payload of a PUBLISH is a view into the bytes", () => {
  const bytes = bytesOf(`30 * "a" 'payload'`);
  const { payload } = decode("publish", bytes, 4);
  assertStrictEquals(payload.buffer, bytes.buffer);
  assertEquals(payload.byteOffset, 5);
});

Deno.test("all other binary data are copies", () => {
  const long = "x".repeat(100);
  const bytes = bytesOf(`10 * "MQTT" 05 f4 0000 (15 "m" 16 0001 61) "c" (09 0001 62) "t" "${long}" "u" "p"`);
  const packet = decode("connect", bytes, 5);
  bytes.fill(0);
  const text = (data: Uint8Array | undefined) => new TextDecoder().decode(data);
  assertEquals(text(packet.properties?.authenticationData), "a");
  assertEquals(text(packet.will?.properties?.correlationData), "b");
  assertEquals(text(packet.will?.payload), long);
  assertEquals(text(packet.password), "p");
});

Deno.test("a packet in the middle of other bytes is read to its own end", () => {
  const bytes = bytesOf("c000 40020001 c000");
  const packet = decodePacket({ bytes, start: 2, bodyStart: 4, end: 6, isOwned: false }, 5);
  assertEquals(packet, { type: "puback", packetId: 1, reasonCode: 0 });
});

Deno.test("a bridge says so by bit 7 of the protocol level, before MQTT 5.0", () => {
  for (
    const [protocolVersion, hex] of [[3, `10 * "MQIsdp" 83 02 0000 "c"`], [4, `10 * "MQTT" 84 02 0000 "c"`]] as const
  ) {
    const packet = {
      type: "connect",
      protocolVersion,
      isBridge: true,
      clientId: "c",
      cleanStart: true,
      keepAlive: 0,
    } as const;
    assertEquals<unknown>(decode("connect", bytesOf(hex), protocolVersion), packet);
    assertEquals(encodePacket(packet, protocolVersion), bytesOf(hex));
  }
  assertThrows(() => decode("connect", bytesOf(`10 * "MQTT" 85 02 0000 00 "c"`), 5), MqttError, "protocol must be");
});

const connects: readonly [what: string, bytes: string, version: ProtocolVersion | undefined][] = [
  ["MQTT 3.1", `10 * "MQIsdp" 03 02 003c`, 3],
  ["MQTT 3.1 with another level", `10 * "MQIsdp" 09 02 003c`, 3],
  ["MQTT 3.1.1", `10 * "MQTT" 04 03 003c "c"`, 4],
  ["MQTT 5.0", `10 * "MQTT" 05 03 003c`, 5],
  ["level 3 of MQTT", `10 * "MQTT" 03 02 003c "c"`, 4],
  ["level 0 of MQTT", `10 * "MQTT" 00 02 003c "c"`, 4],
  ["level 6 of MQTT", `10 * "MQTT" 06 02 003c "c"`, 5],
  ["a bridge of MQTT 3.1.1", `10 * "MQTT" 84 02 003c "c"`, 4],
  ["no level", `10 * "MQTT"`, undefined],
  ["another protocol", `10 * "HTTP" 05`, undefined],
  ["half a protocol", "10 * 0004 'MQ'", undefined],
  ["nothing", "10 00", undefined],
  ["another packet", `30 * "MQTT" 05`, undefined],
];
for (const [what, bytes, version] of connects) {
  Deno.test(`a CONNECT of ${what} is answered in version ${version ?? "none"}`, () => {
    assertEquals(connackVersion(frameOf(bytesOf(bytes))), version);
  });
}

Deno.test("errors say what was expected and received", () => {
  const failing: readonly [string, string][] = [
    ["30 * 0005 'ab'", "Cannot decode PUBLISH: the topic name must end within the packet"],
    ["82 * 0000", "Cannot decode SUBSCRIBE: packet identifier must be 1 to 65535, received 0"],
    ["41 * 0001", "Cannot decode PUBACK: flags must be 0, received 1"],
    [`10 * "FTP" 09`, 'Cannot decode CONNECT: protocol must be MQTT 4, MQTT 5 or MQIsdp 3, received "FTP" 9'],
    ["20 * 00 ff ()", "Cannot decode CONNACK: reason code must be one of this packet, received 0xff"],
  ];
  for (const [bytes, message] of failing) {
    assertEquals(assertThrows(() => decodePacket(frameOf(bytesOf(bytes)), 5), MqttError).message, message);
  }
});

Deno.test("reason codes have the names of the standard", () => {
  assertEquals<Record<string, number>>(ReasonCode, {
    Success: 0x00,
    NormalDisconnection: 0x00,
    GrantedQoS0: 0x00,
    GrantedQoS1: 0x01,
    GrantedQoS2: 0x02,
    DisconnectWithWillMessage: 0x04,
    NoMatchingSubscribers: 0x10,
    NoSubscriptionExisted: 0x11,
    ContinueAuthentication: 0x18,
    ReAuthenticate: 0x19,
    UnspecifiedError: 0x80,
    MalformedPacket: 0x81,
    ProtocolError: 0x82,
    ImplementationSpecificError: 0x83,
    UnsupportedProtocolVersion: 0x84,
    ClientIdentifierNotValid: 0x85,
    BadUserNameOrPassword: 0x86,
    NotAuthorized: 0x87,
    ServerUnavailable: 0x88,
    ServerBusy: 0x89,
    Banned: 0x8a,
    ServerShuttingDown: 0x8b,
    BadAuthenticationMethod: 0x8c,
    KeepAliveTimeout: 0x8d,
    SessionTakenOver: 0x8e,
    TopicFilterInvalid: 0x8f,
    TopicNameInvalid: 0x90,
    PacketIdentifierInUse: 0x91,
    PacketIdentifierNotFound: 0x92,
    ReceiveMaximumExceeded: 0x93,
    TopicAliasInvalid: 0x94,
    PacketTooLarge: 0x95,
    MessageRateTooHigh: 0x96,
    QuotaExceeded: 0x97,
    AdministrativeAction: 0x98,
    PayloadFormatInvalid: 0x99,
    RetainNotSupported: 0x9a,
    QoSNotSupported: 0x9b,
    UseAnotherServer: 0x9c,
    ServerMoved: 0x9d,
    SharedSubscriptionsNotSupported: 0x9e,
    ConnectionRateExceeded: 0x9f,
    MaximumConnectTime: 0xa0,
    SubscriptionIdentifiersNotSupported: 0xa1,
    WildcardSubscriptionsNotSupported: 0xa2,
  });
  assertEquals(reasonCodeName(ReasonCode.SessionTakenOver), "Session taken over");
  assertEquals(reasonCodeName(0), "Success");
  assertEquals(reasonCodeName(0xa3), "Reason code 0xa3");
  for (const code of Object.values(ReasonCode)) assert(!reasonCodeName(code).startsWith("Reason code"));
});

Deno.test("mqtt 3.1.1 broker: each reason code of CONNACK has its return code, or none", () => {
  assertEquals(connectReturnCode(ReasonCode.Success), ConnectReturnCode.Accepted);
  assertEquals(connectReturnCode(ReasonCode.UnsupportedProtocolVersion), 1);
  assertEquals(connectReturnCode(ReasonCode.ClientIdentifierNotValid), 2);
  assertEquals(connectReturnCode(ReasonCode.ServerBusy), 3);
  assertEquals(connectReturnCode(ReasonCode.BadUserNameOrPassword), 4);
  assertEquals(connectReturnCode(ReasonCode.NotAuthorized), 5);
  assertEquals(connectReturnCode(ReasonCode.MalformedPacket), undefined);
});
