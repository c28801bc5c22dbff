/**
 * Our client, on Deno and on Node, beside MQTT.js on Node, against our broker: each publishes, then receives, on a core
 * of its own.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { bundle } from "../client/bundle.ts";
import { startBroker } from "./brokers.ts";
import { type ClientJob, PROGRESS_TOPIC, TOPIC } from "./clients/driver.mjs";
import type { Metrics, Target } from "./load/job.ts";
import { BROKER_CORE, LOAD_CORE, spawnPinned } from "./pinned.ts";
import { median } from "./stats.ts";

const CLIENTS = ["ours", "ours on Node", "MQTT.js"] as const;
type ClientName = typeof CLIENTS[number];

const JOBS: readonly { readonly title: string; readonly job: Omit<ClientJob, "url"> }[] = [
  { title: "publish, QoS 0", job: { role: "publish", qos: 0, window: 1000, warmUp: 1, seconds: 3 } },
  { title: "publish, QoS 1, window 1,000", job: { role: "publish", qos: 1, window: 1000, warmUp: 1, seconds: 3 } },
  { title: "subscribe, QoS 0", job: { role: "subscribe", qos: 0, window: 0, warmUp: 1, seconds: 3 } },
];
const GOAL = 3;
const LIMIT = 30_000;
const INSTALL_LIMIT = 60_000;

/** Runs the rounds and returns the table. */
export async function clientTable(rounds: number, progress: (line: string) => void): Promise<string> {
  const lines = [
    "| client | target | ours | MQTT.js on Node | ratio | core: ours | MQTT.js | memory: ours | MQTT.js | verdict |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
  ];
  const folder = await installForNode();
  try {
    for (const { title, job } of JOBS) {
      const runs: Record<ClientName, Metrics[]> = { "ours": [], "ours on Node": [], "MQTT.js": [] };
      for (let round = 1; round <= rounds; round++) {
        for (const name of CLIENTS) {
          const metrics = await runClient(name, job, folder);
          runs[name].push(metrics);
          progress(`${title} ${name} ${round}/${rounds}: ${JSON.stringify(metrics)}`);
        }
      }
      lines.push(line(title, "ours", runs), line(`${title}, on Node as well`, "ours on Node", runs));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return lines.join("\n");
}

function line(title: string, ours: ClientName, runs: Record<ClientName, Metrics[]>): string {
  const of = (name: ClientName, metric: string) => median(runs[name].map((metrics) => metrics[metric] ?? NaN));
  const rate = (name: ClientName) => `${Math.round(of(name, "rate")).toLocaleString("en")}/s`;
  const memory = (name: ClientName) => `${Math.round(of(name, "rss") / 1e6)} MB`;
  const core = (name: ClientName) => `${Math.round(100 * of(name, "load"))} %`;
  const ratio = of(ours, "rate") / of("MQTT.js", "rate");
  const met = ratio >= GOAL && of(ours, "rss") < of("MQTT.js", "rss");
  const verdict = met ? "met" : "**short**";
  const cells = [title, `≥ ${GOAL} ×, less memory`, rate(ours), rate("MQTT.js"), ratio.toFixed(2)];
  return `| ${[...cells, core(ours), core("MQTT.js"), memory(ours), memory("MQTT.js"), verdict].join(" | ")} |`;
}

async function runClient(name: ClientName, job: Omit<ClientJob, "url">, folder: string): Promise<Metrics> {
  const broker = await startBroker("ours");
  const feeder = job.role === "subscribe" ? startFeeder(broker.target) : undefined;
  try {
    const argument = JSON.stringify({ ...job, url: `mqtt://127.0.0.1:${broker.target.port}` });
    const command = [...commandOf(name, folder), argument];
    const client = spawnPinned(LOAD_CORE, command);
    const limit = setTimeout(() => void client.stop(), LIMIT);
    try {
      return JSON.parse(await client.output());
    } finally {
      clearTimeout(limit);
    }
  } finally {
    await feeder?.stop();
    await broker.stop();
  }
}

function commandOf(name: ClientName, folder: string): string[] {
  if (name === "MQTT.js") return ["node", `${folder}/mqttjs.mjs`];
  if (name === "ours on Node") return ["node", `${folder}/ours.mjs`];
  return [Deno.execPath(), "run", "-A", fileURLToPath(new URL("./clients/ours_on_deno.ts", import.meta.url))];
}

/** The publisher shares the broker's core, so that the client has its own; both are cheaper than any client. */
function startFeeder(target: Target): ReturnType<typeof spawnPinned> {
  const job = { kind: "feed", topic: TOPIC, progressTopic: PROGRESS_TOPIC, payload: 64, seconds: LIMIT / 1000 };
  const generator = fileURLToPath(new URL("./load/main.ts", import.meta.url));
  const feeder = spawnPinned(BROKER_CORE, [Deno.execPath(), "run", "-A", generator, JSON.stringify({ job, target })]);
  feeder.output().catch(() => {}); // it is ended by force
  return feeder;
}

/** A folder in which Node finds MQTT.js, our client, and the scripts that drive them. */
async function installForNode(): Promise<string> {
  const config = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  const version = config.imports.mqtt.split("@").at(-1);
  const folder = await Deno.makeTempDir({ prefix: "bench-mqttjs-" });
  await Deno.writeTextFile(
    `${folder}/package.json`,
    JSON.stringify({ type: "module", dependencies: { mqtt: version } }),
  );
  for (const file of ["driver.mjs", "mqttjs.mjs"]) {
    await Deno.copyFile(new URL(`./clients/${file}`, import.meta.url), `${folder}/${file}`);
  }
  const ours = await bundle("tests/bench/clients/ours_on_node.ts", { platform: "deno" });
  await Deno.writeTextFile(`${folder}/ours.mjs`, ours);
  const install = new Deno.Command(Deno.execPath(), {
    args: ["install", "--node-modules-dir=auto"],
    cwd: folder,
    stderr: "piped",
    signal: AbortSignal.timeout(INSTALL_LIMIT),
  });
  const { success, stderr } = await install.output();
  if (!success) throw new Error(`Cannot install MQTT.js: ${new TextDecoder().decode(stderr)}`);
  return folder;
}
