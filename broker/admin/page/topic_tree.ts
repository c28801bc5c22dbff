/**
 * Topics as a tree, level by level as the server gives them; keys as in the tree pattern of WAI-ARIA.
 *
 * @module
 */

import type { TopicPage, TopicQuery } from "../api_topics.ts";
import { h, setAttribute, setText } from "./dom.ts";
import { count } from "./format.ts";
import { showNode, type TreeItem, treeItem } from "./tree_item.ts";

/** Topics of one level that are shown at first, and that each request for more adds. */
const STEP = 100;
/** Topics of one level that are shown at most. */
const MAXIMUM = 500;
/** Levels that are open at the same time at most. */
const MAXIMUM_OPEN = 24;

/** What a tree is connected with. */
export interface TopicTreeOptions {
  load(query: TopicQuery): Promise<TopicPage>;
  /** A topic was chosen. */
  choose(topic: string): void;
  /** A level cannot be opened, because too many are. */
  full(): void;
}

/** An open level: its items and where they are. */
interface Branch {
  readonly query: { readonly under?: string; readonly q?: string };
  readonly list: HTMLElement;
  readonly level: number;
  readonly items: Map<string, TreeItem>;
  readonly more: HTMLLIElement;
  limit: number;
}

/** A tree of topics. */
export class TopicTree {
  readonly element: HTMLUListElement = h("ul", { role: "tree", class: "tree", "aria-label": "Topics" });
  readonly #options: TopicTreeOptions;
  #root: Branch;
  /** Open levels by their list elements. */
  readonly #branches = new Map<Element, Branch>();
  #current: HTMLElement | undefined;

  constructor(options: TopicTreeOptions) {
    this.#options = options;
    this.#root = this.#branch({}, this.element, 1);
    this.element.addEventListener("click", (event) => this.#click(event));
    this.element.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Begins anew below a topic, with those whose next level holds `q`. */
  async show(under: string | undefined, q: string | undefined): Promise<TopicPage> {
    this.#branches.clear();
    this.element.replaceChildren();
    this.#current = undefined;
    this.#root = this.#branch({ under, q }, this.element, 1);
    return await this.#load(this.#root);
  }

  /** Reads all open levels again. */
  async refresh(): Promise<TopicPage> {
    const root = await this.#load(this.#root);
    for (const branch of [...this.#branches.values()]) {
      if (branch !== this.#root && this.#branches.has(branch.list)) await this.#load(branch);
    }
    return root;
  }

  /** Marks the chosen topic, or none. */
  select(topic: string | undefined): void {
    for (const { items } of this.#branches.values()) {
      for (const { element, node } of items.values()) {
        setAttribute(element, "aria-selected", String(node.topic === topic));
      }
    }
  }

  /** Puts the focus where it was. */
  focus(): void {
    (this.#current ?? this.#items()[0])?.focus();
  }

  #branch(query: Branch["query"], list: HTMLElement, level: number): Branch {
    const more = h("li", { role: "treeitem", class: "more", tabindex: -1, "aria-level": level });
    const branch: Branch = { query, list, level, items: new Map(), more, limit: STEP };
    this.#branches.set(list, branch);
    return branch;
  }

  async #load(branch: Branch): Promise<TopicPage> {
    const page = await this.#options.load({ ...branch.query, limit: branch.limit });
    if (this.#branches.get(branch.list) === branch) this.#fill(branch, page);
    return page;
  }

  #fill(branch: Branch, { items, total }: TopicPage): void {
    const wanted = new Map(items.map((node) => [node.level, node]));
    for (const [level, item] of branch.items) {
      if (!wanted.has(level)) this.#drop(branch, level, item);
    }
    let place = branch.list.firstElementChild;
    for (const [level, node] of wanted) {
      const item = branch.items.get(level) ?? treeItem(node, branch.level);
      branch.items.set(level, item);
      showNode(item, node);
      if (!node.hasChildren) this.#close(item);
      if (item.element === place) place = place.nextElementSibling;
      else branch.list.insertBefore(item.element, place);
    }
    this.#showMore(branch, total);
    this.#keepTabStop();
  }

  #showMore(branch: Branch, total: number): void {
    const { more, items, list, limit } = branch;
    const left = total - items.size;
    if (left <= 0) return more.remove();
    const isLast = limit >= MAXIMUM;
    const text = isLast ? `${count(left)} more: type above what to look for` : `Show more of the ${count(left)} others`;
    setText(more, text);
    setAttribute(more, "aria-disabled", isLast);
    list.append(more);
  }

  #drop(branch: Branch, level: string, item: TreeItem): void {
    const hadFocus = item.element.contains(document.activeElement);
    const next = item.element.nextElementSibling ?? item.element.previousElementSibling ?? item.element.parentElement;
    this.#close(item);
    item.element.remove();
    branch.items.delete(level);
    if (hadFocus && next instanceof HTMLElement) next.focus();
  }

  #items(): HTMLElement[] {
    return [...this.element.querySelectorAll<HTMLElement>("[role=treeitem]")];
  }

