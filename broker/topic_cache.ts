/**
 * Topic names by their bytes: decoded, validated and matched once, not once a message.
 *
 * @module
 */

import { decodeUtf8, encodeUtf8 } from "../codec/bytes.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import { assertTopicName } from "../codec/topic.ts";
import { LimitError } from "./limits.ts";
import type { Route } from "./router.ts";

/** A topic name in use, with what the broker knows about it. */
export interface Topic {
  readonly name: string;
  /** The name in UTF-8, without a length. */
  readonly bytes: Uint8Array;
  /** Whether it belongs to the broker, so that no client may publish there. */
  readonly isSys: boolean;
  /** The same in memory of its own, for whoever keeps it. */
  readonly kept: Topic;
  /** Who gets what is published here, as long as the router remembers it. */
  route: Route | undefined;
}

/** A topic whose bytes are made when somebody asks for them: mostly nobody does who has not had them before. */
export class NamedTopic implements Topic {
  readonly name: string;
  readonly isSys: boolean;
  route: Route | undefined;
  #bytes: Uint8Array | undefined;

  constructor(name: string, bytes?: Uint8Array) {
    this.name = name;
    this.isSys = isBrokers(name);
    this.#bytes = bytes;
  }

  get kept(): this {
    return this;
  }

  get bytes(): Uint8Array {
    return this.#bytes ??= encodeUtf8(this.name);
  }
}

/** A topic that lies in memory with other things: nothing is made of it that nobody asks for. */
export class SharedTopic implements Topic {
  route: Route | undefined;
  readonly #memory: Uint8Array;
  readonly #start: number;
  readonly #end: number;

  constructor(memory: Uint8Array, start: number, end: number) {
    this.#memory = memory;
    this.#start = start;
    this.#end = end;
  }

  get name(): string {
    return decodeUtf8(this.#memory, this.#start, this.#end);
  }

  get bytes(): Uint8Array {
    return this.#memory.subarray(this.#start, this.#end);
  }

  get isSys(): boolean {
    return isBrokers(this.name);
  }

  get kept(): Topic {
    return new NamedTopic(this.name);
  }
}

function isBrokers(name: string): boolean {
  return name.startsWith("$SYS") || name.startsWith("$CONTROL/");
}

/** What a topic may be. */
export interface TopicLimits {
  readonly maxTopicLevels: number;
  /** Bytes. */
  readonly maxTopicLength: number;
}

/** How many levels a topic name or filter has. */
function levelsOf(topic: string): number {
  let levels = 1;
  for (let at = topic.indexOf("/"); at >= 0; at = topic.indexOf("/", at + 1)) levels++;
  return levels;
}

/** Which limit a topic name or filter goes beyond, if any. */
export function topicLimitOf(topic: string, limits: TopicLimits): "maxTopicLevels" | "maxTopicLength" | undefined {
  if (levelsOf(topic) > limits.maxTopicLevels) return "maxTopicLevels";
  // A character has three bytes at most, so that few have to be counted.
  const mayBeLong = 3 * topic.length > limits.maxTopicLength && limits.maxTopicLength < LONGEST_TOPIC;
  return mayBeLong && encodeUtf8(topic).length > limits.maxTopicLength ? "maxTopicLength" : undefined;
}

/** Throws {@linkcode LimitError} 0x90 when a topic name goes beyond `limits`. */
export function assertTopicLimits(topic: string, limits: TopicLimits): void {
  const limit = topicLimitOf(topic, limits);
  if (limit === undefined) return;
  const unit = limit === "maxTopicLevels" ? "levels" : "bytes";
  const received = limit === "maxTopicLevels" ? levelsOf(topic) : encodeUtf8(topic).length;
  throw new LimitError(
    limit,
    `Cannot use topic: it must have at most ${limits[limit]} ${unit}, received ${received}`,
    ReasonCode.TopicNameInvalid,
  );
}

/** Bytes that the standard allows. */
const LONGEST_TOPIC = 65_535;
/**
 * Topics kept in each of the two generations, by {@linkcode weightOf}; a full one becomes the old one, and the old one is
 * forgotten.
 */
const GENERATION_WEIGHT = 32_768;
/** As a power of two: characters of a name that weigh as much as another topic. */
const CHARACTERS = 7;
/** Hashes of topics that were seen once, by their low bits; a power of two. */
const DOORKEEPER_SIZE = 16_384;

/** How much a topic takes of what may be remembered: 1, or more for a long name, as hostile ones have 65,535 bytes. */
export function weightOf({ name }: Topic): number {
  return 1 + (name.length >> CHARACTERS);
}

/** A bounded cache from the bytes of a topic name to its {@linkcode Topic}. */
export class TopicCache {
  readonly #limits: TopicLimits;
  // Whoever could tell the hashes beforehand could pick topics whose hashes share a place in the maps below: *measured*,
  // 16,000 such topics took 240 times as long as others.
  readonly #seed = crypto.getRandomValues(new Int32Array(1))[0] ?? 0;
  // One topic a hash: a collision replaces it, so that hostile names cost time, never memory.
  #young = new Map<number, Topic>();
  #old = new Map<number, Topic>();
  /** Of all that came into the young generation. */
  #weight = 0;
  // A topic is remembered when it comes a second time: those that come once would only push others out.
  readonly #seenOnce = new Int32Array(DOORKEEPER_SIZE);

