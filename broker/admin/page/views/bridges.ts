/**
 * Bridges to other brokers, and what waits to cross them.
 *
 * @module
 */

import type { BridgeSummary } from "../../api.ts";
import { now } from "../clock.ts";
import { h, renew } from "../dom.ts";
import { badge, facts } from "../facts.ts";
import { bytes, count, duration } from "../format.ts";
import { failureText } from "../notice.ts";
import { repeat } from "../repeat.ts";
import type { View } from "../view.ts";
import { visibleText } from "../visible_text.ts";

/** Milliseconds between two looks. */
const REFRESH = 2_000;
/** Bridges that are shown at most: each one is written into the configuration by hand. */
const MAXIMUM = 200;

/** The view. */
export const bridges: View = {
  title: "Bridges",
  render({ api, signal }) {
    const element = h("div", { class: "panels" });
    const read = async () => {
      try {
        const { items } = await api.get("bridges", {}, signal);
        renew(element, ...(items.length === 0 ? [none()] : items.slice(0, MAXIMUM).map(card)));
      } catch (error) {
        if (!signal.aborted) renew(element, h("p", { class: "status failed" }, failureText(error)));
      }
    };
    repeat(read, REFRESH, signal);
    return element;
  },
};

function none(): HTMLElement {
  return h(
    "div",
    { class: "empty" },
    h("p", {}, "This broker has no bridges."),
    h(
      "p",
      { class: "muted" },
      "A ",
      h("code", {}, "connection"),
      " in its configuration connects it to another broker.",
    ),
  );
}

function card(bridge: BridgeSummary): HTMLElement {
  const { name, state, address, since, error, backlog, backlogBytes, sent, received, dropped } = bridge;
  const kind = state === "connected" ? "good" : state === "waiting" ? "bad" : "plain";
  const minutes = since === null ? undefined : Math.floor((now() - since) / 60_000);
  return h(
    "section",
    { class: "panel bridge" },
    h("h2", {}, visibleText(name), " ", badge(state, kind)),
    error === null ? undefined : h("p", { class: "failed" }, visibleText(error)),
    facts(
      ["Address", visibleText(address)],
      ["Since", minutes === undefined ? undefined : minutes < 1 ? "less than a minute" : duration(60 * minutes)],
      ["Waiting to be sent", `${count(backlog)} (${bytes(backlogBytes)})`],
      ["Sent", count(sent)],
      ["Received", count(received)],
      ["Dropped", dropped === 0 ? "0" : h("span", { class: "failed" }, count(dropped))],
    ),
  );
}