  /** One item can be reached by Tab; the others by arrows. */
  #keepTabStop(): void {
    if (this.#current === undefined || !this.element.contains(this.#current)) this.#current = this.#items()[0];
    if (this.#current !== undefined) this.#current.tabIndex = 0;
  }

  #moveTo(element: HTMLElement | null | undefined): void {
    if (!element) return;
    if (this.#current !== undefined) this.#current.tabIndex = -1;
    this.#current = element;
    element.tabIndex = 0;
    element.focus();
  }

  #click(event: Event): void {
    const target = event.target instanceof Element ? event.target : undefined;
    const element = target?.closest<HTMLElement>("[role=treeitem]");
    if (!element) return;
    this.#moveTo(element);
    const item = this.#itemOf(element);
    if (item === undefined) return this.#showMoreOf(element);
    const opens = target?.closest(".twisty") !== null || item.node.value === null;
    if (opens && item.node.hasChildren) this.#toggle(item);
    else this.#options.choose(item.node.topic);
  }

  #key(event: KeyboardEvent): void {
    const element = event.target instanceof HTMLElement ? event.target.closest<HTMLElement>("[role=treeitem]") : null;
    if (element === null || event.ctrlKey || event.altKey || event.metaKey) return;
    const item = this.#itemOf(element);
    const items = this.#items();
    const at = items.indexOf(element);
    const actions: Record<string, () => void> = {
      ArrowDown: () => this.#moveTo(items[at + 1]),
      ArrowUp: () => this.#moveTo(items[at - 1]),
      Home: () => this.#moveTo(items[0]),
      End: () => this.#moveTo(items.at(-1)),
      ArrowRight: () => item?.node.hasChildren && this.#right(item),
      ArrowLeft: () => this.#left(element, item),
      Enter: () => item === undefined ? this.#showMoreOf(element) : this.#options.choose(item.node.topic),
      " ": () => item === undefined ? this.#showMoreOf(element) : this.#options.choose(item.node.topic),
    };
    const action = actions[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  }

  #right(item: TreeItem): void {
    if (isOpen(item)) this.#moveTo(item.element.querySelector<HTMLElement>("[role=treeitem]"));
    else this.#toggle(item);
  }

  #left(element: HTMLElement, item: TreeItem | undefined): void {
    if (item !== undefined && isOpen(item)) this.#toggle(item);
    else this.#moveTo(element.parentElement?.closest<HTMLElement>("[role=treeitem]"));
  }

  #itemOf(element: HTMLElement): TreeItem | undefined {
    const branch = element.parentElement === null ? undefined : this.#branches.get(element.parentElement);
    return [...branch?.items.values() ?? []].find((item) => item.element === element);
  }

  #showMoreOf(element: HTMLElement): void {
    const branch = element.parentElement === null ? undefined : this.#branches.get(element.parentElement);
    if (branch === undefined || branch.limit >= MAXIMUM) return;
    branch.limit += STEP;
    this.#read(branch);
  }

  #toggle(item: TreeItem): void {
    if (isOpen(item)) return this.#close(item);
    if (this.#branches.size >= MAXIMUM_OPEN) return this.#options.full();
    const list = h("ul", { role: "group", "aria-busy": true });
    item.element.append(list);
    setAttribute(item.element, "aria-expanded", "true");
    const level = Number(item.element.getAttribute("aria-level")) + 1;
    this.#read(this.#branch({ under: item.node.topic }, list, level));
  }

  /** What fails is tried again with the next refresh. */
  #read(branch: Branch): void {
    this.#load(branch).then(() => branch.list.removeAttribute("aria-busy"), () => {});
  }

  #close(item: TreeItem): void {
    if (!isOpen(item)) return;
    setAttribute(item.element, "aria-expanded", item.node.hasChildren ? "false" : undefined);
    const list = item.element.lastElementChild;
    if (list === null) return;
    for (const open of [list, ...list.querySelectorAll("[role=group]")]) this.#branches.delete(open);
    const hadFocus = list.contains(document.activeElement);
    list.remove();
    if (hadFocus) this.#moveTo(item.element);
    this.#keepTabStop();
  }
}

function isOpen({ element }: TreeItem): boolean {
  return element.lastElementChild?.getAttribute("role") === "group";
}
