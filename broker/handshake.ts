/**
 * Decides about a CONNECT (MQTT 5.0 section 3.1.4).
 *
 * @module
 */

import { MqttError } from "../codec/errors.ts";
import type { ConnackPacket, ConnectPacket } from "../codec/packets.ts";
import type { ConnackProperties } from "../codec/properties.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import type { Peer } from "../engine/transport.ts";
import type { ConnectionPolicy } from "./connection_policy.ts";
import type { BrokerCore } from "./core.ts";
import type { Acceptance, ClientInfo, ConnectDecision, ConnectRequest, MaybePromise } from "./hooks.ts";
import { LimitError } from "./limits.ts";
import { brokerIn, type OtherBroker, saying } from "./origin.ts";
import { NEVER_EXPIRES } from "./session.ts";
import type { SessionAccess } from "./session_access.ts";
import { dateOf } from "./system_clock.ts";
import { assertTopicLimits } from "./topic_cache.ts";
import type { WillMessage } from "./will.ts";

/** A CONNECT that is well-formed and within what this broker supports; who it is has still to be shown. */
export interface Admission {
  readonly packet: ConnectPacket;
  readonly request: ConnectRequest;
  /** Whether the client left the choice of its identifier to the broker. */
  readonly assigned: boolean;
  /** In seconds. */
  readonly keepAlive: number;
  /** In seconds. */
  readonly sessionExpiryInterval: number;
  /** The client's. */
  readonly receiveMaximum: number;
  /** What we let the client have open. */
  readonly ourReceiveMaximum: number;
}

const RECEIVE_MAXIMUM = 65_535;
/** Bytes; no packet can be larger. */
const LARGEST_PACKET = 268_435_460;

/** Checks a CONNECT against what this broker supports. Throws {@linkcode MqttError} with the code for the CONNACK. */
export function admit(core: BrokerCore, policy: ConnectionPolicy, packet: ConnectPacket, peer: Peer): Admission {
  const { options } = core;
  const v5 = packet.protocolVersion === 5;
  const username = usernameOf(policy, packet, peer);
  const assigned = packet.clientId === "";
  if (assigned) assertMayBeAssigned(policy, packet);
  const clientId = clientIdOf(core, policy, packet, username, assigned);
  assertWillSupported(core, policy, packet);
  const { maxKeepAlive } = options;
  const tooLong = packet.keepAlive > maxKeepAlive || (packet.keepAlive === 0 && maxKeepAlive < 65_535);
  if (tooLong && !v5) {
    throw new LimitError(
      "maxKeepAlive",
      `Cannot connect: keep alive must be 1 to ${maxKeepAlive} seconds, received ${packet.keepAlive}`,
      ReasonCode.ClientIdentifierNotValid,
    );
  }
  return {
    packet,
    request: {
      clientId,
      username,
      password: packet.password,
      protocolVersion: packet.protocolVersion,
      cleanStart: packet.cleanStart,
      properties: packet.properties ?? {},
      peer,
    },
    assigned,
    keepAlive: tooLong ? maxKeepAlive : packet.keepAlive,
    sessionExpiryInterval: Math.min(sessionExpiryOf(packet), longestSession(core)),
    receiveMaximum: Math.min(
      packet.properties?.receiveMaximum ?? RECEIVE_MAXIMUM,
      policy.maxInflightMessages,
    ),
    ourReceiveMaximum: v5 ? policy.receiveMaximum : RECEIVE_MAXIMUM,
  };
}

/** The user as CONNECT, or the client's certificate, says. */
function usernameOf(policy: ConnectionPolicy, packet: ConnectPacket, { certificate }: Peer): string | undefined {
  if (policy.usernameFrom === "connect") {
    return packet.username === "" && policy.emptyUsernameIsNone ? undefined : packet.username;
  }
  const name = policy.usernameFrom === "identity" ? certificate?.commonName : certificate?.subject;
  if (name !== undefined && name !== "") return name;
  throw new MqttError(
    "Cannot connect: the client must have a certificate that says its name",
    ReasonCode.BadUserNameOrPassword,
  );
}

