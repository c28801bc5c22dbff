/**
 * How the end of a connection reads as an error.
 *
 * @module
 */

import { MqttError } from "../codec/errors.ts";
import type { ConnackPacket, DisconnectPacket, ProtocolVersion } from "../codec/packets.ts";
import type { ConnackProperties, DisconnectProperties } from "../codec/properties.ts";
import { ReasonCode, reasonCodeName } from "../codec/reason_codes.ts";

/**
 * The server has refused the connection, or ended it, and said why.
 *
 * @example
 * ```ts
 * import { connect, ServerError } from "@x/mqtt/client";
 *
 * try {
 *   await using client = await connect("mqtt://user:wrong@127.0.0.1:1883");
 * } catch (error) {
 *   if (error instanceof ServerError) console.log(error.reasonCode, error.properties.reasonString);
 * }
 * ```
 */
export class ServerError extends MqttError {
  /** What the server said along, e.g. `reasonString` or `serverReference`; empty before MQTT 5.0. */
  readonly properties: ConnackProperties | DisconnectProperties;

  /** Made by the client. */
  constructor(message: string, reasonCode: number, properties: ConnackProperties | DisconnectProperties = {}) {
    super(properties.reasonString === undefined ? message : `${message}: ${properties.reasonString}`, reasonCode);
    this.properties = properties;
  }
}

/** What the return codes of CONNACK in MQTT 3.1 and 3.1.1 are in 5.0. */
const RETURN_CODES: readonly number[] = [
  ReasonCode.Success,
  ReasonCode.UnsupportedProtocolVersion,
  ReasonCode.ClientIdentifierNotValid,
  ReasonCode.ServerUnavailable,
  ReasonCode.BadUserNameOrPassword,
  ReasonCode.NotAuthorized,
];

/** The server has refused a CONNECT. */
export function refusedError(connack: ConnackPacket, version: ProtocolVersion): ServerError {
  const code = version === 5 ? connack.reasonCode : RETURN_CODES[connack.reasonCode] ?? ReasonCode.UnspecifiedError;
  return new ServerError(
    `Cannot connect: server must accept, received ${reasonCodeName(code)}`,
    code,
    connack.properties,
  );
}

/** The server has sent DISCONNECT. */
export function disconnectedError({ reasonCode, properties }: DisconnectPacket): ServerError {
  return new ServerError(`Connection ended by the server: ${reasonCodeName(reasonCode)}`, reasonCode, properties);
}

/**
 * The connection has ended without a word from the server: the network, the server, or its silence.
 *
 * @example
 * ```ts
 * import { connect, ConnectionLostError } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * client.addEventListener("error", ({ error }) => {
 *   if (error instanceof ConnectionLostError) console.log("lost, and will be back");
 * });
 * ```
 */
export class ConnectionLostError extends MqttError {}

/** The transport has ended or broken. */
export function lostError(cause?: unknown): ConnectionLostError {
  return new ConnectionLostError(
    "Connection lost: the server or the network has closed it",
    ReasonCode.UnspecifiedError,
    { cause },
  );
}

/** The server does not answer. */
export function silentError(): ConnectionLostError {
  return new ConnectionLostError(
    "Connection lost: the server must answer PINGREQ, received nothing",
    ReasonCode.KeepAliveTimeout,
  );
}

/** The server has broken the protocol, or a limit. */
export function protocolError(why: string, reasonCode: number = ReasonCode.ProtocolError): MqttError {
  return new MqttError(`Cannot go on with the connection: ${why}`, reasonCode);
}

/** The code that stands for the end of a connection; 0 without an error. */
export function reasonCodeOf(error: Error | undefined): number {
  if (error === undefined) return ReasonCode.NormalDisconnection;
  return error instanceof MqttError ? error.reasonCode : ReasonCode.UnspecifiedError;
}

/** Something thrown, as an `Error`. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
}
