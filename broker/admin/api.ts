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
  /** 409: what was asked for cannot be done as things are, e.g. no reload without a configuration file, no deletion of `$SYS` topics. */
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

/** `POST /api/v1/tickets`: lets one WebSocket in. */
export interface Ticket {
  /** For `/mqtt?ticket=...`; works once. */
  readonly ticket: string;
  /** Milliseconds until it is void: 30,000. */
  readonly expiresIn: number;
}
