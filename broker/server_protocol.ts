/**
 * The server's side of one connection: who comes, is let in or not, and how it ends.
 *
 * @module
 */

import { connackVersion } from "../codec/decode_connect.ts";
import { decodePacket } from "../codec/decode.ts";
import { MqttError } from "../codec/errors.ts";
import type { Frame } from "../codec/framer.ts";
import { isReasonCodeOf, PACKET_TYPES } from "../codec/packet_types.ts";
import { connectReturnCode, ReasonCode, reasonCodeName } from "../codec/reason_codes.ts";
import { type ClientConnection, ConnectedClient } from "./connected_client.ts";
import { type Connection, type Protocol, reasonCodeOf } from "./connection.ts";
import { logConnected, logPassage } from "./connection_log.ts";
import type { ConnectionPolicy } from "./connection_policy.ts";
import type { BrokerCore } from "./core.ts";
import { assertAuth, type AuthOutcome, beginEnhancedAuth, type EnhancedAuth, sendAuth } from "./enhanced_auth.ts";
import {
  type Admission,
  admit,
  assertMayOpen,
  assertNotExpired,
  authenticate,
  connackFor,
  otherBrokerOf,
  willOf,
} from "./handshake.ts";
import type { Acceptance, ClientInfo, ConnectRequest } from "./hooks.ts";
import type { ConnectionState } from "./inspection.ts";
import { type ConnectRecord, connectRecordOf } from "./inspector.ts";
import { LimitError, limitOf } from "./limits.ts";
import { hasMoreUserProperties } from "./packet_contents.ts";
import { assertPublishRate } from "./publish_rate.ts";
import { Sender } from "./sender.ts";
import { SessionAccess } from "./session_access.ts";
import type { ConnectionEnd, Holder } from "./sessions.ts";

/** Where a client is in its life. */
type State =
  /** Waits for CONNECT, or for the application to decide about it. */
  | { readonly kind: "opening" }
  /** Waits for the client's AUTH. */
  | { readonly kind: "authenticating"; readonly admission: Admission; readonly auth: EnhancedAuth }
  | { readonly kind: "connected"; readonly active: ConnectedClient; readonly record: ConnectRecord }
  /** Nothing is sent or handled any more. */
  | { readonly kind: "ended" };

/** Bytes of the largest packet from a client that has not been let in: strangers get little memory. */
const LARGEST_CONNECT = 524_288;
/** User properties of such a packet, and of a will: decoded, each takes 70 bytes at least, and must be kept for a while. */
const MOST_USER_PROPERTIES = 4_096;

/** Speaks MQTT with one client over one connection. */
export class ServerProtocol implements Protocol, ClientConnection, Holder {
  readonly #core: BrokerCore;
  readonly source: Connection;
  readonly #policy: ConnectionPolicy;
  readonly sender: Sender;
  #state: State = { kind: "opening" };
  /** Who the client says it is, as long as nobody has found out whether that is so. */
  #claimed: ConnectRequest | undefined;

  constructor(core: BrokerCore, connection: Connection, policy: ConnectionPolicy) {
    this.#core = core;
    this.source = connection;
    this.#policy = policy;
    this.sender = new Sender(core, connection.output);
    connection.limitPackets(Math.min(LARGEST_CONNECT, policy.maxPacketSize));
    connection.limitTime(policy.connectTimeout, () => {
      core.audit.limit("connectTimeout", () => `Client ${connection.peer.address} sent no CONNECT in time, closing.`);
      // First of all for us, so that a decision of the application that comes later opens no session.
      this.leave({ kind: "failure" });
      connection.abort();
    });
  }

