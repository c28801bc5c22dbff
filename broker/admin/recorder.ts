/**
 * The last message of each topic, as long as somebody watches.
 *
 * @module
 */

import type { QoS } from "../../codec/packets.ts";
import { TextMap } from "../../engine/text_map.ts";
import type { Broker } from "../broker.ts";
import type { PublishedMessage } from "../observers.ts";

/** Topics that are kept; for one more, the one that was silent for the longest time goes. */
const MOST_TOPICS = 10_000;
/** Bytes of all that is kept, about. */
const MOST_BYTES = 16 * 1024 * 1024;
/** Bytes of a payload that are kept. */
const PREVIEW = 1_024;
/** Characters of the longest topic that is kept: V8 finds longer texts by their length alone. */
const LONGEST_TOPIC = 4_096;
/** Messages are put in the order of their coming with this exactness, in milliseconds. */
const TICK = 100;
/** Bytes of an entry beside its topic and payload. */
const OVERHEAD = 200;

/** The last message of a topic. */
export interface LastMessage {
  readonly topic: string;
  readonly qos: QoS;
  readonly retain: boolean;
  /** The beginning of the payload. */
  readonly bytes: Uint8Array;
  /** Bytes of the whole payload. */
  readonly size: number;
  readonly receivedAt: number;
  /** Since the recording began. */
  readonly messages: number;
}

class Entry implements LastMessage {
  qos: QoS = 0;
  retain = false;
  size = 0;
  messages = 0;
  receivedAt = 0;
  #buffer = new Uint8Array(0);
  #length = 0;

  constructor(readonly topic: string) {}

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Bytes in memory. */
  get weight(): number {
    return OVERHEAD + 2 * this.topic.length + this.#buffer.length;
  }

  take({ qos, retain, payload }: PublishedMessage, now: number): void {
    this.qos = qos;
    this.retain = retain;
    this.size = payload.length;
    this.messages++;
    this.receivedAt = now;
    const length = this.#length = Math.min(payload.length, PREVIEW);
    // Mostly the next message is as long as this one, so that its bytes go where these are.
    if (length > this.#buffer.length) this.#buffer = new Uint8Array(length);
    this.#buffer.set(length === payload.length ? payload : payload.subarray(0, PREVIEW));
  }
}

/** Records while it has users. Messages of the broker's own topics are left out: they are retained anyway. */
export class Recorder {
  readonly #broker: Broker;
  /** In the order of their last messages, about. */
  #entries = new TextMap<Entry>();
  #bytes = 0;
  #users = 0;
  #now = 0;
  #stop: (() => void) | undefined;

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** Whether it records now. */
  get isOn(): boolean {
    return this.#stop !== undefined;
  }

  /** Begins to record; returns a function that ends it, if nobody else uses it. */
  use(): () => void {
    if (this.#users++ === 0) this.#start();
    let isUsed = true;
    return () => {
      if (isUsed && --this.#users === 0) this.#end();
      isUsed = false;
    };
  }

  /** The last message of a topic. */
  get(topic: string): LastMessage | undefined {
    return this.#entries.get(topic);
  }

  /** The last messages of all topics, at this moment: whoever walks through them meets each once. */
  values(): readonly LastMessage[] {
    return [...this.#entries.values()];
  }

  #start(): void {
    this.#now = this.#broker.inspection.now();
    const timer = setInterval(() => this.#now = this.#broker.inspection.now(), TICK);
    const forget = this.#broker.onPublish((topic, message) => this.#take(topic, message));
    this.#stop = () => {
      clearInterval(timer);
      forget();
    };
  }

  #end(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#entries = new TextMap();
    this.#bytes = 0;
  }

  #take(topic: string, message: PublishedMessage): void {
    const entry = this.#entries.get(topic);
    if (entry === undefined) return this.#add(topic, message);
    const isLate = entry.receivedAt !== this.#now;
    const before = entry.weight;
    entry.take(message, this.#now);
    this.#bytes += entry.weight - before;
    if (isLate) this.#moveToEnd(entry);
    if (this.#bytes > MOST_BYTES) this.#makeRoom();
  }

  #add(topic: string, message: PublishedMessage): void {
    if (topic.length > LONGEST_TOPIC || topic.startsWith("$SYS/")) return;
    const entry = new Entry(topic);
    entry.take(message, this.#now);
    this.#entries.set(topic, entry);
    this.#bytes += entry.weight;
    this.#makeRoom();
  }

  #moveToEnd(entry: Entry): void {
    this.#entries.delete(entry.topic);
    this.#entries.set(entry.topic, entry);
  }

  #makeRoom(): void {
    for (const entry of this.#entries.values()) {
      if (this.#entries.size <= MOST_TOPICS && this.#bytes <= MOST_BYTES) return;
      this.#entries.delete(entry.topic);
      this.#bytes -= entry.weight;
    }
  }
}
