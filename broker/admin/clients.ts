/**
 * Clients and sessions.
 *
 * @module
 */

import { isReasonCodeOf, PACKET_TYPES } from "../../codec/packet_types.ts";
import { ReasonCode } from "../../codec/reason_codes.ts";
import type { Broker } from "../broker.ts";
import type { ConnectionState, InflightState, SessionState } from "../inspection.ts";
import type { Done, Page } from "./api.ts";
import type {
  ClientDetails,
  ClientSummary,
  ConnectionDetails,
  InflightMessage,
  SessionDetails,
  SessionSummary,
} from "./api_clients.ts";
import { assertMembers, readObject } from "./body.ts";
import { ApiFailure } from "./failure.ts";
import { matcherOf } from "./matching.ts";
import { PAGE_PARAMETERS, pageOf, pageRequest, type SortKey } from "./paging.ts";
import type { Parameters } from "./parameters.ts";
import { previewOf } from "./preview.ts";
import { subscriptionSummary } from "./subscriptions.ts";

/** Subscriptions in the details of a client. */
const SOME_SUBSCRIPTIONS = 500;
/** Messages in flight in the details of a client. */
const SOME_INFLIGHT = 100;
/** Stands for "never" when sessions are sorted by their end. */
const NEVER = Number.MAX_SAFE_INTEGER;

/** Parameters of {@linkcode listClients}. */
export const CLIENT_PARAMETERS = ["q", "sort", "order", ...PAGE_PARAMETERS] as const;
/** Parameters of {@linkcode listSessions}. */
export const SESSION_PARAMETERS = ["q", "state", "sort", "order", ...PAGE_PARAMETERS] as const;

/** Clients that are connected. */
export async function listClients({ inspection }: Broker, parameters: Parameters): Promise<Page<ClientSummary>> {
  const sort = parameters.word("sort", [
    "clientId",
    "username",
    "address",
    "connectedAt",
    "subscriptions",
    "inflight",
    "queued",
  ]);
  const order = parameters.word("order", ["asc", "desc"]);
  const matches = matcherOf(parameters.text("q"));
  const valueOf = (session: SessionState): string | number => {
    switch (sort) {
      case "username":
        return session.username ?? "";
      case "address":
        return session.connection?.client.peer.address ?? "";
      case "connectedAt":
        return session.connection?.connectedAt ?? 0;
      default:
        return session[sort];
    }
  };
  const page = await pageOf(inspection.clients(), pageRequest(parameters), order, (session): SortKey | undefined => {
    const { clientId, username, connection } = session;
    if (!matches(clientId) && !matches(username) && !matches(connection?.client.peer.address)) return undefined;
    return [valueOf(session), clientId];
  });
  return { ...page, items: page.items.flatMap(clientSummary) };
}

/** Sessions, connected or not. */
export async function listSessions({ inspection }: Broker, parameters: Parameters): Promise<Page<SessionSummary>> {
  const sort = parameters.word("sort", [
    "clientId",
    "username",
    "expiresAt",
    "subscriptions",
    "inflight",
    "queued",
    "queuedBytes",
  ]);
  const order = parameters.word("order", ["asc", "desc"]);
  const state = parameters.word("state", ["any", "connected", "away"]);
  const matches = matcherOf(parameters.text("q"));
  const valueOf = (session: SessionState): string | number => {
    if (sort === "username") return session.username ?? "";
    return sort === "expiresAt" ? Math.min(session.expiresAt, NEVER) : session[sort];
  };
  const page = await pageOf(inspection.sessions(), pageRequest(parameters), order, (session): SortKey | undefined => {
    const { clientId, username, connection } = session;
    if (state !== "any" && (connection !== undefined) !== (state === "connected")) return undefined;
    if (!matches(clientId) && !matches(username)) return undefined;
    return [valueOf(session), clientId];
  });
  return { ...page, items: page.items.map(sessionSummary) };
}

