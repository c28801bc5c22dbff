/**
 * Takes up what an earlier broker has left in the store.
 *
 * @module
 */

import { readProperties } from "../codec/properties.ts";
import type { Peer } from "../engine/transport.ts";
import type { BrokerCore } from "./core.ts";
import type { Journal } from "./journal.ts";
import { NEVER_EXPIRES, type Session } from "./session.ts";
import type { SessionJournal } from "./session_journal.ts";
import { SessionAccess } from "./session_access.ts";
import type { Store, StoredAccess, StoredSession, StoredWill } from "./store.ts";
import { publicationOfStored, topicOf } from "./stored_message.ts";
import { retainedBatch } from "./subscribe_handler.ts";
import type { Subscription } from "./subscription.ts";
import type { WillMessage } from "./will.ts";

/** A session that is being restored. */
interface Restored {
  readonly session: Session;
  readonly journal: SessionJournal;
  readonly stored: StoredSession;
  /** When its connection ended: with the earlier broker, which is now as far as anybody knows, or before. */
  readonly endedAt: number;
}

/** Restores sessions, retained messages and wills; what came due while no broker was running happens now. */
export function recover(core: BrokerCore, journal: Journal, store: Store): void {
  const now = core.clock.now();
  const sessions = new Map<number, Restored>();
  const accesses = new RestoredAccesses(core);
  for (const stored of store.sessions()) {
    const restored = restoreSession(core, journal, stored, now);
    if (stored.access !== undefined) restored.session.access = accesses.of(stored.access);
    sessions.set(stored.id, restored);
  }
  const unfinished = restoreSubscriptions(core, store, sessions);
  restoreFlows(store, sessions);
  restoreRetained(core, journal, store, accesses, now);
  for (const subscription of unfinished) sendRetained(core, subscription);
  // Wills and ends of sessions publish messages, so all who may get one must be there.
  for (const will of store.wills()) restoreWill(core, sessions.get(will.session), will, now);
  for (const restored of sessions.values()) settle(core, restored, now);
  const { size } = core.sessions;
  core.log.write("notice", `Restored ${size} sessions and ${core.retained.size} retained messages.`);
}

function restoreSession(core: BrokerCore, journal: Journal, stored: StoredSession, now: number): Restored {
  const session = core.sessions.restore(journal, stored);
  const own = session.journal;
  if (own === undefined) throw new TypeError("Cannot restore a session: it must have a journal");
  return { session, journal: own, stored, endedAt: stored.endedAt ?? now };
}

/** Returns those for which retained messages are still to be sent. */
function restoreSubscriptions(
  core: BrokerCore,
  store: Store,
  sessions: ReadonlyMap<number, Restored>,
): Subscription[] {
  const unfinished: Subscription[] = [];
  for (const subscription of store.subscriptions()) {
    const restored = sessions.get(subscription.session);
    if (restored === undefined) continue;
    const { qos, identifier, retainedPending } = subscription;
    const result = core.router.subscribe(restored.session, subscription, qos, identifier);
    if (retainedPending) unfinished.push(result.subscription);
  }
  return unfinished;
}

/** Begins again with the retained messages of a subscription, behind what its session has already. */
function sendRetained(core: BrokerCore, subscription: Subscription): void {
  const { session } = subscription;
  const batch = retainedBatch(core, subscription);
  session.journal?.subscribed(subscription, batch);
  if (batch !== undefined) session.deliverRetained(batch);
}

function restoreFlows(store: Store, sessions: ReadonlyMap<number, Restored>): void {
  for (const { session, packetId } of store.received()) sessions.get(session)?.session.inbound.restore(packetId);
  for (const loaded of store.inFlight()) {
    const restored = sessions.get(loaded.delivery.session);
    const { state, qos } = loaded.delivery;
    if (restored === undefined || state.phase === "queued") continue;
    const phase = state.phase === "sent" ? "publish" : "pubrel";
    const message = restored.journal.deliveryOf(loaded);
    restored.session.outbound.restore({ packetId: state.packetId, qos, phase, message });
  }
  for (const backlog of store.backlogs()) {
    const restored = sessions.get(backlog.session);
    restored?.session.restoreBacklog(restored.journal, backlog);
  }
}

function restoreRetained(
  core: BrokerCore,
  journal: Journal,
  store: Store,
  accesses: RestoredAccesses,
  now: number,
): void {
  for (const { message, publisher } of store.retained()) {
    if (message.expiresAt <= now) {
      journal.removeRetained(message.topic);
      continue;
    }
    const publication = publicationOfStored(message);
    if (publisher !== undefined) publication.source = accesses.of(publisher);
    core.retained.set(publication);
    if (publication.expiresAt < Infinity) core.retainedExpiry.note();
  }
}

/** What clients may do by the rules that are in force now; one object for all that is theirs. */
class RestoredAccesses {
  readonly #core: BrokerCore;
  readonly #known = new Map<string, SessionAccess>();

  constructor(core: BrokerCore) {
    this.#core = core;
  }

  of(stored: StoredAccess): SessionAccess {
    const key = JSON.stringify(stored);
    let access = this.#known.get(key);
    if (access === undefined) this.#known.set(key, access = this.#restore(stored));
    return access;
  }

  #restore({ clientId, username, listener, permissions, broker }: StoredAccess): SessionAccess {
    const { accessWatch, policies } = this.#core;
    const source = policies.rulesFor(listener);
    return new SessionAccess(accessWatch, { clientId, username }, source, permissions, broker);
  }
}

function restoreWill(core: BrokerCore, restored: Restored | undefined, stored: StoredWill, now: number): void {
  if (restored === undefined) return;
  const { session, journal, endedAt } = restored;
  const will = { ...willOf(session, stored), policy: core.policies.named(session.access.record.listener) };
  journal.restoreWill(will);
  const expiry = session.expiryInterval === NEVER_EXPIRES ? Infinity : session.expiryInterval;
  const dueAt = stored.dueAt ?? endedAt + 1000 * Math.min(stored.delay, expiry);
  if (dueAt <= now) return core.publishWill(will);
  if (stored.dueAt === undefined) journal.willWaits(will, dueAt);
  core.wills.scheduleAt(will, dueAt);
}

function willOf(session: Session, { message, delay, protocolVersion, peer }: StoredWill): WillMessage {
  const { clientId, username } = session.access.record;
  const { topic, qos, retain, properties, payload } = message;
  return {
    client: { clientId, username, protocolVersion, peer: { ...peer, protocol: protocolOf(peer.protocol) } },
    access: session.access,
    topic: topicOf(topic),
    message: { payload, qos, retain, properties: readProperties(properties, 0, properties.length, "publish") },
    delay,
  };
}

function protocolOf(name: string): Peer["protocol"] {
  const known: readonly Peer["protocol"][] = ["tcp", "tls", "ws", "wss", "unix"];
  return known.find((protocol) => protocol === name) ?? "memory";
}

/** Lets the time of a session run on, or ends it if that has run out. */
function settle(core: BrokerCore, { session, stored, endedAt }: Restored, now: number): void {
  const { expiryInterval } = session;
  const isOver = expiryInterval !== NEVER_EXPIRES && endedAt + expiryInterval * 1000 <= now;
  if (isOver) return core.sessions.end(session);
  if (stored.endedAt === undefined) core.sessions.note(session, endedAt);
  core.sessions.expire(session, endedAt);
}
