/**
 * The admin API: clients, sessions and subscriptions.
 *
 * @module
 */

import type { ProtocolVersion, QoS, RetainHandling } from "../../codec/packets.ts";
import type { PageQuery, SortOrder } from "./api.ts";
import type { MessagePreview } from "./api_topics.ts";

/** `GET /api/v1/clients`: clients that are connected. */
export interface ClientQuery extends PageQuery {
  /** Part of the client identifier, user name or address, upper or lower case. */
  readonly q?: string;
  /** Default `clientId`. */
  readonly sort?: "clientId" | "username" | "address" | "connectedAt" | "subscriptions" | "inflight" | "queued";
  /** Of the items. */
  readonly order?: SortOrder;
}

/** A client that is connected. */
export interface ClientSummary {
  /** Client identifier. */
  readonly clientId: string;
  /** The user name that it was accepted with. */
  readonly username: string | null;
  /** E.g. `192.168.0.7:51234`. */
  readonly address: string;
  /** What carries the bytes. */
  readonly transport: "tcp" | "tls" | "ws" | "wss" | "unix" | "memory";
  /** 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0. */
  readonly protocolVersion: ProtocolVersion;
  /** When it was let in. */
  readonly connectedAt: number;
  /** How many subscriptions it has. */
  readonly subscriptions: number;
  /** Messages that were sent and are not acknowledged. */
  readonly inflight: number;
  /** Messages that wait to be sent. */
  readonly queued: number;
  /** Bytes that wait to be sent. */
  readonly queuedBytes: number;
}

/** `GET /api/v1/client?id=...`: a client, connected or with a session. */
export interface ClientDetails {
  /** Client identifier. */
  readonly clientId: string;
  /** The user name that it was accepted with. */
  readonly username: string | null;
  /** `null` when it is away. */
  readonly connection: ConnectionDetails | null;
  /** Its session. */
  readonly session: SessionDetails;
  /** The first 500; `GET /api/v1/subscriptions?client=...` has all. */
  readonly subscriptions: readonly SubscriptionSummary[];
  /** The first 100 messages that were sent and are not acknowledged. */
  readonly inflight: readonly InflightMessage[];
}

/** The connection of a client. */
export interface ConnectionDetails {
  /** E.g. `192.168.0.7:51234`. */
  readonly address: string;
  /** What carries the bytes. */
  readonly transport: ClientSummary["transport"];
  /** 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0. */
  readonly protocolVersion: ProtocolVersion;
  /** When it was let in. */
  readonly connectedAt: number;
  /** When its last bytes came. */
  readonly lastArrivalAt: number;
  /** Seconds; 0 for none. */
  readonly keepAlive: number;
  /** Whether it asked for a new session. */
  readonly cleanStart: boolean;
  /** Messages that the client takes at a time. */
  readonly receiveMaximum: number;
  /** Bytes of the largest packet that it takes; `null` for any. */
  readonly maximumPacketSize: number | null;
  /** Bytes that wait to be written to it. */
  readonly pendingBytes: number;
  /** The subject of its certificate. */
  readonly certificate: string | null;
  /** What is published if the connection breaks. */
  readonly will: WillDetails | null;
}

/** The will of a client that is connected. */
export interface WillDetails extends MessagePreview {
  /** Topic name. */
  readonly topic: string;
  /** Whether it is retained. */
  readonly retain: boolean;
  /** Seconds. */
  readonly delay: number;
}

/** The session of a client. */
export interface SessionDetails {
  /** Seconds that it stays after its connection; `null` for ever. */
  readonly expiryInterval: number | null;
  /** When it ends, if its client stays away; `null` while it is connected, or for never. */
  readonly expiresAt: number | null;
  /** Whether it is kept in the store. */
  readonly stored: boolean;
  /** How many subscriptions it has. */
  readonly subscriptions: number;
  /** Messages that were sent and are not acknowledged. */
  readonly inflight: number;
  /** Messages that wait to be sent. */
  readonly queued: number;
  /** Bytes that wait to be sent. */
  readonly queuedBytes: number;
  /** Messages that its queue had no room for, or that expired in it, since the broker runs. */
  readonly dropped: number;
  /** QoS 2 messages from the client that are not complete. */
  readonly incoming: number;
}

/** A message on its way to a client. */
export interface InflightMessage extends MessagePreview {
  /** 1 to 65,535. */
  readonly packetId: number;
  /**
   * `null` where the broker has not kept the message, because the session ends with its connection; then the preview is
   * empty.
   */
  readonly topic: string | null;
  /** What is waited for: the answer to PUBLISH, or to PUBREL. */
  readonly phase: "publish" | "pubrel";
}

/** `POST /api/v1/client/disconnect`. */
export interface DisconnectRequest {
  /** Client identifier. */
  readonly clientId: string;
  /** Told to 5.0 clients, 0x80 to 0xFF. Default 0x98, administrative action. */
  readonly reasonCode?: number;
}

/** `GET /api/v1/sessions`: sessions, connected or not. */
export interface SessionQuery extends PageQuery {
  /** Part of the client identifier or user name, upper or lower case. */
  readonly q?: string;
  /** Default `any`. */
  readonly state?: "any" | "connected" | "away";
  /** Default `clientId`. */
  readonly sort?: "clientId" | "username" | "expiresAt" | "subscriptions" | "inflight" | "queued" | "queuedBytes";
  /** Of the items. */
  readonly order?: SortOrder;
}

/** A session. */
export interface SessionSummary extends Omit<SessionDetails, "incoming"> {
  /** Client identifier. */
  readonly clientId: string;
  /** The user name that it was accepted with. */
  readonly username: string | null;
  /** Whether its client is connected. */
  readonly connected: boolean;
}

/** `GET /api/v1/subscriptions`: of all sessions, by client identifier and filter. */
export interface SubscriptionQuery extends PageQuery {
  /** Only those of this client. */
  readonly client?: string;
  /** Only those with exactly this filter, without `$share/group/`. */
  readonly filter?: string;
  /** Only those that get what is published on this topic. */
  readonly topic?: string;
  /** Part of the filter, upper or lower case. */
  readonly q?: string;
}

/** A subscription. */
export interface SubscriptionSummary {
  /** Client identifier. */
  readonly clientId: string;
  /** Without `$share/group/`. */
  readonly filter: string;
  /** The share name of a shared subscription. */
  readonly share: string | null;
  /** QoS. */
  readonly qos: QoS;
  /** Not for what the client itself publishes. */
  readonly noLocal: boolean;
  /** Messages keep their retain flag. */
  readonly retainAsPublished: boolean;
  /** When retained messages are sent. */
  readonly retainHandling: RetainHandling;
  /** Subscription identifier. */
  readonly identifier: number | null;
}