/** One client, connected or with a session. */
export function showClient({ inspection }: Broker, parameters: Parameters): ClientDetails {
  const clientId = parameters.required("id");
  const session = inspection.session(clientId);
  if (session === undefined) throw noSession();
  const { username, connection } = session;
  return {
    clientId,
    username: username ?? null,
    connection: connection === undefined ? null : connectionDetails(connection),
    session: sessionDetails(session),
    subscriptions: first(inspection.subscriptions(clientId), SOME_SUBSCRIPTIONS).map(subscriptionSummary),
    inflight: first(inspection.inflight(clientId), SOME_INFLIGHT).map(inflightMessage),
  };
}

/** Ends the connection of a client. */
export async function disconnectClient(broker: Broker, request: Request): Promise<Done> {
  const body = await readObject(request);
  assertMembers(body, ["clientId", "reasonCode"]);
  const { clientId, reasonCode = ReasonCode.AdministrativeAction } = body;
  if (typeof clientId !== "string") throw new ApiFailure("bad_request", "The member clientId must be a text");
  if (typeof reasonCode !== "number" || reasonCode < 0x80 || !isReasonCodeOf(PACKET_TYPES.disconnect, reasonCode)) {
    throw new ApiFailure("bad_request", "The member reasonCode must be one of DISCONNECT from 128 to 162");
  }
  const count = broker.disconnect((client) => client.clientId === clientId, reasonCode);
  if (count === 0) throw new ApiFailure("not_found", "There is no such client connected");
  return { done: true };
}

/** Ends a session for good. */
export function deleteSession(broker: Broker, parameters: Parameters): Done {
  if (!broker.endSession(parameters.required("id"))) throw noSession();
  return { done: true };
}

function noSession(): ApiFailure {
  return new ApiFailure("not_found", "There is no such session");
}

function first<T>(items: Iterable<T>, count: number): T[] {
  const found: T[] = [];
  for (const item of items) {
    if (found.length === count) break;
    found.push(item);
  }
  return found;
}

/** One, or none if it has gone meanwhile. */
function clientSummary(session: SessionState): ClientSummary[] {
  const { clientId, username = null, connection, subscriptions, inflight, queued, queuedBytes } = session;
  if (connection === undefined) return [];
  const { client: { peer, protocolVersion }, connectedAt } = connection;
  return [{
    clientId,
    username,
    address: peer.address,
    transport: peer.protocol,
    protocolVersion,
    connectedAt,
    subscriptions,
    inflight,
    queued,
    queuedBytes,
  }];
}

function sessionSummary(session: SessionState): SessionSummary {
  const { clientId, username = null, connection } = session;
  const { incoming: _, ...details } = sessionDetails(session);
  return { clientId, username, connected: connection !== undefined, ...details };
}

function sessionDetails(session: SessionState): SessionDetails {
  const { expiryInterval, expiresAt, isStored, subscriptions, inflight, queued, queuedBytes, dropped, incoming } =
    session;
  return {
    expiryInterval: finite(expiryInterval),
    expiresAt: finite(expiresAt),
    stored: isStored,
    subscriptions,
    inflight,
    queued,
    queuedBytes,
    dropped,
    incoming,
  };
}

function connectionDetails(connection: ConnectionState): ConnectionDetails {
  const { client: { peer, protocolVersion }, maximumPacketSize, will } = connection;
  return {
    address: peer.address,
    transport: peer.protocol,
    protocolVersion,
    connectedAt: connection.connectedAt,
    lastArrivalAt: connection.lastArrivalAt,
    keepAlive: connection.keepAlive,
    cleanStart: connection.cleanStart,
    receiveMaximum: connection.receiveMaximum,
    maximumPacketSize: finite(maximumPacketSize),
    pendingBytes: connection.pendingBytes,
    certificate: peer.certificate?.subject ?? null,
    will: will === undefined
      ? null
      : { topic: will.topic, retain: will.retain, delay: will.delay, ...previewOf(will.payload, will.qos) },
  };
}

function inflightMessage({ packetId, qos, phase, message }: InflightState): InflightMessage {
  const preview = message === undefined
    ? { qos, size: 0, text: null, truncated: false }
    : previewOf(message.payload, qos);
  return { ...preview, packetId, phase, topic: message?.topic ?? null };
}

/** JSON has no infinity. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
