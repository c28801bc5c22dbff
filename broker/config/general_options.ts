/**
 * Options that hold for the whole broker, wherever they stand in the file.
 *
 * @module
 */

import { ConfigurationError } from "./errors.ts";
import { LOG_TYPES, type LogDestination } from "./configuration.ts";
import { general, type GeneralDraft, ignored, type Option, refused, structure, withoutComment } from "./option.ts";
import type { ConfigurationLine } from "./lexer.ts";
import { duration, flag, limit, oneOf, path, text, whole } from "./values.ts";

const LARGEST_PACKET = 268_435_460;
const AT_ONCE = "what must outlive the broker is committed before it is acknowledged";

/** The structure of the file. */
export const STRUCTURE_OPTIONS: readonly Option[] = [
  structure("listener", "a port and, if wanted, an address; or 0 and the path of a Unix socket"),
  structure("connection", "the name of a connection to another broker"),
  structure("include_dir", "a path"),
  structure("per_listener_settings", flag.expected),
];

/** Limits and ways of the protocol. */
export const PROTOCOL_OPTIONS: readonly Option[] = [
  general("check_retain_source", flag, ({ options }, value) => options.checkRetainSource = value),
  general("clientid_prefixes", text, ({ options }, value) => options.clientIdPrefixes = value),
  general("connection_messages", flag, ({ options }, value) => options.connectionMessages = value),
  general("max_inflight_bytes", limit(), ({ options }, value) => options.maxInflightBytes = value),
  general("max_inflight_messages", limit(65_535), ({ options }, value) => {
    // Mosquitto's option is for both directions.
    options.maxInflightMessages = Math.min(value, 65_535);
    options.receiveMaximum = options.maxInflightMessages;
  }),
  // 0 came with 2.0.12.
  general("max_keepalive", keepAlive(), ({ options }, value) => options.maxKeepAlive = value === 0 ? 65_535 : value),
  general("max_packet_size", whole(20, 268_435_460), ({ options }, value) => {
    options.maxPacketSize = Math.min(value, LARGEST_PACKET);
  }),
  general("max_queued_bytes", limit(), ({ options }, value) => options.maxQueuedBytes = value),
  general("max_queued_messages", limit(), ({ options }, value) => options.maxQueuedMessages = value),
  general("memory_limit", limit(), ({ options }, value) => options.memoryLimit = value),
  general("message_size_limit", limit(268_435_455), ({ options }, value) => options.messageSizeLimit = value),
  general("persistent_client_expiration", duration, ({ options }, value) => {
    options.persistentClientExpiration = value;
  }),
  general("queue_qos0_messages", flag, ({ options }, value) => options.queueQoS0Messages = value),
  general("retain_available", flag, ({ options }, value) => options.retainAvailable = value),
  general("set_tcp_nodelay", flag, (draft, value) => draft.setTcpNoDelay = value),
  general("sys_interval", whole(0, 65_535), ({ options }, value) => options.sysInterval = value),
  general("upgrade_outgoing_qos", flag, ({ options }, value) => options.upgradeOutgoingQoS = value),
  ignored("allow_duplicate_messages", "general", "a client gets one copy of a message, whatever its subscriptions"),
  ignored("retry_interval", "general", "messages are sent again after a reconnection only, as the standard says"),
];

/** The process, its files and its log. */
export const PROCESS_OPTIONS: readonly Option[] = [
  { ...general("log_dest", text, addLogDestination), once: false },
  general("log_facility", whole(0, 7), (draft, value) => draft.logFacility = value),
  general("log_timestamp", flag, (draft, value) => draft.logTimestamp = value),
  general("log_timestamp_format", text, (draft, value) => draft.logTimestampFormat = value),
  general("log_type", oneOf(...LOG_TYPES, "none", "all"), (draft, value) => {
    if (value === "none") draft.logTypes = [];
    else draft.logTypes = [...draft.logTypes ?? [], ...(value === "all" ? LOG_TYPES : [value])];
  }),
  general("persistence", flag, (draft, value) => draft.persistence = value),
  general("persistence_file", text, (draft, value) => draft.persistenceFile = value),
  general("persistence_location", path, (draft, value) => {
    draft.persistenceLocation = value.length > 1 ? value.replace(/\/+$/, "") : value;
  }),
  general("pid_file", path, (draft, value) => draft.pidFile = value),
  general("user", text, (draft, value) => draft.user = value),
  ignored("autosave_interval", "general", AT_ONCE),
  ignored("autosave_on_changes", "general", AT_ONCE),
  ignored("websockets_headers_size", "general", "HTTP headers are bounded by the runtime"),
  ignored("websockets_log_level", "general", "`log_type websockets` is all that there is to choose"),
];

/** Authentication by what is not here: without it, others could come in than the file wants. */
export const PLUGIN_OPTIONS: readonly Option[] = [
  refusedPlugin("auth_plugin"),
  refusedPlugin("plugin"),
  refusedPlugin("auth_plugin_deny_special_chars"),
  refusedPlugin("auth_opt_*"),
  refusedPlugin("plugin_opt_*"),
  refused("psk_file", "security", "pre-shared keys are not supported: use certfile, keyfile and require_certificate"),
].map((option): Option => ({ ...option, scope: "security" }));

/** Mosquitto refuses less than 10 seconds: a slow network would never hold a connection. */
function keepAlive() {
  const inner = whole(10, 65_535);
  return {
    expected: "0 or a whole number from 10 to 65535",
    parse: (value: string) => value === "0" ? 0 : inner.parse(value),
  };
}

function refusedPlugin(name: string): Option {
  return refused(
    name,
    "security",
    "plugins are libraries in C: use password_file and acl_file, or the hooks of the library (authenticate, authorizePublish, authorizeSubscribe)",
  );
}

function addLogDestination(draft: GeneralDraft, value: string, line: ConfigurationLine): void {
  const destination = logDestination(value, line);
  if (destination.kind === "file" && draft.logDestinations?.some(({ kind }) => kind === "file")) {
    throw ConfigurationError.at(line, "log_dest file must be given once, received a second one");
  }
  if (destination.kind === "none") draft.logDestinations = [];
  else draft.logDestinations = [...draft.logDestinations ?? [], destination];
}

function logDestination(value: string, line: ConfigurationLine): LogDestination | { readonly kind: "none" } {
  const [kind = "", ...rest] = withoutComment(value).split(/\s+/);
  switch (kind) {
    case "file": {
      const file = value.slice("file".length).trim();
      if (file === "") throw ConfigurationError.at(line, "log_dest file must be followed by a path, received nothing");
      return { kind, path: file };
    }
    case "none":
    case "stdout":
    case "stderr":
    case "syslog":
    case "topic":
      if (rest.length === 0) return { kind };
  }
  throw ConfigurationError.at(
    line,
    `log_dest must be none, stdout, stderr, syslog, topic or file with a path, received ${JSON.stringify(value)}`,
  );
}
