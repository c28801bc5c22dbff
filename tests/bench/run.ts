/**
 * Runs one scenario against one broker.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { type BrokerName, startBroker } from "./brokers.ts";
import type { Metrics } from "./load/job.ts";
import { LOAD_CORE, spawnPinned } from "./pinned.ts";
import type { Scenario } from "./scenarios.ts";

/** A run takes at most this long, in milliseconds. */
const LIMIT = 120_000;
const GENERATOR = fileURLToPath(new URL("./load/main.ts", import.meta.url));

/** A fresh broker, the load, the figures. */
export async function runScenario(scenario: Scenario, name: BrokerName): Promise<Metrics> {
  const broker = await startBroker(name, scenario.mosquitto);
  try {
    const { startTime } = broker;
    if (scenario.job === undefined) return { startTime };
    const argument = JSON.stringify({ job: scenario.job, target: broker.target });
    const generator = spawnPinned(LOAD_CORE, [Deno.execPath(), "run", "-A", GENERATOR, argument]);
    const limit = setTimeout(() => void generator.stop(), LIMIT);
    try {
      return { startTime, ...JSON.parse(await generator.output()) };
    } finally {
      clearTimeout(limit);
    }
  } finally {
    await broker.stop();
  }
}
