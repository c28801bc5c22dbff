/**
 * PUBLISH into bytes (MQTT 5.0 section 3.3).
 *
 * @module
 */

import { variableByteIntegerLength } from "./bytes.ts";
import { PACKET_TYPES } from "./packet_types.ts";
import type { ProtocolVersion, PublishPacket } from "./packets.ts";
import { topicNameLength } from "./topic.ts";
import { measureProperties, writeProperties } from "./write_properties.ts";
import { begin, checkBytes, checkInteger, checkPacketId, type PacketSink } from "./writer.ts";

/** Writes one PUBLISH; measured first, so that the room for it is made once. */
export function encodePublish(
  packet: PublishPacket,
  version: ProtocolVersion,
  sink: PacketSink | undefined,
): Uint8Array {
  const { topic, payload, qos, dup, packetId = 0, properties } = packet;
  check(packet, version);
  let length = 2 + topicNameLength(topic) + payload.length;
  if (qos > 0) length += 2;
  let propertyLength = 0;
  if (version === 5) {
    propertyLength = measureProperties(properties, PACKET_TYPES.publish);
    length += variableByteIntegerLength(propertyLength) + propertyLength;
  }
  const flags = (dup ? 8 : 0) | qos << 1 | (packet.retain ? 1 : 0);
  const writer = begin(sink, PACKET_TYPES.publish << 4 | flags, length);
  writer.string(topic);
  if (qos > 0) writer.uint16(packetId);
  if (version === 5) writeProperties(writer, properties, propertyLength);
  writer.raw(payload);
  return writer.bytes;
}

function check({ topic, payload, qos, dup, packetId, properties }: PublishPacket, version: ProtocolVersion): void {
  checkInteger(qos, 0, 2, "QoS");
  checkBytes(payload, "payload");
  if (qos > 0) checkPacketId(packetId);
  else if (dup) throw new RangeError("Cannot encode PUBLISH: DUP must be false with QoS 0, received true");
  if (topic === "" && (version < 5 || properties?.topicAlias === undefined)) {
    throw new RangeError("Cannot encode PUBLISH: topic name must not be empty without a topic alias");
  }
}
