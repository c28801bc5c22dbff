/**
 * What flows through the broker, measured twice a second and remembered for ten minutes.
 *
 * @module
 */

import type { Broker } from "../broker.ts";
import type { MetricsState } from "../metrics.ts";
import type { BrokerState } from "./api.ts";
import type { Sample } from "./api_events.ts";
import type { LoopDelay } from "./loop_delay.ts";

/** Milliseconds between two samples. */
const INTERVAL = 500;
/** Every so many samples, one is remembered. */
const REMEMBERED = 4;
/** Samples that are remembered. */
const MOST_SAMPLES = 300;

/** What is counted, at one moment. */
interface Counted {
  readonly at: number;
  /** Milliseconds of a clock that nobody sets. */
  readonly ticks: number;
  readonly metrics: MetricsState;
  readonly dropped: number;
}

/** Takes samples of a broker. */
export class Sampler {
  /** Called with each new sample. */
  onSample: (sample: Sample) => void = () => {};
  readonly #broker: Broker;
  readonly #loopDelay: LoopDelay;
  readonly #memory: () => number | undefined;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #history: Sample[] = [];
  #count = 0;
  /** At the last sample, and at the last one that is remembered. */
  #last: Counted;
  #remembered: Counted;
  #longestDelay = 0;

  /** `memory` tells the bytes of the process, undefined if nobody knows. */
  constructor(broker: Broker, loopDelay: LoopDelay, memory: () => number | undefined) {
    this.#broker = broker;
    this.#loopDelay = loopDelay;
    this.#memory = memory;
    this.#last = this.#remembered = this.#counted();
    this.#timer = setInterval(() => this.#take(), INTERVAL);
  }

  /** One sample every two seconds, the newest at the end. */
  get history(): readonly Sample[] {
    return this.#history;
  }

  /** Takes no more. */
  close(): void {
    clearInterval(this.#timer);
  }

  #take(): void {
    const counted = this.#counted();
    const delay = this.#loopDelay.takeLongest();
    this.#longestDelay = Math.max(this.#longestDelay, delay);
    this.onSample(this.#sample(this.#last, counted, delay));
    this.#last = counted;
    if (++this.#count % REMEMBERED !== 0) return;
    this.#history.push(this.#sample(this.#remembered, counted, this.#longestDelay));
    if (this.#history.length > MOST_SAMPLES) this.#history.shift();
    this.#remembered = counted;
    this.#longestDelay = 0;
  }

  #counted(): Counted {
    const dropped = Object.values(this.#broker.counts().dropped).reduce((sum, count) => sum + count, 0);
    return { at: Date.now(), ticks: performance.now(), metrics: this.#broker.inspection.metrics(), dropped };
  }

  #sample(from: Counted, to: Counted, loopDelay: number): Sample {
    const seconds = Math.max(1, to.ticks - from.ticks) / 1000;
    const rate = (before: number, now: number) => (now - before) / seconds;
    const { received, sent, commits, connectsAccepted } = to.metrics;
    const { metrics } = from;
    const committed = commits.count - metrics.commits.count;
    return {
      at: to.at,
      messagesIn: rates(metrics.received.messages, received.messages, rate),
      messagesOut: rates(metrics.sent.messages, sent.messages, rate),
      bytesIn: rate(metrics.received.bytes, received.bytes),
      bytesOut: rate(metrics.sent.bytes, sent.bytes),
      dropped: rate(from.dropped, to.dropped),
      connects: rate(metrics.connectsAccepted, connectsAccepted),
      counts: stateOf(this.#broker),
      loopDelay,
      commitTime: committed === 0 ? null : (commits.sum - metrics.commits.sum) / committed,
      memory: this.#memory() ?? null,
    };
  }
}

type ByQoS = readonly [number, number, number];

function rates(before: ByQoS, now: ByQoS, rate: (before: number, now: number) => number): ByQoS {
  return [rate(before[0], now[0]), rate(before[1], now[1]), rate(before[2], now[2])];
}

/** What the broker holds now. */
export function stateOf(broker: Broker): BrokerState {
  const { connections, sessions, subscriptions, retained } = broker.counts();
  const { connected, sharedSubscriptions, retainedBytes } = broker.inspection;
  return { connections, clients: connected, sessions, subscriptions, sharedSubscriptions, retained, retainedBytes };
}
