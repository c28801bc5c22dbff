/**
 * All topics with a value, as a tree, and one of them in detail.
 *
 * @module
 */

import type { TopicPage } from "../../api_topics.ts";
import { fill, h, setText } from "../dom.ts";
import { failureText, notify } from "../notice.ts";
import { repeat } from "../repeat.ts";
import { topicPanel, topicTitle } from "../topic_panel.ts";
import { TopicTree } from "../topic_tree.ts";
import type { View, ViewContext } from "../view.ts";

/** Milliseconds between two looks. */
const REFRESH = 2_000;
/** Milliseconds after the last key before the server is asked. */
const TYPING = 200;

/** The view. */
export const topics: View = {
  title: "Topics",
  render(context) {
    const { api, live, signal } = context;
    const detail = new Detail(context, () => {
      tree.select(undefined);
      tree.focus();
    }, () => loop.now());
    const tree = new TopicTree({
      load: (query) => api.get("topics", query, signal),
      choose: (topic) => {
        tree.select(topic);
        detail.show(topic);
      },
      full: () => notify("Too many levels are open. Close some of them first.", "failed"),
    });
    const empty = h("div", { class: "empty", hidden: true });
    const status = h("p", { class: "status", role: "status" });
    const path = pathInput(() => {
      place = placeOf(path.value);
      isNew = true;
      loop.now();
    });
    let place = placeOf("");
    let isNew = true;
    const read = async () => {
      try {
        const wanted = place;
        const page = await (isNew ? tree.show(place.under, place.q) : tree.refresh());
        if (wanted === place) isNew = false;
        showEmpty(empty, page, path.value);
        setText(status, "");
      } catch (error) {
        if (!signal.aborted) setText(status, `The topics could not be read. ${failureText(error)} Trying again.`);
      }
    };
    const loop = repeat(read, REFRESH, signal);
    live.recordTopics(true);
    signal.addEventListener("abort", () => live.recordTopics(false));
    live.addEventListener("back", () => loop.now(), { signal });
    const hint = h(
      "p",
      { class: "hint", id: "path-hint" },
      "What stands before the last / is opened, what follows is searched.",
    );
    return h(
      "section",
      { class: "topics" },
      h("div", { class: "controls" }, path, hint),
      status,
      h("div", { class: "split" }, h("div", { class: "tree-box" }, tree.element, empty), detail.element),
    );
  },
};

function pathInput(changed: () => void): HTMLInputElement {
  let timer: number | undefined;
  return h("input", {
    type: "search",
    placeholder: "Go to, e.g. home/kitchen/temp",
    "aria-label": "Go to topic",
    "aria-describedby": "path-hint",
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => {
      clearTimeout(timer);
      timer = setTimeout(changed, TYPING);
    },
  });
}

/** `home/kitchen/te` is below `home/kitchen` what holds `te`. */
function placeOf(path: string): { readonly under?: string; readonly q?: string } {
  const slash = path.lastIndexOf("/");
  const q = path.slice(slash + 1);
  return { under: slash === -1 ? undefined : path.slice(0, slash), q: q === "" ? undefined : q };
}

function showEmpty(element: HTMLElement, { items, recording }: TopicPage, path: string): void {
  element.hidden = items.length > 0;
  if (items.length > 0) return;
  const text = path !== ""
    ? "No topic matches. Check the levels before the last /."
    : `No topic has a value yet. ${recording ? "What is published from now on appears here." : ""}`;
  fill(element, h("p", {}, text));
}

/** What is beside the tree; on a phone, what lies over it. */
class Detail {
  readonly element: HTMLElement = h("aside", { class: "detail", "aria-label": "Topic", hidden: true });
  readonly #context: ViewContext;
  readonly #closed: () => void;
  readonly #deleted: () => void;
  #shown = new AbortController();

  constructor(context: ViewContext, closed: () => void, deleted: () => void) {
    this.#context = context;
    this.#closed = closed;
    this.#deleted = deleted;
    this.element.addEventListener("keydown", (event) => event.key === "Escape" && this.#close());
  }

  show(topic: string): void {
    this.#shown.abort();
    this.#shown = new AbortController();
    const signal = AbortSignal.any([this.#shown.signal, this.#context.signal]);
    const close = h("button", {
      type: "button",
      class: "quiet close",
      "aria-label": "Close",
      onclick: () => this.#close(),
    }, "✕");
    const heading = h("h2", { tabindex: -1 }, topicTitle(topic));
    fill(this.element, h("header", {}, heading, close), topicPanel(this.#context, topic, signal, this.#deleted));
    this.element.hidden = false;
    heading.focus();
  }

  #close(): void {
    this.#shown.abort();
    this.element.hidden = true;
    this.#closed();
  }
}
