/**
 * Who gets a message: subscriptions by topic filter, and the answer for each topic, remembered.
 *
 * @module
 */

import type { QoS, SubscriptionRequest } from "../codec/packets.ts";
import { parseSharedFilter } from "../codec/topic.ts";
import { TextMap } from "../engine/text_map.ts";
import { TopicTrie } from "../engine/topic_trie.ts";
import { Cost, type Effort } from "./effort.ts";
import { EncodedVariants } from "./encoded_variants.ts";
import type { Publication } from "./publication.ts";
import type { Session } from "./session.ts";
import { ShareGroup } from "./shared_subscriptions.ts";
import { FilterEntry, type Subscription } from "./subscription.ts";
import { type Topic, weightOf } from "./topic_cache.ts";

/** One receiver of a topic: its matching subscriptions, merged (MQTT 5.0 section 3.3.4). */
interface Target {
  readonly session: Session;
  /** The highest granted QoS. */
  readonly qos: QoS;
  readonly retainAsPublished: boolean;
  readonly subscriptionIds: readonly number[] | undefined;
  /** The same for messages of the session's own origin: without the subscriptions that have no local set. */
  readonly forOwn: Target | undefined;
}

/** Everyone who gets what is published on one topic. */
export interface Route {
  /** Whether anyone subscribes to it, even if nobody may have it. */
  readonly isWanted: boolean;
  readonly targets: readonly Target[];
  readonly groups: readonly ShareGroup[];
  /** What it takes to hand a message to all of them. */
  readonly effort: number;
  /** Set when subscriptions have changed. Only the route to nobody can be met by then; it need not be forgotten. */
  isOver: boolean;
}

/** The route of all topics that nobody subscribes to. */
function toNobody(): Route {
  return { isWanted: false, targets: [], groups: [], effort: 0, isOver: false };
}

/** What a SUBSCRIBE did for one filter. */
export interface SubscribeResult {
  readonly subscription: Subscription;
  /** Whether the session had no subscription to that filter before. */
  readonly isNew: boolean;
}

/** Receivers and long names that all remembered routes may have together; one more, and they are found anew. */
const MAX_REMEMBERED = 500_000;

/** What the router has to know about the options. */
export interface RouterOptions {
  /** Whether messages go out with the QoS of the subscription, even if they were published with less. */
  readonly upgradeOutgoingQoS: boolean;
}

/** The subscriptions of all sessions. */
export class Router {
  readonly #options: RouterOptions;
  readonly #effort: Effort;
  readonly #trie = new TopicTrie<FilterEntry>();
  /** Topics whose route is remembered, and how much these routes take. */
  #routed: Topic[] = [];
  #remembered = 0;
  #nobody = toNobody();
  /** Messages that were handed out, and how often their receivers had to be found. */
  #lookups = 0;
  #found = 0;
  #subscriptions = 0;
  #shared = 0;
  /** Encodings of the message that is being routed. */
  readonly variants = new EncodedVariants();

  constructor(options: RouterOptions, effort: Effort) {
    this.#options = options;
    this.#effort = effort;
  }

  /** Subscriptions of all sessions, shared ones included. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** Shared subscriptions of all sessions. */
  get sharedSubscriptions(): number {
    return this.#shared;
  }

  /** Messages that were handed out. */
  get routed(): number {
    return this.#lookups;
  }

  /** How often the receivers of one were not remembered. */
  get routesFound(): number {
    return this.#found;
  }

  /** Nodes of the topic trie. */
  get trieNodes(): number {
    return this.#trie.nodes;
  }

  /** Adds a subscription, or replaces the options of the one that the session has. */
  subscribe(session: Session, request: SubscriptionRequest, qos: QoS, identifier: number): SubscribeResult {
    this.forgetRoutes();
    const existing = session.subscriptions.get(request.filter);
    if (existing !== undefined) {
      applyOptions(existing, request, qos, identifier);
      return { subscription: existing, isNew: false };
    }
    const shared = parseSharedFilter(request.filter);
    const filter = shared?.filter ?? request.filter;
    const subscription: Subscription = {
      session,
      key: request.filter,
      filter,
      qos,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
      identifier,
    };
    applyOptions(subscription, request, qos, identifier);
    session.subscriptions.set(request.filter, subscription);
    this.#add(subscription, shared?.group);
    return { subscription, isNew: true };
  }

