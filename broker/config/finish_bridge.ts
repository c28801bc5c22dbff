/**
 * What the files have said about one connection to another broker, with the parts checked against each other.
 *
 * @module
 */

import { assertBridges, type BridgeOptions } from "../bridge/options.ts";
import { type BridgeTopic, TopicMap } from "../bridge/topics.ts";
import { ageOf, restartTimeoutOf } from "./bridge_options.ts";
import type { BridgeConfiguration, BridgeTlsConfiguration } from "./configuration.ts";
import type { Draft } from "./draft.ts";
import { ConfigurationError, type Place } from "./errors.ts";
import type { ConfigurationLine } from "./lexer.ts";
import type { BridgeDraft } from "./option.ts";
import { flag, limit, type ValueKind } from "./values.ts";

const DEFAULT_PORT = 1883;
const VERSIONS = { mqttv31: 3, mqttv311: 4, mqttv50: 5 } as const;
const START_TYPES = ["automatic", "lazy", "once"] as const;
const OVERFLOWS = ["drop-oldest", "drop-newest"] as const;

/**
 * Builds the configuration of a bridge. Throws {@linkcode ConfigurationError} for parts that contradict each other, or
 * the bridges before it.
 */
export function finishBridge(
  draft: Draft,
  bridge: BridgeDraft,
  before: readonly BridgeConfiguration[],
): BridgeConfiguration {
  const { place, name } = bridge;
  const lines = new Lines(bridge);
  const tls = tlsOf(draft, lines);
  const addresses = lines.all("address", "addresses").flatMap((line) => {
    return line.value.split(/\s+/).map((address) => urlOf(line, address, tls !== undefined));
  });
  if (addresses.length === 0) {
    throw ConfigurationError.at(place, `connection ${name} must have an address, received none`);
  }
  const topics = lines.all("topic").map(topicOf);
  if (topics.length === 0) draft.warn(place, `connection ${name} has no topic: nothing goes over it`);
  const idle = lines.line("local_password");
  if (idle !== undefined) {
    draft.warn(idle, "local_password does nothing here: a bridge is part of the broker, which asks it for none");
  }
  const options: BridgeOptions = { name, addresses, topics, ...optionsOf(lines) };
  blame(place, () => assertBridges([...before.map((other) => other.options), options]));
  return { place, options, tls };
}

/** The lines of one connection. */
class Lines {
  readonly #bridge: BridgeDraft;

  constructor(bridge: BridgeDraft) {
    this.#bridge = bridge;
  }

  /** All lines of these options, in the order of the file within each. */
  all(...names: string[]): readonly ConfigurationLine[] {
    return names.flatMap((name) => this.#bridge.lines.get(name) ?? []);
  }

  /** The line that counts; Mosquitto takes the last one of several. */
  line(...names: string[]): ConfigurationLine | undefined {
    return this.all(...names).at(-1);
  }

  text(...names: string[]): string | undefined {
    return this.line(...names)?.value;
  }

  number(name: string): number | undefined {
    const value = this.text(name);
    return value === undefined ? undefined : Number(value);
  }

  /** Lines were checked when they were read. */
  value<T>(name: string, { parse }: Pick<ValueKind<T>, "parse">): T | undefined {
    const value = this.text(name);
    return value === undefined ? undefined : parse(value);
  }

  flag(name: string): boolean | undefined {
    return this.value(name, flag);
  }

  word<T extends string>(name: string, words: readonly T[]): T | undefined {
    return words.find((word) => word === this.text(name));
  }
}

function optionsOf(lines: Lines): Omit<BridgeOptions, "name" | "addresses" | "topics"> {
  const version = lines.word("bridge_protocol_version", ["mqttv31", "mqttv311", "mqttv50"]);
  return {
    protocolVersion: version && VERSIONS[version],
    remoteClientId: lines.text("clientid", "remote_clientid"),
    remoteUsername: lines.text("username", "remote_username"),
    remotePassword: lines.text("password", "remote_password"),
    localClientId: lines.text("local_clientid"),
    localUsername: lines.text("local_username"),
    cleanSession: lines.flag("cleansession"),
    localCleanSession: lines.flag("local_cleansession"),
    keepAlive: lines.number("keepalive_interval"),
    restartTimeout: lines.value("restart_timeout", { parse: restartTimeoutOf }),
    roundRobin: lines.flag("round_robin"),
    startType: lines.word("start_type", START_TYPES),
    idleTimeout: lines.number("idle_timeout"),
    threshold: lines.number("threshold"),
    notifications: lines.flag("notifications"),
    notificationsLocalOnly: lines.flag("notifications_local_only"),
    notificationTopic: lines.text("notification_topic"),
    tryPrivate: lines.flag("try_private"),
    attemptUnsubscribe: lines.flag("bridge_attempt_unsubscribe"),
    outgoingRetain: lines.flag("bridge_outgoing_retain"),
    maxPacketSize: lines.number("bridge_max_packet_size"),
    maxTopicAlias: lines.number("bridge_max_topic_alias"),
    maxQueuedMessages: lines.value("bridge_max_queued_messages", limit()),
    maxQueuedBytes: lines.value("bridge_max_queued_bytes", limit()),
    maxQueuedAge: lines.value("bridge_max_queued_age", { parse: ageOf }),
    queueOverflow: lines.word("bridge_queue_policy", OVERFLOWS),
    rate: lines.number("bridge_rate"),
    localAddress: lines.text("bridge_bind_address"),
  };
}

/** `host`, `host:port`, and the same with an IPv6 address in brackets. */
function urlOf(line: ConfigurationLine, address: string, isEncrypted: boolean): string {
  const [, host = "", port = DEFAULT_PORT] = /^(\[[^\]]+\]|[^:[\]]+)(?::(\d+))?$/.exec(address) ?? [];
  const url = `${isEncrypted ? "mqtts" : "mqtt"}://${host}:${port}`;
  const isPort = Number(port) >= 1 && Number(port) <= 65_535;
  if (host !== "" && isPort && URL.canParse(url)) return url;
  throw ConfigurationError.at(
    line,
    `${line.name} must be a host or host:port, with an IPv6 address as [::1]:1883, received ${JSON.stringify(address)}`,
  );
}

