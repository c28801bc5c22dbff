/**
 * A list that the server searches, sorts and cuts into pages: only one page is ever in the document.
 *
 * @module
 */

import type { Page, SortOrder } from "../api.ts";
import { type Child, fill, h, setAttribute, setText } from "./dom.ts";
import { count } from "./format.ts";
import { failureText } from "./notice.ts";
import { repeat } from "./repeat.ts";
import type { ViewContext } from "./view.ts";

/** Rows of a page. */
const PAGE_SIZE = 50;
/** Milliseconds between two looks at the page that is shown. */
const REFRESH = 3_000;
/** Milliseconds after the last key before the server is asked. */
const TYPING = 200;

/** What the server is asked for. */
export interface ListQuery<Sort extends string> {
  readonly q?: string;
  readonly sort?: Sort;
  readonly order?: SortOrder;
  readonly limit: number;
  readonly cursor?: string;
}

/** A column. The first one names the row. */
export interface Column<Item, Sort extends string = never> {
  readonly head: string;
  cell(item: Item): Child;
  /** Name for the server; absent: the list cannot be sorted by it. */
  readonly sort?: Sort;
  /** Whether numbers stand in it. */
  readonly number?: boolean;
  /** How much room it needs: `wide` ones are left out on a phone. Default: always there. */
  readonly wide?: boolean;
}

/** A list. */
export interface ListOptions<Item, Sort extends string> {
  /** What the table holds, for those who cannot see it. */
  readonly label: string;
  readonly columns: readonly Column<Item, Sort>[];
  load(query: ListQuery<Sort>, signal: AbortSignal): Promise<Page<Item>>;
  /** Identifies an item among those of its page. */
  key(item: Item): string;
  /** Opens an item's details. */
  open(item: Item): void;
  /** What the search looks into; absent: no search. */
  readonly search?: string;
  /** What is said when there is nothing at all. */
  readonly empty: Child;
  /** More controls beside the search. */
  readonly controls?: readonly HTMLElement[];
}

/** A list in the page. */
export interface List {
  readonly element: HTMLElement;
  /** Asks the server again: `first` from the first page on. */
  reload(first?: boolean): void;
}

/** Makes a list; it is kept up to date until the view ends. */
export function list<Item, Sort extends string>(context: ViewContext, options: ListOptions<Item, Sort>): List {
  return new PagedList(context, options);
}

class PagedList<Item, Sort extends string> implements List {
  readonly element: HTMLElement;
  readonly #options: ListOptions<Item, Sort>;
  readonly #context: ViewContext;
  readonly #body = h("tbody");
  readonly #status = h("p", { class: "status", role: "status" });
  readonly #range = h("span", { class: "range" });
  readonly #empty = h("div", { class: "empty", hidden: true });
  readonly #table: HTMLTableElement;
  readonly #previous = h("button", { type: "button", onclick: () => this.#turn(-1) }, "Previous");
  readonly #next = h("button", { type: "button", onclick: () => this.#turn(1) }, "Next");
  readonly #rows = new Map<string, HTMLTableRowElement>();
  readonly #loop: { now(): void };
  /** Cursors of the pages up to the one that is shown. */
  #cursors: (string | undefined)[] = [undefined];
  #following: string | null = null;
  #q = "";
  #sort: { readonly by: Sort | undefined; readonly order: SortOrder };
  /** Aborted when another answer is wanted than the one that is on its way. */
  #request = new AbortController();