  /** Removes the session's subscription to exactly this filter. False if it has none. */
  unsubscribe(session: Session, key: string): boolean {
    const subscription = session.subscriptions.get(key);
    if (subscription === undefined) return false;
    session.subscriptions.delete(key);
    this.#remove(subscription);
    return true;
  }

  /** The group of a shared subscription, if it has members. */
  shareGroup(key: string): ShareGroup | undefined {
    const shared = parseSharedFilter(key);
    return shared && this.#trie.get(shared.filter)?.groups?.get(shared.group);
  }

  /** Removes subscriptions of a session that has ended, `limit` at most. */
  unsubscribeSome(session: Session, limit: number): void {
    for (const subscription of session.subscriptions.values()) {
      if (limit-- === 0) return;
      session.subscriptions.delete(subscription.key);
      this.#remove(subscription);
    }
  }

  /**
   * Hands a message to everyone who subscribes to its topic. `from` is the session that published it.
   * Returns whether anyone did.
   */
  publish(publication: Publication, from: Session | undefined): boolean {
    const { topic, qos, retain } = publication;
    this.#lookups++;
    const known = topic.route;
    const route = known === undefined || known.isOver ? this.#route(topic) : known;
    const lowest = this.#options.upgradeOutgoingQoS ? 2 : qos;
    const origin = from?.origin;
    this.#effort.spend(route.effort);
    this.variants.begin(publication);
    for (const target of route.targets) {
      const to = target.session.origin === origin ? target.forOwn : target;
      if (to === undefined) continue;
      to.session.deliver(
        publication,
        lowest < to.qos ? lowest : to.qos,
        retain && to.retainAsPublished,
        to.subscriptionIds,
        undefined,
      );
    }
    for (const group of route.groups) group.deliver(publication, lowest);
    this.variants.end();
    return route.isWanted;
  }

  #add(subscription: Subscription, group: string | undefined): void {
    let entry = this.#trie.get(subscription.filter);
    if (entry === undefined) {
      entry = new FilterEntry();
      this.#trie.set(subscription.filter, entry);
    }
    this.#subscriptions++;
    if (group === undefined) return entry.add(subscription);
    this.#shared++;
    entry.groups ??= new TextMap();
    let members = entry.groups.get(group);
    if (members === undefined) entry.groups.set(group, members = new ShareGroup(subscription.key));
    members.add(subscription);
  }

  #remove(subscription: Subscription): void {
    this.forgetRoutes();
    this.#subscriptions--;
    const entry = this.#trie.get(subscription.filter);
    if (entry === undefined) return;
    const group = subscription.key === subscription.filter ? undefined : parseSharedFilter(subscription.key)?.group;
    if (group === undefined) entry.remove(subscription);
    else this.#removeShared(entry, group, subscription);
    if (entry.isEmpty) this.#trie.delete(subscription.filter);
  }

  #removeShared(entry: FilterEntry, group: string, subscription: Subscription): void {
    this.#shared--;
    const members = entry.groups?.get(group);
    members?.remove(subscription);
    if (members?.size === 0) entry.groups?.delete(group);
    if (entry.groups?.size === 0) entry.groups = undefined;
  }

  #route(topic: Topic): Route {
    this.#found++;
    const route = this.#find(topic);
    if (route === this.#nobody) return topic.route = route;
    const size = weightOf(topic) + route.targets.length + route.groups.length;
    if (this.#remembered + size > MAX_REMEMBERED) this.forgetRoutes();
    this.#routed.push(topic);
    this.#remembered += size;
    return topic.route = route;
  }

  /**
   * Subscriptions, or what sessions may receive, have changed: no route holds any more, and none may hold on to a
   * session that has ended.
   */
  forgetRoutes(): void {
    for (const topic of this.#routed) topic.route = undefined;
    this.#nobody.isOver = true;
    this.#nobody = toNobody();
    this.#routed = [];
    this.#remembered = 0;
  }

  #find(topic: Topic): Route {
    const entries: FilterEntry[] = [];
    const looked = this.#trie.match(topic.name, (entry) => void entries.push(entry));
    this.#effort.spend(Cost.Node * looked);
    if (entries.length === 0) return this.#nobody;
    let found = 0;
    const bySession = new Map<Session, Subscription[]>();
    const groups: ShareGroup[] = [];
    for (const entry of entries) {
      entry.forEach((subscription) => {
        found++;
        if (subscription.session.hasEnded) return;
        const others = bySession.get(subscription.session);
        if (others === undefined) bySession.set(subscription.session, [subscription]);
        else others.push(subscription);
      });
      if (entry.groups !== undefined) groups.push(...entry.groups.values());
    }
    const targets: Target[] = [];
    for (const [session, subscriptions] of bySession) {
      if (!session.access.mayReceive(topic)) continue;
      const target = merge(subscriptions);
      if (target !== undefined) targets.push(target);
    }
    this.#effort.spend(Cost.Subscription * found);
    const members = groups.reduce((sum, { size }) => sum + size, 0);
    const effort = Cost.Receiver * (targets.length + members);
    const isWanted = bySession.size > 0 || groups.length > 0;
    return { isWanted, targets: oneWayEach(targets), groups, effort, isOver: false };
  }
}