/** `PATTERN [[[out|in|both] QOS] LOCAL-PREFIX REMOTE-PREFIX]`, with `""` for nothing. */
function topicOf(line: ConfigurationLine): BridgeTopic {
  const [pattern = "", directionText = "out", qosText = "0", local = "", remote = "", ...more] = line.value.split(/\s+/)
    .map((word) => word === '""' ? "" : word);
  const direction = (["in", "out", "both"] as const).find((word) => word === directionText);
  const qos = ([0, 1, 2] as const).find((each) => String(each) === qosText);
  if (direction === undefined) {
    throw ConfigurationError.at(line, `topic must have the direction in, out or both, received "${directionText}"`);
  }
  if (qos === undefined) throw ConfigurationError.at(line, `topic must have a QoS of 0, 1 or 2, received "${qosText}"`);
  if (more.length > 0) {
    throw ConfigurationError.at(
      line,
      `topic must have two prefixes at most, received ${JSON.stringify(more.join(" "))}`,
    );
  }
  const topic: BridgeTopic = { pattern, direction, qos, localPrefix: local, remotePrefix: remote };
  blame(line, () => new TopicMap([topic]));
  return topic;
}

function tlsOf(draft: Draft, lines: Lines): BridgeTlsConfiguration | undefined {
  const caFile = lines.text("bridge_cafile");
  const caPath = lines.text("bridge_capath");
  const certFile = lines.text("bridge_certfile");
  const keyFile = lines.text("bridge_keyfile");
  const ocsp = lines.line("bridge_require_ocsp");
  if (ocsp !== undefined && lines.flag("bridge_require_ocsp")) {
    throw ConfigurationError.at(
      ocsp,
      "bridge_require_ocsp must not be ignored, but OCSP is not supported: use certificates that are valid for days only",
    );
  }
  const isEncrypted = caFile !== undefined || caPath !== undefined || lines.flag("bridge_tls_use_os_certs") === true;
  if (!isEncrypted) {
    const names = ["bridge_certfile", "bridge_keyfile", "bridge_insecure", "bridge_alpn", "bridge_tls_version"];
    const line = lines.all(...names)[0];
    if (line === undefined) return undefined;
    const needed = "bridge_cafile, bridge_capath or bridge_tls_use_os_certs";
    // Who thinks that the connection is encrypted must not send a password over one that is not.
    throw ConfigurationError.at(line, `${line.name} must stand with ${needed}, received none of them`);
  }
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const [there, missing] = certFile === undefined
      ? ["bridge_keyfile", "bridge_certfile"]
      : ["bridge_certfile", "bridge_keyfile"];
    const line = lines.line(there);
    if (line !== undefined) throw ConfigurationError.at(line, `${there} must stand with ${missing}, received it alone`);
  }
  const version = lines.line("bridge_tls_version");
  if (version?.value === "tlsv1.1") draft.warn(version, "bridge_tls_version is tlsv1.2 at least: tlsv1.1 is broken");
  const insecure = lines.flag("bridge_insecure") ?? false;
  return { caFile, caPath, certFile, keyFile, insecure, alpn: lines.text("bridge_alpn") };
}

/** What the bridge would say of its options, said of the line. */
function blame(place: Place, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw ConfigurationError.at(place, error instanceof Error ? error.message : String(error));
  }
}
