/**
 * The server's side of one client, from CONNECT to DISCONNECT.
 *
 * @module
 */

import { connackVersion } from "../codec/decode_connect.ts";
import { decodePacket } from "../codec/decode.ts";
import { MqttError } from "../codec/errors.ts";
import type { Frame } from "../codec/framer.ts";
import type { Timer } from "../engine/timers.ts";
import type { AuthPacket, DisconnectPacket, Packet, SubscribePacket } from "../codec/packets.ts";
import { connectReturnCode, ReasonCode, reasonCodeName } from "../codec/reason_codes.ts";
import { type Connection, type Protocol, reasonCodeOf } from "./connection.ts";
import type { BrokerCore } from "./core.ts";
import type { ConnectionPolicy } from "./connection_policy.ts";
import { assertAuth, type AuthOutcome, beginEnhancedAuth, type EnhancedAuth } from "./enhanced_auth.ts";
import {
  type Admission,
  admit,
  assertMayOpen,
  assertNotExpired,
  authenticate,
  connackFor,
  longestSession,
  willOf,
} from "./handshake.ts";
import type { Acceptance, ClientInfo, ConnectRequest } from "./hooks.ts";
import { logConnected, logReceived } from "./connection_log.ts";
import { type PublishAnswerer, PublishHandler } from "./publish_handler.ts";
import { ResponseHandler } from "./response_handler.ts";
import { Sender } from "./sender.ts";
import type { Session } from "./session.ts";
import { SessionAccess } from "./session_access.ts";
import type { ConnectionEnd, Holder } from "./sessions.ts";
import { subscribe, type SubscribeOutcome, unsubscribe } from "./subscribe_handler.ts";
import type { WillMessage } from "./will.ts";

/** A client that was let in. */
interface Active {
  /** What it asked for, kept for a re-authentication; undefined if it used no authentication method. */
  readonly request: ConnectRequest | undefined;
  readonly client: ClientInfo;
  readonly session: Session;
  readonly policy: ConnectionPolicy;
  readonly publishes: PublishHandler;
  readonly responses: ResponseHandler;
  readonly will: WillMessage | undefined;
}

/** Where a client is in its life. */
type State =
  /** Waits for CONNECT, or for the application to decide about it. */
  | { readonly kind: "opening" }
  /** Waits for the client's AUTH. */
  | { readonly kind: "authenticating"; readonly admission: Admission; readonly auth: EnhancedAuth }
  | { readonly kind: "connected"; readonly active: Active; reauthentication: EnhancedAuth | undefined }
  /** Nothing is sent or handled any more. */
  | { readonly kind: "ended" };

/** Speaks MQTT with one client over one connection. */
export class ServerProtocol implements Protocol, PublishAnswerer, Holder {
  readonly #core: BrokerCore;
  readonly #connection: Connection;
  readonly #policy: ConnectionPolicy;
  readonly #sender: Sender;
  #state: State = { kind: "opening" };
  #v5 = false;
  #life: Timer | undefined;
  /** Who the client says it is, as long as nobody has found out whether that is so. */
  #claimed: ConnectRequest | undefined;

  constructor(core: BrokerCore, connection: Connection, policy: ConnectionPolicy) {
    this.#core = core;
    this.#connection = connection;
    this.#policy = policy;
    this.#sender = new Sender(core, connection.output);
    connection.limitTime(core.options.connectTimeout, () => {
      this.#log(`Client ${connection.peer.address} sent no CONNECT in time, closing.`);
      // First of all for us, so that a decision of the application that comes later opens no session.
      this.#end({ kind: "failure" });
      connection.abort();
    });
  }

  get v5(): boolean {
    return this.#v5;
  }

