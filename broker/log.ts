/**
 * What a broker tells about itself. A disabled line costs a comparison.
 *
 * @module
 */

/** How much a line matters; the names are those of Mosquitto's `log_type`. */
export type LogLevel = "error" | "warning" | "notice" | "information" | "debug" | "subscribe" | "unsubscribe";

/** Where log lines go. */
export interface LogSink {
  /** Whether lines of level `debug`, several a packet, are wanted. */
  readonly debug: boolean;
  /** Whether lines of level `subscribe` and `unsubscribe`, one a subscription, are wanted. Default false. */
  readonly subscriptions?: boolean;
  /** Lines that could not be written since the start, for `$SYS/broker/log/dropped`. Absent: there is no such topic. */
  readonly dropped?: number;
  /** Takes one line, without line end. Must not throw and must not block. */
  write(level: LogLevel, line: string): void;
}

/** The text with what would end a line, or do something to a terminal, as `\\u{...}`. */
export function visible(text: string): string {
  return text.replace(
    /(?!\t)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** Takes nothing. */
export const silentLog: LogSink = { debug: false, write: () => {} };
