/**
 * SUBSCRIBE and UNSUBSCRIBE from a client (MQTT 5.0 sections 3.8 to 3.11).
 *
 * @module
 */

import { MqttError } from "../codec/errors.ts";
import type { QoS, SubscribePacket, SubscriptionRequest, UnsubscribePacket } from "../codec/packets.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import { isTopicFilter, parseSharedFilter } from "../codec/topic.ts";
import type { ConnectionPolicy } from "./connection_policy.ts";
import type { BrokerCore } from "./core.ts";
import { RetainedBatch } from "./delivery_queue.ts";
import type { ClientInfo, MaybePromise, SubscribeRequest } from "./hooks.ts";
import type { SubscribeResult } from "./router.ts";
import type { Session } from "./session.ts";
import type { Subscription } from "./subscription.ts";
import { topicLimitOf } from "./topic_cache.ts";

/** A client that subscribes. */
export interface Subscriber {
  readonly session: Session;
  readonly client: ClientInfo;
  readonly policy: ConnectionPolicy;
  /** Whether it is a bridge of before MQTT 5.0, which cannot ask for what bridges need. */
  readonly isBridge: boolean;
  /** Whether its connection has ended, perhaps with its session: nothing may be done for it any more. */
  readonly isGone: boolean;
}

/** What came of a SUBSCRIBE: codes for the SUBACK, and retained messages to be sent behind it. */
export interface SubscribeOutcome {
  readonly reasonCodes: number[];
  readonly retained: readonly RetainedBatch[];
}

/** What has come of the first filters. */
interface Gathered {
  readonly reasonCodes: number[];
  readonly retained: RetainedBatch[];
}

/** Filters of one packet that are handled in a row. */
const FILTERS_IN_A_ROW = 1_024;

/**
 * Handles a SUBSCRIBE. Undefined: the client has gone meanwhile. Throws {@linkcode MqttError} for what ends the
 * connection.
 */
export function subscribe(
  core: BrokerCore,
  subscriber: Subscriber,
  packet: SubscribePacket,
): MaybePromise<SubscribeOutcome | undefined> {
  assertStorable(core, subscriber);
  const identifier = packet.properties?.subscriptionIdentifiers?.[0] ?? 0;
  const asked = subscriber.isBridge ? packet.subscriptions.map(asBridge) : packet.subscriptions;
  const requests = mounted(subscriber.policy, asked);
  if (requests.length > FILTERS_IN_A_ROW) return subscribeInTurns(core, subscriber, requests, identifier);
  return subscribeInARow(core, subscriber, requests, identifier);
}

async function subscribeInTurns(
  core: BrokerCore,
  subscriber: Subscriber,
  requests: readonly SubscriptionRequest[],
  identifier: number,
): Promise<SubscribeOutcome | undefined> {
  const reasonCodes: number[] = [];
  const retained: RetainedBatch[] = [];
  for (let at = 0; at < requests.length; at += FILTERS_IN_A_ROW) {
    const part = requests.slice(at, at + FILTERS_IN_A_ROW);
    const outcome = await subscribeInARow(core, subscriber, part, identifier);
    if (outcome === undefined) return undefined;
    reasonCodes.push(...outcome.reasonCodes);
    retained.push(...outcome.retained);
    await core.stint.onFilters(part.length);
    if (subscriber.isGone) return undefined;
  }
  return { reasonCodes, retained };
}

function subscribeInARow(
  core: BrokerCore,
  subscriber: Subscriber,
  requests: readonly SubscriptionRequest[],
  identifier: number,
): MaybePromise<SubscribeOutcome | undefined> {
  const permissions = permitAll(core, subscriber, requests);
  if (!permissions.some((permission) => permission instanceof Promise)) {
    // None of them is a promise, as the line above has seen.
    return apply(core, subscriber, requests, permissions as number[], identifier);
  }
  return Promise.all(permissions).then((codes) => apply(core, subscriber, requests, codes, identifier));
}

function permitAll(
  core: BrokerCore,
  subscriber: Subscriber,
  requests: readonly SubscriptionRequest[],
): readonly MaybePromise<number>[] {
  const permissions: MaybePromise<number>[] = [];
  try {
    for (const request of requests) permissions.push(permit(core, subscriber, request));
    return permissions;
  } catch (error) {
    // Nobody waits for the others any more, and one that fails would end the process.
    for (const permission of permissions) if (permission instanceof Promise) permission.catch(() => {});
    throw error;
  }
}

