/**
 * `deno task bench durable`: what it costs to lose nothing, and what the commits of a store make a publisher wait.
 *
 * All sessions outlive their connections. Ours runs without a store and with one at both durabilities, Mosquitto in
 * memory (which loses what came in the last 30 minutes) and with a save of its whole state every 1,000 changes.
 * `--only TEXT` measures the lines with that text in their titles, `--rounds` and `--seconds` are those of each line.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { fileURLToPath } from "node:url";
import { startBroker, type StartOptions } from "./brokers.ts";
import type { BacklogJob } from "./load/backlog.ts";
import type { FloodJob } from "./load/flood.ts";
import type { Metrics } from "./load/job.ts";
import { killAll } from "./pinned.ts";
import { load } from "./run.ts";
import { median } from "./stats.ts";

/** A broker as it is configured for one column of the table. */
interface Candidate {
  readonly title: string;
  readonly name: "ours" | "mosquitto";
  /** `folder` is empty and there for the run alone. */
  readonly options: (folder: string) => StartOptions;
}

/** A line of the table: a load, and what is read off it. */
interface Line {
  readonly title: string;
  readonly job: FloodJob | BacklogJob;
  readonly value: (metrics: Metrics) => string;
}

const INFLIGHT = ["max_inflight_messages 100", "user root"];

const CANDIDATES: readonly Candidate[] = [
  { title: "ours, no store", name: "ours", options: () => ({}) },
  ...(["normal", "full"] as const).map((durability): Candidate => ({
    title: `ours, ${durability}`,
    name: "ours",
    options: (folder) => ({ ours: ["--store", `${folder}/broker.db`, "--durability", durability] }),
  })),
  { title: "Mosquitto, memory", name: "mosquitto", options: () => ({ mosquitto: INFLIGHT }) },
  {
    title: "Mosquitto, autosave_on_changes 1000",
    name: "mosquitto",
    options: (folder) => ({
      mosquitto: [
        ...INFLIGHT,
        "persistence true",
        `persistence_location ${folder}/`,
        "autosave_on_changes true",
        "autosave_interval 1000",
      ],
    }),
  },
];

function lines(seconds: number): Line[] {
  const flood = (pairs: number, qos: 1 | 2, window: number): FloodJob => ({
    kind: "flood",
    shape: "pairs",
    publishers: pairs,
    subscribers: pairs,
    qos,
    window,
    payload: 64,
    persistent: true,
    warmUp: 0.5,
    seconds,
  });
  const backlog = (pairs: number, qos: 1 | 2, window: number): BacklogJob => ({
    kind: "backlog",
    pairs,
    qos,
    window,
    payload: 64,
    seconds,
  });
  const rate = ({ rate = NaN, cpu = NaN }: Metrics) =>
    `${Math.round(rate).toLocaleString("en")}/s (${cpu.toFixed(1)} µs)`;
  const wait = ({ rate = NaN }: Metrics) => `${(1000 / rate).toFixed(2)} ms`;
  return [
    { title: "QoS 1, 10 pairs, window 100", job: flood(10, 1, 100), value: rate },
    { title: "QoS 2, 10 pairs, window 100", job: flood(10, 2, 100), value: rate },
    { title: "QoS 1, 10 publishers, subscribers away", job: backlog(10, 1, 100), value: rate },
    { title: "QoS 2, 10 publishers, subscribers away", job: backlog(10, 2, 100), value: rate },
    {
      title: "then: QoS 1, taken by 10 subscribers that are back",
      job: backlog(10, 1, 100),
      value: ({ drain = NaN }) => `${Math.round(drain).toLocaleString("en")}/s`,
    },
    { title: "QoS 1, one publisher, window 1, subscriber away", job: backlog(1, 1, 1), value: wait },
    { title: "QoS 1, one pair, window 1: PUBLISH to PUBACK", job: flood(1, 1, 1), value: wait },
    { title: "QoS 2, one pair, window 1: PUBLISH to PUBCOMP", job: flood(1, 2, 1), value: wait },
  ];
}

async function measure(line: Line, { name, options }: Candidate): Promise<Metrics> {
  const folder = await Deno.makeTempDir({ prefix: "bench-" });
  const broker = await startBroker(name, options(folder));
  try {
    return await load(line.job, broker.target);
  } finally {
    await broker.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

function medianOf(runs: readonly Metrics[]): Metrics {
  const names = Object.keys(runs[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(runs.map((run) => run[name] ?? NaN))]));
}

async function main(): Promise<void> {
  const options = parseArgs(Deno.args, { string: ["rounds", "seconds", "only"] });
  const rounds = Number(options.rounds ?? 3);
  Deno.addSignalListener("SIGINT", () => {
    killAll();
    Deno.exit(130);
  });
  console.log(`| 64 B, sessions that last | ${CANDIDATES.map(({ title }) => title).join(" | ")} |`);
  console.log(`| --- |${" --- |".repeat(CANDIDATES.length)}`);
  const { only } = options;
  const chosen = lines(Number(options.seconds ?? 2)).filter(({ title }) => only === undefined || title.includes(only));
  for (const line of chosen) {
    const cells: string[] = [];
    for (const candidate of CANDIDATES) {
      const runs: Metrics[] = [];
      for (let round = 0; round < rounds; round++) runs.push(await measure(line, candidate));
      const result = medianOf(runs);
      const faults = (result.lost ?? 0) + (result.disordered ?? 0);
      cells.push(line.value(result) + (faults > 0 ? `, ${faults} LOST OR DISORDERED` : ""));
    }
    console.log(`| ${line.title} | ${cells.join(" | ")} |`);
  }
  if (only === undefined) {
    await runPart("./durable_open.ts");
    await runPart("./durable_removal.ts");
  }
  Deno.exit(0);
}

/** Has measurements that are programs of their own print what they find. */
async function runPart(file: string): Promise<void> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["run", "-A", path] }).output();
  console.log("\n" + new TextDecoder().decode(stdout).trim());
}

if (import.meta.main) await main();
