/**
 * The figures as a Markdown table, and the notes that a reader needs to trust them.
 *
 * @module
 */

import type { BrokerName } from "./brokers.ts";
import type { Metrics } from "./load/job.ts";
import type { Goal, Row, Scenario } from "./scenarios.ts";
import { median } from "./stats.ts";

/** A broker that is less busy than this under a flood waits for something else. */
const BUSY = 0.9;

/** Share of a core from which on other processes disturb a measurement. */
export const NOISE = 0.1;

/** All figures of all rounds. */
export class Results {
  readonly #runs = new Map<string, Metrics[]>();
  /** Runs that failed, as sentences. */
  readonly failures: string[] = [];

  add(scenario: string, broker: BrokerName, metrics: Metrics): void {
    const key = `${scenario} ${broker}`;
    const runs = this.#runs.get(key) ?? [];
    runs.push(metrics);
    this.#runs.set(key, runs);
  }

  /** The median over the rounds; NaN if there is none. */
  of(scenario: string, broker: BrokerName, metric: string): number {
    return median(this.#values(scenario, broker, metric));
  }

  /** The largest value of all rounds; 0 if there is none. */
  largest(scenario: string, broker: BrokerName, metric: string): number {
    return Math.max(0, ...this.#values(scenario, broker, metric));
  }

  #values(scenario: string, broker: BrokerName, metric: string): number[] {
    const runs = this.#runs.get(`${scenario} ${broker}`) ?? [];
    return runs.map((metrics) => metrics[metric] ?? NaN).filter((value) => !Number.isNaN(value));
  }
}

/** The table. `extras` get a column each. */
export function table(scenarios: readonly Scenario[], results: Results, extras: readonly BrokerName[]): string {
  const head = ["scenario", "target", "ours", "Mosquitto", "ratio", "CPU µs: ours", "Mosquitto", ...extras, "verdict"];
  const lines = [head, head.map(() => "---")];
  for (const scenario of scenarios) {
    for (const row of scenario.rows) lines.push(cells(scenario, row, results, extras));
  }
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

/** Losses, disorder, failures, and floods that did not fill the broker's core. */
export function notes(scenarios: readonly Scenario[], results: Results, brokers: readonly BrokerName[]): string[] {
  const lines = [...results.failures];
  for (const { name, job } of scenarios) {
    for (const broker of brokers) {
      for (const metric of ["lost", "disordered"]) {
        const worst = results.largest(name, broker, metric);
        if (worst > 0) lines.push(`${name}, ${broker}: ${worst} messages ${metric} in the worst round`);
      }
      const load = results.of(name, broker, "generatorLoad");
      const busy = results.of(name, broker, "brokerLoad");
      const others = results.of(name, broker, "otherLoad");
      if (others > NOISE) lines.push(`${name}, ${broker}: other processes took ${percent(others)} of a core meanwhile`);
      if (job?.kind === "flood" && busy < BUSY) {
        lines.push(
          `${name}, ${broker}: the broker was busy for ${percent(busy)} only, the generator for ${percent(load)}`,
        );
      }
    }
  }
  return lines;
}

function cells(scenario: Scenario, row: Row, results: Results, extras: readonly BrokerName[]): string[] {
  const ours = results.of(scenario.name, "ours", row.metric);
  const mosquitto = bestMosquitto(scenario, row, results);
  const reference = referenceOf(row.goal, results, row.metric, results.of(scenario.name, mosquitto, row.metric));
  const ratio = ours / reference;
  const value = (broker: BrokerName, metric: string) => format(results.of(scenario.name, broker, metric), row.unit);
  const cpu = (broker: BrokerName) => {
    return row.cpu === undefined ? "" : format(results.of(scenario.name, broker, row.cpu), "µs");
  };
  return [
    row.title,
    goalText(row),
    value("ours", row.metric),
    value(mosquitto, row.metric),
    Number.isFinite(ratio) ? ratio.toFixed(2) : "",
    cpu("ours"),
    cpu(mosquitto),
    ...extras.map((broker) => value(broker, row.metric)),
    verdict(row.goal, ours, ratio),
  ];
}

function bestMosquitto(scenario: Scenario, row: Row, results: Results): BrokerName {
  const plain = results.of(scenario.name, "mosquitto", row.metric);
  const noDelay = results.of(scenario.name, "mosquitto-nodelay", row.metric);
  if (Number.isNaN(plain)) return "mosquitto-nodelay";
  const better = row.better === "more" ? noDelay > plain : noDelay < plain;
  return better ? "mosquitto-nodelay" : "mosquitto";
}

function referenceOf(goal: Goal, results: Results, metric: string, mosquitto: number): number {
  return goal.kind === "times ours" ? results.of(goal.scenario, "ours", metric) : mosquitto;
}

function goalText({ goal, unit }: Row): string {
  switch (goal.kind) {
    case "times mosquitto":
      return "atLeast" in goal ? `≥ ${goal.atLeast} ×` : `≤ ${goal.atMost} ×`;
    case "times ours":
      return ("atLeast" in goal ? `≥ ${goal.atLeast} ×` : `≤ ${goal.atMost} ×`) + " ours without";
    case "absolute":
      return `≤ ${format(goal.atMost, unit)}`;
    case "none":
      return "";
  }
}

function verdict(goal: Goal, ours: number, ratio: number): string {
  if (goal.kind === "none") return "";
  const value = goal.kind === "absolute" ? ours : ratio;
  if (Number.isNaN(value)) return "not measured";
  const met = "atLeast" in goal ? value >= goal.atLeast : value <= goal.atMost;
  return met ? "met" : "**short**";
}

function format(value: number, unit: Row["unit"]): string {
  if (Number.isNaN(value)) return "";
  switch (unit) {
    case "messages/s":
    case "connections/s":
      return `${Math.round(value).toLocaleString("en")}/s`;
    case "MB/s":
      return `${Math.round(value).toLocaleString("en")} MB/s`;
    case "ms":
      return `${value < 10 ? value.toFixed(3) : value.toFixed(0)} ms`;
    case "s":
      return `${value.toFixed(1)} s`;
    case "µs":
      return value.toFixed(2);
    case "KB":
      return `${(value / 1024).toFixed(1)} KB`;
    case "MB":
      return `${(value / 1e6).toFixed(0)} MB`;
  }
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
