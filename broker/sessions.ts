/**
 * All sessions by client identifier: opening, taking over, expiring, ending.
 *
 * @module
 */

import { TextMap } from "../engine/text_map.ts";
import type { Timers } from "../engine/timers.ts";
import type { Delivery } from "./delivery_queue.ts";
import type { ConnectionState } from "./inspection.ts";
import type { Journal } from "./journal.ts";
import type { Metrics } from "./metrics.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Router } from "./router.ts";
import { NEVER_EXPIRES, Session } from "./session.ts";
import type { SessionEnvironment } from "./session_environment.ts";
import { SessionJournal } from "./session_journal.ts";
import type { StoredSession } from "./store.ts";
import type { DelayedWills, WillMessage } from "./will.ts";

/** Why a connection ended, as far as its session and will are concerned. */
export type ConnectionEnd =
  /** The client sent DISCONNECT 0x00 (or DISCONNECT before 5.0): no will. */
  | { readonly kind: "disconnect" }
  /** Another connection has the client identifier now. */
  | { readonly kind: "takeover"; readonly cleanStart: boolean }
  /** Anything else. */
  | { readonly kind: "failure" };

/** The connection that serves a session. */
export interface Holder {
  /** Another connection of the client takes over: say so to the client, detach and close. */
  takeOver(cleanStart: boolean): void;
  /** Ends the connection; 5.0 clients are told why. */
  disconnect(reasonCode: number): void;
  /** What is known of the connection; undefined when it is over. */
  connection(): ConnectionState | undefined;
}

/** A session that is open, and whether it existed before. */
export interface OpenedSession {
  readonly session: Session;
  readonly present: boolean;
}

/** What the sessions of a broker work with. */
export interface SessionsEnvironment extends SessionEnvironment {
  readonly options: ResolvedOptions;
  readonly timers: Timers;
  readonly router: Router;
  readonly wills: DelayedWills;
  readonly journal: Journal | undefined;
}

/** So many subscriptions of a session that has ended go before it is asked whether others have their turn. */
const SUBSCRIPTIONS_IN_A_ROW = 256;

/** The sessions of a broker. */
export class Sessions {
  readonly #environment: SessionsEnvironment;
  readonly #options: ResolvedOptions;
  readonly #timers: Timers;
  readonly #metrics: Metrics;
  readonly #router: Router;
  readonly #wills: DelayedWills;
  readonly #sessions = new TextMap<Session>();
  readonly #holders = new Map<Session, Holder>();
  #isClosed = false;

  constructor(environment: SessionsEnvironment) {
    this.#environment = environment;
    this.#options = environment.options;
    this.#timers = environment.timers;
    this.#metrics = environment.metrics;
    this.#router = environment.router;
    this.#wills = environment.wills;
  }

  /** Sessions, connected or not. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Sessions that are connected. */
  get connected(): number {
    return this.#holders.size;
  }

  /** The session of a client, if there is one. */
  get(clientId: string): Session | undefined {
    return this.#sessions.get(clientId);
  }

  /** All sessions. */
  values(): IterableIterator<Session> {
    return this.#sessions.values();
  }

  /** The sessions that are connected. */
  held(): IterableIterator<Session> {
    return this.#holders.keys();
  }

  /** The connection of a session, if it has one. */
  holderOf(session: Session): Holder | undefined {
    return this.#holders.get(session);
  }