function applyOptions(subscription: Subscription, request: SubscriptionRequest, qos: QoS, identifier: number): void {
  subscription.qos = qos;
  subscription.noLocal = request.noLocal ?? false;
  subscription.retainAsPublished = request.retainAsPublished ?? false;
  subscription.retainHandling = request.retainHandling ?? 0;
  subscription.identifier = identifier;
}

/** One copy for overlapping subscriptions: the highest QoS, all identifiers, the retain flag if any one keeps it. */
function merge(subscriptions: readonly Subscription[]): Target | undefined {
  const target = combine(subscriptions);
  if (target === undefined) return undefined;
  if (!subscriptions.some((subscription) => subscription.noLocal)) return { ...target, forOwn: target };
  return { ...target, forOwn: combine(subscriptions.filter((subscription) => !subscription.noLocal)) };
}

/** Without those that would bring a message to where a bridge of this broker brings it. */
function oneWayEach(targets: readonly Target[]): readonly Target[] {
  const ours = targets.filter(({ session }) => session.owner !== undefined && session.access.broker !== undefined);
  return ours.length === 0 ? targets : targets.filter((target) => !ours.some((way) => replaces(way, target)));
}

/**
 * Whether a bridge of this broker does what a bridge of the other one does here. One that is away does not: it may stay
 * away; but of two that are away, it is the one that will be back.
 */
function replaces(way: Target, other: Target): boolean {
  const [to, there] = [way.session.access.broker, other.session.access.broker];
  if (other.session.owner !== undefined || other.forOwn !== undefined || other.qos > way.qos) return false;
  if (to?.renames === undefined || to.identity !== there?.identity || to.renames !== there.renames) return false;
  return way.session.isConnected || !other.session.isConnected;
}

function combine(subscriptions: readonly Subscription[]): Target | undefined {
  const first = subscriptions[0];
  if (first === undefined) return undefined;
  let qos: QoS = 0;
  let retainAsPublished = false;
  const identifiers: number[] = [];
  for (const subscription of subscriptions) {
    if (subscription.qos > qos) qos = subscription.qos;
    if (subscription.retainAsPublished) retainAsPublished = true;
    if (subscription.identifier > 0) identifiers.push(subscription.identifier);
  }
  return {
    session: first.session,
    qos,
    retainAsPublished,
    subscriptionIds: identifiers.length > 0 ? identifiers : undefined,
    forOwn: undefined,
  };
}
