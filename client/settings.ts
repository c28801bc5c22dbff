/**
 * What `connect()` makes of what it is told.
 *
 * @module
 */

import { encodeClientPacket } from "../codec/encode_client.ts";
import type { ProtocolVersion, Will } from "../codec/packets.ts";
import type { ConnectProperties } from "../codec/properties.ts";
import { assertTopicName } from "../codec/topic.ts";
import type { Clock } from "../engine/clock.ts";
import { connectPacket, LARGEST_PACKET } from "./connect_packet.ts";
import type {
  Authentication,
  ConnectInit,
  Platform,
  QueueInit,
  ServerUrl,
  TransportOpener,
  WillInit,
} from "./options.ts";
import { ownedBytes, payloadAtHand } from "./payload.ts";
import { type ReconnectSettings, reconnectSettings } from "./reconnect.ts";
import type { Refresh, Refreshed } from "./refresh.ts";
import { type ServerAddress, serverAddress } from "./server_address.ts";
import type { Servers } from "./servers.ts";
import type { TransportOptions } from "./transport_options.ts";

/** So many packet identifiers at most, so that SUBSCRIBE and UNSUBSCRIBE always find one. */
const MAXIMUM_IN_FLIGHT = 65_000;

/** {@linkcode ConnectInit} with nothing left open. */
export interface Settings {
  readonly servers: Servers;
  /** The one of this attempt. */
  readonly server: ServerAddress;
  /** What `connect()` was told, which goes before what stands in a URL. */
  readonly given: { readonly username: string | undefined; readonly password: Uint8Array | undefined };
  readonly protocolVersion: ProtocolVersion;
  readonly isBridge: boolean;
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
  readonly keepAlive: number;
  readonly pingTimeout: number | undefined;
  readonly cleanStart: boolean;
  readonly sessionExpiryInterval: number;
  /** Whether nobody asked for the session to be kept, so that `close()` ends it. */
  readonly endSessionOnClose: boolean;
  readonly receiveMaximum: number;
  readonly maximumPacketSize: number;
  readonly topicAliasMaximum: number;
  readonly properties: ConnectProperties;
  readonly will: Will | undefined;
  readonly authentication: Authentication | undefined;
  readonly connectTimeout: number;
  readonly reconnect: ReconnectSettings | undefined;
  readonly refresh: Refresh | undefined;
  readonly maximumRedirects: number;
  readonly queue: Readonly<Required<QueueInit>>;
  readonly open: TransportOpener;
  readonly transport: Omit<TransportOptions, "signal">;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Fills in the defaults and checks everything; `TypeError`, `RangeError` and `MqttError` for what cannot be. */
export function settingsOf(url: ServerUrl | readonly ServerUrl[], init: ConnectInit, platform: Platform): Settings {
  const protocolVersion = init.protocolVersion ?? 5;
  if (protocolVersion !== 3 && protocolVersion !== 4 && protocolVersion !== 5) {
    throw new RangeError(`Cannot connect: protocolVersion must be 3, 4 or 5, received ${protocolVersion}`);
  }
  const servers = serversOf(url);
  const reconnect = init.reconnect === false ? undefined : reconnectSettings(init.reconnect);
  const settings: Settings = {
    servers,
    server: servers[0],
    given: { username: init.username, password: init.password === undefined ? undefined : bytesOf(init.password) },
    protocolVersion,
    isBridge: init.isBridge ?? false,
    clientId: init.clientId ?? randomClientId(),
    username: undefined,
    password: undefined,
    keepAlive: init.keepAlive ?? 60,
    pingTimeout: init.pingTimeout,
    cleanStart: init.cleanStart ?? true,
    sessionExpiryInterval: init.sessionExpiryInterval ?? (reconnect === undefined ? 0 : 300),
    endSessionOnClose: init.sessionExpiryInterval === undefined,
    receiveMaximum: init.receiveMaximum ?? (protocolVersion === 5 ? 1_024 : 65_535),
    maximumPacketSize: init.maximumPacketSize ?? LARGEST_PACKET,
    topicAliasMaximum: init.topicAliasMaximum ?? 0,
    properties: init.properties ?? {},
    will: init.will === undefined ? undefined : willOf(init.will),
    authentication: init.authentication,
    connectTimeout: init.connectTimeout ?? 30_000,
    reconnect,
    refresh: init.refresh,
    maximumRedirects: init.maximumRedirects ?? 0,
    queue: queueSettings(init.queue),
    open: init.transport ?? platform.open,
    transport: { tls: init.tls, headers: init.headers },
    clock: init.clock ?? platform.clock,
    random: init.random ?? Math.random,
  };
  for (const server of servers) check(settingsFor(settings, server));
  return settingsFor(settings, servers[0]);
}

/** The settings for one attempt; throws as {@linkcode settingsOf} for what is refreshed. */
export function settingsFor(settings: Settings, server: ServerAddress, refreshed?: Refreshed): Settings {
  const { given, transport } = settings;
  const { url, username, password, headers, tls } = refreshed ?? {};
  const fresh = url === undefined ? undefined : serverAddress(url);
  const result: Settings = {
    ...settings,
    server: fresh ?? server,
    username: username ?? fresh?.username ?? given.username ?? server.username,
    password: (password === undefined ? fresh?.password : bytesOf(password)) ?? given.password ?? server.password,
    transport: { tls: tls ?? transport.tls, headers: headers ?? transport.headers },
  };
  if (refreshed !== undefined) check(result);
  return result;
}

function queueSettings({
  messages = 65_536,
  bytes = 67_108_864,
  inFlight = MAXIMUM_IN_FLIGHT,
  overflow = "wait",
  qos0 = true,
}: QueueInit = {}): Required<QueueInit> {
  return { messages, bytes, inFlight, overflow, qos0 };
}

function serversOf(url: ServerUrl | readonly ServerUrl[]): Servers {
  const [first, ...others] = typeof url === "string" || url instanceof URL ? [url] : url;
  if (first === undefined) throw new TypeError("Cannot connect: there must be a URL, received an empty list");
  return [serverAddress(first), ...others.map(serverAddress)];
}

function check(settings: Settings): void {
  const { protocolVersion, clientId, cleanStart, queue } = settings;
  if (protocolVersion === 3 && (clientId.length < 1 || clientId.length > 23)) {
    throw new RangeError(`Cannot connect: clientId must have 1 to 23 characters in MQTT 3.1, received "${clientId}"`);
  }
  if (protocolVersion === 4 && clientId === "" && !cleanStart) {
    throw new TypeError("Cannot connect: clientId must not be empty without cleanStart, received an empty one");
  }
  if (settings.authentication !== undefined && protocolVersion < 5) {
    throw new TypeError("Cannot connect: authentication must go with MQTT 5.0, received an older version");
  }
  between("receiveMaximum", settings.receiveMaximum, 1, 65_535);
  between("maximumPacketSize", settings.maximumPacketSize, 16, LARGEST_PACKET);
  between("topicAliasMaximum", settings.topicAliasMaximum, 0, 65_535);
  between("queue.messages", queue.messages, 1, Number.MAX_SAFE_INTEGER);
  between("queue.bytes", queue.bytes, 1, Number.MAX_SAFE_INTEGER);
  between("queue.inFlight", queue.inFlight, 1, MAXIMUM_IN_FLIGHT);
  between("maximumRedirects", settings.maximumRedirects, 0, Number.MAX_SAFE_INTEGER);
  between("connectTimeout", settings.connectTimeout, 1, 2_147_483_647);
  between("pingTimeout", settings.pingTimeout ?? 1, 1, 2_147_483_647);
  // The codec knows the rules for all that goes on the wire; better here than at each attempt.
  encodeClientPacket(connectPacket(settings, clientId, cleanStart), protocolVersion);
}

function between(name: string, value: number, minimum: number, maximum: number): void {
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return;
  throw new RangeError(
    `Cannot connect: ${name} must be an integer from ${minimum} to ${maximum}, received ${value}`,
  );
}

function willOf(init: WillInit): Will {
  assertTopicName(init.topic);
  const payload = init.payload === undefined ? new Uint8Array(0) : bytesOf(init.payload);
  const will: Will = { topic: init.topic, payload, qos: init.qos ?? 0, retain: init.retain ?? false };
  if (init.properties !== undefined) will.properties = init.properties;
  return will;
}

function bytesOf(value: string | ArrayBufferLike | ArrayBufferView): Uint8Array {
  const bytes = payloadAtHand(value);
  if (bytes === undefined) throw new TypeError("Cannot connect: value must be a string or bytes, received another");
  return ownedBytes(bytes);
}

/** 21 characters that every server accepts [MQTT-3.1.3-5]. */
function randomClientId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return `mqtt0${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
