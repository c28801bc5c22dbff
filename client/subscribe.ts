/**
 * What `client.subscribe()` does.
 *
 * @module
 */

import type { UserProperties } from "../codec/properties.ts";
import { assertFilters } from "./checks.ts";
import { Subscriber } from "./filters.ts";
import { Inbox } from "./inbox.ts";
import { handleMessages, type HandlerErrors } from "./message_handler.ts";
import type { Session } from "./session.ts";
import { createSubscription, type SubscribeOptions, type Subscription } from "./subscription.ts";

/** Makes a subscription, and asks the server for it now or with the next connection. */
export function subscribe(
  { subscriptions, crowding }: Session,
  filter: string | readonly string[],
  options: SubscribeOptions,
  errors: HandlerErrors,
): Subscription {
  options.signal?.throwIfAborted();
  const filters = [...new Set(typeof filter === "string" ? [filter] : filter)];
  assertFilters(filters, options);
  const { maximumMessages = 16_384, maximumBytes = 16_777_216, overflow = "drop-oldest", onMessage } = options;
  const isManual = options.acknowledge === "manual";
  const limits = {
    messages: maximumMessages,
    bytes: maximumBytes,
    overflow,
    isManual: isManual || onMessage !== undefined,
  };
  const inbox = new Inbox(limits, crowding, () => remove());
  const subscriber = new Subscriber(filters, {
    qos: options.qos ?? 0,
    noLocal: options.noLocal ?? false,
    retainAsPublished: options.retainAsPublished ?? false,
    retainHandling: options.retainHandling ?? 0,
    userProperties: options.properties?.userProperties,
  }, inbox);
  const remove = (userProperties?: UserProperties) => subscriptions.remove(subscriber, userProperties);
  subscriptions.add(subscriber);
  if (onMessage !== undefined) void handleMessages(inbox, onMessage, !isManual, errors); // never rejects
  return createSubscription(subscriber, remove, options.signal, onMessage !== undefined);
}
