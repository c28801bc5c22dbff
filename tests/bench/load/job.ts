/**
 * What the benchmark asks of a load generator, and what it gets back: one JSON argument, one JSON line.
 *
 * @module
 */

import { allCpuSeconds, cpuSeconds } from "../proc.ts";

/** The broker under load. */
export interface Target {
  readonly hostname: string;
  readonly port: number;
  /** Its process, whose CPU time and memory the generator reads at the ends of the measured time. */
  readonly pid: number;
}

/** Figures by name; the scenarios say what they mean. */
export type Metrics = Record<string, number>;

/** Wall clock and CPU time, of the broker and of the generator, since it was made. */
export class Stopwatch {
  readonly #start = performance.now();
  readonly #own = cpuSeconds(Deno.pid);
  readonly #all = allCpuSeconds();
  readonly #broker: number;

  constructor(readonly pid: number) {
    this.#broker = cpuSeconds(pid);
  }

  /** Seconds on the wall clock until `now`. */
  seconds(now = performance.now()): number {
    return (now - this.#start) / 1000;
  }

  /** CPU seconds of the broker. */
  brokerCpu(): number {
    return cpuSeconds(this.pid) - this.#broker;
  }

  /** How busy the broker, the generator and all others on the machine have been, 1 being a whole core. */
  loads(): Metrics {
    const seconds = this.seconds();
    const broker = this.brokerCpu();
    const own = cpuSeconds(Deno.pid) - this.#own;
    const others = Math.max(0, allCpuSeconds() - this.#all - broker - own);
    return { brokerLoad: broker / seconds, generatorLoad: own / seconds, otherLoad: others / seconds };
  }
}
