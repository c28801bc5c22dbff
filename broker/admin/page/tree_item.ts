/**
 * One level of a topic in the tree.
 *
 * @module
 */

import type { TopicNode } from "../api_topics.ts";
import { h, setAttribute } from "./dom.ts";
import { compact } from "./format.ts";
import { preview } from "./message_text.ts";
import { visibleString, visibleText } from "./visible_text.ts";

/** An item and where its children go. */
export interface TreeItem {
  readonly element: HTMLLIElement;
  /** Undefined for topics without any below. */
  node: TopicNode;
}

/** Makes an item of a level, the first one being 1. */
export function treeItem(node: TopicNode, level: number): TreeItem {
  const element = h("li", { role: "treeitem", tabindex: -1, "aria-level": level, "aria-selected": "false" });
  const item: TreeItem = { element, node };
  showNode(item, node);
  return item;
}

/** Shows what is known now. */
export function showNode(item: TreeItem, node: TopicNode): void {
  const { element } = item;
  item.node = node;
  const row = rowOf(node);
  const before = element.firstElementChild;
  if (before === null) element.append(row);
  else if (!before.isEqualNode(row)) before.replaceWith(row);
  setAttribute(element, "aria-label", labelOf(node));
  setAttribute(
    element,
    "aria-expanded",
    node.hasChildren ? element.getAttribute("aria-expanded") ?? "false" : undefined,
  );
}

function rowOf({ level, topics, hasChildren, value }: TopicNode): HTMLElement {
  const name = level === ""
    ? h("span", { class: "name muted" }, "(empty)")
    : h("span", { class: "name" }, visibleText(level));
  const inside = hasChildren ? h("span", { class: "count" }, compact(topics)) : undefined;
  return h(
    "div",
    { class: "row" },
    h("span", { class: "twisty" }),
    name,
    value?.retained === true ? h("span", { class: "retained", title: "Retained" }) : undefined,
    value === null ? undefined : preview(value),
    inside,
  );
}

function labelOf({ level, topics, hasChildren, value }: TopicNode): string {
  const parts = [level === "" ? "empty level" : visibleString(level, 80)];
  if (value !== null) parts.push(value.text === null ? `${value.size} bytes` : visibleString(value.text, 80));
  if (value?.retained === true) parts.push("retained");
  if (hasChildren) parts.push(`${topics} topics`);
  return parts.join(", ");
}
