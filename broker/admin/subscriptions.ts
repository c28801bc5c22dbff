/**
 * Subscriptions.
 *
 * @module
 */

import { isTopicName, topicMatches } from "../../codec/topic.ts";
import type { Broker } from "../broker.ts";
import type { SubscriptionState } from "../inspection.ts";
import type { Page } from "./api.ts";
import type { SubscriptionSummary } from "./api_clients.ts";
import { ApiFailure } from "./failure.ts";
import { matcherOf } from "./matching.ts";
import { PAGE_PARAMETERS, pageOf, pageRequest, type SortKey } from "./paging.ts";
import type { Parameters } from "./parameters.ts";

/** Parameters of {@linkcode listSubscriptions}. */
export const SUBSCRIPTION_PARAMETERS = ["client", "filter", "topic", "q", ...PAGE_PARAMETERS] as const;

/** Subscriptions by client identifier and filter. */
export async function listSubscriptions(
  { inspection }: Broker,
  parameters: Parameters,
): Promise<Page<SubscriptionSummary>> {
  const filter = parameters.text("filter");
  const topic = parameters.text("topic");
  if (topic !== undefined && !isTopicName(topic)) {
    throw new ApiFailure("bad_request", "Cannot use parameter topic: it must be a topic name");
  }
  const matches = matcherOf(parameters.text("q"));
  const all = inspection.subscriptions(parameters.text("client"));
  const page = await pageOf(all, pageRequest(parameters), "asc", (subscription): SortKey | undefined => {
    if (filter !== undefined && subscription.filter !== filter) return undefined;
    if (topic !== undefined && !topicMatches(subscription.filter, topic)) return undefined;
    if (!matches(subscription.filter)) return undefined;
    return [subscription.clientId, `${subscription.filter}\n${subscription.share ?? ""}`];
  });
  return { ...page, items: page.items.map(subscriptionSummary) };
}

/** A subscription as the API shows it. */
export function subscriptionSummary(subscription: SubscriptionState): SubscriptionSummary {
  const { clientId, filter, share = null, qos, noLocal, retainAsPublished, retainHandling, identifier = null } =
    subscription;
  return { clientId, filter, share, qos, noLocal, retainAsPublished, retainHandling, identifier };
}