/** MQTT 3.1 has no answer that says that a subscription is refused. */
function assertStorable(core: BrokerCore, { session, client }: Subscriber): void {
  if (client.protocolVersion !== 3 || !isUnstorable(core, session)) return;
  throw new MqttError("Cannot subscribe: the store must be writable", ReasonCode.QuotaExceeded);
}

/** Whether nothing new can be promised to the session: what it asked for would only pile up. */
function isUnstorable({ journal }: BrokerCore, session: Session): boolean {
  return session.journal !== undefined && journal?.isFailing === true;
}

/** What it sends does not come back, and retained messages stay retained. */
function asBridge(request: SubscriptionRequest): SubscriptionRequest {
  return { ...request, noLocal: parseSharedFilter(request.filter) === undefined, retainAsPublished: true };
}

/** The same with the mount point before each filter. */
function mounted(policy: ConnectionPolicy, requests: readonly SubscriptionRequest[]): readonly SubscriptionRequest[] {
  if (!policy.isMounted) return requests;
  return requests.map((request) => ({ ...request, filter: policy.mountedFilter(request.filter) }));
}

/** The reason code of a refusal, or the QoS that may be granted. */
function permit(
  core: BrokerCore,
  subscriber: Subscriber,
  request: SubscriptionRequest,
): MaybePromise<number> {
  const { session, client, policy } = subscriber;
  const { filter, qos } = request;
  if (!isTopicFilter(filter)) return refuseFilter(client, filter);
  const limit = topicLimitOf(filter, core.options);
  if (limit !== undefined) {
    core.metrics.limits[limit]++;
    return ReasonCode.TopicFilterInvalid;
  }
  if (isUnstorable(core, session)) return ReasonCode.QuotaExceeded;
  const shared = parseSharedFilter(filter);
  if (shared !== undefined && request.noLocal === true) {
    throw new MqttError("Cannot subscribe: no local must be 0 in a shared subscription", ReasonCode.ProtocolError);
  }
  if (isOneTooMany(core, subscriber, filter)) return ReasonCode.QuotaExceeded;
  const asked: SubscribeRequest = { filter: shared?.filter ?? filter, share: shared?.group, qos };
  if (!session.access.maySubscribe(asked)) return ReasonCode.NotAuthorized;
  const hook = policy.authorizeSubscribe;
  if (hook === undefined) return qos;
  const allowed = hook(client, asked);
  if (allowed instanceof Promise) return allowed.then((yes) => yes === true ? qos : ReasonCode.NotAuthorized);
  return allowed === true ? qos : ReasonCode.NotAuthorized;
}

/** Whether the client would have more subscriptions than it may. */
function isOneTooMany(core: BrokerCore, { session, policy }: Subscriber, filter: string): boolean {
  const { subscriptions } = session;
  if (subscriptions.size < policy.maxSubscriptions || subscriptions.has(filter)) return false;
  core.metrics.limits.maxSubscriptions++;
  return true;
}

/** 5.0 has a reason code for an invalid filter; before, it is a violation that ends the connection [MQTT-4.8.0-1]. */
function refuseFilter({ protocolVersion }: ClientInfo, filter: string): number {
  if (protocolVersion === 5) return ReasonCode.TopicFilterInvalid;
  throw new MqttError(`Cannot use topic filter: it must be valid, received "${filter}"`, ReasonCode.TopicFilterInvalid);
}

function apply(
  core: BrokerCore,
  subscriber: Subscriber,
  requests: readonly SubscriptionRequest[],
  codes: readonly number[],
  identifier: number,
  outcome: Gathered = { reasonCodes: [], retained: [] },
): MaybePromise<SubscribeOutcome | undefined> {
  for (let at = outcome.reasonCodes.length; at < requests.length; at++) {
    // Whoever was asked for permission may have ended the connection, or taken so long that its client has.
    if (subscriber.isGone) return undefined;
    const request = requests[at];
    if (request === undefined) break;
    applyOne(core, subscriber, request, codes[at] ?? ReasonCode.UnspecifiedError, identifier, outcome);
    if (core.effort.isGreat) {
      return core.effort.rest().then(() => apply(core, subscriber, requests, codes, identifier, outcome));
    }
  }
  return outcome;
}

