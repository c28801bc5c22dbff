/**
 * What all connections of one broker share.
 *
 * @module
 */

import { PublishPropertiesView, PublishView } from "../codec/publish_view.ts";
import type { Clock } from "../engine/clock.ts";
import { Timers } from "../engine/timers.ts";
import type { MaybePromise } from "./hooks.ts";
import { Audit, describe, quoted } from "./audit.ts";
import { BackPressure } from "./back_pressure.ts";
import { Slab } from "./slab.ts";
import { systemClock } from "./system_clock.ts";
import { Journal } from "./journal.ts";
import { ListenerPolicies } from "./listener_policies.ts";
import { type LogSink, silentLog } from "./log.ts";
import { MemoryGuard } from "./memory_guard.ts";
import { Metrics } from "./metrics.ts";
import { Effort } from "./effort.ts";
import { type BrokerOptions, type ResolvedOptions, resolveOptions } from "./options.ts";
import { BufferPool, FlushQueue } from "./output.ts";
import { Publication, publicationOf, PublishForm } from "./publication.ts";
import { RetainedStore } from "./retained.ts";
import { RetainedExpiry } from "./retained_expiry.ts";
import { Router } from "./router.ts";
import type { Session } from "./session.ts";
import { AccessWatch, type SessionAccess } from "./session_access.ts";
import { Sessions } from "./sessions.ts";
import { isReserved } from "./sys_access.ts";
import { Stint } from "./stint.ts";
import { TopicCache } from "./topic_cache.ts";
import { DelayedWills, type WillMessage } from "./will.ts";

/** What became of a message. */
export type PublishOutcome = "delivered" | "no-subscribers" | "quota-exceeded";

/** The state of a broker. */
export class BrokerCore {
  readonly options: ResolvedOptions;
  readonly clock: Clock;
  log: LogSink;
  readonly metrics = new Metrics();
  readonly timers: Timers;
  readonly topics: TopicCache;
  readonly router: Router;
  readonly memory: MemoryGuard;
  readonly retained: RetainedStore;
  readonly retainedExpiry: RetainedExpiry;
  /** Undefined without a store: then nothing outlives the broker. */
  readonly journal: Journal | undefined;
  readonly wills: DelayedWills;
  readonly sessions: Sessions;
  readonly policies: ListenerPolicies;
  readonly audit: Audit;
  readonly pressure = new BackPressure(systemClock);
  readonly slab = new Slab();
  readonly stint = new Stint();
  readonly effort = new Effort(this.stint);
  readonly accessWatch = new AccessWatch(
    () => this.router.forgetRoutes(),
    this.effort,
    (client, error) =>
      this.audit.notice("notAuthorized", () => `Access rules failed for ${describe(client)}: ${error}`),
  );
  readonly pool: BufferPool = new BufferPool((bytes) => this.memory.note(bytes));
  readonly flushQueue = new FlushQueue();
  // One packet is handled at a time, so one of each serves all connections.
  readonly publishView = new PublishView();
  readonly propertiesView = new PublishPropertiesView();
  readonly incoming = new Publication();
  readonly publishForm = new PublishForm();

  /** Stands for this broker with others, as long as it runs. */
  readonly identity: string = crypto.randomUUID();
  /** When it was made, by its clock. */
  readonly startedAt: number;
  /** Told of every message before it is handed out; undefined as long as nobody wants to know. */
  observe: ((publication: Publication) => void) | undefined;