/** What the client is called here. Throws {@linkcode MqttError} if nobody of that name may be here. */
function clientIdOf(
  core: BrokerCore,
  policy: ConnectionPolicy,
  packet: ConnectPacket,
  username: string | undefined,
  assigned: boolean,
): string {
  const clientId = assigned ? `${policy.autoIdPrefix}${crypto.randomUUID().toUpperCase()}` : packet.clientId;
  const { clientIdPrefixes } = core.options;
  if (!clientId.startsWith(clientIdPrefixes)) {
    throw new MqttError(
      `Cannot connect: the client identifier must begin with ${clientIdPrefixes}, received ${clientId}`,
      ReasonCode.NotAuthorized,
    );
  }
  if (!policy.useUsernameAsClientId) return clientId;
  if (username !== undefined && username !== "") return username;
  throw new MqttError("Cannot connect: a user name must stand for the client identifier", ReasonCode.NotAuthorized);
}

function assertMayBeAssigned(policy: ConnectionPolicy, packet: ConnectPacket): void {
  const { protocolVersion, cleanStart } = packet;
  const allowed = policy.allowZeroLengthClientId && protocolVersion !== 3;
  if (allowed && (protocolVersion === 5 || cleanStart)) return;
  throw new MqttError(
    "Cannot connect: the client identifier must have at least one character here",
    ReasonCode.ClientIdentifierNotValid,
  );
}

function assertWillSupported(core: BrokerCore, policy: ConnectionPolicy, packet: ConnectPacket): void {
  const { will } = packet;
  if (will === undefined) return;
  const { retainAvailable } = core.options;
  const { maximumQoS } = policy;
  if (will.qos > maximumQoS) {
    throw new MqttError(`Cannot connect: will QoS must be at most ${maximumQoS}`, ReasonCode.QoSNotSupported);
  }
  if (will.retain && !retainAvailable) {
    throw new MqttError("Cannot connect: the will must not be retained here", ReasonCode.RetainNotSupported);
  }
  assertTopicLimits(will.topic, core.options);
}

function sessionExpiryOf(packet: ConnectPacket): number {
  if (packet.protocolVersion === 5) return packet.properties?.sessionExpiryInterval ?? 0;
  return packet.cleanStart ? 0 : NEVER_EXPIRES;
}

/** Seconds after which a session without a connection ends, whatever its client asked for. */
export function longestSession({ options: { persistentClientExpiration } }: BrokerCore): number {
  return Math.min(persistentClientExpiration, NEVER_EXPIRES);
}

/** Asks the application who this is. Throws, or rejects with, {@linkcode MqttError} when it refuses. */
export function authenticate(policy: ConnectionPolicy, request: ConnectRequest): MaybePromise<Acceptance> {
  if (request.username === undefined && !policy.allowAnonymous) {
    throw new MqttError("Cannot connect: a user name must be given", ReasonCode.NotAuthorized);
  }
  if (policy.authenticate === undefined) return AS_REQUESTED;
  const decision = policy.authenticate(request);
  return decision instanceof Promise ? decision.then(acceptanceOf) : acceptanceOf(decision);
}

const AS_REQUESTED: Acceptance = {};

function acceptanceOf(decision: ConnectDecision): Acceptance {
  if (decision === true) return AS_REQUESTED;
  if (decision === false) {
    throw new MqttError("Cannot connect: bad user name or password", ReasonCode.BadUserNameOrPassword);
  }
  if (decision.accepted === true) return decision;
  throw new MqttError(decision.reasonString ?? "Cannot connect: refused", decision.reasonCode);
}

