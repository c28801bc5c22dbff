/**
 * The admin API: every request and response, JSON over HTTP under `/api/v1/`.
 *
 * | method and path                   | parameters                              | answer                                |
 * | --------------------------------- | --------------------------------------- | ------------------------------------- |
 * | `GET /api/v1/info`                |                                         | {@linkcode BrokerInfo}                |
 * | `GET /api/v1/clients`             | {@linkcode ClientQuery}                 | {@linkcode Page} of {@linkcode ClientSummary} |
 * | `GET /api/v1/client`              | `id`                                    | {@linkcode ClientDetails}             |
 * | `POST /api/v1/client/disconnect`  | body {@linkcode DisconnectRequest}      | {@linkcode Done}                      |
 * | `GET /api/v1/sessions`            | {@linkcode SessionQuery}                | {@linkcode Page} of {@linkcode SessionSummary} |
 * | `DELETE /api/v1/session`          | `id`                                    | {@linkcode Done}                      |
 * | `GET /api/v1/subscriptions`       | {@linkcode SubscriptionQuery}           | {@linkcode Page} of {@linkcode SubscriptionSummary} |
 * | `GET /api/v1/topics`              | {@linkcode TopicQuery}                  | {@linkcode TopicPage}                 |
 * | `GET /api/v1/topic`               | `topic`                                 | {@linkcode TopicDetails}              |
 * | `GET /api/v1/retained`            | {@linkcode RetainedQuery}               | {@linkcode Page} of {@linkcode RetainedSummary} |
 * | `GET /api/v1/retained/message`    | `topic`                                 | {@linkcode RetainedDetails}           |
 * | `DELETE /api/v1/retained/message` | `topic`                                 | {@linkcode Done}                      |
 * | `GET /api/v1/bridges`             |                                         | {@linkcode BridgeList}                |
 * | `POST /api/v1/reload`             |                                         | {@linkcode ReloadResult}              |
 * | `GET /api/v1/log`                 | `limit` (default 200, at most 1,000)    | {@linkcode LogTail}                   |
 * | `GET /api/v1/events`              | `topics=true`: record last values       | a stream of {@linkcode AdminEvent}    |
 * | `POST /api/v1/tickets`            |                                         | {@linkcode Ticket}                    |
 *
 * Beside it: `GET /metrics`, `GET /healthz`, `GET /readyz`, and MQTT over WebSocket at `/mqtt`.
 *
 * - With a token, each request has `Authorization: Bearer TOKEN`; only `/healthz`, `/readyz` and the files of the page
 *   need none. A browser cannot add headers to a WebSocket: it asks for a {@linkcode Ticket} and opens
 *   `/mqtt?ticket=...`, subprotocol `mqtt`. `/api/v1/events` is read with `fetch`, which can add them.
 * - Parameters stand in the query, encoded as `URLSearchParams` does it. Unknown, repeated or malformed ones get 400.
 * - Bodies are JSON with `Content-Type: application/json`, at most 64 KiB.
 * - What goes wrong is an {@linkcode ApiError} with a status of 400 or above.
 * - Client identifiers, user names, topics, payloads, reasons and log lines come from strangers: show them as text only.
 * - Times are milliseconds since 1970, `null` for never or unknown.
 *
 * @module
 */

import type { ProtocolVersion, QoS, RetainHandling } from "../../codec/packets.ts";

/** What was wrong, for programs; `message` is for people. */
export type ApiErrorCode =
  /** 400: a parameter, the body or the request itself cannot be understood. */
  | "bad_request"
  /** 401: the token is missing or wrong. */
  | "unauthorized"
  /** 403: the request comes from another site, or for a host name that is not this listener's. */
  | "forbidden"
  /** 404: there is no such path, client, session or message. */
  | "not_found"
  /** 405: the path is there, but not for this method; `Allow` names those that are. */
  | "method_not_allowed"
  /** 409: what was asked for cannot be done as things are, e.g. no reload without a configuration file. */
  | "conflict"
  /** 413: the body is larger than 64 KiB. */
  | "too_large"
  /** 415: the body is no `application/json`. */
  | "unsupported_media_type"
  /** 426: `/mqtt` takes WebSockets only. */
  | "upgrade_required"
  /** 429: too many wrong tokens, or too many requests or watchers at a time; `Retry-After` tells the seconds. */
  | "too_many_requests"
  /** 500: our own failure; the log tells more. */
  | "internal"
  /** 503: the broker is not ready, or closes. */
  | "unavailable";

