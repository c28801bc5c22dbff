/**
 * A small chart of the last minutes.
 *
 * @module
 */

import uPlot from "uplot";
import { h } from "./dom.ts";
import { clockTime } from "./format.ts";
import { onThemeChange } from "./theme.ts";

/** Height of a chart in CSS pixels. */
const HEIGHT = 132;

/** A line of a chart. */
export interface Line {
  readonly name: string;
  /** Name of the custom property of CSS that has its colour. */
  readonly colour: string;
}

/** A chart. */
export interface Chart {
  readonly element: HTMLElement;
  /** Shows values: times in seconds, and for each line one value a time; `null` leaves a gap. */
  show(times: readonly number[], values: readonly (readonly (number | null)[])[], seconds: number): void;
}

/** Makes a chart that fits its width, until `signal` is aborted. */
export function chart(
  label: string,
  lines: readonly Line[],
  format: (value: number) => string,
  signal: AbortSignal,
): Chart {
  const element = h("div", { class: "chart", role: "img", "aria-label": label });
  let plot: uPlot | undefined;
  let data: uPlot.AlignedData = [[], ...lines.map(() => [])];
  let range: [number, number] = [0, 1];
  const draw = () => {
    plot?.destroy();
    const size = { width: Math.max(element.clientWidth, 80), height: HEIGHT };
    plot = new uPlot(optionsOf(element, lines, format, size, () => range), data, element);
  };
  const observer = new ResizeObserver(() => {
    if (plot === undefined) draw();
    else plot.setSize({ width: element.clientWidth, height: HEIGHT });
  });
  observer.observe(element);
  onThemeChange(draw, signal);
  signal.addEventListener("abort", () => {
    observer.disconnect();
    plot?.destroy();
  });
  return {
    element,
    show(times, values, seconds) {
      const last = times.at(-1) ?? 0;
      range = [last - seconds, last];
      data = [[...times], ...values.map((line) => [...line])];
      if (plot !== undefined && !document.hidden) plot.setData(data);
    },
  };
}

function optionsOf(
  element: HTMLElement,
  lines: readonly Line[],
  format: (value: number) => string,
  size: { width: number; height: number },
  range: () => [number, number],
): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const font = `11px ${style.fontFamily}`;
  const axis = { stroke: colour("--muted"), font, ticks: { show: false } };
  return {
    ...size,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    padding: [8, 18, 0, 0],
    scales: { x: { range }, y: { range: (_plot, _low, high) => [0, niceMaximum(high)] } },
    axes: [
      { ...axis, size: 20, gap: 4, space: 40, grid: { show: false }, values: (_plot, times) => timeTexts(times) },
      {
        ...axis,
        size: 48,
        gap: 6,
        space: 36,
        grid: { stroke: colour("--line"), width: 1 },
        values: (_plot, values) => values.map((value) => value === 0 ? "0" : format(value)),
      },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        stroke: colour(line.colour),
        width: 1.5,
        points: { show: false },
        fill: lines.length === 1 ? `${colour(line.colour)}1f` : undefined,
      })),
    ],
  };
}

/** A line at zero is at the bottom, not in the middle. */
function niceMaximum(high: number | null): number {
  return high === null || high <= 0 ? 1 : high * 1.1;
}

/** Seconds only where they matter. */
function timeTexts(times: readonly number[]): string[] {
  const length = times.every((time) => time % 60 === 0) ? "00:00".length : "00:00:00".length;
  return times.map((time) => clockTime(1_000 * time).slice(0, length));
}
