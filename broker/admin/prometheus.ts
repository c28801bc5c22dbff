/**
 * Prometheus' text format, version 0.0.4.
 *
 * @module
 */

import type { HistogramState } from "../histogram.ts";

/** The content type of the format. */
export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** What tells values of one metric apart. */
export type Labels = Readonly<Record<string, string>>;

/** Writes metrics, one after the other. Names and label names are ours; values may be anybody's. */
export class PrometheusText {
  #text = "";

  /** All that was written. */
  toString(): string {
    return this.#text;
  }

  /** A value that goes up and down. */
  gauge(name: string, help: string, values: number | readonly (readonly [Labels, number])[]): void {
    this.#metric(name, "gauge", help, values);
  }

  /** A value that only rises; the name ends with `_total`. */
  counter(name: string, help: string, values: number | readonly (readonly [Labels, number])[]): void {
    this.#metric(name, "counter", help, values);
  }

  /** Durations; the name ends with `_seconds`. */
  histogram(name: string, help: string, { bounds, within, count, sum }: HistogramState): void {
    this.#head(name, "histogram", help);
    bounds.forEach((bound, index) => {
      this.#line(`${name}_bucket`, { le: String(bound / 1000) }, within[index] ?? 0);
    });
    this.#line(`${name}_bucket`, { le: "+Inf" }, count);
    this.#line(`${name}_sum`, {}, sum / 1000);
    this.#line(`${name}_count`, {}, count);
  }

  #metric(name: string, type: string, help: string, values: number | readonly (readonly [Labels, number])[]): void {
    if (typeof values !== "number" && values.length === 0) return;
    this.#head(name, type, help);
    if (typeof values === "number") return this.#line(name, {}, values);
    for (const [labels, value] of values) this.#line(name, labels, value);
  }

  #head(name: string, type: string, help: string): void {
    this.#text += `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${type}\n`;
  }

  #line(name: string, labels: Labels, value: number): void {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
    this.#text += `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}\n`;
  }
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
