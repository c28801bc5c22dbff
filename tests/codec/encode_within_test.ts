/** Encoding for a peer with a maximum packet size. */

import { assert, assertEquals } from "@std/assert";
import { decodePacket } from "../../codec/decode.ts";
import { encodePacket, encodePacketWithin } from "../../codec/encode.ts";
import { frameOf } from "../../codec/framer.ts";
import type { Packet } from "../../codec/packets.ts";
import type { Properties } from "../../codec/property_types.ts";

const userProperties = [["k".repeat(20), "v".repeat(20)]] as const;
const properties = { reasonString: "r".repeat(50), userProperties };
const limited: readonly [Packet, string][] = [
  [{ type: "connack", sessionPresent: false, reasonCode: 0, properties }, "[MQTT-3.2.2-19] [MQTT-3.2.2-20]"],
  [{ type: "puback", packetId: 1, reasonCode: 0x87, properties }, "[MQTT-3.4.2-2] [MQTT-3.4.2-3]"],
  [{ type: "pubrec", packetId: 1, reasonCode: 0x87, properties }, "[MQTT-3.5.2-2] [MQTT-3.5.2-3]"],
  [{ type: "pubrel", packetId: 1, reasonCode: 0x92, properties }, "[MQTT-3.6.2-2] [MQTT-3.6.2-3]"],
  [{ type: "pubcomp", packetId: 1, reasonCode: 0x92, properties }, "[MQTT-3.7.2-2] [MQTT-3.7.2-3]"],
  [{ type: "suback", packetId: 1, reasonCodes: [0], properties }, "[MQTT-3.9.2-1] [MQTT-3.9.2-2]"],
  [{ type: "unsuback", packetId: 1, reasonCodes: [0], properties }, "[MQTT-3.11.2-1] [MQTT-3.11.2-2]"],
  [{ type: "disconnect", reasonCode: 0x82, properties }, "[MQTT-3.14.2-3] [MQTT-3.14.2-4]"],
  [
    { type: "auth", reasonCode: 0x18, properties: { authenticationMethod: "m", ...properties } },
    "[MQTT-3.15.2-2] [MQTT-3.15.2-3]",
  ],
];

for (const [packet, statements] of limited) {
  const name = packet.type.toUpperCase();
  Deno.test(`mqtt 5.0 broker client: ${name} leaves out what passes the maximum packet size ${statements}`, () => {
    const full = encodePacket(packet, 5).length;
    const sizes = [full, full - 1, full - 53, full - 54, full - 98];
    const contents = sizes.map((size) => {
      const bytes = encodePacketWithin(packet, 5, size);
      assert(bytes !== undefined && bytes.length <= size);
      const decoded = decodePacket(frameOf(bytes), 5);
      const rest: Properties = "properties" in decoded ? decoded.properties ?? {} : {};
      return [rest.reasonString !== undefined, rest.userProperties !== undefined];
    });
    assertEquals(contents, [[true, true], [false, true], [false, true], [false, false], [false, false]]);
    const least = encodePacketWithin(packet, 5, full - 98)?.length ?? 0;
    assertEquals(encodePacketWithin(packet, 5, least - 1), undefined);
  });
}

Deno.test("encodePacketWithin leaves nothing out of what a message or a request is made of", () => {
  const publish = {
    type: "publish",
    topic: "a",
    payload: new Uint8Array(1),
    qos: 0,
    retain: false,
    dup: false,
  } as const;
  const large: Packet[] = [
    { ...publish, properties: { userProperties } },
    { ...publish, payload: new Uint8Array(2000) },
    { type: "subscribe", packetId: 1, subscriptions: [{ filter: "a", qos: 0 }], properties: { userProperties } },
    {
      type: "connect",
      protocolVersion: 5,
      clientId: "c",
      cleanStart: true,
      keepAlive: 0,
      properties: { userProperties },
    },
  ];
  for (const packet of large) {
    const bytes = encodePacket(packet, 5);
    assertEquals(encodePacketWithin(packet, 5, bytes.length), bytes);
    assertEquals(encodePacketWithin(packet, 5, bytes.length - 1), undefined);
    assertEquals(encodePacketWithin(packet, 5, 10), undefined);
  }
  assertEquals(encodePacketWithin({ type: "puback", packetId: 1, reasonCode: 0 }, 4, 3), undefined);
});
