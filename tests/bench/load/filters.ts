/**
 * Clients that hold many subscriptions.
 *
 * @module
 */

import { residentBytes } from "../proc.ts";
import { Client, type ClientOptions } from "./client.ts";
import { type Metrics, Stopwatch, type Target } from "./job.ts";
import { Reactor } from "./reactor.ts";
import { SUBACK, subscribe } from "./wire.ts";

/** Loading time of many filters. */
export interface FiltersJob {
  readonly kind: "filters";
  readonly filters: number;
  /** Clients that share them. */
  readonly clients: number;
  /** Gives up after this time. */
  readonly limit: number;
}

/** Filters in one SUBSCRIBE. */
const BATCH = 500;

/** `count` different filters, three tenths with wildcards; none matches a topic of a flood, but some come near. */
export function otherFilters(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const floor = index % 100;
    const room = Math.floor(index / 100) % 100;
    const device = Math.floor(index / 10_000);
    switch (index % 10) {
      case 0:
        return `+/${floor}/${room}/${device}`;
      case 1:
        return `bench/+/${floor}/${room}/${device}`;
      case 2:
        return `building/${floor}/${room}/${device}/#`;
      default:
        return `building/${floor}/${room}/${device}/temperature`;
    }
  });
}

/** Sends prepared SUBSCRIBEs, each after the SUBACK of the one before. */
class Loader extends Client {
  /** All are acknowledged. */
  finished = false;

  constructor(options: ClientOptions, readonly packets: Uint8Array<ArrayBuffer>[]) {
    super(options);
  }

  protected override packet(first: number, bytes: Uint8Array, body: number, end: number): void {
    super.packet(first, bytes, body, end);
    if (first >> 4 === SUBACK && bytes.subarray(body + 2, end).some((code) => code > 2)) {
      throw new Error("Cannot load filters: the broker refused one");
    }
    const packet = this.packets.shift();
    if (packet === undefined) this.finished = true;
    else this.enqueue(packet);
  }
}

function packetsOf(filters: readonly string[]): Uint8Array<ArrayBuffer>[] {
  const packets: Uint8Array<ArrayBuffer>[] = [];
  for (let from = 0; from < filters.length; from += BATCH) {
    packets.push(subscribe(packets.length + 1, filters.slice(from, from + BATCH), 0, 4));
  }
  return packets;
}

/** Clients that will subscribe to the filters, in equal shares. */
export function filterLoaders(filters: readonly string[], clients: number): Loader[] {
  const share = Math.ceil(filters.length / clients);
  return Array.from({ length: clients }, (_, index) => {
    return new Loader({ clientId: `holder-${index}` }, packetsOf(filters.slice(index * share, (index + 1) * share)));
  });
}

/** Connects the loaders, waits until all is subscribed (false: not in time) and keeps them connected. */
export function load(reactor: Reactor, loaders: readonly Loader[], limit: number): boolean {
  const connections = loaders.map((loader) => reactor.add(loader, 4 * 1024));
  const loaded = reactor.run(() => loaders.every((loader) => loader.finished), limit);
  for (const connection of connections) reactor.release(connection);
  return loaded;
}

/** Metrics: seconds to load (NaN: not within the limit), cpu (µs of broker per filter), rss (bytes per filter). */
export function filters(job: FiltersJob, target: Target): Metrics {
  const loaders = filterLoaders(otherFilters(job.filters), job.clients);
  const reactor = new Reactor(target.hostname, target.port);
  const before = residentBytes(target.pid);
  const watch = new Stopwatch(target.pid);
  const loaded = load(reactor, loaders, job.limit);
  return {
    seconds: loaded ? watch.seconds() : NaN,
    cpu: watch.brokerCpu() / job.filters * 1e6,
    rss: (residentBytes(target.pid) - before) / job.filters,
    ...watch.loads(),
  };
}
