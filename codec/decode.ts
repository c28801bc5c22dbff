/**
 * Control packets out of their bytes (MQTT 5.0 chapter 3).
 *
 * @module
 */

import { decodeUtf8 } from "./bytes.ts";
import { decodeConnect } from "./decode_connect.ts";
import { MqttError } from "./errors.ts";
import type { Frame } from "./framer.ts";
import { decodeServerPacket, packetReader, withProperties } from "./decode_server.ts";
import { PACKET_TYPES } from "./packet_types.ts";
import type {
  Packet,
  PingreqPacket,
  ProtocolVersion,
  PublishPacket,
  QoS,
  RetainHandling,
  SubscribePacket,
  SubscriptionRequest,
  UnsubscribePacket,
} from "./packets.ts";
import { PublishView } from "./publish_view.ts";
import { readPropertyList } from "./read_properties.ts";
import { Reader } from "./reader.ts";
import { ReasonCode } from "./reason_codes.ts";
import { excerpt } from "./topic.ts";

/**
 * The packet in `frame`, read by the rules of `version`; a CONNECT by those of the version that it names itself.
 *
 * The payload of a PUBLISH is a view into `frame.bytes`; all other binary data are copies. Topic names are checked,
 * topic filters are not (in no version), because SUBACK and UNSUBACK answer for each filter apart: use
 * `assertTopicFilter`. Nor is checked what depends on the state or on which side receives the packet, and whether a
 * payload is UTF-8 as its payload format indicator says: use `isUtf8`.
 *
 * Throws {@linkcode MqttError} for any packet that breaks the standard, and nothing else. Its reason code is the one
 * that MQTT 5.0 names: 0x81 malformed packet, 0x82 protocol error, 0x84 unsupported protocol version, 0x90 topic name
 * invalid, 0x94 topic alias 0. Where the standard names none it is 0x82 for what can be parsed and is not allowed, such
 * as packet identifier 0, DUP with QoS 0, or a reason code that the packet does not have. In MQTT 3.1 and 3.1.1 the code
 * tells why, the answer is to close the connection; for a CONNECT see `connackVersion`.
 *
 * MQTT 3.1 leaves bits unused that the later versions reserve (flags, connect flag 0, the upper bits of a requested
 * QoS, the first byte of CONNACK); there they are ignored. Its CONNECT may end before the user name that it announces.
 */
export function decodePacket(frame: Frame, version: ProtocolVersion): Packet {
  const type = (frame.bytes[frame.start] ?? 0) >> 4;
  switch (type) {
    case PACKET_TYPES.connect:
      return decodeConnect(frame);
    case PACKET_TYPES.publish:
      return decodePublish(frame, version);
    case PACKET_TYPES.subscribe:
    case PACKET_TYPES.unsubscribe:
    case PACKET_TYPES.pingreq:
      return decodeClientPacket(frame, version);
    default:
      return decodeServerPacket(frame, version);
  }
}

/** Of the packets that only clients send, those whose version the connection knows. */
function decodeClientPacket(
  frame: Frame,
  version: ProtocolVersion,
): SubscribePacket | UnsubscribePacket | PingreqPacket {
  const reader = packetReader(frame, version);
  const packet = decodeClientBody(reader, version);
  reader.finish();
  return packet;
}

function decodeClientBody(
  reader: Reader,
  version: ProtocolVersion,
): SubscribePacket | UnsubscribePacket | PingreqPacket {
  switch (reader.type) {
    case PACKET_TYPES.subscribe:
      return decodeSubscribe(reader, version);
    case PACKET_TYPES.unsubscribe:
      return decodeUnsubscribe(reader, version);
    default:
      return { type: "pingreq" };
  }
}

function decodePublish(frame: Frame, version: ProtocolVersion): PublishPacket {
  const view = new PublishView();
  view.read(frame, version);
  const bytes = frame.bytes;
  const packet: PublishPacket = {
    type: "publish",
    topic: decodeUtf8(bytes, view.topicStart, view.topicEnd),
    payload: bytes.subarray(view.payloadStart, view.end),
    qos: view.qos,
    retain: view.retain,
    dup: view.dup,
  };
  if (view.packetId !== 0) packet.packetId = view.packetId;
  if (view.propertiesEnd > view.propertiesStart) {
    const reader = new Reader(bytes, view.propertiesStart, view.propertiesEnd, PACKET_TYPES.publish);
    packet.properties = readPropertyList(reader, PACKET_TYPES.publish);
  }
  checkTopic(packet, version);
  return packet;
}

function checkTopic({ topic, properties }: PublishPacket, version: ProtocolVersion): void {
  if (topic === "") {
    if (version < 5) throw new MqttError("Cannot decode PUBLISH: topic name must not be empty", INVALID_TOPIC);
    if (properties?.topicAlias !== undefined) return;
    throw new MqttError(
      "Cannot decode PUBLISH: it must have a topic name or a topic alias, received neither",
      ReasonCode.ProtocolError,
    );
  }
  if (!topic.includes("#") && !topic.includes("+")) return;
  throw new MqttError(
    `Cannot decode PUBLISH: topic name must have no wildcards, received "${excerpt(topic)}"`,
    INVALID_TOPIC,
  );
}

const INVALID_TOPIC = ReasonCode.TopicNameInvalid;

function decodeSubscribe(reader: Reader, version: ProtocolVersion): SubscribePacket {
  const packet: SubscribePacket = { type: "subscribe", packetId: reader.packetId(), subscriptions: [] };
  if (version === 5) withProperties(reader, packet);
  if (reader.position === reader.end) throw reader.protocolError("it must have at least one topic filter");
  while (reader.position < reader.end) packet.subscriptions.push(readSubscription(reader, version));
  return packet;
}

function readSubscription(reader: Reader, version: ProtocolVersion): SubscriptionRequest {
  const filter = reader.string();
  const options = reader.byte();
  if (version < 5) return { filter, qos: readRequestedQoS(reader, version === 3 ? options & 3 : options) };
  if (options > 0x3f) throw reader.malformed("bits 6 and 7 of the subscription options must be 0");
  if ((options & 3) === 3) throw reader.protocolError("QoS must be 0, 1 or 2, received 3");
  if (options >> 4 === 3) throw reader.protocolError("retain handling must be 0, 1 or 2, received 3");
  const noLocal = (options & 4) !== 0;
  if (noLocal && filter.startsWith("$share/")) {
    throw reader.protocolError("no local must be 0 for a shared subscription, received 1");
  }
  return {
    filter,
    qos: (options & 3) as QoS, // 3 has been refused, here and for retain handling.
    noLocal,
    retainAsPublished: (options & 8) !== 0,
    retainHandling: (options >> 4) as RetainHandling,
  };
}

/** In MQTT 3.1.1 the byte is the QoS, the upper bits are reserved; 3.1 does not use them. */
function readRequestedQoS(reader: Reader, qos: number): QoS {
  if (qos === 0 || qos === 1 || qos === 2) return qos;
  throw reader.malformed(`requested QoS must be 0, 1 or 2, received ${qos}`);
}

function decodeUnsubscribe(reader: Reader, version: ProtocolVersion): UnsubscribePacket {
  const packet: UnsubscribePacket = { type: "unsubscribe", packetId: reader.packetId(), filters: [] };
  if (version === 5) withProperties(reader, packet);
  if (reader.position === reader.end) throw reader.protocolError("it must have at least one topic filter");
  while (reader.position < reader.end) packet.filters.push(reader.string());
  return packet;
}
