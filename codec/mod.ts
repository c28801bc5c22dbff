/**
 * The codec of MQTT 3.1, 3.1.1 and 5.0: control packets to bytes and back, without any I/O.
 *
 * - {@linkcode encodePacket} and {@linkcode decodePacket} for one packet, {@linkcode Framer} to cut a byte stream into
 *   packets.
 * - {@linkcode PacketDecoderStream} and {@linkcode PacketEncoderStream} for Web streams.
 * - {@linkcode topicMatches} and its neighbours for topic names and filters.
 *
 * ```ts
 * import { decodePacket, encodePacket, frameOf } from "@x/mqtt/codec";
 *
 * const bytes = encodePacket({
 *   type: "publish",
 *   topic: "sensors/7/temperature",
 *   payload: new TextEncoder().encode("21.5"),
 *   qos: 1,
 *   retain: false,
 *   dup: false,
 *   packetId: 1,
 *   properties: { messageExpiryInterval: 60 },
 * }, 5);
 * const packet = decodePacket(frameOf(bytes), 5);
 * console.log(packet.type); // publish
 * ```
 *
 * @module
 */

export { decodeUtf8, encodeUtf8, isUtf8, MAXIMUM_VARIABLE_BYTE_INTEGER, variableByteIntegerLength } from "./bytes.ts";
export { writeVariableByteInteger } from "./bytes.ts";
export { connackVersion } from "./decode_connect.ts";
export { decodePacket } from "./decode.ts";
export { encodePacket, encodePacketInto, encodePacketWithin } from "./encode.ts";
export { MqttError } from "./errors.ts";
export { type Frame, frameOf, Framer, type FramerBuffers, type FramerOptions } from "./framer.ts";
export { PacketBuffer } from "./packet_buffer.ts";
export type * from "./packets.ts";
export { propertiesLength, type PropertyOwner, readProperties, writeProperties } from "./properties.ts";
export type * from "./property_types.ts";
export { PublishPropertiesView, PublishView } from "./publish_view.ts";
export { ConnectReturnCode, connectReturnCode, ReasonCode, reasonCodeName } from "./reason_codes.ts";
export {
  PacketDecoderStream,
  type PacketDecoderStreamOptions,
  PacketEncoderStream,
  type PacketEncoderStreamOptions,
} from "./streams.ts";
export {
  assertTopicFilter,
  assertTopicName,
  isTopicFilter,
  isTopicName,
  parseSharedFilter,
  type SharedFilter,
  topicMatches,
} from "./topic.ts";
export type { PacketSink } from "./writer.ts";