  get client(): ClientInfo {
    if (this.#state.kind === "connected") return this.#state.active.client;
    throw new Error("Cannot name the client: it must be connected");
  }

  /** Whether a client was let in and is still there. */
  get isConnected(): boolean {
    return this.#state.kind === "connected";
  }

  /** Options of the broker have changed. */
  onOptions(): void {
    if (this.isConnected) this.#connection.limitPackets(this.#core.options.maxPacketSize);
  }

  handle(frame: Frame): Promise<void> | undefined {
    const state = this.#state;
    switch (state.kind) {
      case "connected":
        return this.#handleConnected(state, frame);
      case "opening":
        return this.#handleConnect(frame);
      case "authenticating":
        return this.#handleAuthenticating(state, frame);
      case "ended":
        return undefined;
    }
  }

  // CONNECT

  #handleConnect(frame: Frame): Promise<void> | undefined {
    // The answer to a CONNECT that cannot be decoded has the form that its sender understands.
    const version = connackVersion(frame);
    if (version === undefined) {
      this.#log(`Client ${this.#connection.peer.address} sent something else than CONNECT, closing.`);
      this.#end({ kind: "failure" });
      return undefined;
    }
    this.#v5 = version === 5;
    this.#configure(version, "", Infinity, 0);
    const packet = decodePacket(frame, version);
    if (packet.type !== "connect") throw new MqttError("Cannot connect: the first packet must be CONNECT", 0x82);
    this.#configure(
      packet.protocolVersion,
      packet.clientId,
      packet.properties?.maximumPacketSize ?? Infinity,
      Math.min(packet.properties?.topicAliasMaximum ?? 0, this.#policy.maxTopicAlias),
    );
    const admission = admit(this.#core, this.#policy, packet, this.#connection.peer);
    this.#claimed = admission.request;
    const method = packet.properties?.authenticationMethod;
    if (method !== undefined) {
      const auth = beginEnhancedAuth(this.#policy, method, admission.request);
      return this.#authenticateEnhanced(admission, auth, packet.properties?.authenticationData);
    }
    const pending = authenticate(this.#policy, admission.request);
    if (pending instanceof Promise) return pending.then((acceptance) => this.#accept(admission, acceptance, {}));
    this.#accept(admission, pending, {});
    return undefined;
  }

  #configure(version: 3 | 4 | 5, clientId: string, maximumPacketSize: number, topicAliasMaximum: number): void {
    const { isMounted, mountPoint, mountLength } = this.#policy;
    this.#sender.configure({
      version,
      clientId,
      maximumPacketSize,
      topicAliasMaximum,
      mountPoint: isMounted ? mountPoint : undefined,
      mountLength,
    });
  }

  #handleAuthenticating(state: State & { kind: "authenticating" }, frame: Frame): Promise<void> | undefined {
    const packet = decodePacket(frame, 5);
    if (packet.type === "disconnect") {
      this.#end({ kind: "disconnect" });
      return undefined;
    }
    assertAuth(packet, state.auth.method, ReasonCode.ContinueAuthentication);
    return this.#authenticateEnhanced(state.admission, state.auth, packet.properties?.authenticationData);
  }

