/**
 * Limits that Mosquitto does not have; their names follow its own.
 *
 * @module
 */

import { general, listenerLimit, type Option } from "./option.ts";
import { limit, whole } from "./values.ts";

const LARGEST = 10_000_000;

/** Options of our own. */
export const LIMIT_OPTIONS: readonly Option[] = [
  listenerLimit("connect_timeout", whole(1, 3_600), (limits, value) => limits.connectTimeout = value * 1000),
  listenerLimit("handshake_timeout", whole(1, 3_600), (limits, value) => limits.handshakeTimeout = value * 1000),
  listenerLimit("max_connection_rate", limit(1_000_000), (limits, value) => limits.maxConnectionRate = value),
  listenerLimit("max_filters_per_packet", whole(1, LARGEST), (limits, value) => limits.maxFiltersPerPacket = value),
  listenerLimit("max_handshakes", whole(1, LARGEST), (limits, value) => limits.maxHandshakes = value),
  listenerLimit("max_publish_burst", whole(1), (limits, value) => limits.maxPublishBurst = value),
  listenerLimit("max_publish_bytes_burst", whole(1), (limits, value) => limits.maxPublishBytesBurst = value),
  listenerLimit("max_publish_bytes_rate", limit(), (limits, value) => limits.maxPublishBytesRate = value),
  listenerLimit("max_publish_rate", limit(), (limits, value) => limits.maxPublishRate = value),
  listenerLimit("max_subscriptions", whole(1, LARGEST), (limits, value) => limits.maxSubscriptions = value),
  general("max_output_bytes", whole(1_024, 1_073_741_824), ({ options }, value) => options.maxOutputBytes = value),
  general("max_retained_bytes", whole(0), ({ options }, value) => options.maxRetainedBytes = value),
  general("max_retained_messages", whole(0, 100_000_000), ({ options }, value) => options.maxRetainedMessages = value),
  general("max_sessions", whole(1, 100_000_000), ({ options }, value) => options.maxSessions = value),
  general("max_topic_length", whole(1, 65_535), ({ options }, value) => options.maxTopicLength = value),
  general("max_topic_levels", whole(1, 65_536), ({ options }, value) => options.maxTopicLevels = value),
  general("max_total_connections", whole(1, LARGEST), ({ options }, value) => options.maxConnections = value),
];
