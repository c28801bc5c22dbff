/**
 * The packets of clients into bytes, but publications and their acknowledgements. A client that writes these by itself
 * needs no more, so that what encodes the packets of servers stays out of its bundle.
 *
 * @module
 */

import { encodeAuth, encodeDisconnect } from "./encode_acknowledgement.ts";
import { encodeConnect } from "./encode_connect.ts";
import { encodeSubscribe, encodeUnsubscribe } from "./encode_subscribe.ts";
import { PACKET_TYPES } from "./packet_types.ts";
import type { Packet, ProtocolVersion } from "./packets.ts";
import type { Properties } from "./property_types.ts";
import { begin, type PacketSink } from "./writer.ts";

/** As `encodePacket`; `TypeError` for other packets. */
export function encodeClientPacket(packet: Packet, version: ProtocolVersion, sink?: PacketSink): Uint8Array {
  switch (packet.type) {
    case "connect":
      return encodeConnect(packet, sink);
    case "subscribe":
      return encodeSubscribe(packet, version, sink);
    case "unsubscribe":
      return encodeUnsubscribe(packet, version, sink);
    case "pingreq":
      return begin(sink, PACKET_TYPES.pingreq << 4, 0).bytes;
    case "disconnect":
      return encodeDisconnect(packet, version, sink);
    case "auth":
      return encodeAuth(packet, version, sink);
    default:
      throw new TypeError(`Cannot encode ${packet.type}: it must be a packet of clients`);
  }
}

/** As `encodePacketWithin`; `TypeError` for other packets. */
export function encodeClientPacketWithin(
  packet: Packet,
  version: ProtocolVersion,
  maximumPacketSize: number,
): Uint8Array | undefined {
  return encodeWithin(encodeClientPacket, packet, version, maximumPacketSize);
}

/** What `encode` gives, with reason string and user properties left out where they would make it too large. */
export function encodeWithin(
  encode: (packet: Packet, version: ProtocolVersion) => Uint8Array,
  packet: Packet,
  version: ProtocolVersion,
  maximumPacketSize: number,
): Uint8Array | undefined {
  const bytes = encode(packet, version);
  if (bytes.length <= maximumPacketSize) return bytes;
  if (version < 5 || !mayLeaveOut(packet)) return undefined;
  const properties: Properties = { ...packet.properties, reasonString: undefined };
  const withoutReason = encode({ ...packet, properties }, version);
  if (withoutReason.length <= maximumPacketSize) return withoutReason;
  const least = encode({ ...packet, properties: { ...properties, userProperties: undefined } }, version);
  return least.length <= maximumPacketSize ? least : undefined;
}

/** The packets whose reason string and user properties are a courtesy. */
type Answer = Extract<Packet, { properties?: { reasonString?: string } }>;

const ANSWERS: ReadonlySet<Packet["type"]> = new Set(
  ["connack", "puback", "pubrec", "pubrel", "pubcomp", "suback", "unsuback", "disconnect", "auth"] as const,
);

function mayLeaveOut(packet: Packet): packet is Answer {
  return ANSWERS.has(packet.type);
}