  constructor(limits: TopicLimits) {
    this.#limits = limits;
  }

  /** The topic whose name stands in `bytes` from `start` to `end`. Throws MqttError if it is no valid topic name. */
  get(bytes: Uint8Array, start: number, end: number): Topic {
    const hash = hashOf(this.#seed, bytes, start, end);
    const known = this.#young.get(hash);
    if (known !== undefined && isTopic(known, bytes, start, end)) return known;
    return this.#find(hash, bytes, start, end);
  }

  /** The topic with this name. Throws MqttError if it is no valid topic name. */
  of(name: string): Topic {
    assertTopicName(name);
    const bytes = encodeUtf8(name);
    return this.get(bytes, 0, bytes.length);
  }

  /** Topics held now. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  #find(hash: number, bytes: Uint8Array, start: number, end: number): Topic {
    const known = this.#old.get(hash);
    if (known !== undefined && isTopic(known, bytes, start, end)) return this.#add(hash, known);
    const name = decodeUtf8(bytes, start, end);
    assertTopicName(name);
    // The limit is for clients; the broker's own topics are as deep as they are.
    if (!name.startsWith("$SYS/")) assertTopicLimits(name, this.#limits);
    const topic = new NamedTopic(name);
    const place = hash & (DOORKEEPER_SIZE - 1);
    if (this.#seenOnce[place] === hash) return this.#add(hash, topic);
    this.#seenOnce[place] = hash;
    return topic;
  }

  #add(hash: number, topic: Topic): Topic {
    if (this.#weight >= GENERATION_WEIGHT) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#weight = 0;
    }
    this.#weight += weightOf(topic);
    this.#young.set(hash, topic);
    return topic;
  }
}

/** Whether `topic` has exactly the name that stands in `bytes` from `start` to `end`. */
export function isTopic(topic: Topic, bytes: Uint8Array, start: number, end: number): boolean {
  const { name } = topic;
  if (name.length !== end - start) return name.length < end - start && hasBytes(topic.bytes, bytes, start, end);
  // With as many characters as bytes only ASCII can be the same, so no bytes of the topic's own are needed.
  // Topics of one application mostly differ at their end.
  for (let i = name.length - 1; i >= 0; i--) {
    const byte = bytes[start + i] ?? 0;
    if (byte > 0x7f || name.charCodeAt(i) !== byte) return false;
  }
  return true;
}

function hasBytes(own: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (own.length !== end - start) return false;
  for (let i = own.length - 1; i >= 0; i--) {
    if (own[i] !== bytes[start + i]) return false;
  }
  return true;
}

/** FNV-1a with a secret beginning. */
function hashOf(seed: number, bytes: Uint8Array, start: number, end: number): number {
  let hash = seed;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  return hash;
}