  get client(): ClientInfo {
    if (this.#state.kind === "connected") return this.#state.active.client;
    throw new Error("Cannot name the client: it must be connected");
  }

  /** Whether a client was let in and is still there. */
  get isConnected(): boolean {
    return this.#state.kind === "connected";
  }

  connection(): ConnectionState | undefined {
    if (this.#state.kind !== "connected") return undefined;
    const { active: { client, will }, record } = this.#state;
    return {
      client,
      ...record,
      lastArrivalAt: this.source.lastArrival,
      pendingBytes: this.source.output.pending,
      will: will && { topic: will.topic.name, ...will.message, delay: will.delay },
    };
  }

  /** Options of the broker have changed. */
  onOptions(): void {
    if (this.#state.kind !== "connected") return;
    this.source.limitPackets(this.#policy.maxPacketSize);
    this.#state.active.limitRate();
  }

  handle(frame: Frame): Promise<void> | undefined {
    const state = this.#state;
    switch (state.kind) {
      case "connected":
        return state.active.handle(frame);
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
      logPassage(this.#core, `Client ${this.source.peer.address} sent something else than CONNECT, closing.`);
      this.leave({ kind: "failure" });
      return undefined;
    }
    this.#configure(version, "", Infinity, 0, false);
    if (version === 5) assertContents(frame);
    const packet = decodePacket(frame, version);
    if (packet.type !== "connect") throw new MqttError("Cannot connect: the first packet must be CONNECT", 0x82);
    this.#configure(
      packet.protocolVersion,
      packet.clientId,
      packet.properties?.maximumPacketSize ?? Infinity,
      Math.min(packet.properties?.topicAliasMaximum ?? 0, this.#policy.maxTopicAlias),
      packet.isBridge,
    );
    const admission = admit(this.#core, this.#policy, packet, this.source.peer);
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

  #configure(
    version: 3 | 4 | 5,
    clientId: string,
    maximumPacketSize: number,
    topicAliasMaximum: number,
    isBridge: boolean | undefined,
  ): void {
    const { isMounted, mountPoint, mountLength } = this.#policy;
    this.sender.configure({
      version,
      clientId,
      maximumPacketSize,
      topicAliasMaximum,
      mountPoint: isMounted ? mountPoint : undefined,
      mountLength,
      isBridge,
    });
  }

  #handleAuthenticating(state: State & { kind: "authenticating" }, frame: Frame): Promise<void> | undefined {
    assertContents(frame);
    const packet = decodePacket(frame, 5);
    if (packet.type === "disconnect") {
      this.leave({ kind: "disconnect" });
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
      return sendAuth(this.sender, outcome.packet);
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
    assertMayOpen(core, this.#policy, client, admission.sessionExpiryInterval > 0);
    assertNotExpired(core, acceptance);
    assertPublishRate(acceptance.limits);
    const broker = otherBrokerOf(this.#policy, packet);
    const access = new SessionAccess(core.accessWatch, client, this.#policy, acceptance.permissions, broker);
    const will = willOf(core, this.#policy, packet, client, access);
    // The application has a say in it, and may fail: before anything of the client is there.
    const connack = connackFor(core, this.#policy, admission, auth);
    const discards = packet.cleanStart && core.sessions.isStored(clientId);
    const { session, present } = core.sessions.open(
      clientId,
      username,
      packet.cleanStart,
      admission.sessionExpiryInterval,
      this,
    );
    session.queuePolicy = this.#policy.queue;
    session.owner = this.#policy.owner;
    core.grant(session, access);
    const { maximumPacketSize = Infinity, topicAliasMaximum = 0 } = packet.properties ?? {};
    this.#configure(
      protocolVersion,
      clientId,
      maximumPacketSize,
      Math.min(topicAliasMaximum, this.#policy.maxTopicAlias),
      packet.isBridge,
    );
    const request = auth.authenticationMethod === undefined ? undefined : admission.request;
    const { isBridge = false } = packet;
    const record = connectRecordOf(core.clock.now(), keepAlive, packet.cleanStart, packet.properties ?? {});
    const active = new ConnectedClient(core, this, {
      request,
      client,
      session,
      policy: this.#policy,
      isBridge,
      will,
      limits: acceptance.limits,
    });
    this.#state = { kind: "connected", active, record };
    active.limitLife(acceptance.expiresAt);
    this.source.limitSilence(keepAlive * 1500);
    this.source.limitPackets(this.#policy.maxPacketSize);
    core.metrics.connectsAccepted++;
    this.#claimed = undefined;
    this.source.admitted();
    if (core.options.connectionMessages) logConnected(core.log, admission, client);
    session.journal?.will(will);
    // What is stored is no promise: when nothing can be written, messages must be able to leave, to make room.
    if (!core.journal?.isFailing || !session.journal?.isStored) active.promise();
    // Nor may the session come back that the client is told it has no more.
    if (discards && !core.journal?.isFailing) this.sender.hold();
    if (!this.sender.send({ ...connack, sessionPresent: present && protocolVersion > 3 })) {
      // Without CONNACK the client never was connected: it has no will, and no DISCONNECT may go out.
      return this.leave({ kind: "disconnect" });
    }
    session.attach(this.sender, admission.receiveMaximum, admission.ourReceiveMaximum);
    session.pump();
  }

  // The end

  takeOver(cleanStart: boolean): void {
    logPassage(this.#core, `Client ${this.client.clientId} already connected, closing old connection.`);
    this.#sendDisconnect(ReasonCode.SessionTakenOver);
    this.leave({ kind: "takeover", cleanStart });
  }

  /** Ends the client's connection from this side; 5.0 clients are told why. Before CONNACK it is just closed. */
  disconnect(reasonCode: number): void {
    if (this.#state.kind === "connected") this.#sendDisconnect(reasonCode);
    this.leave({ kind: "failure" });
  }

  onSilence(): void {
    this.#core.log.write("notice", `Client ${this.client.clientId} has exceeded timeout, disconnecting.`);
    this.disconnect(ReasonCode.KeepAliveTimeout);
  }

  onError(error: unknown): void {
    const { log } = this.#core;
    const { peer } = this.source;
    const limit = limitOf(error);
    if (limit !== undefined) this.#core.metrics.limits[limit]++;
    if (!(error instanceof MqttError)) log.write("error", `Handling a packet of ${peer.address} failed: ${error}`);
    switch (this.#state.kind) {
      case "connected": {
        const reasonCode = reasonCodeOf(error, ReasonCode.ImplementationSpecificError);
        const line = `Client ${this.client.clientId} disconnected: ${reasonCodeName(reasonCode)} (${error})`;
        if (limit === undefined) log.write("notice", line);
        else this.#core.audit.notice(limit, () => line);
        return this.disconnect(reasonCode);
      }
      case "opening":
      case "authenticating":
        this.#core.audit.connection(peer.address, this.#claimed, String(error));
        this.#refuse(reasonCodeOf(error, ReasonCode.UnspecifiedError));
        return this.leave({ kind: "failure" });
      case "ended":
    }
  }

  #refuse(reasonCode: number): void {
    const code = this.sender.v5 ? codeFor(PACKET_TYPES.connack, reasonCode) : connectReturnCode(reasonCode);
    // Before 5.0, where no return code fits, the connection is closed without an answer [MQTT-3.2.2-6].
    if (code !== undefined) this.sender.send({ type: "connack", sessionPresent: false, reasonCode: code });
  }

  /** Only 5.0 has a DISCONNECT from the server. */
  #sendDisconnect(reasonCode: number): void {
    if (!this.sender.v5) return;
    this.sender.send({ type: "disconnect", reasonCode: codeFor(PACKET_TYPES.disconnect, reasonCode) });
  }

  onWritten(bytes: number): void {
    if (this.#state.kind === "connected") this.#state.active.session.written(bytes);
  }

  onEnd(): void {
    if (this.#state.kind === "connected") {
      logPassage(this.#core, `Client ${this.client.clientId} closed its connection.`);
    }
    this.leave({ kind: "failure" });
  }

  leave(end: ConnectionEnd): void {
    const state = this.#state;
    if (state.kind === "ended") return;
    this.#state = { kind: "ended" };
    this.source.close();
    if (state.kind !== "connected") return;
    state.active.end();
    const { session, will } = state.active;
    this.#core.sessions.release(session, will, end);
  }
}

/** Before it is decoded: that would take the memory and the time. */
function assertContents(frame: Frame): void {
  if (!hasMoreUserProperties(frame, MOST_USER_PROPERTIES)) return;
  throw new LimitError(
    "maxPacketSize",
    `Cannot connect: there must be at most ${MOST_USER_PROPERTIES} user properties, received more`,
    ReasonCode.QuotaExceeded,
  );
}

/** The same code, or one that says less: what a packet or an application came up with is not always allowed there. */
function codeFor(type: number, reasonCode: number): number {
  return isReasonCodeOf(type, reasonCode) ? reasonCode : ReasonCode.UnspecifiedError;
}
