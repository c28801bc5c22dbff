/**
 * The steps of an enhanced authentication (MQTT 5.0 section 4.12).
 *
 * @module
 */

import type { AuthPacket, ConnackPacket } from "../codec/packets.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import { protocolError } from "./errors.ts";
import type { Authentication } from "./options.ts";

type Phase =
  | { readonly kind: "connecting" }
  | { readonly kind: "accepted" }
  | { readonly kind: "again"; readonly accepted: PromiseWithResolvers<void> };

/** Runs the steps of one connection's authentication, and of its repetitions. */
export class Authenticator {
  readonly #authentication: Authentication | undefined;
  #phase: Phase = { kind: "connecting" };

  /** Undefined: the CONNECT names no method, so the server must not either. */
  constructor(authentication: Authentication | undefined) {
    this.#authentication = authentication;
  }

  /** The data for CONNECT. */
  async start(): Promise<Uint8Array | undefined> {
    return await step(() => this.#authentication?.start?.());
  }

  /** The answer to an AUTH; undefined when it was the last one of a re-authentication. Throws to end the connection. */
  async answer({ reasonCode, properties }: AuthPacket): Promise<AuthPacket | undefined> {
    const authentication = this.#checked(properties?.authenticationMethod);
    const phase = this.#phase;
    if (authentication === undefined || phase.kind === "accepted") throw protocolError("AUTH must not come here");
    const data = properties?.authenticationData;
    if (reasonCode === ReasonCode.ContinueAuthentication) {
      return authPacket(reasonCode, authentication.method, await step(() => authentication.respond(data)));
    }
    if (reasonCode !== ReasonCode.Success || phase.kind !== "again") {
      throw protocolError(`AUTH must come with code 0x18 here, received 0x${reasonCode.toString(16)}`);
    }
    await step(() => authentication.finish?.(data));
    this.#phase = { kind: "accepted" };
    phase.accepted.resolve();
    return undefined;
  }

  /** Checks a CONNACK with code 0. Throws to refuse the server. */
  async accept({ properties }: ConnackPacket): Promise<void> {
    const authentication = this.#checked(properties?.authenticationMethod);
    await step(() => authentication?.finish?.(properties?.authenticationData));
    this.#phase = { kind: "accepted" };
  }

  /** Begins a re-authentication: the AUTH to send, and what settles when the server has accepted. */
  async again(): Promise<{ packet: AuthPacket; accepted: Promise<void> }> {
    const authentication = this.#authentication;
    if (authentication === undefined) {
      throw new TypeError("Cannot re-authenticate: authentication must be given to connect(), received none");
    }
    if (this.#phase.kind !== "accepted") throw new Error("Cannot re-authenticate: an authentication is under way");
    const accepted = Promise.withResolvers<void>();
    accepted.promise.catch(() => {}); // nobody looks at it if the first step fails
    this.#phase = { kind: "again", accepted };
    try {
      const data = await authentication.start?.();
      const packet = authPacket(ReasonCode.ReAuthenticate, authentication.method, data);
      return { packet, accepted: accepted.promise };
    } catch (error) {
      this.#phase = { kind: "accepted" };
      throw error;
    }
  }

  /** The connection has ended. */
  end(error: Error): void {
    if (this.#phase.kind === "again") this.#phase.accepted.reject(error);
  }

  #checked(method: string | undefined): Authentication | undefined {
    const authentication = this.#authentication;
    if (method === authentication?.method) return authentication;
    throw protocolError("authentication method must be that of CONNECT, received another");
  }
}

/**
 * A failure of the caller's function is one of the attempt or connection, even a `TypeError`, as that of `fetch` without
 * a network: it does not end the client, as misuse does.
 */
async function step<T>(action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (!(cause instanceof TypeError || cause instanceof RangeError)) throw cause;
    throw new Error(`Cannot authenticate: ${cause.message}`, { cause });
  }
}

function authPacket(reasonCode: number, method: string, data: Uint8Array | undefined): AuthPacket {
  const packet: AuthPacket = { type: "auth", reasonCode, properties: { authenticationMethod: method } };
  if (data !== undefined) packet.properties = { authenticationMethod: method, authenticationData: data };
  return packet;
}
