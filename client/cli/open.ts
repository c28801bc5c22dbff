/**
 * The connection that a command line asks for.
 *
 * @module
 */

import { MqttError } from "../../codec/errors.ts";
import { connectReturnCode, reasonCodeName } from "../../codec/reason_codes.ts";
import type { TransportOptions } from "../transport_options.ts";
import { Client } from "../client.ts";
import { ConnectionLostError, ServerError } from "../errors.ts";
import type { ConnectInit, TransportOpener, WillInit } from "../options.ts";
import type { ReconnectInit } from "../reconnect.ts";
import { systemClock } from "../system_clock.ts";
import type { TlsInit } from "../transport_options.ts";
import { openTransport } from "../transports.ts";
import type { Config } from "./config.ts";
import { CommandError, ExitCode } from "./exit.ts";
import type { Terminal } from "./terminal.ts";
import { PacketLog } from "./packet_log.ts";
import { readCertificates, readText } from "./files.ts";

/** What the commands differ in. */
export interface OpenInit {
  readonly reconnect: ReconnectInit | false;
  readonly receiveMaximum?: number;
  readonly signal?: AbortSignal;
}

/** What CONNACK says before MQTT 5.0. */
const RETURN_CODE_TEXTS: readonly string[] = [
  "unknown reason",
  "unacceptable protocol version",
  "identifier rejected",
  "broker unavailable",
  "bad user name or password",
  "not authorised",
];

/** Connects; a failure becomes a `CommandError` with the exit code for it. */
export async function open(config: Config, terminal: Terminal, init: OpenInit): Promise<Client> {
  const { username, password } = config;
  if (password !== undefined && username === undefined && config.version < 5) {
    throw new CommandError("Error: Problem setting username and/or password.");
  }
  const connectInit = await connectInitOf(config, terminal, init);
  try {
    return await Client.connect(urlOf(config), connectInit, { open: openTransport, clock: systemClock });
  } catch (error) {
    init.signal?.throwIfAborted();
    throw connectError(config, error);
  }
}

/** Where the server is. */
export function urlOf(config: Config): URL {
  if (config.unixPath !== undefined) return new URL(`mqtt+unix://${encodeURI(config.unixPath)}`);
  const host = (config.host ?? "localhost").replace(/^\[(.*)\]$/, "$1");
  const shownHost = host.includes(":") ? `[${host}]` : host;
  const port = config.port === undefined ? "" : `:${config.port}`;
  const text = `${schemeOf(config)}://${shownHost}${port}${config.path}`;
  if (URL.canParse(text)) return new URL(text);
  throw new CommandError("Unable to connect (Lookup error.).");
}

function schemeOf(config: Config): Config["scheme"] {
  const { scheme, cafile, capath, useOsCertificates, port } = config;
  const isSecure = cafile !== undefined || capath !== undefined || useOsCertificates || port === 8883;
  if (!isSecure) return scheme;
  return scheme === "ws" || scheme === "wss" ? "wss" : "mqtts";
}

async function connectInitOf(config: Config, terminal: Terminal, init: OpenInit): Promise<ConnectInit> {
  const { version } = config;
  const { receiveMaximum, maximumPacketSize, topicAliasMaximum, sessionExpiryInterval, ...others } =
    config.properties.connect;
  const { authenticationMethod, authenticationData, ...properties } = others;
  const clientId = clientIdOf(config);
  return {
    protocolVersion: version,
    clientId,
    username: config.username,
    password: config.password,
    keepAlive: config.keepAlive,
    cleanStart: config.cleanSession,
    sessionExpiryInterval: sessionExpiryInterval ?? config.sessionExpiry ?? 0,
    receiveMaximum: receiveMaximum ?? init.receiveMaximum,
    maximumPacketSize,
    topicAliasMaximum,
    properties,
    will: willOf(config),
    authentication: authenticationMethod === undefined ? undefined : {
      method: authenticationMethod,
      start: () => authenticationData,
      respond: () => undefined,
    },
    reconnect: init.reconnect,
    signal: init.signal,
    tls: await tlsOf(config),
    transport: transportOf(config, clientId ?? "", terminal),
  };
}

