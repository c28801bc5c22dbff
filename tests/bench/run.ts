/**
 * Runs one scenario against one broker.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { type BrokerName, freePort, startBroker } from "./brokers.ts";
import type { Protocol } from "./load/channel.ts";
import type { Metrics, Target } from "./load/job.ts";
import type { Job } from "./load/main.ts";
import { LOAD_CORE, spawnPinned } from "./pinned.ts";
import { Profiler } from "./profile.ts";
import type { Scenario } from "./scenarios.ts";

/** A run takes at most this long, in milliseconds. */
const LIMIT = 120_000;
const GENERATOR = fileURLToPath(new URL("./load/main.ts", import.meta.url));

/** A fresh broker, the load, the figures. */
export async function runScenario(scenario: Scenario, name: BrokerName): Promise<Metrics> {
  const { mosquitto = [], admin } = scenario;
  const adminPort = freePort();
  const ours = admin === undefined ? [] : ["--admin", String(adminPort)];
  const broker = await startBroker(name, { mosquitto, ours, protocol: protocolOf(scenario) });
  const isWatched = admin === "watched" && name === "ours";
  const stopWatching = isWatched ? await watch(adminPort) : () => {};
  try {
    const { startTime } = broker;
    return scenario.job === undefined ? { startTime } : { startTime, ...await load(scenario.job, broker.target) };
  } finally {
    stopWatching();
    await broker.stop();
  }
}

/** Reads the live stream, as the admin page does; returns what ends that. */
async function watch(port: number): Promise<() => void> {
  const end = new AbortController();
  const url = `http://127.0.0.1:${port}/api/v1/events?topics=true`;
  const { body, ok } = await fetch(url, { signal: end.signal });
  if (body === null || !ok) throw new Error("Cannot watch the broker: its live stream must be there");
  // It ends when it is told to, or with the broker.
  body.pipeTo(new WritableStream()).catch(() => {});
  return () => end.abort();
}

function protocolOf({ job }: Scenario): Protocol | undefined {
  return job?.kind === "flood" ? job.protocol : undefined;
}

/** Runs a scenario against our broker under the profiler; returns where its time went. */
export async function profileScenario(scenario: Scenario): Promise<string[]> {
  if (scenario.job === undefined) return [];
  const inspect = freePort();
  const broker = await startBroker("ours", { inspect, protocol: protocolOf(scenario) });
  try {
    const profiler = await Profiler.start(inspect);
    await load(scenario.job, broker.target);
    return await profiler.stop();
  } finally {
    await broker.stop();
  }
}

/** Puts load on a broker, from the other core. */
export async function load(job: Job, target: Target): Promise<Metrics> {
  const argument = JSON.stringify({ job, target });
  const generator = spawnPinned(LOAD_CORE, [Deno.execPath(), "run", "-A", GENERATOR, argument]);
  const limit = setTimeout(() => void generator.stop(), LIMIT);
  try {
    return JSON.parse(await generator.output());
  } finally {
    clearTimeout(limit);
  }
}
