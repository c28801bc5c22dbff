/**
 * Enhanced authentication: AUTH packets back and forth until one side is satisfied (MQTT 5.0 section 4.12).
 *
 * @module
 */

import { MqttError } from "../codec/errors.ts";
import type { AuthPacket, Packet } from "../codec/packets.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import type { Acceptance, AuthExchange, AuthStep, BrokerHooks, ConnectRequest, MaybePromise } from "./hooks.ts";
import type { Sender } from "./sender.ts";

/** What the connection does next. */
export type AuthOutcome =
  /** Send this AUTH and wait for the client's. */
  | { readonly kind: "ask"; readonly packet: AuthPacket }
  /** The client is who it says. */
  | { readonly kind: "done"; readonly data: Uint8Array | undefined; readonly acceptance: Acceptance };

/** An exchange that is going on, for a CONNECT or for a re-authentication. */
export class EnhancedAuth {
  readonly method: string;
  readonly #exchange: AuthExchange;

  constructor(method: string, exchange: AuthExchange) {
    this.method = method;
    this.#exchange = exchange;
  }

  /**
   * Hands in what the client sent. Throws, or rejects with, {@linkcode MqttError} when the client has failed.
   */
  next(data: Uint8Array | undefined): MaybePromise<AuthOutcome> {
    const step = this.#exchange.next(data);
    return step instanceof Promise ? step.then((result) => this.#outcome(result)) : this.#outcome(step);
  }

  #outcome(step: AuthStep): AuthOutcome {
    switch (step.kind) {
      case "success":
        return { kind: "done", data: step.data, acceptance: step };
      case "continue":
        return {
          kind: "ask",
          packet: {
            type: "auth",
            reasonCode: ReasonCode.ContinueAuthentication,
            properties: { authenticationMethod: this.method, authenticationData: step.data },
          },
        };
      case "failure":
        throw new MqttError(
          step.reasonString ?? "Cannot authenticate: the client's answer is wrong",
          step.reasonCode ?? ReasonCode.NotAuthorized,
        );
    }
  }
}

/** Begins the exchange that a CONNECT or AUTH 0x19 asks for. Throws {@linkcode MqttError} 0x8C for an unknown method. */
export function beginEnhancedAuth(hooks: BrokerHooks, method: string, request: ConnectRequest): EnhancedAuth {
  const methods = hooks.authenticationMethods ?? {};
  const begin = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (begin !== undefined) return new EnhancedAuth(method, begin(request));
  throw new MqttError(
    `Cannot authenticate: the method must be one of [${Object.keys(methods).join(", ")}], received ${method}`,
    ReasonCode.BadAuthenticationMethod,
  );
}

/** Throws {@linkcode MqttError} unless `packet` is the AUTH that has to come now. */
export function assertAuth(packet: Packet, method: string, reasonCode: number): asserts packet is AuthPacket {
  if (packet.type !== "auth") {
    throw new MqttError(
      `Cannot authenticate: only AUTH or DISCONNECT may come now, received ${packet.type.toUpperCase()}`,
      ReasonCode.ProtocolError,
    );
  }
  if (packet.properties?.authenticationMethod !== method) {
    throw new MqttError(`Cannot authenticate: the method must be ${method}`, ReasonCode.ProtocolError);
  }
  if (packet.reasonCode === reasonCode) return;
  throw new MqttError(
    `Cannot authenticate: the reason code of AUTH must be 0x${reasonCode.toString(16)}`,
    ReasonCode.ProtocolError,
  );
}

/** Sends an AUTH. Throws {@linkcode MqttError} if the client does not take it. */
export function sendAuth(sender: Sender, packet: AuthPacket): void {
  if (sender.send(packet)) return;
  throw new MqttError("Cannot authenticate: AUTH is larger than the client takes", ReasonCode.PacketTooLarge);
}
