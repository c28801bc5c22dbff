/**
 * What flows through the broker, what it holds, and what it had to drop.
 *
 * @module
 */

import type { BrokerInfo, ListenerInfo } from "../../api.ts";
import { h, renew, setAttribute } from "../dom.ts";
import { type Fact, facts } from "../facts.ts";
import { bytes, count, milliseconds } from "../format.ts";
import { failureText, notify, notifyFailure } from "../notice.ts";
import { overviewCharts } from "../overview_charts.ts";
import { repeat } from "../repeat.ts";
import type { View, ViewContext } from "../view.ts";
import { visibleText } from "../visible_text.ts";

/** Milliseconds between two looks at what is not in the samples. */
const REFRESH = 2_000;
/** Spans of time to choose from, in seconds. */
const SPANS: readonly (readonly [seconds: number, name: string])[] = [[60, "1 min"], [300, "5 min"], [600, "10 min"]];

/** In words, why messages were dropped. */
const DROPS: Readonly<Record<string, string>> = {
  queueFull: "Queue of the client full",
  outputFull: "Client too slow (QoS 0)",
  expired: "Expired",
  tooLarge: "Larger than the client takes",
  notAuthorized: "Not authorized",
  retainedFull: "Too many retained messages",
  storeFailed: "Store could not be written",
  memoryFull: "Memory limit reached",
};

const REFUSALS: Readonly<Record<string, string>> = {
  connections: "Connections",
  publications: "Publications",
  subscriptions: "Subscriptions",
  notLogged: "Not in the log, too many",
};

/** The view. */
export const overview: View = {
  title: "Overview",
  render(context) {
    const { api, live, signal } = context;
    const charts = overviewCharts(signal);
    let span = 300;
    const show = () => charts.show(live.samples, span);
    live.addEventListener("sample", show, { signal });
    queueMicrotask(show);
    const panels = h("div", { class: "panels" });
    const failed = h("p", { class: "status", role: "status" });
    const read = async () => {
      try {
        renew(panels, ...panelsOf(await api.get("info", {}, signal), context));
        failed.textContent = "";
      } catch (error) {
        if (!signal.aborted) failed.textContent = failureText(error);
      }
    };
    repeat(read, REFRESH, signal);
    return h(
      "div",
      { class: "overview" },
      spanButtons(span, (seconds) => {
        span = seconds;
        show();
      }),
      charts.element,
      failed,
      panels,
    );
  },
};

function spanButtons(chosen: number, choose: (seconds: number) => void): HTMLElement {
  const group = h("div", { class: "segments spans", role: "group", "aria-label": "Time shown" });
  for (const [seconds, name] of SPANS) {
    const press = () => {
      for (const other of group.children) setAttribute(other, "aria-pressed", String(other === button));
      choose(seconds);
    };
    const button = h("button", { type: "button", "aria-pressed": String(seconds === chosen), onclick: press }, name);
    group.append(button);
  }
  return group;
}

function panelsOf(info: BrokerInfo, context: ViewContext): HTMLElement[] {
  return [
    panel("Held now", heldFacts(info)),
    panel("Dropped since the start", countFacts(info.dropped, DROPS, "Nothing was dropped.")),
    panel("Refused since the start", countFacts(info.refused, REFUSALS, "Nothing was refused.")),
    panel("Listeners", listenersOf(info.listeners)),
    ...(info.store === null ? [] : [panel("Store", storeFacts(info.store))]),
    ...(info.features.reload ? [panel("Configuration", reloadPanel(context))] : []),
  ];
}

function panel(title: string, ...children: readonly HTMLElement[]): HTMLElement {
  return h("section", { class: "panel" }, h("h2", {}, title), ...children);
}

function heldFacts({ counts }: BrokerInfo): HTMLElement {
  return facts(
    ["Connections", count(counts.connections)],
    ["Sessions", count(counts.sessions)],
    ["Subscriptions", count(counts.subscriptions)],
    ["Shared subscriptions", count(counts.sharedSubscriptions)],
    ["Retained messages", count(counts.retained)],
    ["Bytes retained", bytes(counts.retainedBytes)],
  );
}

/** Those that are not zero; a list of zeros says nothing. */
function countFacts(
  counts: Readonly<Record<string, number>>,
  names: Readonly<Record<string, string>>,
  none: string,
): HTMLElement {
  const lines = Object.entries(counts).filter(([, value]) => value > 0).toSorted(([, a], [, b]) => b - a);
  if (lines.length === 0) return h("p", { class: "muted" }, none);
  return facts(...lines.map(([name, value]): Fact => [names[name] ?? name, count(value)]));
}

function listenersOf(listeners: readonly ListenerInfo[]): HTMLElement {
  if (listeners.length === 0) {
    return h("p", { class: "muted" }, "None: the broker is fed by the program that it is part of.");
  }
  const lines = listeners.map(({ hostname, port, protocol, connections }): Fact => {
    const host = hostname.includes(":") ? `[${hostname}]` : hostname;
    const place = port === 0 ? hostname : `${host}:${port}`;
    return [h("span", {}, `${protocol} `, visibleText(place)), count(connections)];
  });
  return facts(...lines);
}

function storeFacts({ writable, commits, failures, commitTime }: NonNullable<BrokerInfo["store"]>): HTMLElement {
  return facts(
    ["State", writable ? "writable" : h("span", { class: "failed" }, "cannot be written")],
    ["Commits", count(commits)],
    ["Mean commit", commits === 0 ? undefined : milliseconds(commitTime / commits)],
    ["Failures", count(failures)],
  );
}

function reloadPanel({ api }: ViewContext): HTMLElement {
  const reload = async () => {
    try {
      const { ok, messages } = await api.post("reload", undefined);
      const text = messages.length === 0 ? (ok ? "Read again." : "Something was wrong.") : messages.join(" ");
      notify(visibleText(text, { maximum: 1_000 }), ok ? "done" : "failed");
    } catch (error) {
      notifyFailure("The configuration could not be read again", error);
    }
  };
  return h(
    "div",
    {},
    h(
      "p",
      { class: "muted" },
      "Users, access rules, certificates and limits, without dropping anybody who is still allowed.",
    ),
    h("button", { type: "button", onclick: () => void reload() }, "Read it again"),
  );
}
