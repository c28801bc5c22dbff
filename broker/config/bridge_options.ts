/**
 * Options of connections to other brokers.
 *
 * @module
 */

import { bridge, type Option, refused } from "./option.ts";
import { duration, flag, limit, oneOf, path, text, whole } from "./values.ts";

const noPsk = (name: string): Option =>
  refused(name, "bridge", "pre-shared keys are not supported: use bridge_cafile, bridge_certfile and bridge_keyfile");

/** Seconds. */
export function ageOf(value: string): number | undefined {
  return /^\d+$/.test(value) ? whole(1, 4_294_967_295).parse(value) : duration.parse(value);
}

/** Constant, or a base and a cap; seconds. */
export function restartTimeoutOf(value: string): number | { readonly base: number; readonly cap: number } | undefined {
  const [, base, cap = base] = /^(\d{1,6})(?:\s+(\d{1,6}))?$/.exec(value) ?? [];
  if (base === undefined || Number(base) < 1 || Number(cap) < Number(base)) return undefined;
  return base === cap ? Number(base) : { base: Number(base), cap: Number(cap) };
}

/** What may stand after `connection`. */
export const BRIDGE_OPTIONS: readonly Option[] = [
  bridge("address", text),
  bridge("addresses", text),
  bridge("bridge_alpn", text),
  bridge("bridge_attempt_unsubscribe", flag),
  bridge("bridge_bind_address", text),
  bridge("bridge_cafile", path),
  bridge("bridge_capath", path),
  bridge("bridge_certfile", path),
  noPsk("bridge_identity"),
  bridge("bridge_insecure", flag),
  bridge("bridge_keyfile", path),
  bridge("bridge_max_packet_size", whole(0, 268_435_460)),
  // Our own, as is bridge_queue_policy, and bridge_rate.
  bridge("bridge_max_queued_age", { ...duration, expected: `${duration.expected}, or seconds`, parse: ageOf }),
  bridge("bridge_max_queued_bytes", limit()),
  bridge("bridge_max_queued_messages", limit()),
  bridge("bridge_max_topic_alias", whole(0, 65_535)),
  bridge("bridge_outgoing_retain", flag),
  bridge("bridge_protocol_version", oneOf("mqttv50", "mqttv311", "mqttv31")),
  noPsk("bridge_psk"),
  bridge("bridge_queue_policy", oneOf("drop-oldest", "drop-newest")),
  bridge("bridge_rate", whole(1)),
  bridge("bridge_require_ocsp", flag),
  bridge("bridge_tls_use_os_certs", flag),
  bridge("bridge_tls_version", oneOf("tlsv1.3", "tlsv1.2", "tlsv1.1")),
  bridge("cleansession", flag),
  // The old name of remote_clientid.
  bridge("clientid", text),
  bridge("idle_timeout", whole(1)),
  bridge("keepalive_interval", whole(5, 65_535)),
  bridge("local_cleansession", flag),
  bridge("local_clientid", text),
  bridge("local_password", text),
  bridge("local_username", text),
  bridge("notification_topic", text),
  bridge("notifications", flag),
  bridge("notifications_local_only", flag),
  // The old name of remote_password.
  bridge("password", text),
  bridge("remote_clientid", text),
  bridge("remote_password", text),
  bridge("remote_username", text),
  bridge("restart_timeout", {
    expected: "one or two whole numbers of seconds from 1 on, the second one not below the first",
    parse: restartTimeoutOf,
  }),
  bridge("round_robin", flag),
  bridge("start_type", oneOf("automatic", "lazy", "once")),
  bridge("threshold", whole(1)),
  bridge("topic", text),
  bridge("try_private", flag),
  // The old name of remote_username.
  bridge("username", text),
];
