/**
 * Retained messages.
 *
 * @module
 */

import type { PublishProperties } from "../../codec/properties.ts";
import { isTopicFilter, isTopicName } from "../../codec/topic.ts";
import type { Broker } from "../broker.ts";
import type { MessageState } from "../inspection.ts";
import type { Done, Page } from "./api.ts";
import type { MessageProperties, RetainedDetails, RetainedSummary } from "./api_topics.ts";
import { ApiFailure } from "./failure.ts";
import { matcherOf } from "./matching.ts";
import { PAGE_PARAMETERS, pageOf, pageRequest, type SortKey } from "./paging.ts";
import type { Parameters } from "./parameters.ts";
import { previewOf } from "./preview.ts";

/** Bytes of a payload that are shown. */
const LONGEST_PAYLOAD = 256 * 1024;

/** Parameters of {@linkcode listRetained}. */
export const RETAINED_PARAMETERS = ["q", "filter", ...PAGE_PARAMETERS] as const;

/** Retained messages by topic. */
export async function listRetained({ inspection }: Broker, parameters: Parameters): Promise<Page<RetainedSummary>> {
  const filter = parameters.text("filter");
  if (filter !== undefined && !isTopicFilter(filter)) {
    throw new ApiFailure("bad_request", "Cannot use parameter filter: it must be a topic filter");
  }
  const matches = matcherOf(parameters.text("q"));
  const all = inspection.retained(filter);
  const page = await pageOf(all, pageRequest(parameters), "asc", ({ topic }): SortKey | undefined => {
    return matches(topic) ? [topic, ""] : undefined;
  });
  return { ...page, items: page.items.map(summaryOf) };
}

/** The retained message of a topic, with all that is known of it. */
export function showRetained({ inspection }: Broker, parameters: Parameters): RetainedDetails {
  const message = inspection.retainedMessage(topicIn(parameters));
  if (message === undefined) throw noMessage();
  return retainedDetails(message);
}

/** Deletes the retained message of a topic as a client would: subscribers get an empty message. */
export function deleteRetained(broker: Broker, parameters: Parameters): Done {
  const topic = topicIn(parameters);
  if (broker.inspection.retainedMessage(topic) === undefined) throw noMessage();
  if (topic.startsWith("$SYS/")) throw new ApiFailure("conflict", "Topics of the broker itself cannot be deleted");
  broker.publish({ topic, payload: "", retain: true });
  return { done: true };
}

/** The parameter `topic`. */
export function topicIn(parameters: Parameters): string {
  const topic = parameters.required("topic");
  if (isTopicName(topic)) return topic;
  throw new ApiFailure("bad_request", "Cannot use parameter topic: it must be a topic name");
}

function noMessage(): ApiFailure {
  return new ApiFailure("not_found", "There is no retained message on this topic");
}

/** A retained message, with payload and properties. */
export function retainedDetails(message: MessageState): RetainedDetails {
  const { payload } = message;
  return {
    ...summaryOf(message),
    payload: payload.subarray(0, LONGEST_PAYLOAD).toBase64(),
    payloadTruncated: payload.length > LONGEST_PAYLOAD,
    properties: propertiesOf(message.properties()),
  };
}

function summaryOf({ topic, payload, qos, expiresAt }: MessageState): RetainedSummary {
  return { topic, expiresAt: Number.isFinite(expiresAt) ? expiresAt : null, ...previewOf(payload, qos) };
}

function propertiesOf(properties: PublishProperties): MessageProperties {
  return {
    payloadFormatIndicator: properties.payloadFormatIndicator,
    messageExpiryInterval: properties.messageExpiryInterval,
    contentType: properties.contentType,
    responseTopic: properties.responseTopic,
    correlationData: properties.correlationData?.toBase64(),
    userProperties: properties.userProperties,
  };
}
