/**
 * Publishers that send as fast as they may, for a fixed time, and subscribers that check what comes.
 *
 * The brake is the same for every broker: TCP, and each publisher may be `ahead` messages ahead of the slowest of its
 * subscribers. Without that a generator would measure who queues (or drops) most.
 *
 * @module
 */

import { residentBytes } from "../proc.ts";
import { connector, type Protocol } from "./channel.ts";
import { type Metrics, Stopwatch, type Target } from "./job.ts";
import { Publisher } from "./publisher.ts";
import { Reactor } from "./reactor.ts";
import { Subscriber } from "./subscriber.ts";
import { filterLoaders, load, otherFilters } from "./filters.ts";
import { SAMPLE_PROPERTIES, type Version } from "./wire.ts";

/** A flood. */
export interface FloodJob {
  readonly kind: "flood";
  /** pairs: publisher k to subscriber k; fan-out: one to all; fan-in: all to one. */
  readonly shape: "pairs" | "fan-out" | "fan-in";
  readonly publishers: number;
  readonly subscribers: number;
  readonly qos: 0 | 1 | 2;
  /** Open exchanges per publisher at QoS 1 and 2. */
  readonly window?: number;
  /** Payload size in bytes. */
  readonly payload: number;
  readonly version?: Version;
  /** What carries it. Default "tcp". */
  readonly protocol?: Protocol;
  /** Adds a content type and a user property (MQTT 5.0). */
  readonly properties?: boolean;
  /** Whether the sessions of all clients outlive their connections. */
  readonly persistent?: boolean;
  /** Topics per publisher. */
  readonly topics?: number;
  /** Subscriptions that other clients hold, none of which matches. */
  readonly otherSubscriptions?: number;
  /** Seconds before the measurement, for compilers and sockets to warm up. */
  readonly warmUp: number;
  readonly seconds: number;
}

const AHEAD_MESSAGES = 4096;
const AHEAD_BYTES = 4 * 1024 * 1024;
/** Milliseconds that the generator rests where thousands of messages are on their way at any time. */
const REST = 0.1;
/** After this many seconds without a message what is missing is lost. */
const PATIENCE = 2;

/** Runs a flood. Metrics: rate (deliveries/s), megabytes (payload MB/s), cpu (µs of broker per delivery), rss, lost, disordered. */
export async function flood(job: FloodJob, target: Target): Promise<Metrics> {
  const reactor = new Reactor(target.hostname, target.port, await connector(job.protocol ?? "tcp"));
  if (job.otherSubscriptions) hold(reactor, job.otherSubscriptions);
  const subscribers = Array.from({ length: job.subscribers }, (_, index) => subscriber(job, index));
  for (const party of subscribers) reactor.add(party);
  if (!reactor.run(() => subscribers.every((party) => party.ready), 20)) throw new Error("Cannot subscribe in time");
  const publishers = Array.from({ length: job.publishers }, (_, index) => publisher(job, index, subscribers));
  for (const party of publishers) reactor.add(party);
  if (!reactor.run(() => publishers.every((party) => party.ready), 20)) throw new Error("Cannot connect in time");

  // With acknowledgements, or few messages on their way, a rest would be a wait that the broker has no part in.
  const rest = job.qos === 0 && job.payload < 4096 ? REST : 0;
  for (const party of publishers) party.sending = true;
  reactor.run(() => false, job.warmUp, rest);
  const before = total(subscribers);
  const watch = new Stopwatch(target.pid);
  reactor.run(() => false, job.seconds, rest);
  for (const party of publishers) party.sending = false;
  const last = drain(reactor, publishers, subscribers);

  const seconds = watch.seconds(last);
  const deliveries = total(subscribers) - before;
  const metrics = {
    rate: deliveries / seconds,
    megabytes: deliveries * job.payload / seconds / 1e6,
    cpu: watch.brokerCpu() / deliveries * 1e6,
    rss: residentBytes(target.pid),
    ...faults(publishers, subscribers),
    ...watch.loads(),
  };
  reactor.close();
  return metrics;
}

function hold(reactor: Reactor, count: number): void {
  if (!load(reactor, filterLoaders(otherFilters(count), 10), 60)) throw new Error("Cannot load the filters in time");
}

function topics(job: FloodJob, index: number): string[] {
  if (job.shape !== "pairs") return ["bench/shared/topic"];
  const pair = `bench/${String(index).padStart(3, "0")}`;
  if (job.topics === undefined) return [`${pair}/topic`];
  return Array.from({ length: job.topics }, (_, topic) => `${pair}/${String(topic).padStart(5, "0")}`);
}

function subscriber(job: FloodJob, index: number): Subscriber {
  const options = {
    clientId: `subscriber-${index}`,
    version: job.version ?? 4,
    persistent: job.persistent ?? false,
    filters: topics(job, index),
    qos: job.qos,
  };
  return new Subscriber(options, job.publishers);
}

function publisher(job: FloodJob, index: number, subscribers: readonly Subscriber[]): Publisher {
  const party = new Publisher({
    clientId: `publisher-${index}`,
    version: job.version ?? 4,
    persistent: job.persistent ?? false,
    publisher: index,
    topics: topics(job, index),
    payload: job.payload,
    publishQos: job.qos,
    window: job.window ?? 100,
    ahead: Math.max(4, Math.min(AHEAD_MESSAGES, Math.floor(AHEAD_BYTES / job.payload))),
    properties: job.properties ? SAMPLE_PROPERTIES : [],
  });
  const own = job.shape === "pairs" ? subscribers.slice(index, index + 1) : subscribers;
  party.received = () => {
    let least = Infinity;
    for (const subscriber of own) least = Math.min(least, subscriber.expected[index] ?? 0);
    return least;
  };
  return party;
}

/** Waits until everything sent has come, or nothing has come for a while; returns when the last message came. */
function drain(reactor: Reactor, publishers: readonly Publisher[], subscribers: readonly Subscriber[]): number {
  let last = performance.now();
  let count = total(subscribers);
  const done = () => publishers.every((party) => party.received() >= party.sent && party.open === 0);
  while (!done() && performance.now() - last < PATIENCE * 1000) {
    reactor.turn(10);
    const now = total(subscribers);
    if (now !== count) last = performance.now();
    count = now;
  }
  return last;
}

function total(subscribers: readonly Subscriber[]): number {
  let sum = 0;
  for (const party of subscribers) sum += party.received;
  return sum;
}

/** What was lost (gaps, and what never came), out of order, or never acknowledged. */
function faults(publishers: readonly Publisher[], subscribers: readonly Subscriber[]): Metrics {
  let lost = 0;
  let disordered = 0;
  for (const party of subscribers) {
    lost += party.lost;
    disordered += party.disordered;
  }
  for (const party of publishers) {
    lost += party.sent - party.received() + party.open;
    disordered += party.disordered;
  }
  return { lost, disordered };
}
