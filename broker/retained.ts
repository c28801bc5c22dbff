/**
 * Retained messages: the last one of each topic (MQTT 5.0 section 3.3.1.3).
 *
 * @module
 */

import type { Clock } from "../engine/clock.ts";
import { TopicTrie } from "../engine/topic_trie.ts";
import type { Publication } from "./publication.ts";

/** Bounds of the {@linkcode RetainedStore}. */
export interface RetainedLimits {
  readonly maxRetainedMessages: number;
  readonly maxRetainedBytes: number;
  /** Whether a message is found only as long as who published it may. */
  readonly checkRetainSource: boolean;
}

/** All retained messages by topic name. */
export class RetainedStore {
  readonly #messages = new TopicTrie<Publication>();
  readonly #limits: RetainedLimits;
  #bytes = 0;
  /** How many were ever kept. */
  #kept = 0;

  constructor(limits: RetainedLimits) {
    this.#limits = limits;
  }

  /** Messages that are kept, expired ones included until they are met. */
  get size(): number {
    return this.#messages.size;
  }

  /** Bytes of topics, properties and payloads. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a message can be kept in place of the one that its topic has. */
  hasRoomFor(publication: Publication): boolean {
    const previous = this.#messages.get(publication.topic.name);
    const messages = this.#messages.size + (previous === undefined ? 1 : 0);
    const bytes = this.#bytes + weight(publication) - (previous === undefined ? 0 : weight(previous));
    return messages <= this.#limits.maxRetainedMessages && bytes <= this.#limits.maxRetainedBytes;
  }

  /** Keeps a message as the one of its topic. It must own its bytes. */
  set(publication: Publication): void {
    publication.retainedAs = ++this.#kept;
    const previous = this.#messages.set(publication.topic.name, publication);
    this.#bytes += weight(publication) - (previous === undefined ? 0 : weight(previous));
  }

  /** Forgets the message of a topic. False if there is none. */
  delete(topicName: string): boolean {
    const previous = this.#messages.delete(topicName);
    if (previous === undefined) return false;
    this.#bytes -= weight(previous);
    return true;
  }

  /**
   * The messages whose topics match a filter, one at a time as they are asked for. Those that are kept after this call,
   * which go to subscribers anyhow, and those that have expired are left out.
   */
  find(filter: string, clock: Clock): Iterator<Publication> {
    return this.#find(filter, clock, this.#kept);
  }

  /** The message of a topic, if it has not expired. */
  get(topicName: string, clock: Clock): Publication | undefined {
    const publication = this.#messages.get(topicName);
    return publication !== undefined && publication.expiresAt > clock.now() ? publication : undefined;
  }

  /** All messages whose topics match a filter, or all there are, one at a time; expired ones are left out. */
  *walk(filter: string | undefined, clock: Clock): Generator<Publication, void, undefined> {
    const found = filter === undefined ? this.#messages.values() : this.#messages.find(filter);
    for (const publication of found) if (publication.expiresAt > clock.now()) yield publication;
  }

  *#find(filter: string, clock: Clock, kept: number): Generator<Publication, void, undefined> {
    for (const publication of this.#messages.find(filter)) {
      if (publication.retainedAs > kept || this.#isDisowned(publication)) continue;
      if (publication.expiresAt === Infinity || publication.expiresAt > clock.now()) yield publication;
      else this.delete(publication.topic.name);
    }
  }

  #isDisowned({ source, topic }: Publication): boolean {
    return source !== undefined && this.#limits.checkRetainSource && !source.mayPublish(topic);
  }
}

function weight(publication: Publication): number {
  return publication.size + publication.topic.bytes.length;
}
