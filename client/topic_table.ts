/**
 * Topic names that come in, by their bytes: decoded, checked and matched once, not once a message.
 *
 * Typed arrays are read with `!`: each index is within a topic name that the caller has found in its packet.
 *
 * @module
 */

import { decodeUtf8 } from "../codec/bytes.ts";
import { assertTopicName } from "../codec/topic.ts";
import type { Inbox } from "./inbox.ts";

/** A topic name, and who gets what comes on it; the route is stale when its version is not that of the filters. */
export interface InboundTopic {
  readonly name: string;
  /** The name in UTF-8. */
  readonly bytes: Uint8Array;
  route: readonly Inbox[];
  /** Subscription identifier that the route is for; 0 for none. */
  routeIdentifier: number;
  routeVersion: number;
}

/** More names than this are forgotten together. */
const MAXIMUM_TOPICS = 4_096;

/** A bounded cache from the bytes of a topic name to its {@linkcode InboundTopic}. */
export class TopicTable {
  // One topic a hash: a collision replaces it, so that many names cost time, never memory.
  readonly #topics = new Map<number, InboundTopic>();
  #last: InboundTopic | undefined;

  /** The topic whose name stands in `bytes` from `start` to `end`. Throws `MqttError` 0x81, 0x90 if it is none. */
  get(bytes: Uint8Array, start: number, end: number): InboundTopic {
    const last = this.#last;
    if (last !== undefined && isTopic(last, bytes, start, end)) return last;
    const hash = hashOf(bytes, start, end);
    const known = this.#topics.get(hash);
    const topic = known !== undefined && isTopic(known, bytes, start, end) ? known : this.#add(hash, bytes, start, end);
    this.#last = topic;
    return topic;
  }

  #add(hash: number, bytes: Uint8Array, start: number, end: number): InboundTopic {
    const name = decodeUtf8(bytes, start, end);
    assertTopicName(name);
    if (this.#topics.size >= MAXIMUM_TOPICS) this.#topics.clear();
    const topic = { name, bytes: bytes.slice(start, end), route: [], routeIdentifier: 0, routeVersion: -1 };
    this.#topics.set(hash, topic);
    return topic;
  }
}

function isTopic(topic: InboundTopic, bytes: Uint8Array, start: number, end: number): boolean {
  const name = topic.bytes;
  if (name.length !== end - start) return false;
  // Topics of one application mostly differ at their end.
  for (let i = name.length - 1; i >= 0; i--) {
    if (name[i] !== bytes[start + i]) return false;
  }
  return true;
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5; // FNV-1a
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}
