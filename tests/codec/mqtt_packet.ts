/**
 * `npm:mqtt-packet` beside our codec: its packets are ours with other names.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import mqttPacket from "mqtt-packet";
import type { Packet, ProtocolVersion } from "../../codec/packets.ts";
import type { Properties } from "../../codec/property_types.ts";

/** A packet in the shape of mqtt-packet; untyped, because it has fields that its types do not know. */
export type ForeignPacket = Record<string, unknown>;

/** Bytes of a packet by mqtt-packet; throws its errors. */
export function generate(packet: ForeignPacket, version: ProtocolVersion): Uint8Array {
  // Its types ask for what its code does not; see ForeignPacket.
  return mqttPacket.generate(packet as unknown as mqttPacket.Packet, { protocolVersion: version });
}

/** The packets in `bytes` by mqtt-packet; throws the error that it reports. */
export function parse(bytes: Uint8Array, version: ProtocolVersion): ForeignPacket[] {
  const packets: ForeignPacket[] = [];
  const parser = mqttPacket.parser({ protocolVersion: version });
  let failure: unknown;
  parser.on("packet", (packet: mqttPacket.Packet) => packets.push({ ...packet }));
  parser.on("error", (error: unknown) => failure ??= error);
  parser.parse(Buffer.from(bytes));
  if (failure !== undefined) throw failure;
  return packets;
}

/** Our packet in the shape of mqtt-packet. */
export function toForeign(packet: Packet, version: ProtocolVersion): ForeignPacket {
  const properties = "properties" in packet && version === 5 ? toForeignProperties(packet.properties) : undefined;
  const common = { cmd: packet.type, ...(properties && { properties }) };
  switch (packet.type) {
    case "connect":
      return {
        ...common,
        protocolId: packet.protocolVersion === 3 ? "MQIsdp" : "MQTT",
        protocolVersion: packet.protocolVersion,
        clientId: packet.clientId,
        clean: packet.cleanStart,
        keepalive: packet.keepAlive,
        username: packet.username,
        password: packet.password && Buffer.from(packet.password),
        will: packet.will && {
          topic: packet.will.topic,
          payload: Buffer.from(packet.will.payload),
          qos: packet.will.qos,
          retain: packet.will.retain,
          ...(packet.will.properties && { properties: toForeignProperties(packet.will.properties) }),
        },
      };
    case "connack": {
      const code = version === 5 ? { reasonCode: packet.reasonCode } : { returnCode: packet.reasonCode };
      return { ...common, sessionPresent: packet.sessionPresent, ...code };
    }
    case "publish": {
      const { topic, payload, qos, retain, dup, packetId } = packet;
      return { ...common, topic, payload: Buffer.from(payload), qos, retain, dup, messageId: packetId };
    }
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      return { ...common, messageId: packet.packetId, ...(version === 5 && { reasonCode: packet.reasonCode }) };
    case "subscribe":
      return {
        ...common,
        messageId: packet.packetId,
        subscriptions: packet.subscriptions.map((subscription) => ({
          topic: subscription.filter,
          qos: subscription.qos,
          ...(version === 5 && {
            nl: subscription.noLocal ?? false,
            rap: subscription.retainAsPublished ?? false,
            rh: subscription.retainHandling ?? 0,
          }),
        })),
      };
    case "suback":
      return { ...common, messageId: packet.packetId, granted: packet.reasonCodes };
    case "unsuback":
      return { ...common, messageId: packet.packetId, ...(version === 5 && { granted: packet.reasonCodes }) };
    case "unsubscribe":
      return { ...common, messageId: packet.packetId, unsubscriptions: packet.filters };
    case "pingreq":
    case "pingresp":
      return common;
    case "disconnect":
    case "auth":
      return { ...common, ...(version === 5 && { reasonCode: packet.reasonCode }) };
  }
}

/** Names that differ; flags are booleans there, and user properties an object. */
export function toForeignProperties(properties: Properties | undefined): Record<string, unknown> | undefined {
  if (properties === undefined) return undefined;
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (name === "userProperties") result[name] = toUserProperties(properties.userProperties ?? []);
    else if (name === "subscriptionIdentifiers") result.subscriptionIdentifier = single(value);
    else if (name === "subscriptionIdentifierAvailable") result.subscriptionIdentifiersAvailable = value === 1;
    else if (FLAGS.has(name)) result[name] = value === 1;
    else result[name] = value instanceof Uint8Array ? Buffer.from(value) : value;
  }
  return result;
}

const FLAGS: ReadonlySet<string> = new Set([
  "payloadFormatIndicator",
  "requestProblemInformation",
  "requestResponseInformation",
  "retainAvailable",
  "wildcardSubscriptionAvailable",
  "sharedSubscriptionAvailable",
]);

function toUserProperties(pairs: readonly (readonly [string, string])[]): Record<string, unknown> {
  const lists: Record<string, string[]> = Object.create(null);
  for (const [name, value] of pairs) (lists[name] ??= []).push(value);
  const result: Record<string, unknown> = Object.create(null);
  for (const [name, values] of Object.entries(lists)) result[name] = single(values);
  return result;
}

function single(value: unknown): unknown {
  return Array.isArray(value) && value.length === 1 ? value[0] : value;
}
