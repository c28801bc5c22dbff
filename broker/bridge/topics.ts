/**
 * Which messages go over a bridge, and what their topics are on the other side.
 *
 * @module
 */

import { assertTopicName, isTopicFilter, topicMatches } from "../../codec/topic.ts";
import type { QoS } from "../../client/common.ts";

/** One `topic` of a bridge. */
export interface BridgeTopic {
  /** A topic filter, without the prefixes. May be absent if both prefixes are given: then these are the two topics. */
  readonly pattern?: string;
  /** Which way messages go, as seen from this broker. Default `out`. */
  readonly direction?: "in" | "out" | "both";
  /** Highest QoS of the messages on their way. Default 0. */
  readonly qos?: QoS;
  /** Stands before the pattern on this broker. Default none. */
  readonly localPrefix?: string;
  /** Stands before the pattern on the other broker. Default none. */
  readonly remotePrefix?: string;
}

/** A topic with both of its filters. */
export interface MappedTopic {
  readonly local: string;
  readonly remote: string;
  readonly direction: "in" | "out" | "both";
  readonly qos: QoS;
  readonly localPrefix: string;
  readonly remotePrefix: string;
}

/** Where a message goes on, and the entry that says so. */
export interface Destination {
  readonly topic: string;
  readonly entry: MappedTopic;
}

/** More names than this are forgotten together. */
const MAXIMUM_TOPICS = 4_096;

/** All topics of a bridge. */
export class TopicMap {
  readonly entries: readonly MappedTopic[];
  // A name that was put together anew would be hashed anew wherever it is looked up.
  readonly #toLocal = new Map<string, Destination | undefined>();
  readonly #toRemote = new Map<string, Destination | undefined>();

  /** Throws `TypeError` or `MqttError` for an entry that makes no filter. */
  constructor(topics: readonly BridgeTopic[]) {
    this.entries = topics.map(mapped);
  }

  /** The entries whose messages come from the other broker. */
  get incoming(): readonly MappedTopic[] {
    return this.entries.filter(({ direction }) => direction !== "out");
  }

  /** The entries whose messages go to the other broker. */
  get outgoing(): readonly MappedTopic[] {
    return this.entries.filter(({ direction }) => direction !== "in");
  }

  /**
   * How topics are renamed that come in, or go out: the same text on both ends of a way, whichever end has the bridge, if
   * it is the same way.
   */
  renames(direction: "in" | "out"): string {
    const renamed = (direction === "in" ? this.incoming : this.outgoing)
      .filter(({ localPrefix, remotePrefix }) => localPrefix !== "" || remotePrefix !== "")
      .map(({ local, remote, localPrefix, remotePrefix }) =>
        direction === "in" ? [remote, remotePrefix, localPrefix] : [local, localPrefix, remotePrefix]
      );
    return JSON.stringify(renamed);
  }

  /** Where a message of the other broker goes here; undefined if nobody asked for it. */
  toLocal(topic: string): Destination | undefined {
    return known(this.#toLocal, topic, () => {
      const entry = this.#find("out", (each) => topicMatches(each.remote, topic));
      return entry && { topic: replaced(topic, entry.remotePrefix, entry.localPrefix), entry };
    });
  }

  /** Where a message of this broker goes there; undefined if nobody asked for it. */
  toRemote(topic: string): Destination | undefined {
    return known(this.#toRemote, topic, () => {
      const entry = this.#find("in", (each) => topicMatches(each.local, topic));
      return entry && { topic: replaced(topic, entry.localPrefix, entry.remotePrefix), entry };
    });
  }

  /** As Mosquitto looks: the first entry that has prefixes, and else the first one. */
  #find(other: "in" | "out", matches: (entry: MappedTopic) => boolean): MappedTopic | undefined {
    let found: MappedTopic | undefined;
    for (const entry of this.entries) {
      if (entry.direction === other || !matches(entry)) continue;
      if (entry.localPrefix !== "" || entry.remotePrefix !== "") return entry;
      found ??= entry;
    }
    return found;
  }
}

/** What is in the cache, or else what `find` says, from now on in there. */
function known(
  cache: Map<string, Destination | undefined>,
  topic: string,
  find: () => Destination | undefined,
): Destination | undefined {
  const destination = cache.get(topic);
  if (destination !== undefined || cache.has(topic)) return destination;
  if (cache.size >= MAXIMUM_TOPICS) cache.clear();
  const found = find();
  cache.set(topic, found);
  return found;
}

function mapped(topic: BridgeTopic): MappedTopic {
  const { pattern = "", direction = "out", qos = 0, localPrefix = "", remotePrefix = "" } = topic;
  if (pattern === "" && (localPrefix === "" || remotePrefix === "")) {
    throw new TypeError("Cannot bridge a topic: it must have a pattern or both prefixes, received neither");
  }
  for (const prefix of [localPrefix, remotePrefix]) if (prefix !== "") assertTopicName(prefix);
  const local = localPrefix + pattern;
  const remote = remotePrefix + pattern;
  for (const filter of [local, remote]) {
    if (isTopicFilter(filter) && !filter.startsWith("$share/")) continue;
    throw new TypeError(`Cannot bridge a topic: "${filter}" must be a topic filter that is not shared`);
  }
  return { local, remote, direction, qos, localPrefix, remotePrefix };
}

function replaced(topic: string, prefix: string, by: string): string {
  return topic.startsWith(prefix) ? by + topic.slice(prefix.length) : topic;
}
