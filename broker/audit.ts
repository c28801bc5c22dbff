/**
 * What was refused to whom, and why: a line for each refusal, as long as nobody makes a flood of them.
 *
 * @module
 */

import { reasonCodeName } from "../codec/reason_codes.ts";
import type { Clock } from "../engine/clock.ts";
import type { ClientInfo } from "./hooks.ts";
import type { LimitCounts, LimitName } from "./limits.ts";
import { type LogSink, visible } from "./log.ts";
import type { DenialCounts, DropCounts } from "./metrics.ts";
import { TokenBucket } from "./token_bucket.ts";

/** What the audit works with. */
export interface AuditEnvironment {
  readonly log: LogSink;
  readonly clock: Clock;
  readonly metrics: { readonly refused: DenialCounts; readonly limits: LimitCounts };
}

/** Lines of one kind that are written at once before any is left out. */
const BURST = 20;
/** Lines of one kind a second after that. */
const RATE = 5;
/** Milliseconds between lines that say how many were left out, as long as refusals come. */
const SUMMARY_INTERVAL = 10_000;
/** Characters of a text from a client in a line. */
const MAX_SHOWN = 200;

/** What the lines that were left out would have told. */
type LeftOut = "connections" | "publications" | "subscriptions" | "others";

/** What was refused by one broker. */
export class Audit {
  readonly #environment: AuditEnvironment;
  /** One for each kind of refusal and each limit, so that a flood of one hides none of the others. */
  readonly #budgets = new Map<string, TokenBucket>();
  #leftOut: Record<LeftOut, number> = { connections: 0, publications: 0, subscriptions: 0, others: 0 };
  #summarizedAt = -Infinity;

  constructor(environment: AuditEnvironment) {
    this.#environment = environment;
  }

  /** A limit was met; `line` says by whom. */
  limit(name: LimitName, line: () => string): void {
    this.#environment.metrics.limits[name]++;
    this.notice(name, line);
  }

  /** Says what has been counted already. */
  notice(kind: LimitName | keyof DropCounts, line: () => string): void {
    if (this.#isToBeWritten(kind, "others")) this.#write(line());
  }

  /** A connection was closed before it came to a CONNECT. */
  handshake(line: string): void {
    this.#environment.metrics.refused.handshakes++;
    if (this.#isToBeWritten("handshakes", "others")) this.#write(line);
  }

  /** A CONNECT was refused. Client identifier and user name are what the client claims, if it came so far. */
  connection(address: string, claimed: Pick<ClientInfo, "clientId" | "username"> | undefined, reason: string): void {
    this.#environment.metrics.refused.connections++;
    if (!this.#isToBeWritten("connections", "connections")) return;
    const who = claimed === undefined ? "" : ` (${describe(claimed)})`;
    this.#write(`Client ${address} refused: ${shown(reason)}${who}`);
  }

  /** A message was refused. */
  publication(client: ClientInfo, topic: string): void {
    this.#environment.metrics.refused.publications++;
    if (!this.#isToBeWritten("publications", "publications")) return;
    this.#write(`Denied PUBLISH from ${client.peer.address} (${describe(client)}) to ${quoted(topic)}: not authorized`);
  }

  /** A will was refused when it was due. */
  will(client: ClientInfo, topic: string): void {
    this.#environment.metrics.refused.publications++;
    if (!this.#isToBeWritten("publications", "publications")) return;
    this.#write(`Denied will from ${client.peer.address} (${describe(client)}) to ${quoted(topic)}: not authorized`);
  }

  /** A filter was refused. */
  subscription(client: ClientInfo, filter: string, reasonCode: number): void {
    this.#environment.metrics.refused.subscriptions++;
    if (!this.#isToBeWritten("subscriptions", "subscriptions")) return;
    const reason = reasonCodeName(reasonCode).toLowerCase();
    this.#write(`Denied SUBSCRIBE from ${client.peer.address} (${describe(client)}) to ${quoted(filter)}: ${reason}`);
  }

  #isToBeWritten(kind: string, leftOut: LeftOut): boolean {
    const { metrics, clock } = this.#environment;
    const now = clock.now();
    let budget = this.#budgets.get(kind);
    if (budget === undefined) this.#budgets.set(kind, budget = new TokenBucket(RATE, BURST, now));
    if (budget.take(1, now)) {
      if (now - this.#summarizedAt >= SUMMARY_INTERVAL) this.summarize();
      return true;
    }
    metrics.refused.notLogged++;
    this.#leftOut[leftOut]++;
    return false;
  }

  /** Writes how many refusals were left out since the last time, if any were. */
  summarize(): void {
    const counts = Object.entries(this.#leftOut);
    if (counts.every(([, count]) => count === 0)) return;
    this.#summarizedAt = this.#environment.clock.now();
    this.#leftOut = { connections: 0, publications: 0, subscriptions: 0, others: 0 };
    this.#write(`Refusals that were not logged: ${counts.map(([kind, count]) => `${count} ${kind}`).join(", ")}`);
  }

  #write(line: string): void {
    this.#environment.log.write("notice", line);
  }
}

/** Client identifier and user name, as they may stand in a line. */
export function describe({ clientId, username }: Pick<ClientInfo, "clientId" | "username">): string {
  return `client ${quoted(clientId)}, ${username === undefined ? "no user" : `user ${quoted(username)}`}`;
}

/** A text from a client, which must not look like another line, nor do anything to a terminal. */
export function quoted(text: string): string {
  return `"${shown(text).replaceAll('"', '\\"')}"`;
}

function shown(text: string): string {
  const cut = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text;
  return visible(cut);
}