/** Checks what only the moment of acceptance can tell. `lasts`: a new session will outlive its connection. */
export function assertMayOpen(core: BrokerCore, policy: ConnectionPolicy, client: ClientInfo, lasts: boolean): void {
  const { clientId, username } = client;
  const owner = core.sessions.get(clientId)?.owner;
  if (!core.sessions.mayOpen(clientId, username) || (owner !== undefined && owner !== policy.owner)) {
    throw new MqttError(
      "Cannot connect: the client identifier belongs to another user",
      ReasonCode.NotAuthorized,
    );
  }
  // What waits for a client of the program itself would never go.
  if (core.memory.isFull && owner === undefined) {
    throw new LimitError("memoryLimit", "Cannot connect: memory_limit is reached", ReasonCode.QuotaExceeded);
  }
  if (lasts && core.journal?.isFailing && !core.sessions.isStored(clientId)) {
    throw new MqttError("Cannot connect: the store must be writable", ReasonCode.ServerUnavailable);
  }
  if (core.sessions.hasRoomFor(clientId)) return;
  throw new LimitError(
    "maxSessions",
    `Cannot connect: there must be at most ${core.options.maxSessions} sessions`,
    ReasonCode.QuotaExceeded,
  );
}

/** Throws {@linkcode MqttError} if what the client has shown holds no longer. */
export function assertNotExpired(core: BrokerCore, { expiresAt = Infinity }: Acceptance): void {
  if (expiresAt > dateOf(core.clock)) return;
  throw new MqttError("Cannot connect: the credentials have expired", ReasonCode.NotAuthorized);
}

/** The will of a CONNECT, ready to be published. */
export function willOf(
  core: BrokerCore,
  policy: ConnectionPolicy,
  packet: ConnectPacket,
  client: ClientInfo,
  access: SessionAccess,
): WillMessage | undefined {
  const { will } = packet;
  if (will === undefined) return undefined;
  const { willDelayInterval = 0, ...properties } = will.properties ?? {};
  return {
    client,
    policy,
    access,
    topic: core.topics.of(policy.mountPoint + will.topic),
    // The packet lies in a chunk that is read over.
    message: { payload: will.payload.slice(), qos: will.qos, retain: will.retain, properties },
    delay: willDelayInterval,
  };
}

/** The broker that a client speaks for. */
export function otherBrokerOf(policy: ConnectionPolicy, { properties }: ConnectPacket): OtherBroker | undefined {
  const broker = policy.broker ?? brokerIn(properties?.userProperties);
  // Topics that have other names here than for the client are renamed in yet another way.
  return broker === undefined || !policy.isMounted ? broker : { identity: broker.identity };
}

/** The CONNACK for an accepted client, of which only the session is not known yet. */
export function connackFor(
  core: BrokerCore,
  policy: ConnectionPolicy,
  admission: Admission,
  auth: Pick<ConnackProperties, "authenticationMethod" | "authenticationData">,
): ConnackPacket {
  const connack = { type: "connack", sessionPresent: false, reasonCode: 0 } as const;
  if (admission.packet.protocolVersion !== 5) return connack;
  return { ...connack, properties: { ...announced(core, policy, admission), ...auth } };
}

/**
 * What a 5.0 client has to know, in Mosquitto's order; a property that would state the standard's default is left out.
 */
function announced(core: BrokerCore, policy: ConnectionPolicy, admission: Admission): ConnackProperties {
  const { options } = core;
  const { request, packet, sessionExpiryInterval } = admission;
  const properties: ConnackProperties = {};
  if (policy.maxTopicAlias > 0) properties.topicAliasMaximum = policy.maxTopicAlias;
  if (admission.keepAlive !== packet.keepAlive) properties.serverKeepAlive = admission.keepAlive;
  if (admission.assigned) properties.assignedClientIdentifier = request.clientId;
  if (!options.retainAvailable) properties.retainAvailable = 0;
  if (policy.maxPacketSize < LARGEST_PACKET) properties.maximumPacketSize = policy.maxPacketSize;
  if (policy.receiveMaximum < RECEIVE_MAXIMUM) properties.receiveMaximum = policy.receiveMaximum;
  if (policy.maximumQoS < 2) properties.maximumQoS = policy.maximumQoS === 0 ? 0 : 1;
  if (sessionExpiryInterval !== sessionExpiryOf(packet)) properties.sessionExpiryInterval = sessionExpiryInterval;
  if (packet.properties?.requestResponseInformation === 1) {
    const information = options.responseInformation?.(request);
    if (information !== undefined) properties.responseInformation = information;
  }
  // Nobody else wants to know.
  if (brokerIn(packet.properties?.userProperties) !== undefined) properties.userProperties = saying(core);
  return properties;
}