  constructor(options: ResolvedOptions) {
    this.options = options;
    this.clock = options.clock;
    this.startedAt = this.clock.now();
    this.log = options.log ?? silentLog;
    this.timers = new Timers(this.clock);
    this.topics = new TopicCache(options);
    this.retained = new RetainedStore(options);
    this.retainedExpiry = new RetainedExpiry(this.retained, this.clock, this.timers, (topic) => this.#forget(topic));
    this.router = new Router(options, this.effort);
    this.memory = new MemoryGuard(options, this.clock, this.timers);
    if (options.store !== undefined) this.journal = new Journal(options.store, this.log, this.metrics);
    this.wills = new DelayedWills(this.clock, this.timers, (will) => this.publishWill(will));
    this.sessions = new Sessions(this);
    this.policies = new ListenerPolicies(options);
    this.audit = new Audit(this);
  }

  /** Changes options; all rooms look at the same object. Throws `RangeError` for one out of its range. */
  update(options: BrokerOptions): void {
    const { store, clock, listeners } = this.options;
    Object.assign(this.options, resolveOptions({ ...options, store, clock, listeners }));
    if (options.log !== undefined) this.log = options.log;
    this.memory.look();
    this.accessWatch.renew();
  }

  /**
   * Keeps the message if it is to be retained, and hands it to its subscribers. `from` is the session that sent it,
   * `source` what its client may do. With `strict`, a message for which the retained store has no room is refused as a
   * whole.
   */
  publish(
    publication: Publication,
    from: Session | undefined,
    strict: boolean,
    source: SessionAccess | undefined = from?.access,
  ): PublishOutcome {
    publication.source = source;
    if (publication.retain && !this.#retain(publication) && strict) return "quota-exceeded";
    this.observe?.(publication);
    this.pressure.publisher = from;
    return this.router.publish(publication, from) ? "delivered" : "no-subscribers";
  }

  /** False: there is no room for it. */
  #retain(publication: Publication): boolean {
    if (publication.payloadEnd === publication.payloadStart) {
      this.#forget(publication.topic.name);
      return true;
    }
    if (!this.retained.set(publication)) {
      this.metrics.dropped.retainedFull++;
      this.audit.notice("retainedFull", () => `No room to retain the message on ${quoted(publication.topic.name)}`);
      return false;
    }
    // Those of the broker are made afresh by the next one.
    if (!publication.topic.isSys) this.journal?.putRetained(publication.keep(), publication.source);
    if (publication.expiresAt < Infinity) this.retainedExpiry.note();
    return true;
  }

  #forget(topic: string): void {
    if (this.retained.delete(topic)) this.journal?.removeRetained(topic);
  }

  /** From now on, this is what the session may do. */
  grant(session: Session, access: SessionAccess): void {
    const isFree = session.access.isFree && access.isFree;
    const isBridge = (session.access.broker ?? access.broker) !== undefined;
    session.access = access;
    this.sessions.note(session);
    if ((!isFree || isBridge) && session.subscriptions.size > 0) this.router.forgetRoutes();
  }

  /** Publishes a will, if its client may. */
  publishWill(will: WillMessage): void {
    const allowed = this.#mayPublishWill(will);
    if (allowed instanceof Promise) {
      allowed.then((yes) => this.#publishWill(will, yes === true), (error) => this.#refuseWill(will, error));
    } else {
      this.#publishWill(will, allowed === true);
    }
  }

  #mayPublishWill({ client, policy, access, topic, message }: WillMessage): MaybePromise<boolean> {
    // Nobody but the broker itself speaks for the broker.
    if (isReserved(topic, client) || !access.mayPublish(topic)) return false;
    const hook = (policy ?? this.options).authorizePublish;
    if (hook === undefined) return true;
    try {
      return hook(client, { topic: topic.name, qos: message.qos, retain: message.retain, payload: message.payload });
    } catch (error) {
      this.log.write("error", `Will of ${client.clientId}: authorization failed: ${error}`);
      return false;
    }
  }

  #publishWill(will: WillMessage, allowed: boolean): void {
    if (!allowed) {
      this.metrics.dropped.notAuthorized++;
      this.audit.will(will.client, will.topic.name);
    }
    // Of the client's own subscriptions, those with no local do not get its will.
    const from = this.sessions.get(will.client.clientId);
    if (allowed) this.publish(publicationOf(will.topic, will.message, this.clock.now()), from, false, will.access);
    from?.journal?.willEnded(will);
  }

  #refuseWill(will: WillMessage, error: unknown): void {
    this.log.write("error", `Will of ${will.client.clientId}: authorization failed: ${error}`);
    this.#publishWill(will, false);
  }
}
