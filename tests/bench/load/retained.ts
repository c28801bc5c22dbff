/**
 * Many retained messages: stored at QoS 1, then delivered to a new subscriber of everything, while another client sends
 * itself a message every millisecond and takes the time of each.
 *
 * @module
 */

import { residentBytes } from "../proc.ts";
import { Client, type ClientOptions } from "./client.ts";
import { type Metrics, Stopwatch, type Target } from "./job.ts";
import { Publisher } from "./publisher.ts";
import { type Connection, Reactor } from "./reactor.ts";
import { PUBLISH, publish, writeStamp } from "./wire.ts";

/** Retained messages. */
export interface RetainedJob {
  readonly kind: "retained";
  readonly messages: number;
  readonly payload: number;
  readonly window: number;
  /** Gives up after this time, for each half. */
  readonly limit: number;
}

/** Messages that the broker handles in each way, and how often, before it is measured. */
const WARM_UP = 50_000;
const WARM_UP_ROUNDS = 5;

/** Receives everything, and counts each retained message once. */
class Collector extends Client {
  distinct = 0;
  readonly #seen: Uint8Array;

  constructor(options: ClientOptions, messages: number) {
    super(options);
    this.#seen = new Uint8Array(messages);
  }

  protected override packet(first: number, bytes: Uint8Array, body: number, end: number): void {
    if (first >> 4 !== PUBLISH) return super.packet(first, bytes, body, end);
    if ((first & 1) === 0) return; // the witness's live messages
    const sequence = (bytes[end - 3]! << 16) | (bytes[end - 2]! << 8) | bytes[end - 1]!; // every payload has a stamp
    if (this.#seen[sequence] !== 0) return;
    this.#seen[sequence] = 1;
    this.distinct++;
  }
}

/** Sends itself a message per millisecond. */
class Witness extends Client {
  /** Longest time that a message took since it was last set to 0, in milliseconds. */
  worst = 0;
  connection: Connection | undefined;
  readonly #sentAt: number[] = [];
  readonly #packet = publish({ topic: "witness", payload: new Uint8Array(64), qos: 0, version: 4 });
  #received = 0;
  #due = 0;

  constructor() {
    super({ clientId: "witness", filters: ["witness"] });
  }

  /** Sends if it is time to. */
  tick(): void {
    const now = performance.now();
    if (now < this.#due || !this.ready) return;
    this.#due = Math.max(this.#due + 1, now);
    const packet = this.#packet.slice();
    writeStamp(packet, packet.length, 1, this.#sentAt.length);
    this.#sentAt.push(performance.now());
    this.enqueue(packet);
    this.connection?.write();
  }

  /** The longest wait so far, with what still has not come. */
  take(): number {
    const open = this.#sentAt[this.#received];
    const worst = open === undefined ? this.worst : Math.max(this.worst, performance.now() - open);
    this.worst = 0;
    return worst;
  }

  protected override packet(first: number, bytes: Uint8Array, body: number, end: number): void {
    if (first >> 4 !== PUBLISH) return super.packet(first, bytes, body, end);
    this.worst = Math.max(this.worst, performance.now() - (this.#sentAt[this.#received++] ?? Infinity));
  }
}

/**
 * Metrics: store and deliver (messages/s), storeCpu and deliverCpu (µs of broker per message), quietWait, storeWait and
 * deliverWait (the witness's longest wait before and meanwhile, ms), rss (bytes per retained message), lost.
 */
export function retained(job: RetainedJob, target: Target): Metrics {
  const reactor = new Reactor(target.hostname, target.port);
  const witness = new Witness();
  witness.connection = reactor.add(witness);
  const storer = makeStorer(job, "storer", "retained");
  reactor.add(storer);
  const until = (done: () => boolean, seconds: number): boolean => {
    const end = performance.now() + seconds * 1000;
    while (!done()) {
      if (performance.now() > end) return false;
      witness.tick();
      reactor.turn(0);
    }
    return true;
  };
  if (!until(() => witness.ready && storer.ready, 20)) throw new Error("Cannot connect in time");
  warmUp(job, reactor, until);
  until(() => false, 1);
  witness.take(); // the first second warms up
  until(() => false, 1);
  const quietWait = witness.take();

  const before = residentBytes(target.pid);
  const whole = new Stopwatch(target.pid);
  const storing = new Stopwatch(target.pid);
  storer.sending = true;
  if (!until(() => storer.completed === job.messages, job.limit)) throw new Error("Cannot store in time");
  const stored = { store: job.messages / storing.seconds(), storeCpu: storing.brokerCpu() / job.messages * 1e6 };
  const storeWait = witness.take();
  const rss = (residentBytes(target.pid) - before) / job.messages;

  until(() => false, 0.5);
  witness.take();
  const collector = new Collector({ clientId: "collector", filters: ["#"] }, job.messages);
  reactor.add(collector);
  const delivering = new Stopwatch(target.pid);
  let last = performance.now();
  let count = 0;
  until(() => {
    if (collector.distinct !== count) last = performance.now();
    count = collector.distinct;
    return count === job.messages || performance.now() - last > 3000;
  }, job.limit);
  const deliver = count / delivering.seconds(last);
  const metrics = {
    ...stored,
    deliver,
    deliverCpu: delivering.brokerCpu() / count * 1e6,
    quietWait,
    storeWait,
    deliverWait: witness.take(),
    rss,
    lost: job.messages - count,
    disordered: storer.disordered,
    ...whole.loads(),
  };
  reactor.close();
  return metrics;
}

/** As floods have a second before they are measured: the same with other topics, which then are forgotten. */
function warmUp(job: RetainedJob, reactor: Reactor, until: (done: () => boolean, seconds: number) => boolean): void {
  const some = { ...job, messages: Math.min(job.messages, WARM_UP) };
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    const storer = makeStorer(some, `warm-up-storer-${round}`, "warm-up");
    const storing = reactor.add(storer);
    storer.sending = true;
    if (!until(() => storer.completed === some.messages, job.limit)) throw new Error("Cannot warm up in time: storing");
    const collector = new Collector({ clientId: `warm-up-${round}`, filters: ["#"] }, some.messages);
    const collecting = reactor.add(collector);
    if (!until(() => collector.distinct === some.messages, job.limit)) {
      throw new Error("Cannot warm up in time: reading");
    }
    collecting.close();
    const empty = new Uint8Array(0);
    for (const topic of topicsOf(some, "warm-up")) {
      storer.enqueue(publish({ topic, payload: empty, qos: 0, version: 4, retain: true }));
    }
    until(() => false, 0.5);
    storing.close();
  }
}

function topicsOf(job: RetainedJob, root: string): string[] {
  return Array.from({ length: job.messages }, (_, index) => {
    const number = String(index).padStart(6, "0");
    return `${root}/${number.slice(0, 2)}/${number.slice(2, 4)}/${number}`;
  });
}

function makeStorer(job: RetainedJob, clientId: string, root: string): Publisher {
  const storer = new Publisher({
    clientId,
    publisher: 0,
    topics: topicsOf(job, root),
    payload: job.payload,
    publishQos: 1,
    window: job.window,
    ahead: job.messages,
    retain: true,
  });
  storer.received = () => 0; // nobody subscribes, so that `ahead` is the number to send
  return storer;
}