  constructor(context: ViewContext, options: ListOptions<Item, Sort>) {
    this.#context = context;
    this.#options = options;
    this.#sort = { by: options.columns.find(({ sort }) => sort !== undefined)?.sort, order: "asc" };
    this.#table = h("table", { "aria-label": options.label }, h("thead", {}, this.#head()), this.#body);
    const controls = [
      ...(options.search === undefined ? [] : [this.#search(options.search)]),
      ...options.controls ?? [],
    ];
    this.element = h(
      "section",
      { class: "list" },
      controls.length === 0 ? undefined : h("div", { class: "controls" }, ...controls),
      this.#status,
      this.#table,
      this.#empty,
      h("nav", { class: "pager", "aria-label": "Pages" }, this.#range, this.#previous, this.#next),
    );
    this.#loop = repeat(() => this.#load(), REFRESH, context.signal);
    context.live.addEventListener("back", () => this.reload(), { signal: context.signal });
  }

  reload(first = false): void {
    if (first) this.#cursors = [undefined];
    this.#request.abort();
    this.#loop.now();
  }

  #search(label: string): HTMLElement {
    let timer: number | undefined;
    const input = h("input", {
      type: "search",
      name: "q",
      placeholder: label,
      "aria-label": label,
      maxlength: 200,
      autocomplete: "off",
      spellcheck: "false",
      oninput: () => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          this.#q = input.value;
          this.reload(true);
        }, TYPING);
      },
    });
    return input;
  }

  #head(): HTMLTableRowElement {
    const row = h("tr");
    for (const column of this.#options.columns) {
      const cell = h("th", { scope: "col", class: classOf(column) });
      if (column.sort === undefined) cell.append(column.head);
      else cell.append(h("button", { type: "button", onclick: () => this.#sortBy(column.sort, row) }, column.head));
      setAttribute(cell, "data-sort", column.sort);
      row.append(cell);
    }
    this.#showSort(row);
    return row;
  }

  #sortBy(by: Sort | undefined, head: HTMLTableRowElement): void {
    const order = this.#sort.by === by && this.#sort.order === "asc" ? "desc" : "asc";
    this.#sort = { by, order };
    this.#showSort(head);
    this.reload(true);
  }

  #showSort(head: HTMLTableRowElement): void {
    const { by, order } = this.#sort;
    for (const cell of head.cells) {
      const isIt = cell.dataset.sort !== undefined && cell.dataset.sort === by;
      setAttribute(cell, "aria-sort", isIt ? (order === "asc" ? "ascending" : "descending") : undefined);
    }
  }

  #turn(direction: 1 | -1): void {
    if (direction === -1) this.#cursors.pop();
    else if (this.#following !== null) this.#cursors.push(this.#following);
    this.reload(this.#cursors.length === 0);
  }

  async #load(): Promise<void> {
    const request = this.#request = new AbortController();
    const signal = AbortSignal.any([request.signal, this.#context.signal]);
    const sort = this.#sort.by === undefined ? {} : { sort: this.#sort.by, order: this.#sort.order };
    const q = this.#q === "" ? undefined : this.#q;
    try {
      const page = await this.#options.load({ q, ...sort, limit: PAGE_SIZE, cursor: this.#cursors.at(-1) }, signal);
      if (!signal.aborted) this.#show(page);
    } catch (error) {
      if (!signal.aborted) this.#fail(error);
    }
  }

  #show(page: Page<Item>): void {
    // Everything on this page has gone: the one before is the last now.
    if (page.items.length === 0 && this.#cursors.length > 1) return this.#turn(-1);
    this.#following = page.next;
    this.#showRows(page.items);
    const isEmpty = page.items.length === 0;
    this.#table.hidden = isEmpty;
    this.#empty.hidden = !isEmpty;
    if (isEmpty) fill(this.#empty, this.#q === "" ? this.#options.empty : "Nothing matches. Try a shorter search.");
    const first = (this.#cursors.length - 1) * PAGE_SIZE + 1;
    const total = `${count(page.total)}${page.complete ? "" : " or more"}`;
    setText(this.#range, isEmpty ? "" : `${count(first)}–${count(first + page.items.length - 1)} of ${total}`);
    this.#previous.disabled = this.#cursors.length === 1;
    this.#next.disabled = page.next === null;
    this.#previous.parentElement?.classList.toggle("single", this.#previous.disabled && this.#next.disabled);
    setText(this.#status, "");
    this.element.classList.remove("stale");
  }

  /** Rows that stay the same stay in place, and with them focus and selection. */
  #showRows(items: readonly Item[]): void {
    const wanted = new Map(items.map((item) => [this.#options.key(item), item]));
    for (const [key, row] of this.#rows) {
      if (wanted.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    let place: ChildNode | null = this.#body.firstChild;
    for (const [key, item] of wanted) {
      const row = this.#rows.get(key) ?? h("tr");
      if (row === place) place = row.nextSibling;
      else this.#body.insertBefore(row, place);
      this.#rows.set(key, row);
      this.#update(row, item);
    }
  }

  #update(row: HTMLTableRowElement, item: Item): void {
    this.#options.columns.forEach((column, index) => {
      const cell = h(index === 0 ? "th" : "td", { class: classOf(column), scope: index === 0 ? "row" : undefined });
      const content = column.cell(item);
      if (index === 0) {
        cell.append(h("button", { type: "button", onclick: () => this.#options.open(item) }, content ?? ""));
      } else if (content !== undefined) cell.append(typeof content === "number" ? count(content) : content);
      const before = row.cells[index];
      if (before === undefined) row.append(cell);
      else if (!before.isEqualNode(cell)) before.replaceWith(cell);
    });
  }

  #fail(error: unknown): void {
    setText(this.#status, `This list could not be read. ${failureText(error)} Trying again.`);
    this.element.classList.add("stale");
  }
}

function classOf(column: { readonly number?: boolean; readonly wide?: boolean }): string | undefined {
  const classes = [column.number === true ? "number" : "", column.wide === true ? "wide" : ""].filter(Boolean);
  return classes.length === 0 ? undefined : classes.join(" ");
}
