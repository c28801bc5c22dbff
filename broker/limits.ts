/**
 * The limits that clients can run into, by name; each is counted, and logged as long as nobody makes a flood of it.
 * What drops messages is counted by the reason instead, see {@linkcode DropCounts}.
 *
 * @module
 */

import { MqttError } from "../codec/errors.ts";
import { ReasonCode } from "../codec/reason_codes.ts";

/** The limits, by the names of their options. */
export type LimitName =
  | "maxConnections"
  | "maxConnectionRate"
  | "maxHandshakes"
  | "handshakeTimeout"
  | "connectTimeout"
  | "maxSessions"
  | "maxKeepAlive"
  | "maxPacketSize"
  | "messageSizeLimit"
  | "maximumQoS"
  | "maxTopicAlias"
  | "receiveMaximum"
  | "maxTopicLevels"
  | "maxTopicLength"
  | "maxSubscriptions"
  | "maxFiltersPerPacket"
  | "maxPublishRate"
  | "maxPublishBytesRate"
  | "memoryLimit";

/** How often each limit was met since the start. */
export type LimitCounts = Record<LimitName, number>;

/** What the limits are called in a configuration file, and in `$SYS/broker/limits/NAME/count`. */
export const LIMIT_NAMES: Readonly<Record<LimitName, string>> = {
  maxConnections: "max_connections",
  maxConnectionRate: "max_connection_rate",
  maxHandshakes: "max_handshakes",
  handshakeTimeout: "handshake_timeout",
  connectTimeout: "connect_timeout",
  maxSessions: "max_sessions",
  maxKeepAlive: "max_keepalive",
  maxPacketSize: "max_packet_size",
  messageSizeLimit: "message_size_limit",
  maximumQoS: "max_qos",
  maxTopicAlias: "max_topic_alias",
  receiveMaximum: "receive_maximum",
  maxTopicLevels: "max_topic_levels",
  maxTopicLength: "max_topic_length",
  maxSubscriptions: "max_subscriptions",
  maxFiltersPerPacket: "max_filters_per_packet",
  maxPublishRate: "max_publish_rate",
  maxPublishBytesRate: "max_publish_bytes_rate",
  memoryLimit: "memory_limit",
};

/** A client has gone beyond a limit in a way that ends its connection. */
export class LimitError extends MqttError {
  readonly limit: LimitName;

  constructor(limit: LimitName, message: string, reasonCode: number) {
    super(message, reasonCode);
    this.limit = limit;
  }
}

/** Limits that codec and engine see to; they know no options, but have a reason code of their own. */
const BY_REASON_CODE: ReadonlyMap<number, LimitName> = new Map([
  [ReasonCode.PacketTooLarge, "maxPacketSize"],
  [ReasonCode.ReceiveMaximumExceeded, "receiveMaximum"],
  [ReasonCode.TopicAliasInvalid, "maxTopicAlias"],
  [ReasonCode.QoSNotSupported, "maximumQoS"],
]);

/** The limit that a client has gone beyond, if that is what went wrong. */
export function limitOf(error: unknown): LimitName | undefined {
  if (error instanceof LimitError) return error.limit;
  return error instanceof MqttError ? BY_REASON_CODE.get(error.reasonCode) : undefined;
}
