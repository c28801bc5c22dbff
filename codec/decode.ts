/**
 * Control packets out of their bytes (MQTT 5.0 chapter 3).
 *
 * @module
 */

import { decodeUtf8 } from "./bytes.ts";
import { decodeConnect } from "./decode_connect.ts";
import { MqttError } from "./errors.ts";
import type { Frame } from "./framer.ts";
import { isReasonCodeOf, PACKET_TYPES, packetTypeName } from "./packet_types.ts";
import type {
  AuthPacket,
  ConnackPacket,
  DisconnectPacket,
  Packet,
  ProtocolVersion,
  PubackPacket,
  PubcompPacket,
  PublishPacket,
  PubrecPacket,
  PubrelPacket,
  QoS,
  RetainHandling,
  SubackPacket,
  SubscribePacket,
  SubscriptionRequest,
  UnsubackPacket,
  UnsubscribePacket,
} from "./packets.ts";
import { PublishView } from "./publish_view.ts";
import { readProperties, readPropertyList } from "./read_properties.ts";
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
  const isConnect = (frame.bytes[frame.start] ?? 0) >> 4 === PACKET_TYPES.connect;
  return isConnect ? decodeConnect(frame) : decodeServerPacket(frame, version);
}

/** As {@linkcode decodePacket}, for a client: a CONNECT is a protocol error, so that nothing is needed to read one. */
export function decodeServerPacket(frame: Frame, version: ProtocolVersion): Packet {
  const first = frame.bytes[frame.start] ?? 0;
  const type = first >> 4;
  if (type === PACKET_TYPES.publish) return decodePublish(frame, version);
  if (type === PACKET_TYPES.connect) {
    throw new MqttError("Cannot decode CONNECT: no server must send it", ReasonCode.ProtocolError);
  }
  checkFlags(type, first & 0x0f, version);
  const reader = new Reader(frame.bytes, frame.bodyStart, frame.end, type);
  const packet = decodeBody(reader, version);
  reader.finish();
  return packet;
}

function decodeBody(reader: Reader, version: ProtocolVersion): Packet {
  switch (reader.type) {
    case PACKET_TYPES.connack:
      return decodeConnack(reader, version);
    case PACKET_TYPES.puback:
      return decodePublishResponse(reader, version, "puback");
    case PACKET_TYPES.pubrec:
      return decodePublishResponse(reader, version, "pubrec");
    case PACKET_TYPES.pubrel:
      return decodePublishResponse(reader, version, "pubrel");
    case PACKET_TYPES.pubcomp:
      return decodePublishResponse(reader, version, "pubcomp");
    case PACKET_TYPES.subscribe:
      return decodeSubscribe(reader, version);
    case PACKET_TYPES.suback:
      return decodeSuback(reader, version);
    case PACKET_TYPES.unsubscribe:
      return decodeUnsubscribe(reader, version);
    case PACKET_TYPES.unsuback:
      return decodeUnsuback(reader, version);
    case PACKET_TYPES.pingreq:
      return { type: "pingreq" };
    case PACKET_TYPES.pingresp:
      return { type: "pingresp" };
    case PACKET_TYPES.disconnect:
      return decodeDisconnect(reader, version);
    default:
      return decodeAuth(reader, version);
  }
}

/** Bits 3 to 0 of the first byte are fixed for all packets but PUBLISH [MQTT-2.1.3-1]; MQTT 3.1 does not use them. */
function checkFlags(type: number, flags: number, version: ProtocolVersion): void {
  if (type === 0) throw new MqttError("Cannot decode packet: type must be 1 to 15, received 0", MALFORMED);
  if (version === 3) return;
  const expected = type === PACKET_TYPES.pubrel || type === PACKET_TYPES.subscribe || type === PACKET_TYPES.unsubscribe
    ? 2
    : 0;
  if (flags === expected) return;
  throw new MqttError(
    `Cannot decode ${packetTypeName(type)}: flags must be ${expected}, received ${flags}`,
    MALFORMED,
  );
}

const MALFORMED = ReasonCode.MalformedPacket;

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

function decodeConnack(reader: Reader, version: ProtocolVersion): ConnackPacket {
  const flags = reader.byte();
  if (version > 3 && flags > 1) throw reader.malformed(`acknowledge flags must be 0 or 1, received ${flags}`);
  const sessionPresent = version > 3 && flags === 1;
  const reasonCode = version === 5 ? readReasonCode(reader) : readReturnCode(reader);
  if (sessionPresent && reasonCode !== 0) {
    throw reader.protocolError(`session present must be 0 with reason code ${reasonCode}, received 1`);
  }
  const packet: ConnackPacket = { type: "connack", sessionPresent, reasonCode };
  if (version < 5) return packet;
  const properties = readProperties(reader, reader.type);
  if (properties !== undefined) packet.properties = properties;
  return packet;
}

