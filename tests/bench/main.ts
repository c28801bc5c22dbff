/**
 * `deno task bench`: our broker beside Mosquitto, each alone on one core, under the same load.
 *
 * Each broker is started afresh for each run; runs take turns (ours, Mosquitto, Mosquitto with TCP_NODELAY, ours, ...),
 * and the table has the medians of all rounds. Linux with two cores or more, `mosquitto` and `taskset`.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { fileURLToPath } from "node:url";
import type { BrokerName } from "./brokers.ts";
import { clientTable } from "./clients.ts";
import type { Metrics } from "./load/job.ts";
import { killAll, pinSelf } from "./pinned.ts";
import { NOISE, notes, Results, table } from "./report.ts";
import { profileScenario, runScenario } from "./run.ts";
import { type Durations, type Scenario, scenarios } from "./scenarios.ts";

const HELP = `Measures our broker beside Mosquitto, and our client beside MQTT.js.

Usage: deno task bench [options]          brokers and clients
       deno task bench codec [options]    encoding and decoding
       deno task bench trie [options]     the trie of subscriptions
       deno task bench durable [options]  the broker with a store
       deno task bench attack [options]   a client's round trips beside hostile ones
       deno task bench gateway [options]  memory and CPU of a gateway with store and uplink

Options:
  --rounds N        runs of each scenario, of which the medians count (default 5)
  --only A,B        these scenarios only; "clients" for the clients
  --with A,B        also measure aedes, skeleton (what the platform allows)
  --brokers A,B     measure these brokers instead of ours,mosquitto,mosquitto-nodelay
  --quick           one short round
  --profile         instead of the table, where our broker's time goes in each scenario
  --list            show the names of the scenarios
  -h, --help        show this text
`;

const FULL: Durations = { warmUp: 1, seconds: 2, pacedSeconds: 5 };
const QUICK: Durations = { warmUp: 0.5, seconds: 1, pacedSeconds: 2 };
const BROKERS: readonly BrokerName[] = ["ours", "mosquitto", "mosquitto-nodelay"];
const PARTS = ["codec", "trie", "durable", "attack", "gateway"];
const EXTRAS: readonly BrokerName[] = ["aedes", "skeleton"];

if (import.meta.main) await main(Deno.args);

async function main(args: string[]): Promise<void> {
  const part = PARTS.find((name) => name === args[0]);
  if (part !== undefined) return runPart(part, args.slice(1));
  const options = parseArgs(args, {
    string: ["rounds", "only", "with", "brokers"],
    boolean: ["quick", "profile", "list", "help"],
    alias: { h: "help" },
  });
  if (options.help) return console.log(HELP);
  if (options._.length > 0) throw new Error(`Cannot measure ${options._[0]}: it must be one of ${PARTS.join(", ")}`);
  const all = scenarios(options.quick ? QUICK : FULL);
  if (options.list) return console.log([...all.map(({ name }) => name), "clients"].join("\n"));

  const only = list(options.only);
  const chosen = all.filter(({ name }) => only.length === 0 || only.includes(name));
  const extras = EXTRAS.filter((name) => list(options.with).includes(name));
  const named = list(options.brokers);
  const brokers = [...BROKERS, ...extras].filter((name) => named.length === 0 || named.includes(name));
  const rounds = options.quick ? 1 : Number(options.rounds ?? 5);
  const results = new Results();
  const print = () => {
    console.log(table(chosen, results, extras));
    for (const note of notes(chosen, results, brokers)) console.log(`\n- ${note}`);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      killAll();
      print(); // what there is so far
      Deno.exit(130);
    });
  }

  pinSelf();
  console.log(machine(rounds) + "\n");
  if (options.profile) {
    for (const scenario of chosen) console.log(`${scenario.name}\n${(await profileScenario(scenario)).join("\n")}\n`);
    Deno.exit(0);
  }
  if (chosen.length > 0) {
    await measure(chosen, brokers, rounds, results);
    print();
  }
  if (only.length === 0 || only.includes("clients")) console.log("\n" + await clientTable(rounds, progress));
  Deno.exit(0);
}

async function measure(
  chosen: readonly Scenario[],
  brokers: readonly BrokerName[],
  rounds: number,
  results: Results,
): Promise<void> {
  for (const scenario of chosen) {
    for (let round = 1; round <= rounds; round++) {
      for (const broker of brokers) {
        if (broker === "skeleton" && !scenario.skeleton) continue;
        try {
          const metrics = await quietRun(scenario, broker);
          results.add(scenario.name, broker, metrics);
          progress(`${scenario.name} ${broker} ${round}/${rounds}: ${JSON.stringify(metrics, shorten)}`);
        } catch (error) {
          const reason = error instanceof Error ? error.message : String(error);
          results.failures.push(`${scenario.name}, ${broker}, round ${round}: ${reason}`);
          progress(`${scenario.name} ${broker} ${round}/${rounds} failed: ${reason}`);
        }
      }
    }
  }
}

/** Runs again, twice at most, when other processes were busy meanwhile; the quietest run counts. */
async function quietRun(scenario: Scenario, broker: BrokerName): Promise<Metrics> {
  let quietest = await runScenario(scenario, broker);
  for (let again = 0; again < 2 && (quietest.otherLoad ?? 0) > NOISE; again++) {
    const metrics = await runScenario(scenario, broker);
    if ((metrics.otherLoad ?? 0) < (quietest.otherLoad ?? 0)) quietest = metrics;
  }
  return quietest;
}

async function runPart(name: string, args: string[]): Promise<void> {
  const file = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  const command = new Deno.Command(Deno.execPath(), { args: ["run", "-A", "--v8-flags=--expose-gc", file, ...args] });
  const { code } = await command.spawn().status;
  Deno.exit(code);
}

function progress(line: string): void {
  console.error(line);
}

function shorten(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Number(value.toPrecision(4)) : value;
}

function list(names: string | undefined): string[] {
  return names === undefined ? [] : names.split(",");
}

function machine(rounds: number): string {
  const model = /^model name\s*:\s*(.*)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? Deno.build.arch;
  const mosquitto = new Deno.Command("mosquitto", { args: ["-h"] }).outputSync();
  const version = /version (\S+)/.exec(new TextDecoder().decode(mosquitto.stdout))?.[1] ?? "?";
  const date = new Date().toISOString().slice(0, 10);
  const cores = navigator.hardwareConcurrency;
  return `${date}, ${cores} cores of ${model}, Linux ${Deno.osRelease()}, Deno ${Deno.version.deno}, ` +
    `Mosquitto ${version}; medians of ${rounds}.`;
}
