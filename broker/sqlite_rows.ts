/**
 * Records to and from the rows of a SQLite file.
 *
 * @module
 */

import type { SQLInputValue, SQLOutputValue } from "node:sqlite";
import type { ProtocolVersion, QoS } from "../codec/packets.ts";
import type {
  DeliveryState,
  LoadedDelivery,
  StoredAccess,
  StoredBacklog,
  StoredDelivery,
  StoredMessage,
  StoredRetained,
  StoredSession,
  StoredSubscription,
  StoredWill,
} from "./store.ts";

/** A row as SQLite gives it. */
export type Row = Record<string, SQLOutputValue>;

const PHASES = ["queued", "sent", "released"] as const;
const NO_BYTES = new Uint8Array(0);

/** What stands in the column `phase`. */
export function phaseNumber(state: DeliveryState): number {
  return PHASES.indexOf(state.phase);
}

/** What stands in the column `expires_at`. */
export function expiryValue({ expiresAt }: StoredMessage): number | null {
  return expiresAt === Infinity ? null : expiresAt;
}

/** What stands in the column `properties`: most messages have none. */
export function propertiesValue({ properties }: StoredMessage): Uint8Array | null {
  return properties.length === 0 ? null : properties;
}

/** The values of a delivery's row, in the order of its columns. */
export function deliveryValues(delivery: StoredDelivery): SQLInputValue[] {
  const { state, subscriptionIds } = delivery;
  const isQueued = state.phase === "queued";
  return [
    delivery.session,
    delivery.position,
    delivery.message,
    delivery.qos,
    delivery.retain ? 1 : 0,
    delivery.size,
    phaseNumber(state),
    isQueued ? null : state.packetId,
    isQueued ? null : state.order,
    subscriptionIds === undefined ? null : subscriptionIds.join(),
    delivery.share ?? null,
  ];
}

/** What stands in the column `access`: JSON, as few ever look into it. */
export function accessValue(access: StoredAccess | undefined): string | null {
  return access === undefined ? null : JSON.stringify(access);
}

/** Reads a column `access`. */
export function accessOf(value: SQLOutputValue | undefined): StoredAccess | undefined {
  if (typeof value !== "string") return undefined;
  try {
    const { clientId, username, listener, permissions, broker }: StoredAccess = JSON.parse(value);
    return { clientId, username, listener, permissions, broker };
  } catch (cause) {
    throw new TypeError(`Cannot read the store: access must be JSON, received ${value}`, { cause });
  }
}

/** Reads a row of `session`. */
export function sessionOf(row: Row): StoredSession {
  return {
    id: Number(row.id),
    clientId: String(row.client_id),
    username: optionalText(row.username),
    expiryInterval: Number(row.expiry_interval),
    endedAt: optionalNumber(row.ended_at),
    access: accessOf(row.access),
  };
}

/** Reads a row of `subscription`. */
export function subscriptionOf(row: Row): StoredSubscription {
  return {
    session: Number(row.session),
    filter: String(row.filter),
    qos: qosOf(row.qos),
    noLocal: row.no_local === 1,
    retainAsPublished: row.retain_as_published === 1,
    retainHandling: qosOf(row.retain_handling), // 0, 1 or 2 like a QoS
    identifier: Number(row.identifier),
    retainedPending: row.retained_pending === 1,
  };
}

/** Reads a row that has the columns of a message. */
export function messageOf(row: Row, retain: boolean = row.retain === 1): StoredMessage {
  return {
    topic: String(row.topic),
    qos: qosOf(row.qos),
    retain,
    properties: bytesOf(row.properties),
    payload: bytesOf(row.payload),
    expiresAt: optionalNumber(row.expires_at) ?? Infinity,
  };
}

/** Reads a row of `retained`. */
export function retainedOf(row: Row): StoredRetained {
  return { message: messageOf(row, true), publisher: accessOf(row.access) };
}

/** Reads a row of `delivery` joined with its message, whose `qos` and `retain` are `message_qos` and `message_retain`. */
export function loadedDeliveryOf(row: Row): LoadedDelivery {
  const { subscription_ids: ids } = row;
  const delivery: StoredDelivery = {
    session: Number(row.session),
    position: Number(row.position),
    message: Number(row.message),
    qos: row.qos === 2 ? 2 : 1,
    retain: row.retain === 1,
    subscriptionIds: typeof ids === "string" ? ids.split(",").map(Number) : undefined,
    share: optionalText(row.share),
    size: Number(row.size),
    state: stateOf(row),
  };
  return { delivery, message: { ...messageOf(row, row.message_retain === 1), qos: qosOf(row.message_qos) } };
}

function stateOf(row: Row): DeliveryState {
  const phase = PHASES[Number(row.phase)] ?? "queued";
  return phase === "queued" ? { phase } : { phase, packetId: Number(row.packet_id), order: Number(row.sent_order) };
}

/** Reads a session's sum of queued deliveries. */
export function backlogOf(row: Row): StoredBacklog {
  return {
    session: Number(row.session),
    count: Number(row.count),
    bytes: Number(row.bytes),
    shared: Number(row.shared),
  };
}

/** Reads a row of `will`. */
export function willOf(row: Row): StoredWill {
  return {
    session: Number(row.session),
    dueAt: optionalNumber(row.due_at),
    delay: Number(row.delay),
    message: messageOf(row),
    protocolVersion: versionOf(row.protocol_version),
    peer: { protocol: String(row.peer_protocol), address: String(row.peer_address) },
  };
}

function qosOf(value: SQLOutputValue | undefined): QoS {
  return value === 2 ? 2 : value === 1 ? 1 : 0;
}

function versionOf(value: SQLOutputValue | undefined): ProtocolVersion {
  return value === 5 ? 5 : value === 3 ? 3 : 4;
}

function bytesOf(value: SQLOutputValue | undefined): Uint8Array {
  return value instanceof Uint8Array ? value : NO_BYTES;
}

function optionalText(value: SQLOutputValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function optionalNumber(value: SQLOutputValue | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}
