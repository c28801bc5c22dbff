/**
 * The argument of `-L`: server, credentials and topic in one.
 *
 * @module
 */

import type { Config } from "./config.ts";
import { UsageError } from "./exit.ts";
import { applyTopic } from "./topic_argument.ts";

/** `[user[:password]@]host[:port]`; an IPv6 address stands in brackets. */
const AUTHORITY = /^(?:([^:@]*)(?::([^@]*))?@)?(\[[^\]]*\]|[^:]*)(?::(.*))?$/;

/**
 * Takes a URL apart as Mosquitto's tools do: what follows the host is the topic, as it stands there. A WebSocket's URL
 * has a path there instead.
 */
export function applyUrl(config: Config, url: string): void {
  const [, scheme, rest = ""] = url.match(/^(mqtts?|wss?):\/\/(.*)$/is) ?? [];
  if (scheme === undefined) throw new UsageError("Error: unsupported URL scheme.\n");
  config.scheme = schemeOf(scheme.toLowerCase());
  const isWebSocket = config.scheme === "ws" || config.scheme === "wss";
  const slash = rest.indexOf("/");
  if (slash < 0 && !isWebSocket) {
    throw new UsageError("Error: Invalid URL for -L argument specified - topic missing.");
  }
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  if (isWebSocket) config.path = slash < 0 ? "" : rest.slice(slash);
  else applyTopic(config, rest.slice(slash + 1), "-L topic");
  applyAuthority(config, authority);
}

function applyAuthority(config: Config, authority: string): void {
  const [, username, password, host, port] = authority.match(AUTHORITY) ?? [];
  config.username = username ?? config.username;
  config.password = password ?? config.password;
  config.host = host;
  config.port = port === undefined ? undefined : portOf(port);
}

function portOf(text: string): number {
  const port = /^\d+$/.test(text) ? Number(text) : NaN;
  if (port >= 0 && port <= 65_535) return port;
  throw new UsageError(`Error: Invalid port given: ${text}`);
}

function schemeOf(scheme: string): Config["scheme"] {
  return scheme === "mqtts" || scheme === "ws" || scheme === "wss" ? scheme : "mqtt";
}
