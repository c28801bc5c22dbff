/**
 * Lists in parts: the items behind a place in an order, found without sorting all of them.
 *
 * @module
 */

import { fromBase64Url } from "../auth/secrets.ts";
import type { Page, SortOrder } from "./api.ts";
import { ApiFailure } from "./failure.ts";
import type { Parameters } from "./parameters.ts";
import { walk } from "./slices.ts";

/** Items in one answer at most. */
const LARGEST_PAGE = 500;
const USUAL_PAGE = 50;
/** Characters of a cursor: two texts of 65,535 bytes, in base64. */
const LONGEST_CURSOR = 180_000;
/** Ends the value in a cursor: no text of MQTT has it. */
const SEPARATOR = "\0";

/** Names of the parameters that {@linkcode pageRequest} reads. */
export const PAGE_PARAMETERS = ["limit", "cursor"] as const;

/** Where an item stands: by a value, and by its name among those with the same one. */
export type SortKey = readonly [value: string | number, name: string];

/** Which part of a list is wanted. */
export interface PageRequest {
  readonly limit: number;
  /** Where the page before ended. */
  readonly after: SortKey | undefined;
}

/** Reads which part is wanted. */
export function pageRequest(parameters: Parameters): PageRequest {
  const cursor = parameters.text("cursor", LONGEST_CURSOR);
  return {
    limit: parameters.whole("limit", 1, LARGEST_PAGE, USUAL_PAGE),
    after: cursor === undefined ? undefined : keyOf(cursor),
  };
}

/** Looks through all `items` for the part that is wanted; `key` gives the place of an item, undefined to leave it out. */
export async function pageOf<T>(
  items: Iterable<T>,
  { limit, after }: PageRequest,
  order: SortOrder,
  key: (item: T) => SortKey | undefined,
): Promise<Page<T>> {
  const direction = order === "asc" ? 1 : -1;
  const found = new Nearest<T>(limit + 1, direction);
  let total = 0;
  const complete = await walk(items, (item) => {
    const place = key(item);
    if (place === undefined) return;
    total++;
    if (after === undefined || direction * compare(place, after) > 0) found.add(place, item);
  });
  const kept = found.sorted();
  const last = kept.length > limit ? kept[limit - 1] : undefined;
  return {
    items: kept.slice(0, limit).map(({ item }) => item),
    total,
    complete,
    next: last === undefined ? null : cursorOf(last.key),
  };
}

interface Placed<T> {
  readonly key: SortKey;
  readonly item: T;
}

/** The first so many of what is added, in order. Sorts a few at a time. */
class Nearest<T> {
  readonly #count: number;
  readonly #direction: number;
  #kept: Placed<T>[] = [];
  /** Nothing behind it is wanted. */
  #last: SortKey | undefined;

  constructor(count: number, direction: number) {
    this.#count = count;
    this.#direction = direction;
  }

  add(key: SortKey, item: T): void {
    if (this.#last !== undefined && this.#direction * compare(key, this.#last) >= 0) return;
    this.#kept.push({ key, item });
    if (this.#kept.length >= 2 * this.#count) this.#cut();
  }

  sorted(): readonly Placed<T>[] {
    this.#cut();
    return this.#kept;
  }

  #cut(): void {
    const sorted = this.#kept.sort((a, b) => this.#direction * compare(a.key, b.key));
    // What has gone and come again while others were looked at was met twice.
    this.#kept = sorted.filter(({ key }, index) => {
      const next = sorted[index + 1];
      return next === undefined || compare(key, next.key) !== 0;
    });
    this.#kept.length = Math.min(this.#kept.length, this.#count);
    if (this.#kept.length === this.#count) this.#last = this.#kept.at(-1)?.key;
  }
}

function compare(a: SortKey, b: SortKey): number {
  if (a[0] !== b[0]) return a[0] < b[0] ? -1 : 1;
  return a[1] === b[1] ? 0 : a[1] < b[1] ? -1 : 1;
}

function cursorOf([value, name]: SortKey): string {
  // JSON would have six characters for some of them.
  const start = typeof value === "number" ? `n${value}` : `t${value}`;
  return new TextEncoder().encode(`${start}${SEPARATOR}${name}`).toBase64({ alphabet: "base64url", omitPadding: true });
}

function keyOf(cursor: string): SortKey {
  const text = textOf(cursor);
  const end = text.indexOf(SEPARATOR);
  const [value, name] = [text.slice(1, end), text.slice(end + 1)];
  if (end > 0 && text.startsWith("t")) return [value, name];
  if (end > 1 && text.startsWith("n") && Number.isFinite(Number(value))) return [Number(value), name];
  throw new ApiFailure("bad_request", "Cannot use parameter cursor: it must be the `next` of another answer");
}

/** Empty for what is no text. */
function textOf(cursor: string): string {
  try {
    const bytes = fromBase64Url(cursor);
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return "";
  }
}
