/**
 * A client that was let in: its packets up to DISCONNECT.
 *
 * @module
 */

import { decodePacket } from "../codec/decode.ts";
import { MqttError } from "../codec/errors.ts";
import type { Frame } from "../codec/framer.ts";
import type { AuthPacket, DisconnectPacket, Packet, SubscribePacket, UnsubscribePacket } from "../codec/packets.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import type { Timer } from "../engine/timers.ts";
import { describe } from "./audit.ts";
import { logPassage, logReceived } from "./connection_log.ts";
import type { ConnectionPolicy } from "./connection_policy.ts";
import type { BrokerCore } from "./core.ts";
import { assertAuth, type AuthOutcome, beginEnhancedAuth, type EnhancedAuth, sendAuth } from "./enhanced_auth.ts";
import { assertNotExpired, longestSession } from "./handshake.ts";
import type { Acceptance, ClientInfo, ConnectRequest } from "./hooks.ts";
import { LimitError } from "./limits.ts";
import { hasMoreFilters, hasMoreProperties } from "./packet_contents.ts";
import { type PublishAnswerer, PublishHandler } from "./publish_handler.ts";
import {
  assertPublishRate,
  isLimited,
  PacedPublishes,
  type Pausable,
  type PublishRateLimit,
  publishRateOf,
  type PublishTaker,
} from "./publish_rate.ts";
import { ResponseHandler } from "./response_handler.ts";
import type { Sender } from "./sender.ts";
import type { Session } from "./session.ts";
import { SessionAccess } from "./session_access.ts";
import type { ConnectionEnd } from "./sessions.ts";
import { subscribe, type SubscribeOutcome, type Subscriber, unsubscribe } from "./subscribe_handler.ts";
import { dateOf } from "./system_clock.ts";
import type { WillMessage } from "./will.ts";

/** Who was let in, with what. */
export interface ClientState extends Omit<Subscriber, "isGone"> {
  /** What it asked for, kept for a re-authentication; undefined if it used no authentication method. */
  readonly request: ConnectRequest | undefined;
  readonly will: WillMessage | undefined;
  /** How fast it may publish, whatever its listener says. */
  readonly limits: Acceptance["limits"];
}

/** The connection of a client, as the client's packets need it. */
export interface ClientConnection {
  readonly sender: Sender;
  /** What is read from. */
  readonly source: Pausable;
  /** Ends it from this side; 5.0 clients are told why. */
  disconnect(reasonCode: number): void;
  /** Ends it; says nothing. */
  leave(end: ConnectionEnd): void;
}

/** Milliseconds after which the date is looked at again, as it may have been set. */
const DATE_LOOK = 60_000;
/** Milliseconds between two lines about a client that publishes too fast. */
const QUIET = 60_000;

/** Bytes of the properties of a packet other than PUBLISH: decoded, they take 20 times as much memory. */
const LARGEST_PROPERTIES = 524_288;

/** Handles the packets of one connected client. */
export class ConnectedClient implements PublishAnswerer, Subscriber {
  readonly client: ClientInfo;
  readonly session: Session;
  readonly policy: ConnectionPolicy;
  readonly isBridge: boolean;
  readonly will: WillMessage | undefined;
  readonly #core: BrokerCore;
  readonly #connection: ClientConnection;
  readonly #sender: Sender;
  readonly #request: ConnectRequest | undefined;
  #publishes: PublishTaker;
  /** Only for a client that has, or had, a rate. */
  #pace: PacedPublishes | undefined;
  readonly #responses: ResponseHandler;
  #limits: Acceptance["limits"];
  #reauthentication: EnhancedAuth | undefined;
  #life: Timer | undefined;
  #isGone = false;
  /** Until then nothing is said about its pauses. */
  #quietUntil = 0;

  constructor(core: BrokerCore, connection: ClientConnection, state: ClientState) {
    this.#core = core;
    this.#connection = connection;
    this.#sender = connection.sender;
    this.#request = state.request;
    this.client = state.client;
    this.session = state.session;
    this.policy = state.policy;
    this.isBridge = state.isBridge;
    this.will = state.will;
    this.#publishes = new PublishHandler(core, state.session, this, state.policy);
    this.#limits = state.limits;
    this.limitRate();
    this.#responses = new ResponseHandler(core, state.session, connection.sender);
  }