  #authenticateEnhanced(
    admission: Admission,
    auth: EnhancedAuth,
    data: Uint8Array | undefined,
  ): Promise<void> | undefined {
    const outcome = auth.next(data);
    if (outcome instanceof Promise) return outcome.then((result) => this.#onAuthOutcome(admission, auth, result));
    this.#onAuthOutcome(admission, auth, outcome);
    return undefined;
  }

  #onAuthOutcome(admission: Admission, auth: EnhancedAuth, outcome: AuthOutcome): void {
    if (this.#state.kind === "ended") return;
    if (outcome.kind === "ask") {
      this.#state = { kind: "authenticating", admission, auth };
      return this.#sendAuth(outcome.packet);
    }
    const { acceptance, data } = outcome;
    this.#accept(admission, acceptance, { authenticationMethod: auth.method, authenticationData: data });
  }

  #accept(
    admission: Admission,
    acceptance: Acceptance,
    auth: { authenticationMethod?: string; authenticationData?: Uint8Array },
  ): void {
    // The client may have gone while the application decided.
    if (this.#state.kind === "ended") return;
    const core = this.#core;
    const { packet, keepAlive } = admission;
    const { clientId, protocolVersion, peer } = admission.request;
    const client: ClientInfo = {
      clientId,
      username: acceptance.username ?? admission.request.username,
      protocolVersion,
      peer,
    };
    const { username } = client;
    assertMayOpen(core, client);
    assertNotExpired(core, acceptance);
    const access = new SessionAccess(core.accessWatch, client, this.#policy, acceptance.permissions);
    const will = willOf(core, this.#policy, packet, client, access);
    const { session, present } = core.sessions.open(
      clientId,
      username,
      packet.cleanStart,
      admission.sessionExpiryInterval,
      this,
    );
    core.grant(session, access);
    const { maximumPacketSize = Infinity, topicAliasMaximum = 0 } = packet.properties ?? {};
    this.#configure(
      protocolVersion,
      clientId,
      maximumPacketSize,
      Math.min(topicAliasMaximum, this.#policy.maxTopicAlias),
    );
    const active: Active = {
      request: auth.authenticationMethod === undefined ? undefined : admission.request,
      client,
      session,
      policy: this.#policy,
      publishes: new PublishHandler(core, session, this, this.#policy),
      responses: new ResponseHandler(core, session, this.#sender),
      will,
    };
    this.#state = { kind: "connected", active, reauthentication: undefined };
    this.#limitLife(acceptance.expiresAt);
    this.#connection.limitSilence(keepAlive * 1500);
    this.#connection.limitPackets(core.options.maxPacketSize);
    core.metrics.connectsAccepted++;
    this.#claimed = undefined;
    this.#connection.admitted();
    if (core.options.connectionMessages) logConnected(core.log, admission, active.client);
    session.journal?.will(will);
    // What is stored is no promise: when nothing can be written, messages must be able to leave, to make room.
    if (!core.journal?.isFailing || !session.journal?.isStored) this.#promise(session);
    if (!this.#sender.send(connackFor(core, this.#policy, admission, present, auth))) {
      // Without CONNACK the client never was connected: it has no will, and no DISCONNECT may go out.
      return this.#end({ kind: "disconnect" });
    }
    session.attach(this.#sender, admission.receiveMaximum, admission.ourReceiveMaximum);
    session.pump();
  }

  /** Ends the connection when what its client has shown holds no longer. */
  #limitLife(expiresAt: number | undefined): void {
    const { timers } = this.#core;
    if (this.#life !== undefined) timers.cancel(this.#life);
    this.#life = undefined;
    if (expiresAt === undefined || expiresAt === Infinity) return;
    this.#life = timers.schedule(expiresAt, () => {
      this.#life = undefined;
      this.#log(`Client ${this.client.clientId} was authenticated until now, disconnecting.`);
      this.disconnect(ReasonCode.MaximumConnectTime);
    });
  }

  // A connected client

  #handleConnected(state: State & { kind: "connected" }, frame: Frame): Promise<void> | undefined {
    const first = frame.bytes[frame.start] ?? 0;
    if (first >> 4 === 3) return state.active.publishes.handle(frame);
    if (frame.end - frame.bodyStart === 2 && state.active.responses.handleShort(first, frame)) return undefined;
    return this.#handlePacket(state, decodePacket(frame, state.active.client.protocolVersion));
  }

  #handlePacket(state: State & { kind: "connected" }, packet: Packet): Promise<void> | undefined {
    const { active } = state;
    const { session } = active;
    if (this.#core.log.debug) logReceived(this.#core.log, active.client.clientId, packet);
    switch (packet.type) {
      case "puback":
      case "pubrec":
      case "pubrel":
      case "pubcomp":
        active.responses.handle(packet);
        return undefined;
      case "subscribe":
        return this.#onSubscribe(active, packet);
      case "unsubscribe": {
        const reasonCodes = unsubscribe(this.#core, active, packet);
        this.#promise(session);
        this.#sender.send({ type: "unsuback", packetId: packet.packetId, reasonCodes });
        return undefined;
      }
      case "pingreq":
        this.#sender.send({ type: "pingresp" });
        return undefined;
      case "disconnect":
        this.#onDisconnect(active, packet);
        return undefined;
      case "auth":
        return this.#onAuth(state, packet);
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
    if (this.#state.kind !== "connected") return;
    this.#sender.sendResponse(qos === 1 ? 0x40 : 0x50, packetId, reasonCode);
  }

  hold(): void {
    this.#sender.hold();
  }

  /** What is sent next promises that the session has changed: it waits until that is committed. */
  #promise(session: Session): void {
    if (session.journal !== undefined) this.#sender.hold();
  }

  #onSubscribe(active: Active, packet: SubscribePacket): Promise<void> | undefined {
    const outcome = subscribe(this.#core, active, packet);
    if (outcome instanceof Promise) return outcome.then((result) => this.#afterSubscribe(active, packet, result));
    this.#afterSubscribe(active, packet, outcome);
    return undefined;
  }

  #afterSubscribe({ session }: Active, { packetId }: SubscribePacket, outcome: SubscribeOutcome): void {
    if (this.#state.kind !== "connected") return;
    this.#promise(session);
    this.#sender.send({ type: "suback", packetId, reasonCodes: outcome.reasonCodes });
    for (const batch of outcome.retained) session.deliverRetained(batch);
  }

  #onAuth(state: State & { kind: "connected" }, packet: AuthPacket): Promise<void> | undefined {
    const { request } = state.active;
    const method = request?.properties.authenticationMethod;
    if (request === undefined || method === undefined) {
      throw new MqttError("Cannot re-authenticate: CONNECT had no authentication method", ReasonCode.ProtocolError);
    }
    const begins = state.reauthentication === undefined;
    assertAuth(packet, method, begins ? ReasonCode.ReAuthenticate : ReasonCode.ContinueAuthentication);
    const auth = state.reauthentication ??= beginEnhancedAuth(
      this.#policy,
      method,
      request,
    );
    const outcome = auth.next(packet.properties?.authenticationData);
    if (outcome instanceof Promise) return outcome.then((result) => this.#onReauthOutcome(auth, result));
    this.#onReauthOutcome(auth, outcome);
    return undefined;
  }

  #onReauthOutcome(auth: EnhancedAuth, outcome: AuthOutcome): void {
    if (this.#state.kind !== "connected") return;
    if (outcome.kind === "ask") return this.#sendAuth(outcome.packet);
    this.#state.reauthentication = undefined;
    this.#renew(this.#state.active, outcome.acceptance);
    this.#sendAuth({
      type: "auth",
      reasonCode: ReasonCode.Success,
      properties: { authenticationMethod: auth.method, authenticationData: outcome.data },
    });
  }

  /** The client is still who it was, and may do what it has shown now. */
  #renew({ client, session }: Active, { username, expiresAt, permissions }: Acceptance): void {
    if (username !== undefined && username !== client.username) {
      throw new MqttError("Cannot re-authenticate: the user must stay the same", ReasonCode.NotAuthorized);
    }
    assertNotExpired(this.#core, { expiresAt });
    this.#core.grant(session, new SessionAccess(this.#core.accessWatch, client, this.#policy, permissions));
    this.#limitLife(expiresAt);
  }

  #sendAuth(packet: AuthPacket): void {
    if (this.#sender.send(packet)) return;
    throw new MqttError("Cannot authenticate: AUTH is larger than the client takes", ReasonCode.PacketTooLarge);
  }

  // The end

  #onDisconnect({ session }: Active, packet: DisconnectPacket): void {
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
    this.#log(`Client ${this.client.clientId} disconnected.`);
    this.#end({ kind: packet.reasonCode === ReasonCode.NormalDisconnection ? "disconnect" : "failure" });
  }

  takeOver(cleanStart: boolean): void {
    this.#log(`Client ${this.client.clientId} already connected, closing old connection.`);
    this.#sendDisconnect(ReasonCode.SessionTakenOver);
    this.#end({ kind: "takeover", cleanStart });
  }

  /** Ends the client's connection from this side; 5.0 clients are told why. Before CONNACK it is just closed. */
  disconnect(reasonCode: number): void {
    if (this.#state.kind === "connected") this.#sendDisconnect(reasonCode);
    this.#end({ kind: "failure" });
  }

  onSilence(): void {
    this.#core.log.write("notice", `Client ${this.client.clientId} has exceeded timeout, disconnecting.`);
    this.disconnect(ReasonCode.KeepAliveTimeout);
  }

  onError(error: unknown): void {
    const { log } = this.#core;
    const { peer } = this.#connection;
    if (!(error instanceof MqttError)) log.write("error", `Handling a packet of ${peer.address} failed: ${error}`);
    switch (this.#state.kind) {
      case "connected": {
        const reasonCode = reasonCodeOf(error, ReasonCode.ImplementationSpecificError);
        log.write("notice", `Client ${this.client.clientId} disconnected: ${reasonCodeName(reasonCode)} (${error})`);
        return this.disconnect(reasonCode);
      }
      case "opening":
      case "authenticating":
        this.#core.audit.connection(peer.address, this.#claimed, String(error));
        this.#refuse(reasonCodeOf(error, ReasonCode.UnspecifiedError));
        return this.#end({ kind: "failure" });
      case "ended":
    }
  }

  #refuse(reasonCode: number): void {
    const code = this.#v5 ? reasonCode : connectReturnCode(reasonCode);
    // Before 5.0, where no return code fits, the connection is closed without an answer [MQTT-3.2.2-6].
    if (code !== undefined) this.#sender.send({ type: "connack", sessionPresent: false, reasonCode: code });
  }

  /** Only 5.0 has a DISCONNECT from the server. */
  #sendDisconnect(reasonCode: number): void {
    if (this.#v5) this.#sender.send({ type: "disconnect", reasonCode });
  }

  onWritten(bytes: number): void {
    if (this.#state.kind === "connected") this.#state.active.session.written(bytes);
  }

  onEnd(): void {
    if (this.#state.kind === "connected") this.#log(`Client ${this.client.clientId} closed its connection.`);
    this.#end({ kind: "failure" });
  }

  #end(end: ConnectionEnd): void {
    const state = this.#state;
    if (state.kind === "ended") return;
    this.#state = { kind: "ended" };
    this.#limitLife(undefined);
    this.#connection.close();
    if (state.kind !== "connected") return;
    const { session, will } = state.active;
    this.#core.sessions.release(session, will, end);
  }

  /** Who comes and goes is logged unless the options say otherwise. */
  #log(line: string): void {
    if (this.#core.options.connectionMessages) this.#core.log.write("notice", line);
  }
}
