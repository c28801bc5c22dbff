/**
 * Topic names and topic filters (MQTT 5.0 section 4.7) and shared subscriptions (section 4.8.2).
 *
 * @module
 */

import { MAXIMUM_STRING_LENGTH, utf8Length } from "./bytes.ts";
import { MqttError } from "./errors.ts";
import { ReasonCode } from "./reason_codes.ts";

const SHARE = "$share/";

/** A shared subscription's filter in its two parts. */
export interface SharedFilter {
  /** The share name. */
  group: string;
  /** The topic filter that the group shares. */
  filter: string;
}

/**
 * Whether `topic` is a topic name: 1 to 65,535 bytes of UTF-8 without U+0000 and lone surrogates [MQTT-4.7.3-1]
 * [MQTT-4.7.3-2] [MQTT-4.7.3-3], and without wildcards [MQTT-4.7.0-1].
 */
export function isTopicName(topic: string): boolean {
  return isTopicText(topic) && !topic.includes("#") && !topic.includes("+");
}

/**
 * Whether `filter` is a topic filter: the rules of {@linkcode isTopicName} but with wildcards, `#` as the last level
 * and `+` as any [MQTT-4.7.1-1] [MQTT-4.7.1-2]; and one that begins with `$share/` has a share name and a filter
 * behind it [MQTT-4.8.2-1] [MQTT-4.8.2-2].
 */
export function isTopicFilter(filter: string): boolean {
  if (!isTopicText(filter)) return false;
  if (!filter.startsWith(SHARE)) return hasWildcardsInPlace(filter);
  const shared = parseSharedFilter(filter);
  return shared !== undefined && hasWildcardsInPlace(shared.filter);
}

/** Throws {@linkcode MqttError} 0x90 unless `topic` is a topic name, see {@linkcode isTopicName}. */
export function assertTopicName(topic: string): void {
  if (isTopicName(topic)) return;
  throw new MqttError(
    `Cannot use topic name: it must have 1 to 65535 bytes and no wildcards, received "${excerpt(topic)}"`,
    ReasonCode.TopicNameInvalid,
  );
}

/**
 * Bytes that the topic name `topic` of a PUBLISH takes in UTF-8, 0 for an empty one; `RangeError` if it has wildcards,
 * other errors as for `utf8Length`. One pass over what is nearly always ASCII.
 */
export function topicNameLength(topic: string): number {
  const units = topic.length;
  let ascii = units <= MAXIMUM_STRING_LENGTH;
  for (let i = 0; i < units; i++) {
    const unit = topic.charCodeAt(i);
    if (unit === HASH || unit === PLUS) {
      throw new RangeError(`Cannot encode topic name: it must have no wildcards, received "${excerpt(topic)}"`);
    }
    if (unit > 0x7f || unit === 0) ascii = false;
  }
  return ascii ? units : utf8Length(topic);
}

/** Throws {@linkcode MqttError} 0x8F unless `filter` is a topic filter, see {@linkcode isTopicFilter}. */
export function assertTopicFilter(filter: string): void {
  if (isTopicFilter(filter)) return;
  throw new MqttError(
    `Cannot use topic filter: it must have 1 to 65535 bytes, # as last level, + as level, received "${
      excerpt(filter)
    }"`,
    ReasonCode.TopicFilterInvalid,
  );
}

/**
 * The parts of `$share/group/filter`; undefined if `filter` is no shared subscription's, or its group is empty or has
 * a wildcard, or nothing follows the group. Whether the inner filter is valid is not looked at.
 */
export function parseSharedFilter(filter: string): SharedFilter | undefined {
  if (!filter.startsWith(SHARE)) return undefined;
  const slash = filter.indexOf("/", SHARE.length);
  if (slash <= SHARE.length || slash + 1 === filter.length) return undefined;
  const group = filter.slice(SHARE.length, slash);
  if (group.includes("#") || group.includes("+")) return undefined;
  return { group, filter: filter.slice(slash + 1) };
}

/**
 * Whether a message to the topic name `topic` belongs to a subscription with the topic filter `filter`. A filter that
 * begins with a wildcard matches no topic that begins with `$` [MQTT-4.7.2-1]; `a/#` matches `a`; a shared
 * subscription matches by the filter behind its share name. Characters are compared as they are [MQTT-4.7.3-4].
 *
 * ```ts
 * import { topicMatches } from "@x/mqtt/codec";
 *
 * console.log(topicMatches("sensors/+/temperature", "sensors/7/temperature")); // true
 * console.log(topicMatches("#", "$SYS/uptime")); // false
 * ```
 *
 * @example
 * ```ts
 * import { topicMatches } from "@x/mqtt/client";
 *
 * console.log(topicMatches("sensors/+/temperature", "sensors/7/temperature")); // true
 * ```
 */
export function topicMatches(filter: string, topic: string): boolean {
  const shared = filter.startsWith(SHARE) ? parseSharedFilter(filter) : undefined;
  return matches(shared === undefined ? filter : shared.filter, topic);
}

const SLASH = 0x2f;
const HASH = 0x23;
const PLUS = 0x2b;
const DOLLAR = 0x24;

function matches(filter: string, topic: string): boolean {
  if (filter === "" || topic === "") return false;
  const first = filter.charCodeAt(0);
  if (topic.charCodeAt(0) === DOLLAR && (first === HASH || first === PLUS)) return false;
  let f = 0;
  let t = 0;
  // Each round compares one level; f and t stand at its first character.
  for (;;) {
    if (filter.charCodeAt(f) === HASH) return f + 1 === filter.length;
    if (filter.charCodeAt(f) === PLUS) {
      f++;
      while (t < topic.length && topic.charCodeAt(t) !== SLASH) t++;
    } else {
      while (f < filter.length && filter.charCodeAt(f) !== SLASH && filter.charCodeAt(f) === topic.charCodeAt(t)) {
        f++;
        t++;
      }
    }
    if (t === topic.length) return f === filter.length || f + 2 === filter.length && filter.endsWith("/#");
    if (f === filter.length || filter.charCodeAt(f) !== SLASH || topic.charCodeAt(t) !== SLASH) return false;
    f++;
    t++;
  }
}

/** What topic names and filters have in common. */
function isTopicText(text: string): boolean {
  if (text.length === 0 || text.length > MAXIMUM_STRING_LENGTH || text.includes("\0") || !text.isWellFormed()) {
    return false;
  }
  // A UTF-16 unit takes three bytes at most, so most texts need not be measured.
  return text.length * 3 <= MAXIMUM_STRING_LENGTH || new TextEncoder().encode(text).length <= MAXIMUM_STRING_LENGTH;
}

function hasWildcardsInPlace(filter: string): boolean {
  for (let i = 0; i < filter.length; i++) {
    const unit = filter.charCodeAt(i);
    if (unit !== HASH && unit !== PLUS) continue;
    if (i > 0 && filter.charCodeAt(i - 1) !== SLASH) return false;
    if (i + 1 === filter.length) return true;
    if (unit === HASH || filter.charCodeAt(i + 1) !== SLASH) return false;
  }
  return true;
}

/** The beginning of a text that others have written, for messages. */
export function excerpt(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
