/**
 * What a command line asks for.
 *
 * @module
 */

import type { ProtocolVersion, QoS, RetainHandling } from "../../codec/packets.ts";
import type { Properties, UserProperties } from "../../codec/properties.ts";
import { UsageError } from "./exit.ts";
import type { MessageTemplate } from "./template.ts";

/** The commands. */
export type Command = "pub" | "sub" | "request" | "bench";

/** Where the message to publish comes from. */
export type MessageSource =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "empty" }
  | { readonly kind: "stdin" }
  | { readonly kind: "lines" };

/** The packets that `-D` gives properties to. */
export type PropertyTarget = "connect" | "publish" | "subscribe" | "unsubscribe" | "disconnect" | "will";

/** Options of `bench`. */
export interface BenchConfig {
  publishers: number;
  subscribers: number;
  /** Bytes of a payload. */
  size: number;
  /** Messages of each publisher; undefined: until `seconds` are over. */
  count: number | undefined;
  /** Undefined: until `count` messages are sent. */
  seconds: number | undefined;
  /** Messages of a publisher that may be under way. */
  window: number;
  json: boolean;
}

/** What a command line asks for; the flags write it, the commands read it. */
export interface Config {
  readonly command: Command;
  scheme: "mqtt" | "mqtts" | "ws" | "wss";
  host: string | undefined;
  port: number | undefined;
  /** Path and query of a WebSocket URL. */
  path: string;
  /** The address to connect from. */
  localAddress: string | undefined;
  unixPath: string | undefined;
  username: string | undefined;
  password: string | undefined;
  id: string | undefined;
  idPrefix: string | undefined;
  keepAlive: number;
  cleanSession: boolean;
  sessionExpiry: number | undefined;
  version: ProtocolVersion;
  cafile: string | undefined;
  capath: string | undefined;
  cert: string | undefined;
  key: string | undefined;
  insecure: boolean;
  tlsVersion: string | undefined;
  alpn: string | undefined;
  useOsCertificates: boolean;
  will: { topic?: string; payload?: string; qos: QoS; retain: boolean };
  readonly properties: Record<PropertyTarget, Properties>;
  debug: boolean;
  quiet: boolean;

  qos: QoS;
  retain: boolean;
  /** The topic to publish to. */
  topic: string | undefined;
  message: MessageSource | undefined;
  maximumInFlight: number;
  repeat: number;
  /** Milliseconds. */
  repeatDelay: number;

  readonly filters: string[];
  readonly filtersOut: string[];
  readonly unsubscribe: string[];
  messageCount: number | undefined;
  /** Seconds. */
  timeout: number | undefined;
  exitAfterSubscribe: boolean;
  noRetained: boolean;
  retainedOnly: boolean;
  removeRetained: boolean;
  retainAsPublished: boolean;
  retainHandling: RetainHandling;
  /** From 0 to 1: the share of messages that are printed. */
  randomShare: number;
  template: MessageTemplate | undefined;
  verbose: boolean;
  showProperties: boolean;
  endOfLine: boolean;
  pretty: boolean;

  responseTopic: string | undefined;
  readonly bench: BenchConfig;
}

/** A config with all defaults. */
export function defaultConfig(command: Command): Config {
  return {
    command,
    scheme: "mqtt",
    host: undefined,
    port: undefined,
    path: "",
    localAddress: undefined,
    unixPath: undefined,
    username: undefined,
    password: undefined,
    id: undefined,
    idPrefix: undefined,
    keepAlive: 60,
    cleanSession: true,
    sessionExpiry: undefined,
    version: command === "request" || command === "bench" ? 5 : 4,
    cafile: undefined,
    capath: undefined,
    cert: undefined,
    key: undefined,
    insecure: false,
    tlsVersion: undefined,
    alpn: undefined,
    useOsCertificates: false,
    will: { qos: 0, retain: false },
    properties: { connect: {}, publish: {}, subscribe: {}, unsubscribe: {}, disconnect: {}, will: {} },
    debug: false,
    quiet: false,
    qos: 0,
    retain: false,
    topic: undefined,
    message: undefined,
    maximumInFlight: 20,
    repeat: 1,
    repeatDelay: 0,
    filters: [],
    filtersOut: [],
    unsubscribe: [],
    messageCount: undefined,
    timeout: undefined,
    exitAfterSubscribe: false,
    noRetained: false,
    retainedOnly: false,
    removeRetained: false,
    retainAsPublished: false,
    retainHandling: 0,
    randomShare: 1,
    template: undefined,
    verbose: false,
    showProperties: false,
    endOfLine: true,
    pretty: false,
    responseTopic: undefined,
    bench: { publishers: 1, subscribers: 1, size: 64, count: undefined, seconds: undefined, window: 100, json: false },
  };
}

/** Adds a pair to those that are there. */
export function addUserProperty(properties: Properties, pair: UserProperties[number]): void {
  properties.userProperties = [...properties.userProperties ?? [], pair];
}

/** What flags cannot check one by one. */
export function checkConfig(config: Config): void {
  const { will, command } = config;
  if (will.topic === undefined && will.payload !== undefined) {
    throw new UsageError("Error: Will payload given, but no will topic given.");
  }
  if (will.topic === undefined && will.retain) {
    throw new UsageError("Error: Will retain given, but no will topic given.");
  }
  if ((config.cert === undefined) !== (config.key === undefined)) {
    throw new UsageError("Error: Both certfile and keyfile must be provided if one of them is set.");
  }
  checkSession(config);
  if (command === "sub" && config.filters.length === 0 && config.unsubscribe.length === 0) {
    throw new UsageError("Error: You must specify a topic to subscribe to.");
  }
  if (config.noRetained && config.retainedOnly) {
    throw new UsageError("Error: Combining '-R' and '--retained-only' makes no sense.");
  }
  if (command === "pub" && (config.topic === undefined || config.message === undefined)) {
    throw new UsageError("Error: Both topic and message must be supplied.");
  }
  if (command === "request") checkRequest(config);
}

function checkSession(config: Config): void {
  if (!config.cleanSession && config.version === 5) config.sessionExpiry ??= 0xffff_ffff;
  if (config.id !== undefined) return;
  if (config.version === 5 && config.sessionExpiry === 0xffff_ffff) {
    throw new UsageError("Error: You must provide a client id if you are using an infinite session expiry interval.");
  }
  if (config.version < 5 && !config.cleanSession) {
    throw new UsageError("Error: You must provide a client id if you are using the -c option.");
  }
}

function checkRequest(config: Config): void {
  if (config.topic === undefined || config.message === undefined) {
    throw new UsageError("Error: All of topic, message, and response topic must be supplied.");
  }
  if (config.responseTopic === undefined && config.version < 5) {
    throw new UsageError("Error: A response topic (-e) must be supplied before MQTT 5.");
  }
}