  /** Whether this user may have the client identifier. */
  mayOpen(clientId: string, username: string | undefined): boolean {
    if (!this.#options.bindClientIdToUser) return true;
    const session = this.#sessions.get(clientId);
    return session === undefined || session.username === username;
  }

  /** Whether the session of a client is in the store. */
  isStored(clientId: string): boolean {
    return this.#sessions.get(clientId)?.journal?.isStored === true;
  }

  /** Whether one more session fits. */
  hasRoomFor(clientId: string): boolean {
    return this.#sessions.has(clientId) || this.#sessions.size < this.#options.maxSessions;
  }

  /** Opens the session of a client for `holder`, which notes it; who held it before is put out first. */
  open(
    clientId: string,
    username: string | undefined,
    cleanStart: boolean,
    expiryInterval: number,
    holder: Holder,
  ): OpenedSession {
    const before = this.#sessions.get(clientId);
    if (before !== undefined) this.#holders.get(before)?.takeOver(cleanStart);
    if (cleanStart) this.#endById(clientId);
    let session = this.#sessions.get(clientId);
    const present = session !== undefined;
    if (session === undefined) {
      session = new Session(clientId, username, this.#environment);
      this.#sessions.set(clientId, session);
      const { journal } = this.#environment;
      if (journal !== undefined && expiryInterval > 0) {
        session.journal = this.#journalOf(journal, journal.nextNumber(), false);
      }
    }
    if (session.expiryTimer !== undefined) this.#timers.cancel(session.expiryTimer);
    session.expiryTimer = undefined;
    session.expiryInterval = expiryInterval;
    this.#wills.cancel(clientId);
    this.#holders.set(session, holder);
    if (this.#holders.size > this.#metrics.clientsMaximum) this.#metrics.clientsMaximum = this.#holders.size;
    return { session, present };
  }

  #journalOf(journal: Journal, id: number, exists: boolean): SessionJournal {
    return new SessionJournal(journal, id, exists, (key) => this.#router.shareGroup(key));
  }

  /** Opens a session that an earlier broker has left in the store, for now without a connection and an end. */
  restore(journal: Journal, { id, clientId, username, expiryInterval }: StoredSession): Session {
    const session = new Session(clientId, username, this.#environment);
    session.expiryInterval = expiryInterval;
    session.journal = this.#journalOf(journal, id, true);
    this.#sessions.set(clientId, session);
    return session;
  }

  /** The connection of a session has ended: decides about the will, and ends the session or lets its time run. */
  release(session: Session, will: WillMessage | undefined, end: ConnectionEnd): void {
    session.detach();
    // Messages to a broker may take another way now.
    if (session.access.broker !== undefined) this.#router.forgetRoutes();
    this.#holders.delete(session);
    const interval = session.expiryInterval;
    const ends = interval === 0 || (end.kind === "takeover" && end.cleanStart);
    if (will !== undefined) this.#settleWill(session, will, ends ? 0 : interval, end);
    if (ends) return this.end(session);
    const endedAt = this.#options.clock.now();
    this.note(session, endedAt);
    this.expire(session, endedAt);
  }

  /** Writes a session down as it is now: connected, or away since `endedAt`. */
  note(session: Session, endedAt?: number): void {
    const { clientId, username, expiryInterval, access } = session;
    session.journal?.session({ clientId, username, expiryInterval, endedAt, access: access.record });
  }

  /** Ends a session when its time has passed. `endedAt` is when its connection ended. */
  expire(session: Session, endedAt: number): void {
    if (session.expiryInterval === NEVER_EXPIRES) return;
    session.expiryTimer = this.#timers.schedule(endedAt + session.expiryInterval * 1000, () => {
      this.#metrics.sessionsExpired++;
      this.end(session);
    });
  }

  #settleWill(session: Session, will: WillMessage, sessionExpiryInterval: number, end: ConnectionEnd): void {
    // The client is back already: a will with a delay is not due any more [MQTT-3.1.3-9].
    const isBack = end.kind === "takeover" && sessionExpiryInterval > 0 && will.delay > 0;
    if (isBack || end.kind === "disconnect") return session.journal?.willEnded(will);
    const at = this.#wills.schedule(will, sessionExpiryInterval);
    if (at !== undefined) session.journal?.willWaits(will, at);
  }

  #endById(clientId: string): void {
    const session = this.#sessions.get(clientId);
    if (session !== undefined) this.end(session);
  }

  /** Ends a session that is not connected: its subscriptions go, and what share groups gave it goes to others. */
  end(session: Session): void {
    if (this.#sessions.get(session.clientId) !== session) return;
    this.#sessions.delete(session.clientId);
    if (session.expiryTimer !== undefined) this.#timers.cancel(session.expiryTimer);
    const left = session.end();
    void this.#unsubscribe(session);
    for (const delivery of left) this.#redeliver(delivery);
    this.#wills.release(session.clientId);
    // Last of all, as others may have got its messages.
    session.journal?.ended();
  }

  /** Gives what is left of a session to another member of its share group, unless it has waited for too long. */
  #redeliver(delivery: Delivery): void {
    if (delivery.publication.expiresAt > this.#options.clock.now()) delivery.share?.redeliver(delivery);
    else this.#metrics.dropped.expired++;
  }

  async #unsubscribe(session: Session): Promise<void> {
    const { stint } = this.#environment;
    stint.begin();
    while (session.subscriptions.size > 0) {
      const rest = stint.onFilters(Math.min(session.subscriptions.size, SUBSCRIPTIONS_IN_A_ROW));
      if (rest !== undefined) await rest;
      if (this.#isClosed) return;
      this.#router.unsubscribeSome(session, SUBSCRIPTIONS_IN_A_ROW);
    }
  }

  /** The broker ends, and nothing goes on: what is left goes with it. */
  close(): void {
    this.#isClosed = true;
  }
}
