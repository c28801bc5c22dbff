/**
 * A small chart of the last minutes.
 *
 * @module
 */

import uPlot from "uplot";
import { h } from "./dom.ts";
import { onThemeChange } from "./theme.ts";

/** Height of a chart in CSS pixels. */
const HEIGHT = 132;

/** Where the time axis may be marked, in seconds. */
const STEPS = [10, 20, 60, 120, 300];

/** Where an axis of whole numbers may be marked. */
const WHOLE_STEPS = Array.from({ length: 13 }, (_, power) => 10 ** power).flatMap((step) => [step, 2 * step, 5 * step]);

/** A line of a chart. */
export interface Line {
  readonly name: string;
  /** Name of the custom property of CSS that has its colour. */
  readonly colour: string;
}

/** What a chart is made of. */
export interface ChartOptions {
  /** What it shows, for those who cannot see it. */
  readonly label: string;
  readonly lines: readonly Line[];
  format(value: number): string;
  /** Whether there are whole numbers only. Default false. */
  readonly whole?: boolean;
  /** Called with the place of the values that are pointed at, or undefined. */
  pointed(index: number | undefined): void;
}

/** A chart. */
export interface Chart {
  readonly element: HTMLElement;
  /**
   * Shows the last `seconds`: times in seconds, the last one being 0, and for each line one value a time; `null` leaves
   * a gap.
   */
  show(times: readonly number[], values: readonly (readonly (number | null)[])[], seconds: number): void;
}

/** Makes a chart that fits its width, until `signal` is aborted. */
export function chart(options: ChartOptions, signal: AbortSignal): Chart {
  const element = h("div", { class: "chart", role: "img", "aria-label": options.label });
  let plot: uPlot | undefined;
  let data: uPlot.AlignedData = [[], ...options.lines.map(() => [])];
  let span = 1;
  const draw = () => {
    plot?.destroy();
    const size = { width: Math.max(element.clientWidth, 80), height: HEIGHT };
    plot = new uPlot({ ...size, ...plotOptions(element, options, () => span) }, data, element);
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
      span = seconds;
      data = [[...times], ...values.map((line) => [...line])];
      if (plot !== undefined && !document.hidden) plot.setData(data);
    },
  };
}

function plotOptions(
  element: HTMLElement,
  { lines, format, whole = false, pointed }: ChartOptions,
  span: () => number,
): Omit<uPlot.Options, "width" | "height"> {
  const colour = (name: string) => colourOf(element, name);
  const axis = {
    stroke: colour("--muted"),
    font: `11px ${getComputedStyle(element).fontFamily}`,
    ticks: { show: false },
  };
  return {
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    hooks: { setCursor: [(plot) => pointed(plot.cursor.idx ?? undefined)] },
    padding: [8, 18, 0, 0],
    scales: {
      // It stands still, and what flows is the line.
      x: { time: false, range: () => [-span(), 0] },
      y: { range: (_plot, _low, high) => [0, niceMaximum(high)] },
    },
    axes: [
      {
        ...axis,
        size: 24,
        gap: 8,
        space: 44,
        incrs: STEPS,
        grid: { show: false },
        values: (_plot, times) => times.map(timeText),
      },
      {
        ...axis,
        size: 48,
        gap: 6,
        space: 26,
        ...(whole ? { incrs: WHOLE_STEPS } : {}),
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
        fill: lines.length === 1 ? colour(line.colour).replace(")", ", 0.12)") : undefined,
      })),
    ],
  };
}

/** A colour of the styles as it is in the theme that holds, e.g. `rgb(15, 110, 132)`. */
function colourOf(element: HTMLElement, name: string): string {
  const probe = h("span");
  probe.style.color = `var(${name})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** A line at zero is at the bottom, not in the middle. */
function niceMaximum(high: number | null): number {
  return high === null || high <= 0 ? 1 : high * 1.1;
}

/** E.g. `−5 min`, `−20 s`, `now`. */
function timeText(seconds: number): string {
  if (seconds === 0) return "now";
  return seconds % 60 === 0 ? `−${-seconds / 60} min` : `−${-seconds} s`;
}
