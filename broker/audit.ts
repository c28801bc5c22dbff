/**
 * What was refused to whom, and why: a line for each refusal, as long as nobody makes a flood of them.
 *
 * @module
 */

import { reasonCodeName } from "../codec/reason_codes.ts";
import type { Clock } from "../engine/clock.ts";
import type { ClientInfo } from "./hooks.ts";
import type { LogSink } from "./log.ts";
import type { DenialCounts } from "./metrics.ts";

/** What can be refused. */
export type RefusalKind = "connections" | "publications" | "subscriptions";

/** What the audit works with. */
export interface AuditEnvironment {
  readonly log: LogSink;
  readonly clock: Clock;
  readonly metrics: { readonly refused: DenialCounts };
}

/** Lines of one kind that are written at once before any is left out. */
const BURST = 20;
/** Lines of one kind a second after that. */
const RATE = 5;
/** Milliseconds between lines that say how many were left out, as long as refusals come. */
const SUMMARY_INTERVAL = 10_000;
/** Characters of a text from a client in a line. */
const MAX_SHOWN = 200;

/** The refusals of one broker. */
export class Audit {
  readonly #environment: AuditEnvironment;
  /** One for each kind, so that a flood of one hides none of the others. */
  readonly #budgets: Record<RefusalKind, Budget>;
  #leftOut: Record<RefusalKind, number> = { connections: 0, publications: 0, subscriptions: 0 };
  #summarizedAt = -Infinity;

  constructor(environment: AuditEnvironment) {
    this.#environment = environment;
    const { clock } = environment;
    this.#budgets = {
      connections: new Budget(clock),
      publications: new Budget(clock),
      subscriptions: new Budget(clock),
    };
  }

  /** A CONNECT was refused. Client identifier and user name are what the client claims, if it came so far. */
  connection(address: string, claimed: Pick<ClientInfo, "clientId" | "username"> | undefined, reason: string): void {
    if (!this.#isToBeWritten("connections")) return;
    const who = claimed === undefined ? "" : ` (${describe(claimed)})`;
    this.#write(`Client ${address} refused: ${shown(reason)}${who}`);
  }

  /** A message was refused. */
  publication(client: ClientInfo, topic: string): void {
    if (!this.#isToBeWritten("publications")) return;
    this.#write(`Denied PUBLISH from ${client.peer.address} (${describe(client)}) to ${quoted(topic)}: not authorized`);
  }

  /** A will was refused when it was due. */
  will(client: ClientInfo, topic: string): void {
    if (!this.#isToBeWritten("publications")) return;
    this.#write(`Denied will from ${client.peer.address} (${describe(client)}) to ${quoted(topic)}: not authorized`);
  }

  /** A filter was refused. */
  subscription(client: ClientInfo, filter: string, reasonCode: number): void {
    if (!this.#isToBeWritten("subscriptions")) return;
    const reason = reasonCodeName(reasonCode).toLowerCase();
    this.#write(`Denied SUBSCRIBE from ${client.peer.address} (${describe(client)}) to ${quoted(filter)}: ${reason}`);
  }

  #isToBeWritten(kind: RefusalKind): boolean {
    const { metrics } = this.#environment;
    metrics.refused[kind]++;
    if (this.#budgets[kind].take()) {
      if (this.#environment.clock.now() - this.#summarizedAt >= SUMMARY_INTERVAL) this.summarize();
      return true;
    }
    metrics.refused.notLogged++;
    this.#leftOut[kind]++;
    return false;
  }

  /** Writes how many refusals were left out since the last time, if any were. */
  summarize(): void {
    const { connections, publications, subscriptions } = this.#leftOut;
    if (connections + publications + subscriptions === 0) return;
    this.#summarizedAt = this.#environment.clock.now();
    this.#leftOut = { connections: 0, publications: 0, subscriptions: 0 };
    this.#write(
      `Refusals that were not logged: ${connections} connections, ${publications} publications, ${subscriptions} subscriptions`,
    );
  }

  #write(line: string): void {
    this.#environment.log.write("notice", line);
  }
}

/** Lines that may be written now, a few more with each second. */
class Budget {
  readonly #clock: Clock;
  #left = BURST;
  #at: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#at = clock.now();
  }

  take(): boolean {
    const now = this.#clock.now();
    this.#left = Math.min(BURST, this.#left + (now - this.#at) / 1000 * RATE);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}

function describe({ clientId, username }: Pick<ClientInfo, "clientId" | "username">): string {
  return `client ${quoted(clientId)}, ${username === undefined ? "no user" : `user ${quoted(username)}`}`;
}

/** A text from a client, which must not look like another line, nor do anything to a terminal. */
function quoted(text: string): string {
  return `"${shown(text).replaceAll('"', '\\"')}"`;
}

function shown(text: string): string {
  const cut = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text;
  return cut.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