function applyOne(
  core: BrokerCore,
  subscriber: Subscriber,
  request: SubscriptionRequest,
  permitted: number,
  identifier: number,
  { reasonCodes, retained }: Gathered,
): void {
  const { session, client } = subscriber;
  const isRefused = permitted < 0x80 && isOneTooMany(core, subscriber, request.filter);
  const code = isRefused ? ReasonCode.QuotaExceeded : permitted;
  // MQTT 3.1 knows no failure: as with Mosquitto, the client is told its QoS and gets nothing.
  reasonCodes.push(code >= 0x80 && client.protocolVersion === 3 ? request.qos : code);
  if (core.log.debug) core.log.write("debug", `\t${request.filter} (QoS ${request.qos})`);
  if (code >= 0x80) return core.audit.subscription(client, request.filter, code);
  const granted = code as QoS; // permit() gives a QoS below 0x80
  const result = core.router.subscribe(session, request, granted, identifier);
  if (core.log.subscriptions) core.log.write("subscribe", `${client.clientId} ${granted} ${request.filter}`);
  const batch = retainedFor(core, result);
  session.journal?.subscribed(result.subscription, batch);
  if (batch !== undefined) retained.push(batch);
}

function retainedFor(core: BrokerCore, { subscription, isNew }: SubscribeResult): RetainedBatch | undefined {
  const { retainHandling, filter, key } = subscription;
  if (filter !== key || retainHandling === 2 || (retainHandling === 1 && !isNew)) return undefined;
  return retainedBatch(core, subscription);
}

/** The retained messages that match a subscription; undefined if there are none. */
export function retainedBatch(
  core: BrokerCore,
  { session, filter, qos, identifier, noLocal }: Subscription,
): RetainedBatch | undefined {
  const notFrom = noLocal ? session.access.broker?.identity : undefined;
  const messages = core.retained.find(filter, core.clock, core.effort, notFrom);
  if (messages === undefined) return undefined;
  const identifiers = identifier === 0 ? undefined : [identifier];
  const batch = new RetainedBatch(messages, qos, identifiers, core.options.upgradeOutgoingQoS);
  return batch.isEmpty ? undefined : batch;
}

/**
 * Handles an UNSUBSCRIBE: one reason code for each filter. Undefined: the client has gone meanwhile. Throws
 * {@linkcode MqttError} for what ends the connection.
 */
export function unsubscribe(
  core: BrokerCore,
  subscriber: Subscriber,
  { filters }: UnsubscribePacket,
): MaybePromise<number[] | undefined> {
  if (filters.length > FILTERS_IN_A_ROW) return unsubscribeInTurns(core, subscriber, filters);
  return filters.map((filter) => unsubscribeOne(core, subscriber, filter));
}

async function unsubscribeInTurns(
  core: BrokerCore,
  subscriber: Subscriber,
  filters: readonly string[],
): Promise<number[] | undefined> {
  const reasonCodes: number[] = [];
  for (let at = 0; at < filters.length; at += FILTERS_IN_A_ROW) {
    const part = filters.slice(at, at + FILTERS_IN_A_ROW);
    for (const filter of part) reasonCodes.push(unsubscribeOne(core, subscriber, filter));
    await core.stint.onFilters(part.length);
    if (subscriber.isGone) return undefined;
  }
  return reasonCodes;
}

function unsubscribeOne(core: BrokerCore, { session, client, policy }: Subscriber, given: string): number {
  const filter = policy.isMounted ? policy.mountedFilter(given) : given;
  if (core.log.debug) core.log.write("debug", `\t${filter}`);
  if (!isTopicFilter(filter)) return refuseFilter(client, filter);
  if (!core.router.unsubscribe(session, filter)) return ReasonCode.NoSubscriptionExisted;
  session.journal?.unsubscribed(filter);
  if (core.log.subscriptions) core.log.write("unsubscribe", `${client.clientId} ${filter}`);
  return ReasonCode.Success;
}
