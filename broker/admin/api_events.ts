/**
 * The admin API: the log, and the live stream.
 *
 * @module
 */

import type { BrokerState } from "./api.ts";

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