function readReturnCode(reader: Reader): number {
  const code = reader.byte();
  if (code <= 5) return code;
  throw reader.protocolError(`return code must be 0 to 5, received ${code}`);
}

function readReasonCode(reader: Reader): number {
  const code = reader.byte();
  if (isReasonCodeOf(reader.type, code)) return code;
  throw reader.protocolError(`reason code must be one of this packet, received 0x${code.toString(16)}`);
}

type PublishAnswer = PubackPacket | PubrecPacket | PubrelPacket | PubcompPacket;

function decodePublishResponse(
  reader: Reader,
  version: ProtocolVersion,
  type: PublishAnswer["type"],
): PublishAnswer {
  const packet: PublishAnswer = { type, packetId: reader.packetId(), reasonCode: 0 };
  // The reason code and the properties may be left out from the end (section 3.4.2.1).
  if (version < 5 || reader.position === reader.end) return packet;
  packet.reasonCode = readReasonCode(reader);
  if (reader.position === reader.end) return packet;
  const properties = readProperties(reader, reader.type);
  if (properties !== undefined) packet.properties = properties;
  return packet;
}

function decodeSubscribe(reader: Reader, version: ProtocolVersion): SubscribePacket {
  const packet: SubscribePacket = { type: "subscribe", packetId: reader.packetId(), subscriptions: [] };
  if (version === 5) {
    const properties = readProperties(reader, reader.type);
    if (properties !== undefined) packet.properties = properties;
  }
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

function decodeSuback(reader: Reader, version: ProtocolVersion): SubackPacket {
  const packet: SubackPacket = { type: "suback", packetId: reader.packetId(), reasonCodes: [] };
  if (version === 5) {
    const properties = readProperties(reader, reader.type);
    if (properties !== undefined) packet.properties = properties;
  }
  readReasonCodes(reader, version, packet.reasonCodes);
  return packet;
}

function decodeUnsuback(reader: Reader, version: ProtocolVersion): UnsubackPacket {
  const packet: UnsubackPacket = { type: "unsuback", packetId: reader.packetId(), reasonCodes: [] };
  if (version < 5) return packet;
  const properties = readProperties(reader, reader.type);
  if (properties !== undefined) packet.properties = properties;
  readReasonCodes(reader, version, packet.reasonCodes);
  return packet;
}

function readReasonCodes(reader: Reader, version: ProtocolVersion, codes: number[]): void {
  if (reader.position === reader.end) throw reader.protocolError("it must have at least one reason code");
  while (reader.position < reader.end) {
    const code = readReasonCode(reader);
    // Before 5.0 there is one failure. (3.1 has none, yet servers send 0x80 there too.)
    if (version < 5 && code > 0x80) throw reader.protocolError(`return code must be 0, 1, 2 or 128, received ${code}`);
    codes.push(code);
  }
}

function decodeUnsubscribe(reader: Reader, version: ProtocolVersion): UnsubscribePacket {
  const packet: UnsubscribePacket = { type: "unsubscribe", packetId: reader.packetId(), filters: [] };
  if (version === 5) {
    const properties = readProperties(reader, reader.type);
    if (properties !== undefined) packet.properties = properties;
  }
  if (reader.position === reader.end) throw reader.protocolError("it must have at least one topic filter");
  while (reader.position < reader.end) packet.filters.push(reader.string());
  return packet;
}

function decodeDisconnect(reader: Reader, version: ProtocolVersion): DisconnectPacket {
  const packet: DisconnectPacket = { type: "disconnect", reasonCode: 0 };
  // The reason code and the properties may be left out from the end (section 3.14.2.1).
  if (version < 5 || reader.position === reader.end) return packet;
  packet.reasonCode = readReasonCode(reader);
  if (reader.position === reader.end) return packet;
  const properties = readProperties(reader, reader.type);
  if (properties !== undefined) packet.properties = properties;
  return packet;
}

function decodeAuth(reader: Reader, version: ProtocolVersion): AuthPacket {
  if (version < 5) throw reader.malformed("AUTH must come in MQTT 5.0");
  const packet: AuthPacket = { type: "auth", reasonCode: 0 };
  // Code and properties may be left out together only (section 3.15.2.1).
  if (reader.position === reader.end) return packet;
  packet.reasonCode = readReasonCode(reader);
  const properties = readProperties(reader, reader.type);
  if (properties?.authenticationMethod === undefined) {
    throw reader.protocolError("it must have an authentication method");
  }
  packet.properties = properties;
  return packet;
}