/** `GET /readyz`: with status 200 when all is well, else 503. */
export interface Health {
  /** Whether it is ready. */
  readonly status: "ok" | "unavailable";
  /** Whether the broker takes connections. */
  readonly listeners: boolean;
  /** Whether the store can be written to; true without a store. */
  readonly store: boolean;
}

/** The body of every answer with a status of 400 or above. */
export interface ApiError {
  /** What was wrong. */
  readonly error: ApiErrorCode;
  /** In one sentence, in English. */
  readonly message: string;
}

/** The answer to an action. */
export interface Done {
  /** It was done. */
  readonly done: true;
}

/** A part of a list. */
export interface Page<Item> {
  /** In the order that was asked for. */
  readonly items: readonly Item[];
  /** How many items match in all. */
  readonly total: number;
  /** False when there are so many that counting stopped: `total` is a lower bound then. */
  readonly complete: boolean;
  /** Give it as `cursor` with otherwise the same parameters to get the items behind these; `null` at the end. */
  readonly next: string | null;
}

/** What all lists take. */
export interface PageQuery {
  /** Items in one answer, 1 to 500. Default 50. */
  readonly limit?: number;
  /** `next` of the page before. */
  readonly cursor?: string;
}

/** The order of a list. Default `asc`. */
export type SortOrder = "asc" | "desc";

/** `GET /api/v1/info`. */
export interface BrokerInfo {
  /** E.g. `@x/mqtt`. */
  readonly name: string;
  /** E.g. `0.1.0`. */
  readonly version: string;
  /** When the broker started. */
  readonly startedAt: number;
  /** The broker's clock. */
  readonly now: number;
  /** Where it listens, for people. */
  readonly listeners: readonly ListenerInfo[];
  /** What it holds now. */
  readonly counts: BrokerState;
  /** Messages dropped since the start, by reason, e.g. `queueFull`. */
  readonly dropped: Readonly<Record<string, number>>;
  /** What was refused to clients since the start, by kind, e.g. `connections`. */
  readonly refused: Readonly<Record<string, number>>;
  /** How often each limit was met since the start, e.g. `maxPublishRate`. */
  readonly limits: Readonly<Record<string, number>>;
  /** `null` without a store. */
  readonly store: StoreInfo | null;
  /** What can be used here. */
  readonly features: {
    /** Whether requests need a token. */
    readonly token: boolean;
    /** Whether `POST /api/v1/reload` can be used. */
    readonly reload: boolean;
    /** Whether there are log lines. */
    readonly log: boolean;
    /**
     * Who MQTT clients at `/mqtt` are: `admin`, who may do everything and needs no user name, or `user`, who connects
     * with the user name and password of an MQTT client; `null` when there is no `/mqtt`.
     */
    readonly mqtt: "admin" | "user" | null;
  };
}

/** A listener of the broker. */
export interface ListenerInfo {
  /** The address, or the path of a Unix socket. */
  readonly hostname: string;
  /** The port, 0 for a Unix socket. */
  readonly port: number;
  /** `mqtt`, `mqtts`, `ws`, `wss` or `unix`. */
  readonly protocol: string;
  /** Connections now. */
  readonly connections: number;
}

/** The store. */
export interface StoreInfo {
  /** Whether it can be written to. */
  readonly writable: boolean;
  /** Commits since the start. */
  readonly commits: number;
  /** Commits and reads that failed since the start. */
  readonly failures: number;
  /** Milliseconds of all commits together. */
  readonly commitTime: number;
}

