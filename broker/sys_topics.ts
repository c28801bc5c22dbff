/**
 * `$SYS` topics: what the broker tells about itself, as Mosquitto publishes it.
 *
 * @module
 */

import type { Timer } from "../engine/timers.ts";
import type { BrokerCore } from "./core.ts";
import { LIMIT_NAMES, type LimitName } from "./limits.ts";
import type { Metrics } from "./metrics.ts";
import { publicationOf } from "./publication.ts";
import { VERSION } from "./version.ts";

/** Averages over 1, 5 and 15 minutes, in events a minute. */
const LOADS: readonly (readonly [topic: string, count: (metrics: Metrics) => number])[] = [
  ["messages/received", (metrics) => metrics.packetsReceived],
  ["messages/sent", (metrics) => metrics.packetsSent],
  ["publish/dropped", (metrics) => metrics.droppedTotal],
  ["publish/received", (metrics) => metrics.publishReceived],
  ["publish/sent", (metrics) => metrics.publishSent],
  ["bytes/received", (metrics) => metrics.bytesReceived],
  ["bytes/sent", (metrics) => metrics.bytesSent],
  ["sockets", (metrics) => metrics.connectionsOpened],
  ["connections", (metrics) => metrics.connectsAccepted],
];
const MINUTES = [1, 5, 15] as const;
const ENCODER = new TextEncoder();

/** A moving average that forgets exponentially. */
class Load {
  #average = 0;
  #last = 0;
  readonly #minutes: number;

  constructor(minutes: number) {
    this.#minutes = minutes;
  }

  /** Takes the counter's value after `seconds`; returns the average in events a minute. */
  next(count: number, seconds: number): number {
    const rate = (count - this.#last) * 60 / seconds;
    const kept = Math.exp(-seconds / (60 * this.#minutes));
    this.#last = count;
    return this.#average = rate + kept * (this.#average - rate);
  }
}

/** Publishes the `$SYS` topics of a broker at its interval. */
export class SysTopics {
  readonly #core: BrokerCore;
  readonly #startedAt: number;
  readonly #published = new Map<string, string>();
  readonly #loads = LOADS.map(([topic, count]) => ({
    topic,
    count,
    averages: MINUTES.map((minutes) => ({ minutes, load: new Load(minutes) })),
  }));
  #heapMaximum = 0;
  #timer: Timer | undefined;

  constructor(core: BrokerCore) {
    this.#core = core;
    this.#startedAt = core.clock.now();
    if (core.options.sysInterval > 0) this.#publishAll();
  }

  /** The interval may have changed. */
  restart(): void {
    this.stop();
    if (this.#core.options.sysInterval > 0) this.#publishAll();
  }

  /** Publishes no more. */
  stop(): void {
    if (this.#timer !== undefined) this.#core.timers.cancel(this.#timer);
  }

  #publishAll(): void {
    const { clock, timers, options } = this.#core;
    this.#publish("version", `@x/mqtt version ${VERSION}`);
    this.#publish("uptime", `${Math.floor((clock.now() - this.#startedAt) / 1000)} seconds`);
    this.#publishClients();
    this.#publishMessages();
    this.#publishRefusals();
    this.#core.audit.summarize();
    this.#publishLoads(options.sysInterval);
    this.#timer = timers.schedule(clock.now() + options.sysInterval * 1000, () => this.#publishAll());
  }

  #publishClients(): void {
    const { sessions, metrics } = this.#core;
    const away = sessions.size - sessions.connected;
    this.#publish("clients/total", sessions.size);
    this.#publish("clients/connected", sessions.connected);
    this.#publish("clients/active", sessions.connected);
    this.#publish("clients/disconnected", away);
    this.#publish("clients/inactive", away);
    this.#publish("clients/maximum", metrics.clientsMaximum);
    this.#publish("clients/expired", metrics.sessionsExpired);
  }

  #publishMessages(): void {
    const { metrics, router, retained, sessions, options } = this.#core;
    let queued = 0;
    let queuedBytes = 0;
    for (const session of sessions.values()) {
      queued += session.queued + session.outbound.size;
      queuedBytes += session.queuedBytes;
    }
    this.#publish("messages/stored", retained.size + queued);
    this.#publish("messages/received", metrics.packetsReceived);
    this.#publish("messages/sent", metrics.packetsSent);
    this.#publish("store/messages/count", retained.size + queued);
    this.#publish("store/messages/bytes", retained.bytes + queuedBytes);
    this.#publish("subscriptions/count", router.subscriptions);
    this.#publish("shared_subscriptions/count", router.sharedSubscriptions);
    this.#publish("retained messages/count", retained.size);
    this.#publish("publish/messages/dropped", metrics.droppedTotal);
    this.#publish("publish/messages/received", metrics.publishReceived);
    this.#publish("publish/messages/sent", metrics.publishSent);
    this.#publish("publish/bytes/received", metrics.publishBytesReceived);
    this.#publish("publish/bytes/sent", metrics.publishBytesSent);
    this.#publish("bytes/received", metrics.bytesReceived);
    this.#publish("bytes/sent", metrics.bytesSent);
    const heap = options.heapUsed?.();
    if (heap === undefined) return;
    this.#heapMaximum = Math.max(this.#heapMaximum, heap);
    this.#publish("heap/current", heap);
    this.#publish("heap/maximum", this.#heapMaximum);
  }

  /** What was refused and dropped, and why; Mosquitto has only the sum of the drops. */
  #publishRefusals(): void {
    const { metrics, log } = this.#core;
    for (const [reason, count] of Object.entries(metrics.dropped)) {
      this.#publish(`publish/messages/dropped/${wordsOf(reason)}`, count);
    }
    for (const [kind, count] of Object.entries(metrics.refused)) this.#publish(`refused/${wordsOf(kind)}/count`, count);
    for (const [name, topic] of Object.entries(LIMIT_NAMES)) {
      this.#publish(`limits/${topic}/count`, metrics.limits[name as LimitName]); // the keys of the record are the names
    }
    if (log.dropped !== undefined) this.#publish("log/dropped", log.dropped);
  }

  #publishLoads(seconds: number): void {
    for (const { topic, count, averages } of this.#loads) {
      const value = count(this.#core.metrics);
      for (const { minutes, load } of averages) {
        this.#publish(`load/${topic}/${minutes}min`, load.next(value, seconds).toFixed(2));
      }
    }
  }

  /** A value that has not changed is not published again; it stays retained. */
  #publish(name: string, value: string | number): void {
    const topic = `$SYS/broker/${name}`;
    const text = String(value);
    if (this.#published.get(topic) === text) return;
    this.#published.set(topic, text);
    const message = { payload: ENCODER.encode(text), qos: 0, retain: true } as const;
    const core = this.#core;
    core.publish(publicationOf(core.topics.of(topic), message, core.clock.now()), undefined, false);
  }
}

/** `queueFull` as it stands in a topic: `queue_full`. */
function wordsOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
