/**
 * Publications to and from records of the store.
 *
 * @module
 */

import { PublishPropertiesView } from "../codec/publish_view.ts";
import { Publication } from "./publication.ts";
import type { StoredMessage } from "./store.ts";
import { NamedTopic, type Topic } from "./topic_cache.ts";

/** The record of a publication, which must own its bytes. */
export function storedMessageOf(publication: Publication): StoredMessage {
  const { topic, qos, retain, bytes, propertiesStart, propertiesEnd, payload, expiresAt } = publication;
  return {
    topic: topic.name,
    qos,
    retain,
    properties: bytes.subarray(propertiesStart, propertiesEnd),
    payload,
    expiresAt,
  };
}

/** A topic by itself: the cache is for those in use, and a store may have a great many that are not. */
export function topicOf(name: string): Topic {
  return new NamedTopic(name);
}

/** The publication of a record. */
export function publicationOfStored(message: StoredMessage): Publication {
  const { topic: name, qos, retain, properties, payload, expiresAt } = message;
  const bytes = new Uint8Array(properties.length + payload.length);
  bytes.set(properties);
  bytes.set(payload, properties.length);
  const publication = new Publication();
  publication.reset(topicOf(name), qos, retain, bytes);
  publication.propertiesEnd = properties.length;
  publication.payloadStart = properties.length;
  publication.payloadEnd = bytes.length;
  if (expiresAt !== Infinity) {
    const view = new PublishPropertiesView();
    view.scan(bytes, 0, properties.length);
    publication.expiryAt = view.messageExpiryAt;
    publication.expiresAt = expiresAt;
  }
  publication.isOwned = true;
  return publication;
}
