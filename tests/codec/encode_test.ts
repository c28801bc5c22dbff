/** Encoding: what is refused, and what is left out for older versions. */

import { assertEquals, assertThrows } from "@std/assert";
import { encodePacket, encodePacketInto } from "../../codec/encode.ts";
import { PacketBuffer } from "../../codec/packet_buffer.ts";
import type { Packet, ProtocolVersion, PublishPacket, SubscribePacket } from "../../codec/packets.ts";
import type { Properties } from "../../codec/property_types.ts";
import { RandomPackets } from "./random_packets.ts";

const publish: PublishPacket = {
  type: "publish",
  topic: "a",
  payload: new Uint8Array(1),
  qos: 1,
  retain: false,
  dup: false,
  packetId: 1,
};
const subscribe: SubscribePacket = { type: "subscribe", packetId: 1, subscriptions: [{ filter: "a", qos: 0 }] };

function withProperties(properties: Properties): Packet {
  return { ...publish, properties };
}

/** Wrong values that the types would not let pass. */
function untyped(value: unknown): never {
  return value as never;
}

interface Refused {
  readonly what: string;
  readonly packet: Packet;
  readonly version?: ProtocolVersion;
  readonly error: typeof RangeError | typeof TypeError;
}

const refused: Refused[] = [
  { what: "packet identifier 0 [MQTT-2.3.1-1]", version: 4, packet: { ...publish, packetId: 0 }, error: RangeError },
  { what: "packet identifier 0", packet: { ...publish, packetId: 0 }, error: RangeError },
  { what: "packet identifier 65,536", packet: { ...publish, packetId: 65_536 }, error: RangeError },
  { what: "packet identifier 1.5", packet: { ...publish, packetId: 1.5 }, error: RangeError },
  { what: "QoS 1 without a packet identifier", packet: { ...publish, packetId: undefined }, error: RangeError },
  {
    what: "packet identifier 0 in a PUBREL",
    packet: { type: "pubrel", packetId: 0, reasonCode: 0 },
    error: RangeError,
  },
  {
    what: "packet identifier 0 in a SUBSCRIBE [MQTT-2.3.1-1]",
    version: 4,
    packet: { ...subscribe, packetId: 0 },
    error: RangeError,
  },
  { what: "QoS 3 [MQTT-3.3.1-4]", packet: { ...publish, qos: untyped(3) }, error: RangeError },
  { what: "QoS 3 [MQTT-3.3.1-4]", version: 4, packet: { ...publish, qos: untyped(3) }, error: RangeError },
  {
    what: "DUP with QoS 0 [MQTT-3.3.1-2] [MQTT-4.3.1-1]",
    packet: { ...publish, qos: 0, dup: true },
    error: RangeError,
  },
  {
    what: "DUP with QoS 0 [MQTT-3.3.1-2] [MQTT-4.3.1-1]",
    version: 4,
    packet: { ...publish, qos: 0, dup: true },
    error: RangeError,
  },
  { what: "a wildcard in a topic name [MQTT-3.3.2-2]", packet: { ...publish, topic: "a/#" }, error: RangeError },
  {
    what: "a wildcard in a topic name [MQTT-3.3.2-2]",
    version: 4,
    packet: { ...publish, topic: "ü/+" },
    error: RangeError,
  },
  { what: "an empty topic name [MQTT-4.7.3-1]", packet: { ...publish, topic: "" }, error: RangeError },
  {
    what: "an empty topic name in spite of an alias [MQTT-4.7.3-1]",
    version: 4,
    packet: { ...publish, topic: "", properties: { topicAlias: 1 } },
    error: RangeError,
  },
  { what: "U+0000 in a topic name [MQTT-4.7.3-2]", packet: { ...publish, topic: "a\0" }, error: TypeError },
  { what: "a lone surrogate [MQTT-1.5.4-1]", packet: { ...publish, topic: "\ud800" }, error: TypeError },
  {
    what: "a topic name that is too long [MQTT-4.7.3-3]",
    packet: { ...publish, topic: "a".repeat(65_536) },
    error: RangeError,
  },
  { what: "a payload that is text", packet: { ...publish, payload: untyped("text") }, error: TypeError },
  { what: "topic alias 0 [MQTT-3.3.2-8]", packet: withProperties({ topicAlias: 0 }), error: RangeError },
  { what: "topic alias 65,536", packet: withProperties({ topicAlias: 65_536 }), error: RangeError },
  {
    what: "a wildcard in a response topic [MQTT-3.3.2-14]",
    packet: withProperties({ responseTopic: "+" }),
    error: RangeError,
  },
  { what: "an empty response topic [MQTT-4.7.3-1]", packet: withProperties({ responseTopic: "" }), error: RangeError },
  {
    what: "payload format indicator 2",
    packet: withProperties({ payloadFormatIndicator: untyped(2) }),
    error: RangeError,
  },
  {
    what: "a negative message expiry interval",
    packet: withProperties({ messageExpiryInterval: -1 }),
    error: RangeError,
  },
  {
    what: "a message expiry interval above 32 bits",
    packet: withProperties({ messageExpiryInterval: 2 ** 32 }),
    error: RangeError,
  },
  { what: "subscription identifier 0", packet: withProperties({ subscriptionIdentifiers: [0] }), error: RangeError },
  {
    what: "subscription identifier 268,435,456",
    packet: withProperties({ subscriptionIdentifiers: [2 ** 28] }),
    error: RangeError,
  },
  { what: "a content type that is a number", packet: withProperties({ contentType: untyped(1) }), error: TypeError },
  {
    what: "correlation data that are text",
    packet: withProperties({ correlationData: untyped("x") }),
    error: TypeError,
  },
  {
    what: "correlation data that are too long",
    packet: withProperties({ correlationData: new Uint8Array(65_536) }),
    error: RangeError,
  },
  {
    what: "user properties that are an object",
    packet: withProperties({ userProperties: untyped({ a: "b" }) }),
    error: TypeError,
  },
  {
    what: "a user property without a value",
    packet: withProperties({ userProperties: untyped([["a"]]) }),
    error: TypeError,
  },
  {
    what: "U+0000 in a user property [MQTT-1.5.7-1]",
    packet: withProperties({ userProperties: [["a", "\0"]] }),
    error: TypeError,
  },
  { what: "a property of another packet", packet: withProperties({ receiveMaximum: 1 }), error: TypeError },
  { what: "an unknown property", packet: withProperties(untyped({ colour: "red" })), error: TypeError },
  {
    what: "a SUBSCRIBE without a filter [MQTT-3.8.3-2]",
    packet: { ...subscribe, subscriptions: [] },
    error: RangeError,
  },
  {
    what: "a SUBSCRIBE without a filter [MQTT-3.8.3-3]",
    version: 4,
    packet: { ...subscribe, subscriptions: [] },
    error: RangeError,
  },
  {
    what: "no local for a shared subscription [MQTT-3.8.3-4]",
    packet: { ...subscribe, subscriptions: [{ filter: "$share/g/a", qos: 0, noLocal: true }] },
    error: RangeError,
  },
  {
    what: "QoS 3 in a SUBSCRIBE",
    packet: { ...subscribe, subscriptions: [{ filter: "a", qos: untyped(3) }] },
    error: RangeError,
  },
  {
    what: "retain handling 3",
    packet: { ...subscribe, subscriptions: [{ filter: "a", qos: 0, retainHandling: untyped(3) }] },
    error: RangeError,
  },
  {
    what: "two subscription identifiers in a SUBSCRIBE",
    packet: { ...subscribe, properties: { subscriptionIdentifiers: [1, 2] } },
    error: RangeError,
  },
  {
    what: "an UNSUBSCRIBE without a filter [MQTT-3.10.3-2]",
    packet: { type: "unsubscribe", packetId: 1, filters: [] },
    error: RangeError,
  },
  {
    what: "an UNSUBSCRIBE without a filter [MQTT-3.10.3-2]",
    version: 4,
    packet: { type: "unsubscribe", packetId: 1, filters: [] },
    error: RangeError,
  },
  { what: "a SUBACK without a code", packet: { type: "suback", packetId: 1, reasonCodes: [] }, error: RangeError },
  {
    what: "a SUBACK with a code of UNSUBACK [MQTT-3.9.3-2]",
    packet: { type: "suback", packetId: 1, reasonCodes: [0x11] },
    error: RangeError,
  },
  {
    what: "an UNSUBACK with a code of SUBACK [MQTT-3.11.3-2]",
    packet: { type: "unsuback", packetId: 1, reasonCodes: [1] },
    error: RangeError,
  },
  {
    what: "a PUBACK with a code of PUBREL [MQTT-3.4.2-1]",
    packet: { type: "puback", packetId: 1, reasonCode: 0x92 },
    error: RangeError,
  },
  {
    what: "a PUBREC with a code of PUBREL [MQTT-3.5.2-1]",
    packet: { type: "pubrec", packetId: 1, reasonCode: 0x92 },
    error: RangeError,
  },
  {
    what: "a PUBREL with a code of PUBACK [MQTT-3.6.2-1]",
    packet: { type: "pubrel", packetId: 1, reasonCode: 0x10 },
    error: RangeError,
  },
  {
    what: "a PUBCOMP with a code of PUBACK [MQTT-3.7.2-1]",
    packet: { type: "pubcomp", packetId: 1, reasonCode: 0x80 },
    error: RangeError,
  },
  {
    what: "a DISCONNECT with a code of CONNACK [MQTT-3.14.2-1]",
    packet: { type: "disconnect", reasonCode: 0x84 },
    error: RangeError,
  },
  {
    what: "an AUTH with a code of DISCONNECT [MQTT-3.15.2-1]",
    packet: { type: "auth", reasonCode: 0x87 },
    error: TypeError,
  },
  { what: "an AUTH without a method", packet: { type: "auth", reasonCode: 0x18 }, error: TypeError },
  { what: "an AUTH", version: 4, packet: { type: "auth", reasonCode: 0 }, error: TypeError },
  {
    what: "a CONNACK with a code of DISCONNECT [MQTT-3.2.2-8]",
    packet: { type: "connack", sessionPresent: false, reasonCode: 0x8e },
    error: RangeError,
  },
  {
    what: "a CONNACK with a reason code of 5.0",
    version: 4,
    packet: { type: "connack", sessionPresent: false, reasonCode: 0x87 },
    error: RangeError,
  },
  {
    what: "session present with a refusal [MQTT-3.2.2-6]",
    packet: { type: "connack", sessionPresent: true, reasonCode: 0x87 },
    error: RangeError,
  },
  {
    what: "session present with a refusal [MQTT-3.2.2-4]",
    version: 4,
    packet: { type: "connack", sessionPresent: true, reasonCode: 5 },
    error: RangeError,
  },
  { what: "receive maximum 0", packet: connect({ properties: { receiveMaximum: 0 } }), error: RangeError },
  { what: "keep alive 65,536", packet: connect({ keepAlive: 65_536 }), error: RangeError },
  { what: "protocol version 6", packet: connect({ protocolVersion: untyped(6) }), error: RangeError },
  {
    what: "a wildcard in a will topic [MQTT-4.7.0-1]",
    packet: connect({ will: { ...will(), topic: "#" } }),
    error: RangeError,
  },
  { what: "will QoS 3 [MQTT-3.1.2-12]", packet: connect({ will: { ...will(), qos: untyped(3) } }), error: RangeError },
  {
    what: "a will payload that is too long",
    packet: connect({ will: { ...will(), payload: new Uint8Array(65_536) } }),
    error: RangeError,
  },
  {
    what: "a topic alias for a will",
    packet: connect({ will: { ...will(), properties: untyped({ topicAlias: 1 }) } }),
    error: TypeError,
  },
  {
    what: "a password without a user name [MQTT-3.1.2-22]",
    version: 4,
    packet: connect({ protocolVersion: 4, password: new Uint8Array(1) }),
    error: TypeError,
  },
  { what: "a bridge in MQTT 5.0", packet: connect({ isBridge: true }), error: TypeError },
  {
    what: "authentication data without a method",
    packet: connect({ properties: { authenticationData: new Uint8Array(1) } }),
    error: TypeError,
  },
];

