/**
 * The load that `bench` puts on a server.
 *
 * @module
 */

import type { Client } from "../client.ts";
import type { Subscription } from "../subscription.ts";
import { nextTurn } from "../waiting.ts";
import type { Config } from "./config.ts";
import { Histogram } from "./histogram.ts";
import type { ProgressState } from "./progress.ts";

/** What came of it. */
export interface LoadResult {
  readonly published: number;
  /** Publications that the server has refused, or that were cut off. */
  readonly failed: number;
  readonly received: number;
  /** How many should have been received. */
  readonly expected: number;
  /** From the first publication to the last message. */
  readonly seconds: number;
  readonly latency: Histogram;
}

/** Milliseconds without a message after which those that lack are given up. */
const PATIENCE = 2_000;
/** Publications between two looks at the clock. */
const BATCH = 256;

/** Publishers and subscribers of one topic, who count and take times. */
export class Load {
  readonly #config: Config;
  readonly #publishers: readonly Client[];
  readonly #subscriptions: readonly Subscription[];
  readonly #latency = new Histogram();
  #startedAt = 0;
  #lastReceivedAt = 0;
  #published = 0;
  #failed = 0;
  #received = 0;
  /** Publications that were waited for in vain. */
  #givenUp = 0;
  #arrival = Promise.withResolvers<void>();

  constructor(config: Config, publishers: readonly Client[], subscribers: readonly Client[]) {
    this.#config = config;
    this.#publishers = publishers;
    const { topic = "", qos } = config;
    this.#subscriptions = subscribers.map((client) => {
      // Whatever the subscribers cannot keep up with shows as latency, not as loss.
      return client.subscribe(topic, { qos, maximumMessages: 1e7, maximumBytes: 1e9 });
    });
  }

  /** Settles when the server has taken all subscriptions. */
  async subscribed(): Promise<void> {
    await Promise.all(this.#subscriptions.map((subscription) => subscription.ready));
  }

  /** How far it has come. */
  progress(): ProgressState {
    const { count, seconds = Infinity } = this.#config.bench;
    const elapsed = (performance.now() - this.#startedAt) / 1_000;
    const total = (count ?? Infinity) * this.#publishers.length;
    const perSecond = Math.round((this.#received || this.#published) / Math.max(elapsed, 0.001));
    const share = Math.max(this.#published / total, elapsed / seconds);
    return { share, text: `${perSecond.toLocaleString("en-US")} messages/s` };
  }

  /** Publishes until enough is sent, or the signal says so, and then waits for what is under way. */
  async run(signal: AbortSignal): Promise<LoadResult> {
    this.#startedAt = this.#lastReceivedAt = performance.now();
    const readers = Promise.all(this.#subscriptions.map((subscription) => this.#read(subscription)));
    const publishing = Promise.all(this.#publishers.map((client) => this.#publish(client, signal)));
    // A subscriber that is lost ends the measurement.
    await Promise.race([publishing, readers.then(() => publishing)]);
    const publishedAt = performance.now();
    const expected = (this.#published - this.#failed) * this.#subscriptions.length;
    while (this.#received < expected && performance.now() - this.#lastReceivedAt < PATIENCE) await nextTurn();
    const endedAt = this.#received > 0 ? Math.max(publishedAt, this.#lastReceivedAt) : publishedAt;
    await Promise.all(this.#subscriptions.map((subscription) => subscription.return()));
    await readers;
    return {
      published: this.#published,
      failed: this.#failed,
      received: this.#received,
      expected,
      seconds: Math.max(0.001, (endedAt - this.#startedAt) / 1_000),
      latency: this.#latency,
    };
  }

  async #read(subscription: Subscription): Promise<void> {
    for await (const { payload } of subscription) {
      const now = performance.now();
      this.#lastReceivedAt = now;
      this.#received++;
      if (this.#received % this.#subscriptions.length === 0) this.#arrived();
      if (payload.length < 8) continue;
      this.#latency.add(now - new DataView(payload.buffer, payload.byteOffset, 8).getFloat64(0));
    }
  }

  async #publish(client: Client, signal: AbortSignal): Promise<void> {
    const { topic = "", qos, retain, bench: { size, count = Infinity, seconds = Infinity, window } } = this.#config;
    const payload = new Uint8Array(size);
    const clock = new DataView(payload.buffer);
    const open: Promise<void>[] = Array.from({ length: window }, () => Promise.resolve());
    const until = this.#startedAt + seconds * 1_000;
    for (let i = 0; i < count && !signal.aborted && client.state.kind !== "closed"; i++) {
      if (i % BATCH === 0 && performance.now() >= until) break;
      const place = i % window;
      if (qos > 0) await open[place];
      else await this.#room(i);
      clock.setFloat64(0, performance.now());
      this.#published++;
      open[place] = client.publish(topic, payload, { qos, retain }).then(
        ({ ok }) => this.#completed(ok),
        () => this.#completed(false),
      );
    }
    await Promise.all(open);
  }

  /** With QoS 0 a window ends at the subscribers, since the server says nothing; without them it is left to the network. */
  async #room(index: number): Promise<void> {
    const subscribers = this.#subscriptions.length;
    if (subscribers === 0) {
      if (index % BATCH === 0) await nextTurn();
      return;
    }
    const window = this.#config.bench.window * this.#publishers.length;
    const lag = () => this.#published - this.#givenUp - this.#received / subscribers;
    while (lag() >= window) {
      const arrival = this.#arrival.promise;
      const isLost = Symbol();
      const timeout = delay(PATIENCE, isLost);
      const outcome = await Promise.race([arrival, timeout.promise]);
      timeout.cancel();
      if (outcome === isLost) this.#givenUp += lag();
    }
  }

  #arrived(): void {
    this.#arrival.resolve();
    this.#arrival = Promise.withResolvers();
  }

  #completed(ok: boolean): void {
    if (!ok) this.#failed++;
  }
}

function delay<T>(milliseconds: number, value: T): { promise: Promise<T>; cancel(): void } {
  const { promise, resolve } = Promise.withResolvers<T>();
  const timer = setTimeout(() => resolve(value), milliseconds);
  return { promise, cancel: () => clearTimeout(timer) };
}