  get v5(): boolean {
    return this.#sender.v5;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** Handles one packet. A promise: the next one waits until it settles. Throws what ends the connection. */
  handle(frame: Frame): Promise<void> | undefined {
    const first = frame.bytes[frame.start] ?? 0;
    if (first >> 4 === 3) return this.#publishes.handle(frame);
    if (frame.end - frame.bodyStart === 2 && this.#responses.handleShort(first, frame)) return undefined;
    this.#assertContents(frame);
    return this.#handlePacket(decodePacket(frame, this.client.protocolVersion)) ?? this.#core.stint.onPacket();
  }

  /** Sets how fast the client may publish, as its own limits and those of its listener are now. */
  limitRate(): void {
    const rate = publishRateOf(this.#limits, this.policy);
    if (this.#pace !== undefined) return this.#pace.limit(rate);
    if (!isLimited(rate)) return;
    this.#pace = new PacedPublishes(this.#publishes, this.#connection.source, rate, (limit) => this.#onPause(limit));
    this.#publishes = this.#pace;
  }

  /** The connection has ended: what the application still decides has no effect. */
  end(): void {
    this.#isGone = true;
    this.limitLife(undefined);
  }

  /** Ends the connection when what its client has shown holds no longer. */
  limitLife(expiresAt: number | undefined): void {
    const { timers, clock } = this.#core;
    if (this.#life !== undefined) timers.cancel(this.#life);
    this.#life = undefined;
    if (expiresAt === undefined || expiresAt === Infinity) return;
    const left = expiresAt - dateOf(clock);
    this.#life = timers.schedule(clock.now() + Math.min(left, DATE_LOOK), () => {
      this.#life = undefined;
      if (left > DATE_LOOK) return this.limitLife(expiresAt);
      logPassage(this.#core, `Client ${this.client.clientId} was authenticated until now, disconnecting.`);
      this.#connection.disconnect(ReasonCode.MaximumConnectTime);
    });
  }

  /** Before they are decoded, as each costs more memory than its bytes. */
  #assertContents(frame: Frame): void {
    if (this.v5 && hasMoreProperties(frame, LARGEST_PROPERTIES)) {
      throw new LimitError(
        "maxPacketSize",
        `Cannot take packet: its properties must have at most ${LARGEST_PROPERTIES} bytes, received more`,
        ReasonCode.QuotaExceeded,
      );
    }
    const { maxFiltersPerPacket } = this.policy;
    if (!hasMoreFilters(frame, this.v5, maxFiltersPerPacket)) return;
    throw new LimitError(
      "maxFiltersPerPacket",
      `Cannot take packet: it must have at most ${maxFiltersPerPacket} topic filters, received more`,
      ReasonCode.QuotaExceeded,
    );
  }

  #handlePacket(packet: Packet): Promise<void> | undefined {
    if (this.#core.log.debug) logReceived(this.#core.log, this.client.clientId, packet);
    switch (packet.type) {
      case "puback":
      case "pubrec":
      case "pubrel":
      case "pubcomp":
        this.#responses.handle(packet);
        return undefined;
      case "subscribe":
        return this.#onSubscribe(packet);
      case "unsubscribe":
        return this.#onUnsubscribe(packet);
      case "pingreq":
        this.#sender.send({ type: "pingresp" });
        return undefined;
      case "disconnect":
        this.#onDisconnect(packet);
        return undefined;
      case "auth":
        return this.#onAuth(packet);
      case "connect":
        throw new MqttError("Cannot connect: the client is connected already", ReasonCode.ProtocolError);
      default:
        throw new MqttError(
          `Cannot handle ${packet.type.toUpperCase()}: only a server sends it`,
          ReasonCode.ProtocolError,
        );
    }
  }

  acknowledge(qos: 1 | 2, packetId: number, reasonCode: number): void {
    if (this.#isGone) return;
    this.#sender.sendResponse(qos === 1 ? 0x40 : 0x50, packetId, reasonCode);
  }

  hold(): void {
    this.#sender.hold();
  }

  /** What is sent next promises that the session has changed: it waits until that is committed. */
  promise(): void {
    if (this.session.journal !== undefined) this.#sender.hold();
  }

  #onPause(limit: PublishRateLimit): void {
    const { audit, clock } = this.#core;
    this.#core.metrics.limits[limit]++;
    if (clock.now() < this.#quietUntil) return;
    this.#quietUntil = clock.now() + QUIET;
    const { client } = this;
    audit.notice(limit, () => `Client ${client.peer.address} (${describe(client)}) has to wait: it passes ${limit}`);
  }

  #onSubscribe(packet: SubscribePacket): Promise<void> | undefined {
    const outcome = subscribe(this.#core, this, packet);
    if (outcome instanceof Promise) return outcome.then((result) => this.#afterSubscribe(packet, result));
    this.#afterSubscribe(packet, outcome);
    return this.#core.stint.onFilters(packet.subscriptions.length);
  }

  #afterSubscribe({ packetId }: SubscribePacket, outcome: SubscribeOutcome | undefined): void {
    if (outcome === undefined || this.#isGone) return;
    const { reasonCodes } = outcome;
    // A refusal promises nothing.
    if (reasonCodes.some((code) => code < 0x80)) this.promise();
    this.#sender.send({ type: "suback", packetId, reasonCodes });
    for (const batch of outcome.retained) this.session.deliverRetained(batch);
  }

  #onUnsubscribe(packet: UnsubscribePacket): Promise<void> | undefined {
    const reasonCodes = unsubscribe(this.#core, this, packet);
    if (reasonCodes instanceof Promise) return reasonCodes.then((codes) => this.#afterUnsubscribe(packet, codes));
    this.#afterUnsubscribe(packet, reasonCodes);
    return this.#core.stint.onFilters(packet.filters.length);
  }

  #afterUnsubscribe({ packetId }: UnsubscribePacket, reasonCodes: number[] | undefined): void {
    if (reasonCodes === undefined || this.#isGone) return;
    this.promise();
    this.#sender.send({ type: "unsuback", packetId, reasonCodes });
  }

  #onAuth(packet: AuthPacket): Promise<void> | undefined {
    const request = this.#request;
    const method = request?.properties.authenticationMethod;
    if (request === undefined || method === undefined) {
      throw new MqttError("Cannot re-authenticate: CONNECT had no authentication method", ReasonCode.ProtocolError);
    }
    const begins = this.#reauthentication === undefined;
    assertAuth(packet, method, begins ? ReasonCode.ReAuthenticate : ReasonCode.ContinueAuthentication);
    const auth = this.#reauthentication ??= beginEnhancedAuth(this.policy, method, request);
    const outcome = auth.next(packet.properties?.authenticationData);
    if (outcome instanceof Promise) return outcome.then((result) => this.#onReauthOutcome(auth, result));
    this.#onReauthOutcome(auth, outcome);
    return undefined;
  }

  #onReauthOutcome(auth: EnhancedAuth, outcome: AuthOutcome): void {
    if (this.#isGone) return;
    if (outcome.kind === "ask") return sendAuth(this.#sender, outcome.packet);
    this.#reauthentication = undefined;
    this.#renew(outcome.acceptance);
    sendAuth(this.#sender, {
      type: "auth",
      reasonCode: ReasonCode.Success,
      properties: { authenticationMethod: auth.method, authenticationData: outcome.data },
    });
  }

  /** The client is still who it was, and may do what it has shown now. */
  #renew({ username, expiresAt, permissions, limits }: Acceptance): void {
    const { client, session, policy } = this;
    if (username !== undefined && username !== client.username) {
      throw new MqttError("Cannot re-authenticate: the user must stay the same", ReasonCode.NotAuthorized);
    }
    assertNotExpired(this.#core, { expiresAt });
    assertPublishRate(limits);
    const { broker } = session.access;
    this.#core.grant(session, new SessionAccess(this.#core.accessWatch, client, policy, permissions, broker));
    this.limitLife(expiresAt);
    this.#limits = limits;
    this.limitRate();
  }

  #onDisconnect(packet: DisconnectPacket): void {
    const { session } = this;
    const interval = packet.properties?.sessionExpiryInterval;
    if (interval !== undefined) {
      if (session.expiryInterval === 0 && interval > 0) {
        throw new MqttError(
          `Cannot disconnect: a session expiry interval of 0 must stay 0, received ${interval}`,
          ReasonCode.ProtocolError,
        );
      }
      session.expiryInterval = Math.min(interval, longestSession(this.#core));
    }
    logPassage(this.#core, `Client ${this.client.clientId} disconnected.`);
    this.#connection.leave({ kind: packet.reasonCode === ReasonCode.NormalDisconnection ? "disconnect" : "failure" });
  }
}