function connect(fields: Partial<Extract<Packet, { type: "connect" }>>): Packet {
  return { type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0, ...fields };
}

function will() {
  return { topic: "w", payload: new Uint8Array(0), qos: 0 as const, retain: false };
}

for (const { what, packet, version = 5, error } of refused) {
  Deno.test(`mqtt ${version === 5 ? "5.0" : "3.1.1"} broker client: does not write ${what}`, () => {
    const buffer = new PacketBuffer();
    assertThrows(() => encodePacket(packet, version), error, "Cannot encode");
    assertThrows(() => encodePacketInto(packet, version, buffer), error);
    assertEquals(buffer.length, 0);
  });
}

Deno.test("properties that are undefined, and empty lists, are not written", () => {
  const properties = { contentType: undefined, userProperties: [], subscriptionIdentifiers: [] };
  assertEquals(encodePacket({ ...publish, properties }, 5), encodePacket(publish, 5));
  const acknowledgement = {
    type: "puback",
    packetId: 1,
    reasonCode: 0,
    properties: { reasonString: undefined },
  } as const;
  assertEquals(encodePacket(acknowledgement, 5), Uint8Array.of(0x40, 2, 0, 1));
});

Deno.test("mqtt 3.1.1 broker client: leaves out what is of MQTT 5.0", () => {
  const properties = { reasonString: "because" };
  assertEquals(
    encodePacket({ type: "puback", packetId: 1, reasonCode: 0x87, properties }, 4),
    Uint8Array.of(0x40, 2, 0, 1),
  );
  assertEquals(encodePacket({ type: "disconnect", reasonCode: 0x8e, properties }, 4), Uint8Array.of(0xe0, 0));
  assertEquals(
    encodePacket({ type: "unsuback", packetId: 1, reasonCodes: [0], properties }, 4),
    Uint8Array.of(0xb0, 2, 0, 1),
  );
  const subscriptions = subscribe.subscriptions.map((subscription) => {
    return { ...subscription, noLocal: true, retainAsPublished: true, retainHandling: 2 as const };
  });
  assertEquals(encodePacket({ ...subscribe, subscriptions }, 4), encodePacket(subscribe, 4));
  assertEquals(encodePacket({ ...publish, properties: { topicAlias: 1 } }, 4), encodePacket(publish, 4));
});

