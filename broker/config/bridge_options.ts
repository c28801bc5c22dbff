/**
 * Options of connections to other brokers.
 *
 * @module
 */

import { bridge, type Option } from "./option.ts";
import { flag, oneOf, path, text, whole } from "./values.ts";

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
  bridge("bridge_identity", text),
  bridge("bridge_insecure", flag),
  bridge("bridge_keyfile", path),
  bridge("bridge_max_packet_size", whole(0)),
  bridge("bridge_outgoing_retain", flag),
  bridge("bridge_protocol_version", oneOf("mqttv50", "mqttv311", "mqttv31")),
  bridge("bridge_psk", text),
  bridge("bridge_require_ocsp", flag),
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
    expected: "one or two whole numbers of seconds",
    parse: (value) => /^\d+(\s+\d+)?$/.test(value) ? value : undefined,
  }),
  bridge("round_robin", flag),
  bridge("start_type", oneOf("automatic", "lazy", "once")),
  bridge("threshold", whole(1)),
  bridge("topic", text),
  bridge("try_private", flag),
  // The old name of remote_username.
  bridge("username", text),
];
