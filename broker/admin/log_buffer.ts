/**
 * The last lines of the log.
 *
 * @module
 */

import { type LogLevel, type LogSink, silentLog } from "../log.ts";
import type { LogLine } from "./api_events.ts";

/** Lines that are kept. */
const MOST_LINES = 1_000;
/** Characters of a line that are kept. */
const LONGEST_LINE = 2_048;

/**
 * Keeps the last 1,000 lines of a log for those who look, and hands all lines on.
 *
 * @example
 * ```ts
 * import { Broker } from "@x/mqtt/broker";
 * import { LogBuffer } from "@x/mqtt/broker/admin";
 *
 * const log = new LogBuffer();
 * await using broker = new Broker({ log });
 * log.write("notice", "the broker is there");
 * console.log(log.tail(1)[0]?.text); // the broker is there
 * ```
 */
export class LogBuffer implements LogSink {
  readonly #next: LogSink;
  /** A ring: the line with number n is at n % MOST_LINES. */
  readonly #lines: LogLine[] = [];
  #count = 0;

  /** `next` takes the lines, too, and says which are wanted. Default: it takes none. */
  constructor(next: LogSink = silentLog) {
    this.#next = next;
  }

  /** Whether lines of level `debug` are wanted. */
  get debug(): boolean {
    return this.#next.debug;
  }

  /** Whether lines about subscriptions are wanted. */
  get subscriptions(): boolean {
    return this.#next.subscriptions ?? false;
  }

  /** Lines that there were, which is the number of the next one. */
  get count(): number {
    return this.#count;
  }

  /** Takes a line. */
  write(level: LogLevel, text: string): void {
    const number = this.#count++;
    this.#lines[number % MOST_LINES] = { number, at: Date.now(), level, text: shortened(text) };
    this.#next.write(level, text);
  }

  /** The last lines, at most so many, the newest at the end; none before the one with number `from`. */
  tail(limit: number, from: number = 0): LogLine[] {
    const first = Math.max(from, this.#count - Math.min(limit, MOST_LINES));
    const lines: LogLine[] = [];
    for (let number = first; number < this.#count; number++) {
      const line = this.#lines[number % MOST_LINES];
      if (line !== undefined) lines.push(line);
    }
    return lines;
  }
}

/** A copy: a slice would keep all of a long line in memory. */
function shortened(text: string): string {
  if (text.length <= LONGEST_LINE) return text;
  return new TextDecoder().decode(new TextEncoder().encode(text.slice(0, LONGEST_LINE)));
}
