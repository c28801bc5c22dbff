/**
 * The last lines of the log, as they come.
 *
 * @module
 */

import type { LogLine } from "../../api_events.ts";
import { fill, h, setAttribute } from "../dom.ts";
import { clockTime } from "../format.ts";
import type { View } from "../view.ts";
import { visibleText } from "../visible_text.ts";

const MATTERING: ReadonlySet<LogLine["level"]> = new Set(["error", "warning"]);

/** The view. */
export const log: View = {
  title: "Log",
  render({ live, signal, info }) {
    const lines = h("ol", { class: "log", tabindex: 0, "aria-label": "Log lines, the newest at the end" });
    const empty = h("p", { class: "empty" }, "No line yet.");
    const search = h("input", {
      type: "search",
      placeholder: "Search in these lines",
      "aria-label": "Search in these lines",
    });
    const level = h(
      "select",
      { "aria-label": "Which lines" },
      h("option", { value: "all" }, "All lines"),
      h("option", { value: "mattering" }, "Warnings and errors"),
    );
    const pause = h("button", { type: "button", "aria-pressed": "false" }, "Pause");
    let paused = false;
    const show = () => {
      if (paused) return;
      const text = search.value.toLowerCase();
      const shown = live.lines.filter((line) =>
        (level.value === "all" || MATTERING.has(line.level)) && (text === "" || line.text.toLowerCase().includes(text))
      );
      const follows = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
      showLines(lines, shown);
      lines.hidden = shown.length === 0;
      empty.hidden = shown.length > 0;
      if (follows) lines.scrollTop = lines.scrollHeight;
    };
    pause.addEventListener("click", () => {
      paused = !paused;
      setAttribute(pause, "aria-pressed", String(paused));
      show();
    });
    search.addEventListener("input", show);
    level.addEventListener("change", show);
    live.addEventListener("log", show, { signal });
    // Once it is in the document, it can be scrolled.
    requestAnimationFrame(show);
    void info().then(({ features }) => {
      if (!features.log) fill(empty, "This broker keeps no log lines for this page.");
    }, () => {});
    return h("section", { class: "log-view" }, h("div", { class: "controls" }, search, level, pause), lines, empty);
  },
};

/** Lines that are there already stay: only what is new is made. */
function showLines(list: HTMLOListElement, lines: readonly LogLine[]): void {
  const wanted = new Set(lines.map(keyOf));
  const there = new Map<string, Element>();
  for (const element of [...list.children]) {
    const key = element.getAttribute("data-key") ?? "";
    if (wanted.has(key)) there.set(key, element);
    else element.remove();
  }
  let place = list.firstElementChild;
  for (const line of lines) {
    const element = there.get(keyOf(line)) ?? lineElement(line);
    if (element === place) place = place.nextElementSibling;
    else list.insertBefore(element, place);
  }
}

function keyOf({ at, number }: LogLine): string {
  return `${at}/${number}`;
}

function lineElement(line: LogLine): HTMLElement {
  const { at, level, text } = line;
  return h(
    "li",
    { class: `line-${level}`, "data-key": keyOf(line) },
    h("time", { datetime: new Date(at).toISOString() }, clockTime(at)),
    h("span", { class: "level" }, level),
    // Details are set in by a tabulator.
    visibleText(text.replace(/^\t/, "  "), { maximum: 2_048 }),
  );
}
