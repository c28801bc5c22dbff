/**
 * The charts of the overview: what each one shows of a sample.
 *
 * @module
 */

import type { Sample } from "../api_events.ts";
import { type Chart, chart, type Line } from "./chart.ts";
import { h, setText } from "./dom.ts";
import { bytes, clockTime, compact, milliseconds, rate } from "./format.ts";

/** A line and how a sample gives its value. */
interface Measure extends Line {
  of(sample: Sample): number | null;
}

/** What a card shows. */
interface CardOptions {
  readonly title: string;
  readonly unit?: string;
  readonly measures: readonly Measure[];
  format(value: number): string;
  readonly whole?: boolean;
  /** In small print below. */
  note(sample: Sample): string;
}

const sum = ([qos0, qos1, qos2]: readonly [number, number, number]) => qos0 + qos1 + qos2;

const CARDS: readonly CardOptions[] = [
  {
    title: "Messages",
    unit: "/s",
    format: rate,
    measures: [
      { name: "in", colour: "--in", of: ({ messagesIn }) => sum(messagesIn) },
      { name: "out", colour: "--out", of: ({ messagesOut }) => sum(messagesOut) },
    ],
    note: ({ messagesIn }) => `In by QoS: ${messagesIn.map(rate).join(" · ")}`,
  },
  {
    title: "Traffic",
    unit: "/s",
    format: bytes,
    whole: true,
    measures: [
      { name: "in", colour: "--in", of: ({ bytesIn }) => bytesIn },
      { name: "out", colour: "--out", of: ({ bytesOut }) => bytesOut },
    ],
    note: () => "Bytes of all packets",
  },
  {
    title: "Clients",
    format: compact,
    whole: true,
    measures: [{ name: "connected", colour: "--in", of: ({ counts }) => counts.clients }],
    note: ({ connects }) => `${rate(connects)} new a second`,
  },
  {
    title: "Delay",
    format: milliseconds,
    measures: [
      { name: "loop", colour: "--in", of: ({ loopDelay }) => loopDelay },
      { name: "commit", colour: "--out", of: ({ commitTime }) => commitTime },
    ],
    note: () => "Longest wait for the event loop, mean commit",
  },
  {
    title: "Dropped",
    unit: "/s",
    format: rate,
    measures: [{ name: "messages", colour: "--bad", of: ({ dropped }) => dropped }],
    note: () => "Reasons are listed below",
  },
  {
    title: "Memory",
    format: bytes,
    whole: true,
    measures: [{ name: "process", colour: "--in", of: ({ memory }) => memory }],
    note: ({ counts }) => `${bytes(counts.retainedBytes)} in ${compact(counts.retained)} retained messages`,
  },
];

/** All charts of the overview. */
export interface OverviewCharts {
  readonly element: HTMLElement;
  /** Shows the samples of the last `seconds`. */
  show(samples: readonly Sample[], seconds: number): void;
}

/** Makes the charts; they end with `signal`. */
export function overviewCharts(signal: AbortSignal): OverviewCharts {
  const cards = CARDS.map((options) => new Card(options, signal));
  return {
    element: h("div", { class: "cards" }, ...cards.map(({ element }) => element)),
    show(samples, seconds) {
      const first = (samples.at(-1)?.at ?? 0) - 1_000 * seconds;
      // One more than can be seen: the line begins at the edge.
      const begin = Math.max(0, samples.findIndex(({ at }) => at >= first) - 1);
      const shown = samples.slice(begin);
      const last = shown.at(-1)?.at ?? 0;
      const times = shown.map(({ at }) => (at - last) / 1_000);
      for (const card of cards) card.show(shown, times, seconds);
    },
  };
}

class Card {
  readonly element: HTMLElement;
  readonly #options: CardOptions;
  readonly #chart: Chart;
  readonly #values: HTMLElement[];
  readonly #note = h("p", { class: "note" });
  #samples: readonly Sample[] = [];
  #pointed: number | undefined;

  constructor(options: CardOptions, signal: AbortSignal) {
    this.#options = options;
    const { title, measures, unit = "" } = options;
    this.#values = measures.map(() => h("b", {}, "–"));
    const legend = measures.map((measure, index) =>
      h(
        "span",
        { class: `value ${measure.colour.slice(2)}` },
        this.#values[index],
        h("small", {}, `${unit} ${measure.name}`),
      )
    );
    const names = measures.map(({ name }) => name).join(" and ");
    this.#chart = chart({
      label: `Chart: ${title}, ${names}, over the last minutes`,
      lines: measures,
      format: options.format,
      whole: options.whole,
      pointed: (index) => {
        this.#pointed = index;
        this.#showNumbers();
      },
    }, signal);
    this.element = h(
      "section",
      { class: "card" },
      h("header", {}, h("h2", {}, title), h("div", { class: "values" }, ...legend)),
      this.#chart.element,
      this.#note,
    );
  }

  show(samples: readonly Sample[], times: readonly number[], seconds: number): void {
    this.#samples = samples;
    this.#showNumbers();
    this.#chart.show(times, this.#options.measures.map((measure) => samples.map(measure.of)), seconds);
  }

  /** Those that are pointed at, or else the latest. */
  #showNumbers(): void {
    const { measures, format, note } = this.#options;
    const pointed = this.#pointed === undefined ? undefined : this.#samples[this.#pointed];
    const sample = pointed ?? this.#samples.at(-1);
    if (sample === undefined) return;
    measures.forEach((measure, index) => {
      const value = measure.of(sample);
      const element = this.#values[index];
      if (element !== undefined) setText(element, value === null ? "–" : format(value));
    });
    setText(this.#note, pointed === undefined ? note(sample) : `At ${clockTime(pointed.at)}`);
  }
}
