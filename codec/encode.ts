/**
 * Control packets into bytes (MQTT 5.0 chapter 3).
 *
 * @module
 */

import { encodePuback, encodePubcomp, encodePubrec, encodePubrel } from "./encode_acknowledgement.ts";
import { encodeClientPacket, encodeWithin } from "./encode_client.ts";
import { encodeConnack } from "./encode_connect.ts";
import { encodePublish } from "./encode_publish.ts";
import { encodeSuback, encodeUnsuback } from "./encode_subscribe.ts";
import { PACKET_TYPES } from "./packet_types.ts";
import type { Packet, ProtocolVersion } from "./packets.ts";
import { begin, type PacketSink } from "./writer.ts";

/**
 * The bytes of `packet` in `version`, in a new array of exactly their size; a CONNECT in the version that it names.
 * What exists in MQTT 5.0 alone is left out for the older versions, and each failure in a SUBACK becomes 0x80 there.
 * Where many packets go out at once, {@linkcode encodePacketInto} saves their arrays.
 *
 * Throws for a packet that the standard does not allow: `RangeError` for numbers, lengths and topic names, `TypeError`
 * for values of a wrong kind, such as a property that may not stand in this packet or a string with U+0000. Topic
 * filters are not checked, see `assertTopicFilter`.
 */
export function encodePacket(packet: Packet, version: ProtocolVersion): Uint8Array {
  return encode(packet, version, undefined);
}

/** Writes what {@linkcode encodePacket} gives into `sink`, whose `reserve` is called once; throws the same before that. */
export function encodePacketInto(packet: Packet, version: ProtocolVersion, sink: PacketSink): void {
  encode(packet, version, sink);
}

/**
 * As {@linkcode encodePacket}, for a peer that takes packets of at most `maximumPacketSize` bytes: where the packet is
 * larger, its reason string is left out, and if that is not enough its user properties too ([MQTT-3.4.2-2],
 * [MQTT-3.4.2-3] and their like). Undefined if it still does not fit; nothing is left out of CONNECT, PUBLISH,
 * SUBSCRIBE and UNSUBSCRIBE.
 */
export function encodePacketWithin(
  packet: Packet,
  version: ProtocolVersion,
  maximumPacketSize: number,
): Uint8Array | undefined {
  if (packet.type === "publish" && packet.payload.length > maximumPacketSize) return undefined;
  return encodeWithin(encodePacket, packet, version, maximumPacketSize);
}

function encode(packet: Packet, version: ProtocolVersion, sink: PacketSink | undefined): Uint8Array {
  switch (packet.type) {
    case "publish":
      return encodePublish(packet, version, sink);
    case "puback":
      return encodePuback(packet, version, sink);
    case "pubrec":
      return encodePubrec(packet, version, sink);
    case "pubrel":
      return encodePubrel(packet, version, sink);
    case "pubcomp":
      return encodePubcomp(packet, version, sink);
    case "connack":
      return encodeConnack(packet, version, sink);
    case "suback":
      return encodeSuback(packet, version, sink);
    case "unsuback":
      return encodeUnsuback(packet, version, sink);
    case "pingresp":
      return begin(sink, PACKET_TYPES.pingresp << 4, 0).bytes;
    default:
      return encodeClientPacket(packet, version, sink);
  }
}