function transportOf({ version, localAddress, debug }: Config, clientId: string, terminal: Terminal): TransportOpener {
  const open = (url: URL, options: TransportOptions) => openTransport(url, { ...options, localAddress });
  if (!debug) return open;
  const print = (line: string) => {
    terminal.write(`${line}\n`);
    terminal.flush();
  };
  const log = new PacketLog(version, clientId, print);
  return async (url, options) => log.watch(await open(url, options));
}

/** Without one the server makes one up, which it cannot in MQTT 3.1. */
function clientIdOf({ id, idPrefix, version }: Config): string | undefined {
  if (id !== undefined) return id;
  if (idPrefix !== undefined) return `${idPrefix}${Deno.pid}`;
  return version === 3 ? undefined : "";
}

function willOf({ will: { topic, payload, qos, retain }, properties }: Config): WillInit | undefined {
  if (topic === undefined) return undefined;
  return { topic, payload, qos, retain, properties: properties.will };
}

async function tlsOf(config: Config): Promise<TlsInit | undefined> {
  const scheme = schemeOf(config);
  if (config.unixPath !== undefined || scheme !== "mqtts" && scheme !== "wss") return undefined;
  const { cafile, capath, cert, key, alpn, insecure } = config;
  const tls: TlsInit = { insecure };
  if (cafile !== undefined) tls.ca = await readText(cafile);
  else if (capath !== undefined) tls.ca = await readCertificates(capath);
  if (cert !== undefined) tls.cert = await readText(cert);
  if (key !== undefined) tls.key = await readText(key);
  if (alpn !== undefined) tls.alpnProtocols = [alpn];
  return tls;
}

function connectError(config: Config, error: unknown): CommandError {
  if (error instanceof ServerError) return refusal(config, error);
  if (error instanceof ConnectionLostError) return lostError(error);
  if (error instanceof Deno.errors.ConnectionRefused || hasCode(error, "ECONNREFUSED")) {
    return new CommandError("Error: Connection refused", ExitCode.Failure, { cause: error });
  }
  if (error instanceof Deno.errors.ConnectionReset || hasCode(error, "ECONNRESET")) return lostError(error);
  if (hasCode(error, "ENOENT")) {
    return new CommandError("Error: No such file or directory", ExitCode.Failure, { cause: error });
  }
  const text = error instanceof Error ? error.message : String(error);
  if (hasCode(error, "ENOTFOUND") || text.startsWith("failed to lookup address")) {
    return new CommandError("Unable to connect (Lookup error.).", ExitCode.Failure, { cause: error });
  }
  return new CommandError(`Error: ${text}`, ExitCode.Failure, { cause: error });
}

function refusal({ version, command }: Config, error: ServerError): CommandError {
  const isVersion5 = version === 5;
  const code = isVersion5 ? error.reasonCode : connectReturnCode(error.reasonCode) ?? ExitCode.Failure;
  const reason = isVersion5
    ? reasonCodeName(code)
    : `Connection Refused: ${RETURN_CODE_TEXTS[code] ?? "unknown reason"}.`;
  const lines = [`Connection error: ${reason}`];
  if (command === "pub" && isVersion5) {
    lines.push("Error: A network protocol error occurred when communicating with the broker.");
  } else if (command === "pub") lines.push("Error: The connection was refused.");
  return new CommandError(lines.join("\n"), code, { cause: error });
}

/** What a command ends with when its client has ended by itself; any other error as it is. */
export function endError(config: Config, error: unknown): unknown {
  return error instanceof MqttError ? connectError(config, error) : error;
}

/** The connection has broken. */
export function lostError(cause?: unknown): CommandError {
  return new CommandError("Error: The connection was lost.", ExitCode.ConnectionLost, { cause });
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
