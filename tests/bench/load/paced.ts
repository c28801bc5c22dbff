/**
 * Messages at a fixed rate, one per write, with the time that each takes.
 *
 * The generator spins instead of sleeping, so that neither a timer's grain nor the time to wake its core is counted.
 *
 * @module
 */

import { residentBytes } from "../proc.ts";
import { percentile } from "../stats.ts";
import { Client, type ClientOptions } from "./client.ts";
import { type Metrics, Stopwatch, type Target } from "./job.ts";
import { type Connection, Reactor } from "./reactor.ts";
import { Subscriber } from "./subscriber.ts";
import { publish, writeStamp } from "./wire.ts";

/** Paced pairs, or one paced publisher to many subscribers of whom one may be stuck. */
export interface PacedJob {
  readonly kind: "paced";
  readonly shape: "pairs" | "fan-out";
  readonly publishers: number;
  readonly subscribers: number;
  /** Messages per second, of all publishers together. */
  readonly rate: number;
  readonly payload: number;
  /** One more subscriber that stops reading, and the bytes that wait for it before the measurement begins. */
  readonly stuckBytes?: number;
  readonly warmUp: number;
  readonly seconds: number;
}

/** Sends one stamped message when told. */
export class PacedPublisher extends Client {
  sent = 0;
  readonly #packet: Uint8Array<ArrayBuffer>;

  constructor(options: ClientOptions, readonly number: number, topic: string, payload: number) {
    super(options);
    this.#packet = publish({ topic, payload: new Uint8Array(payload).fill(0x2e), qos: 0, version: 4 });
  }

  /** Sends the next message; the packet is copied only if the one before has not left yet. */
  send(connection: Connection): void {
    const packet = this.#packet.slice();
    writeStamp(packet, packet.length, this.number, this.sent++);
    this.enqueue(packet);
    connection.write();
  }
}

/** Takes the time of each message. */
class TimedSubscriber extends Subscriber {
  #times: Float64Array;
  #taken = 0;

  constructor(options: ClientOptions, readonly sentAt: readonly Float64Array[], room: number) {
    super(options, sentAt.length);
    this.#times = new Float64Array(room);
  }

  /** Milliseconds that each message took since `forget`. */
  get times(): Float64Array {
    return this.#times.subarray(0, this.#taken);
  }

  forget(): void {
    this.#taken = 0;
  }

  protected override message(publisher: number, sequence: number): void {
    const now = performance.now();
    this.#times[this.#taken++] = now - (this.sentAt[publisher]?.[sequence] ?? now);
  }
}

/** Metrics: p50, p99, worst (ms), cpu (µs of broker per delivery), rss, lost, disordered. */
export function paced(job: PacedJob, target: Target): Metrics {
  const reactor = new Reactor(target.hostname, target.port);
  const count = Math.ceil(job.rate / job.publishers * (job.warmUp + job.seconds)) + 1;
  const sentAt = Array.from({ length: job.publishers }, () => new Float64Array(count));
  const subscribers = Array.from({ length: job.subscribers }, (_, index) => {
    const options = { clientId: `subscriber-${index}`, filters: [topic(job, index)] };
    return new TimedSubscriber(options, sentAt, job.shape === "pairs" ? count : count * job.publishers);
  });
  for (const party of subscribers) reactor.add(party);
  const publishers = Array.from({ length: job.publishers }, (_, index) => {
    return new PacedPublisher({ clientId: `publisher-${index}` }, index, topic(job, index), job.payload);
  });
  const connections = publishers.map((party) => reactor.add(party));
  const ready = () => [...subscribers, ...publishers].every((party) => party.ready);
  if (!reactor.run(ready, 20)) throw new Error("Cannot connect in time");
  if (job.stuckBytes) fillStuck(reactor, topic(job, 0), job.stuckBytes);

  const beat = new Beat(reactor, publishers, connections, sentAt, job.rate);
  beat.play(job.warmUp);
  for (const party of subscribers) party.forget();
  const watch = new Stopwatch(target.pid);
  beat.play(job.seconds);
  const cpu = watch.brokerCpu();
  const loads = watch.loads();
  const everything = () => subscribers.every((party, index) => missing(job, party, publishers, index) === 0);
  reactor.run(everything, 2);

  const times = new Float64Array(subscribers.reduce((sum, party) => sum + party.times.length, 0));
  let at = 0;
  let lost = 0;
  let disordered = 0;
  subscribers.forEach((party, index) => {
    times.set(party.times, at);
    at += party.times.length;
    lost += party.lost + missing(job, party, publishers, index);
    disordered += party.disordered;
  });
  const p50 = percentile(times, 0.5);
  const p99 = percentile(times, 0.99);
  const worst = percentile(times, 1);
  const rss = residentBytes(target.pid);
  reactor.close();
  return { p50, p99, worst, cpu: cpu / times.length * 1e6, rss, lost, disordered, ...loads };
}

function topic(job: PacedJob, index: number): string {
  return job.shape === "pairs" ? `bench/${index}/topic` : "bench/shared/topic";
}

function missing(job: PacedJob, party: Subscriber, publishers: readonly PacedPublisher[], index: number): number {
  const own = job.shape === "pairs" ? publishers.slice(index, index + 1) : publishers;
  return own.reduce((sum, publisher) => sum + publisher.sent - (party.expected[publisher.number] ?? 0), 0);
}

/** Lets the publishers send in turn, evenly spread. */
class Beat {
  #turn = 0;

  constructor(
    readonly reactor: Reactor,
    readonly publishers: readonly PacedPublisher[],
    readonly connections: readonly Connection[],
    readonly sentAt: readonly Float64Array[],
    readonly rate: number,
  ) {}

  play(seconds: number): void {
    const start = performance.now();
    const interval = 1000 / this.rate;
    const count = Math.floor(seconds * this.rate);
    for (let beat = 0; beat < count; beat++) {
      while (performance.now() < start + beat * interval) this.reactor.turn(0);
      const turn = this.#turn++ % this.publishers.length;
      const publisher = this.publishers[turn]!; // turn is within the arrays, which are of one length
      this.sentAt[turn]![publisher.sent] = performance.now();
      publisher.send(this.connections[turn]!);
    }
  }
}

/** Connects a subscriber that stops reading, and publishes `bytes` that only it wants. */
function fillStuck(reactor: Reactor, shared: string, bytes: number): void {
  const stuck = new Client({ clientId: "stuck", filters: [shared, "fill"] });
  const stuckConnection = reactor.add(stuck);
  const sentinel = new Subscriber({ clientId: "sentinel", filters: ["filled"] }, 1);
  reactor.add(sentinel);
  if (!reactor.run(() => stuck.ready && sentinel.ready, 20)) throw new Error("Cannot connect in time");
  stuckConnection.paused = true;
  const size = 8 * 1024;
  const fill = publish({ topic: "fill", payload: new Uint8Array(size), qos: 0, version: 4 });
  for (let filled = 0; filled < bytes; filled += size) sentinel.enqueue(fill);
  sentinel.enqueue(publish({ topic: "filled", payload: new Uint8Array(6), qos: 0, version: 4 }));
  if (!reactor.run(() => sentinel.received > 0, 30)) {
    throw new Error("Cannot fill the stuck subscriber's queue in time");
  }
}