/** What the broker holds at a moment. */
export interface BrokerState {
  /** Network connections, those of clients that are not let in yet included. */
  readonly connections: number;
  /** Clients that are connected. */
  readonly clients: number;
  /** Sessions, connected or not. */
  readonly sessions: number;
  /** How many subscriptions it has. */
  readonly subscriptions: number;
  /** Shared subscriptions. */
  readonly sharedSubscriptions: number;
  /** Retained messages. */
  readonly retained: number;
  /** Bytes of the retained messages. */
  readonly retainedBytes: number;
}

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
export interface SessionSummary {
  /** Client identifier. */
  readonly clientId: string;
  /** The user name that it was accepted with. */
  readonly username: string | null;
  /** Whether its client is connected. */
  readonly connected: boolean;
  /** Seconds; `null` for ever. */
  readonly expiryInterval: number | null;
  /** When it ends; `null` while it is connected, or for never. */
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

/** The beginning of a payload. */
export interface MessagePreview {
  /** QoS. */
  readonly qos: QoS;
  /** Bytes of the payload. */
  readonly size: number;
  /** The first characters, at most 256; `null` when they are no UTF-8. */
  readonly text: string | null;
  /** Whether `text` is not all of it. */
  readonly truncated: boolean;
}

/** `GET /api/v1/topics`: one level of the topic tree. */
export interface TopicQuery extends PageQuery {
  /** The levels above, e.g. `home/kitchen`; absent for the first level. */
  readonly under?: string;
  /** Part of the topic's level, upper or lower case. */
  readonly q?: string;
}

/** Topics below another one, by name. */
export interface TopicPage extends Page<TopicNode> {
  /**
   * Whether last values of topics without a retained message are recorded: only as long as somebody reads
   * `/api/v1/events?topics=true`, and for the last 10,000 topics. Retained ones are always there.
   */
  readonly recording: boolean;
}

/** One level of a topic. */
export interface TopicNode {
  /** The name of the level; may be empty. */
  readonly level: string;
  /** The levels down to here. Give it as `under` to get those below. */
  readonly topic: string;
  /** Topics with a value, this one and all below. */
  readonly topics: number;
  /** Whether there are topics below. */
  readonly hasChildren: boolean;
  /** The last value of the topic itself, if it is known. */
  readonly value: TopicValue | null;
}

/** The last value of a topic. */
export interface TopicValue extends MessagePreview {
  /** Whether it is a retained message. */
  readonly retained: boolean;
  /** When it came; `null` when it was not recorded. */
  readonly receivedAt: number | null;
  /** Messages since the recording began; `null` when it was not recorded. */
  readonly messages: number | null;
}

/** `GET /api/v1/topic?topic=...`: what is known of one topic. */
export interface TopicDetails {
  /** Topic name. */
  readonly topic: string;
  /** Retained messages. */
  readonly retained: RetainedDetails | null;
  /** The last one that was recorded. */
  readonly last: RecordedMessage | null;
}

/** A message that came while somebody watched. */
export interface RecordedMessage extends MessagePreview {
  /** The first 1,024 bytes of the payload in base64. */
  readonly payload: string;
  /** Whether it is retained. */
  readonly retain: boolean;
  /** When it came. */
  readonly receivedAt: number;
  /** Messages since the recording began. */
  readonly messages: number;
}

/** `GET /api/v1/retained`: retained messages, by topic. */
export interface RetainedQuery extends PageQuery {
  /** Part of the topic, upper or lower case. */
  readonly q?: string;
  /** A topic filter. Default `#` and `$SYS/#`. */
  readonly filter?: string;
}

/** A retained message. */
export interface RetainedSummary extends MessagePreview {
  /** Topic name. */
  readonly topic: string;
  /** When it expires. */
  readonly expiresAt: number | null;
}

/** `GET /api/v1/retained/message?topic=...`. */
export interface RetainedDetails extends RetainedSummary {
  /** The payload in base64: the first 256 KiB. */
  readonly payload: string;
  /** Whether `payload` is not all of it. */
  readonly payloadTruncated: boolean;
  /** Properties of MQTT 5.0. */
  readonly properties: MessageProperties;
}

/** Properties of MQTT 5.0; those that are not there are absent. */
export interface MessageProperties {
  /** 1: the payload is UTF-8. */
  readonly payloadFormatIndicator?: 0 | 1;
  /** Seconds, as it was published. */
  readonly messageExpiryInterval?: number;
  /** What the payload is. */
  readonly contentType?: string;
  /** Where a response goes. */
  readonly responseTopic?: string;
  /** In base64. */
  readonly correlationData?: string;
  /** By name, in order. */
  readonly userProperties?: readonly (readonly [name: string, value: string])[];
}

/** `GET /api/v1/bridges`. */
export interface BridgeList {
  /** In the order that was asked for. */
  readonly items: readonly BridgeSummary[];
}

/** A bridge to another broker. */
export interface BridgeSummary {
  /** As it is called in the configuration. */
  readonly name: string;
  /** Whether it is connected. */
  readonly state: "starting" | "connecting" | "connected" | "waiting" | "idle" | "stopped";
  /** Where it connects to, without a password. */
  readonly address: string;
  /** Since when it is in this state. */
  readonly since: number | null;
  /** Why it is not connected. */
  readonly error: string | null;
  /** Messages that wait to be sent to the other side. */
  readonly backlog: number;
  /** The same in bytes. */
  readonly backlogBytes: number;
  /** Messages sent to the other side. */
  readonly sent: number;
  /** Messages taken from the other side. */
  readonly received: number;
  /** Messages that were dropped. */
  readonly dropped: number;
}

/** `POST /api/v1/reload`: users, rules, certificates and limits are read again, as after SIGHUP. */
export interface ReloadResult {
  /** False: something was wrong, and all that it concerns stays as it was. */
  readonly ok: boolean;
  /** What was done, or what was wrong, for people. */
  readonly messages: readonly string[];
}

/** A line of the log. */
export interface LogLine {
  /** Rises by one with each line. */
  readonly number: number;
  /** When. */
  readonly at: number;
  /** How much it matters. */
  readonly level: "error" | "warning" | "notice" | "information" | "debug" | "subscribe" | "unsubscribe";
  /** At most 2,048 characters. */
  readonly text: string;
}

/** `GET /api/v1/log`: the last lines, the newest at the end. */
export interface LogTail {
  /** The newest at the end. */
  readonly lines: readonly LogLine[];
}

/** `POST /api/v1/tickets`: lets one WebSocket in. */
export interface Ticket {
  /** For `/mqtt?ticket=...`; works once. */
  readonly ticket: string;
  /** Milliseconds until it is void: 30,000. */
  readonly expiresIn: number;
}

/**
 * `GET /api/v1/events`: Server-Sent Events. `event:` is the `type`, `data:` the whole object in JSON. First `history`,
 * and then `sample` and, when there are new lines, `log`, twice a second. There may be 16 watchers; one that does not
 * keep up is dropped, and may come back. Comments (lines that begin with a colon) come when nothing else does.
 */
export type AdminEvent = HistoryEvent | SampleEvent | LogEvent;

/** What was before: one sample every 2 seconds, for the last 10 minutes at most. */
export interface HistoryEvent {
  /** Name of the event. */
  readonly type: "history";
  /** The newest at the end. */
  readonly samples: readonly Sample[];
  /** The last 200 lines. */
  readonly lines: readonly LogLine[];
}

/** What is now. */
export interface SampleEvent {
  /** Name of the event. */
  readonly type: "sample";
  /** The newest. */
  readonly sample: Sample;
}

/** New log lines, at most 200 at a time; the newest ones if there were more. */
export interface LogEvent {
  /** Name of the event. */
  readonly type: "log";
  /** The newest at the end. */
  readonly lines: readonly LogLine[];
  /** Lines that were left out. */
  readonly skipped: number;
}

/** What flows and what is held at one moment. Rates are of the time since the sample before. */
export interface Sample {
  /** When. */
  readonly at: number;
  /** PUBLISH packets a second from clients, by QoS 0, 1, 2. */
  readonly messagesIn: readonly [number, number, number];
  /** PUBLISH packets a second to clients, by QoS 0, 1, 2. */
  readonly messagesOut: readonly [number, number, number];
  /** Bytes a second, all packets. */
  readonly bytesIn: number;
  /** Bytes a second, all packets. */
  readonly bytesOut: number;
  /** Dropped messages a second. */
  readonly dropped: number;
  /** Connections a second that were let in. */
  readonly connects: number;
  /** What it holds now. */
  readonly counts: BrokerState;
  /** Milliseconds that the event loop was late at most: what a packet may have waited. */
  readonly loopDelay: number;
  /** Mean milliseconds of the store's commits; `null` when there was none. */
  readonly commitTime: number | null;
  /** Bytes of the process in memory; `null` when it cannot be known. */
  readonly memory: number | null;
}
