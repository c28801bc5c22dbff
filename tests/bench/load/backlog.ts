/**
 * Publishers whose subscribers are away: every message has to be kept. Then the subscribers come and take what waits.
 *
 * @module
 */

import { residentBytes } from "../proc.ts";
import { type Metrics, Stopwatch, type Target } from "./job.ts";
import { Publisher } from "./publisher.ts";
import { Reactor } from "./reactor.ts";
import { Subscriber } from "./subscriber.ts";

/** Pairs of a publisher and a subscriber that is away. */
export interface BacklogJob {
  readonly kind: "backlog";
  readonly pairs: number;
  readonly qos: 1 | 2;
  readonly window: number;
  readonly payload: number;
  readonly seconds: number;
}

/** Seconds that connecting, or taking what waits, may take. */
const LIMIT = 40;

/** Metrics: rate (messages acknowledged/s), cpu (µs of broker for each), drain (messages taken/s), rss, lost, disordered. */
export function backlog(job: BacklogJob, target: Target): Metrics {
  const absent = new Reactor(target.hostname, target.port);
  const first = subscribers(job, true);
  for (const party of first) absent.add(party);
  if (!absent.run(() => first.every((party) => party.ready), LIMIT)) throw new Error("Cannot subscribe in time");
  absent.close();

  const reactor = new Reactor(target.hostname, target.port);
  const publishers = Array.from({ length: job.pairs }, (_, index) => publisher(job, index));
  for (const party of publishers) reactor.add(party);
  if (!reactor.run(() => publishers.every((party) => party.ready), LIMIT)) throw new Error("Cannot connect in time");
  const watch = new Stopwatch(target.pid);
  for (const party of publishers) party.sending = true;
  reactor.run(() => false, job.seconds);
  const seconds = watch.seconds();
  const completed = publishers.reduce((sum, party) => sum + party.completed, 0);
  const cpu = watch.brokerCpu();
  for (const party of publishers) party.sending = false;
  reactor.run(() => publishers.every((party) => party.open === 0), LIMIT);
  const rss = residentBytes(target.pid);

  const sent = publishers.reduce((sum, party) => sum + party.sent, 0);
  const takers = subscribers(job, false);
  const received = () => takers.reduce((sum, party) => sum + party.received, 0);
  for (const party of takers) reactor.add(party);
  const taking = new Stopwatch(target.pid);
  reactor.run(() => received() >= sent, LIMIT);
  const drain = received() / taking.seconds();
  const disordered = [...publishers, ...takers].reduce((sum, party) => sum + party.disordered, 0);
  reactor.close();
  return { rate: completed / seconds, cpu: cpu / completed * 1e6, drain, rss, lost: sent - received(), disordered };
}

function subscribers({ pairs, qos }: BacklogJob, subscribe: boolean): Subscriber[] {
  return Array.from({ length: pairs }, (_, index) => {
    const filters = subscribe ? [topic(index)] : [];
    return new Subscriber({ clientId: `subscriber-${index}`, persistent: true, filters, qos }, pairs);
  });
}

function publisher({ qos, window, payload }: BacklogJob, index: number): Publisher {
  return new Publisher({
    clientId: `publisher-${index}`,
    persistent: true,
    publisher: index,
    topics: [topic(index)],
    payload,
    publishQos: qos,
    window,
    ahead: window,
  });
}

function topic(index: number): string {
  return `bench/${String(index).padStart(3, "0")}/topic`;
}
