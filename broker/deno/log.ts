/**
 * The log of the broker as a program: which lines, in which form, where to.
 *
 * @module
 */

import { LOG_TYPES, type LogConfiguration, type LogDestination } from "../config/configuration.ts";
import type { LogLevel, LogSink } from "../log.ts";
import { formatLine, type LogFormat } from "./log_format.ts";
import { openSyslog, syslogLine } from "./syslog.ts";
import { type LogTarget, LogWriter } from "./log_writer.ts";

/** Characters of a line; client identifiers and topics may have 65,535. Mosquitto's lines have 1,000 bytes. */
const LONGEST_LINE = 2_048;

/** Publishes a line on a topic. */
export type PublishLine = (topic: string, line: string) => void;

/** The last part of `$SYS/broker/log/...` for each level; packets are never logged there. */
const TOPICS: Readonly<Partial<Record<LogLevel, string>>> = {
  error: "E",
  warning: "W",
  notice: "N",
  information: "I",
  subscribe: "M/subscribe",
  unsubscribe: "M/unsubscribe",
};

/** What is logged before a configuration says more: Mosquitto's defaults, on standard error. */
export const DEFAULT_LOG: LogConfiguration = {
  destinations: undefined,
  types: ["error", "warning", "notice", "information"],
  timestamp: true,
  timestampFormat: undefined,
  facility: undefined,
};

/** The same with all types, for `--verbose`. */
export function verboseLog(log: LogConfiguration): LogConfiguration {
  return { ...log, types: LOG_TYPES };
}

/** A log that can be set up anew while it is in use. */
export class ProgramLog implements LogSink {
  readonly #format: LogFormat;
  #settings: LogConfiguration = DEFAULT_LOG;
  #types = new Set<string>(DEFAULT_LOG.types);
  #writers = new Map<string, LogWriter>();
  #toTopic = false;
  /** By destinations that are not in use any more. */
  #droppedBefore = 0;
  /** Sees every line that is logged; set when somebody wants to look. */
  observe: ((level: LogLevel, line: string) => void) | undefined;
  /** Set as soon as there is a broker to publish by. */
  publish: PublishLine | undefined;

  constructor(format: LogFormat) {
    this.#format = format;
  }

  get debug(): boolean {
    return this.#types.has("debug");
  }

  get subscriptions(): boolean {
    return this.#types.has("subscribe") || this.#types.has("unsubscribe");
  }

  /** Lines that were dropped because their destinations took nothing. */
  get dropped(): number {
    return [...this.#writers.values()].reduce((sum, writer) => sum + writer.dropped, this.#droppedBefore);
  }

  /**
   * Sets it up; files are opened anew, so that they can be moved away before. Throws what opening a file throws, and
   * then leaves all as it was.
   */
  configure(settings: LogConfiguration): void {
    const wanted = settings.destinations ?? [{ kind: "stderr" }];
    const file = openFile(wanted);
    const before = this.#writers;
    this.#writers = new Map();
    this.#toTopic = false;
    for (const destination of wanted) {
      if (destination.kind === "topic") this.#toTopic = true;
      else this.#writers.set(destination.kind, before.get(destination.kind) ?? new LogWriter(open(destination, file)));
    }
    if (file !== undefined) this.#writers.set("file", new LogWriter(file));
    // What waits for the old file, and for others that are wanted no more, still goes there.
    for (const [kind, writer] of before) if (this.#writers.get(kind) !== writer) void this.#retire(writer);
    this.#settings = settings;
    this.#types = new Set(settings.types);
  }

  async #retire(writer: LogWriter): Promise<void> {
    const { dropped } = writer;
    this.#droppedBefore += dropped;
    await writer.close(1_000);
    this.#droppedBefore += writer.dropped - dropped;
  }

  write(level: LogLevel, whole: string): void {
    if (!this.#types.has(level)) return;
    // A few long ones would leave no room for those of others, and soon none on the disk.
    const line = whole.length <= LONGEST_LINE ? whole : `${whole.slice(0, LONGEST_LINE)}...`;
    this.observe?.(level, line);
    const now = Date.now();
    const formatted = formatLine(this.#format, this.#settings, level, line, now);
    for (const [kind, writer] of this.#writers) {
      writer.write(kind === "syslog" ? syslogLine(level, this.#settings.facility, line) : formatted);
    }
    const topic = TOPICS[level];
    if (this.#toTopic && topic !== undefined) this.publish?.(`$SYS/broker/log/${topic}`, formatted);
  }

  /** Resolves when all lines are written, or a second has passed. */
  async flush(): Promise<void> {
    await Promise.all([...this.#writers.values()].map((writer) => writer.flush(1_000)));
  }
}

function openFile(destinations: readonly LogDestination[]): LogTarget | undefined {
  const destination = destinations.find((each) => each.kind === "file");
  if (destination?.kind !== "file") return undefined;
  try {
    return Deno.openSync(destination.path, { append: true, create: true, mode: 0o640 });
  } catch (error) {
    throw new Error(`Cannot open log file ${destination.path}: ${error instanceof Error ? error.message : error}`);
  }
}

function open(destination: LogDestination, file: LogTarget | undefined): LogTarget {
  switch (destination.kind) {
    case "stdout":
      return { write: (bytes) => Deno.stdout.write(bytes) };
    case "syslog":
      return openSyslog();
    case "file":
      if (file !== undefined) return file;
      break;
    case "stderr":
    case "topic":
  }
  return { write: (bytes) => Deno.stderr.write(bytes) };
}
