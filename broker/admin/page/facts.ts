/**
 * Names with their values, as details show them.
 *
 * @module
 */

import { type Child, h } from "./dom.ts";

/** A name and its value; undefined: no line. */
export type Fact = readonly [name: string | Node, value: Child];

/** A description list. */
export function facts(...lines: readonly Fact[]): HTMLElement {
  const element = h("dl", { class: "facts" });
  for (const [name, value] of lines) {
    if (value !== undefined) element.append(h("div", {}, h("dt", {}, name), h("dd", {}, value)));
  }
  return element;
}

/** A part with a heading. */
export function part(title: Child, ...children: readonly Child[]): HTMLElement {
  return h("section", { class: "part" }, h("h3", {}, title), ...children);
}

/** A mark beside a name. */
export function badge(text: string, kind: "good" | "bad" | "plain" = "plain"): HTMLElement {
  return h("span", { class: `badge ${kind}` }, text);
}