Deno.test("mqtt 3.1.1 broker: each failure in a SUBACK becomes 0x80 [MQTT-3.9.3-2]", () => {
  const packet = { type: "suback", packetId: 1, reasonCodes: [0, 1, 2, 0x80, 0x87, 0xa2] } as const;
  const written = encodePacket({ ...packet, reasonCodes: [...packet.reasonCodes] }, 4);
  assertEquals(written, Uint8Array.of(0x90, 8, 0, 1, 0, 1, 2, 0x80, 0x80, 0x80));
});

Deno.test("mqtt 3.1 broker: CONNACK has no session present", () => {
  assertEquals(encodePacket({ type: "connack", sessionPresent: true, reasonCode: 0 }, 3), Uint8Array.of(0x20, 2, 0, 0));
});

Deno.test("encodePacketInto gives the bytes of encodePacket, one packet behind the other", () => {
  const random = new RandomPackets(21);
  const buffer = new PacketBuffer();
  for (let round = 0; round < 50; round++) {
    const packets = Array.from({ length: random.integer(0, 20) }, () => random.packet(5));
    for (const packet of packets) encodePacketInto(packet, 5, buffer);
    const expected = packets.flatMap((packet) => Array.from(encodePacket(packet, 5)));
    assertEquals(buffer.length, expected.length);
    assertEquals(Array.from(buffer.take()), expected);
    assertEquals(buffer.length, 0);
  }
});
