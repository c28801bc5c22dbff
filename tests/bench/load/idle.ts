/**
 * Connections that do nothing: how fast they come, and what each costs.
 *
 * @module
 */

import { cpuSeconds, residentBytes } from "../proc.ts";
import { Client } from "./client.ts";
import { type Metrics, Stopwatch, type Target } from "./job.ts";
import { Reactor } from "./reactor.ts";

/** Idle connections. */
export interface IdleJob {
  readonly kind: "idle";
  readonly connections: number;
  /** Handshakes that are under way at a time. */
  readonly concurrency: number;
  /** Seconds to stay before the memory is read. */
  readonly seconds: number;
}

/** Milliseconds between turns. */
const REST = 0.1;

/** Metrics: rate (connections/s), rss (bytes per connection), cpu (µs of broker per connection), idleLoad. */
export function idle(job: IdleJob, target: Target): Metrics {
  const reactor = new Reactor(target.hostname, target.port);
  const before = residentBytes(target.pid);
  const watch = new Stopwatch(target.pid);
  const all: { close(): void }[] = [];
  const waiting = new Set<{ client: Client; connection: ReturnType<Reactor["add"]> }>();
  const end = performance.now() + 60_000;
  while (all.length < job.connections || waiting.size > 0) {
    if (performance.now() > end) throw new Error(`Cannot connect in time: ${all.length} connections after 60 s`);
    while (waiting.size < job.concurrency && all.length < job.connections) {
      const client = new Client({ clientId: `idle-${all.length}`, keepAlive: 600 });
      const connection = reactor.add(client, 64);
      all.push(connection);
      waiting.add({ client, connection });
    }
    reactor.turn(10);
    reactor.rest(REST); // so that a turn finds several answers
    for (const entry of waiting) {
      if (!entry.client.ready) continue;
      reactor.release(entry.connection);
      waiting.delete(entry);
    }
  }
  const rate = job.connections / watch.seconds();
  const cpu = watch.brokerCpu() / job.connections * 1e6;
  const loads = watch.loads();
  const busyBefore = cpuSeconds(target.pid);
  reactor.run(() => false, job.seconds);
  const idleLoad = (cpuSeconds(target.pid) - busyBefore) / job.seconds;
  const rss = (residentBytes(target.pid) - before) / job.connections;
  for (const connection of all) connection.close();
  return { rate, rss, cpu, idleLoad, ...loads };
}
