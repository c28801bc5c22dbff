/**
 * What an application can decide: who may connect, publish and subscribe.
 *
 * Only `true`, or an acceptance, allows something: an answer that the types forbid refuses, as does a hook that throws.
 *
 * A hook may answer at once or with a promise. While a promise is pending, nothing more is read from that client, so
 * that its packets keep their order; all other clients go on.
 *
 * @example Users of a web service
 * ```ts
 * import { Broker, type ConnectDecision, type ConnectRequest, ReasonCode } from "@x/mqtt/broker";
 *
 * async function askService({ clientId, username, password }: ConnectRequest): Promise<ConnectDecision> {
 *   if (username === undefined || password === undefined) return false;
 *   const response = await fetch("https://users.example.com/check", {
 *     method: "POST",
 *     body: JSON.stringify({ clientId, username, password: new TextDecoder().decode(password) }),
 *     signal: AbortSignal.timeout(5_000),
 *   }).catch(() => undefined);
 *   await response?.body?.cancel();
 *   if (response === undefined || response.status >= 500) return { reasonCode: ReasonCode.ServerUnavailable };
 *   return response.ok;
 * }
 *
 * await using broker = new Broker({
 *   authenticate: askService,
 *   authorizePublish: ({ username }, { topic }) => topic.startsWith(`${username}/`),
 * });
 * console.log(broker.counts().connections);
 * ```
 *
 * @module
 */

import type { ProtocolVersion, QoS } from "../codec/packets.ts";
import type { ConnectProperties } from "../codec/properties.ts";
import type { Peer } from "../engine/transport.ts";
import type { PublishRate } from "./publish_rate.ts";

/** A value now or later. */
export type MaybePromise<T> = T | Promise<T>;

/** A client as hooks see it. */
export interface ClientInfo {
  /** The client identifier, assigned by the broker if the client sent none. */
  readonly clientId: string;
  /** The user name that the client was accepted with. */
  readonly username: string | undefined;
  /** The version of its CONNECT. */
  readonly protocolVersion: ProtocolVersion;
  /** Who is at the other end. */
  readonly peer: Peer;
}

/** A client that asks to connect. */
export interface ConnectRequest extends ClientInfo {
  /** As it came in CONNECT. */
  readonly password: Uint8Array | undefined;
  /** Whether an earlier session is to be thrown away. */
  readonly cleanStart: boolean;
  /** Properties of the CONNECT; empty before MQTT 5.0. */
  readonly properties: ConnectProperties;
}

/** Topic filters within which a client may publish and subscribe. An absent list allows everything. */
export interface Permissions {
  /** Where it may publish. */
  readonly publish?: readonly string[];
  /** Where it may subscribe: to filters that lie within one of these. */
  readonly subscribe?: readonly string[];
}

/** What is known about a client once it has shown who it is. */
export interface Acceptance {
  /** Who it is; absent: whoever CONNECT says. */
  readonly username?: string;
  /**
   * Until when, in milliseconds since 1970. Then the connection ends, for 5.0 clients with 0xA0 (maximum connect time).
   * Absent: without an end.
   */
  readonly expiresAt?: number;
  /** What it may do at most; all other rules hold besides. Absent: what the other rules allow. */
  readonly permissions?: Permissions;
  /** How fast it may publish. What is absent is as the listener, or the broker, has it; `Infinity` lifts a limit. */
  readonly limits?: Readonly<PublishRate>;
}

/**
 * The decision about a connection: `true`, or more about the client that is let in, or a refusal with its reason code
 * (0x80 to 0xFF, MQTT 5.0 section 3.2.2.2).
 */
export type ConnectDecision =
  | boolean
  | { readonly accepted: true } & Acceptance
  | { readonly accepted?: false; readonly reasonCode: number; readonly reasonString?: string };

/** A message that a client wants to publish. */
export interface PublishRequest {
  /** Topic name, a topic alias resolved. */
  readonly topic: string;
  /** QoS of the PUBLISH. */
  readonly qos: QoS;
  /** The retain flag. */
  readonly retain: boolean;
  /** Valid until the hook returns or its promise settles. */
  readonly payload: Uint8Array;
}

/** A filter that a client wants to subscribe to. */
export interface SubscribeRequest {
  /** The topic filter, without `$share/group/`. */
  readonly filter: string;
  /** The share name of a shared subscription. */
  readonly share: string | undefined;
  /** The QoS that is asked for. */
  readonly qos: QoS;
}

/** One step of an enhanced authentication (MQTT 5.0 section 4.12). */
export type AuthStep =
  | { readonly kind: "continue"; readonly data?: Uint8Array }
  | { readonly kind: "success"; readonly data?: Uint8Array } & Acceptance
  | { readonly kind: "failure"; readonly reasonCode?: number; readonly reasonString?: string };

/** The server's side of one enhanced authentication: takes what the client sent, says what comes next. */
export interface AuthExchange {
  /** Takes the client's authentication data, undefined for none. A throw or rejection refuses the client. */
  next(data: Uint8Array | undefined): MaybePromise<AuthStep>;
}

/** A client as far as access rules know it; one that is away is known by nothing else. */
export type AccessSubject = Pick<ClientInfo, "clientId" | "username">;

/**
 * Rules that look at the client and the topic alone, so that the broker can remember their answers: a message on a topic
 * that was decided about before costs nothing. All answers are given at once; a throw is a refusal, and so is all
 * that is not `true`.
 */
export interface AccessRules {
  /** Whether the client may publish to a topic, wills included. */
  mayPublish(client: AccessSubject, topic: string): boolean;
  /** Whether the client may subscribe to a filter; what it gets there is another question. */
  maySubscribe(client: AccessSubject, request: SubscribeRequest): boolean;
  /** Whether the client gets the messages of a topic that it has subscribed to, retained ones included. */
  mayReceive(client: AccessSubject, topic: string): boolean;
  /** Has `listener` called after each change, when no earlier answer holds any more. Returns a function that ends that. */
  onChange(listener: () => void): () => void;
}

/** The decisions that an application can take over. What is absent is allowed. */
export interface BrokerHooks {
  /** Decides about a CONNECT. `false` means 0x86, bad user name or password. */
  readonly authenticate?: (request: ConnectRequest) => MaybePromise<ConnectDecision>;
  /** Decides about a PUBLISH, wills included. A refused message is acknowledged with 0x87 and dropped. */
  readonly authorizePublish?: (client: ClientInfo, request: PublishRequest) => MaybePromise<boolean>;
  /** Decides about one filter of a SUBSCRIBE. A refused filter gets 0x87 in the SUBACK. */
  readonly authorizeSubscribe?: (client: ClientInfo, request: SubscribeRequest) => MaybePromise<boolean>;
  /** Rules for publishing, subscribing and receiving; what the hooks above refuse stays refused. */
  readonly access?: AccessRules;
  /** Enhanced authentication by method name; called for a CONNECT and for each re-authentication. */
  readonly authenticationMethods?: Readonly<Record<string, (request: ConnectRequest) => AuthExchange>>;
  /** Response information for a client that asks for it (MQTT 5.0 section 3.2.2.3.15). */
  readonly responseInformation?: (client: ClientInfo) => string | undefined;
}
