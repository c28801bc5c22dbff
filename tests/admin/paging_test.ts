/** Pages of long lists: all items in order, found in steps that let others have their turn. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { pageOf, pageRequest, type SortKey } from "../../broker/admin/paging.ts";
import { Parameters } from "../../broker/admin/parameters.ts";
import { walk } from "../../broker/admin/slices.ts";
import { random } from "../support/random.ts";

interface Item {
  readonly name: string;
  readonly value: number;
}

const key = ({ name, value }: Item): SortKey => [value, name];

Deno.test("admin paging: pages behind each other are the whole list in order, whatever comes first", async () => {
  const next01 = random(7);
  for (const order of ["asc", "desc"] as const) {
    for (const limit of [1, 3, 7, 50, 500]) {
      const items = Array.from({ length: 120 }, (_, i) => ({ name: `n${i}`, value: Math.floor(next01() * 10) }));
      const sorted = items.toSorted((a, b) => a.value - b.value || (a.name < b.name ? -1 : 1));
      if (order === "desc") sorted.reverse();
      const paged: Item[] = [];
      let query = `?limit=${limit}`;
      for (;;) {
        const request = pageRequest(new Parameters(query, ["limit", "cursor"]));
        const { items: some, total, complete, next } = await pageOf(items, request, order, key);
        assertEquals([total, complete], [120, true]);
        paged.push(...some);
        if (next === null) break;
        assertEquals(some.length, limit);
        query = `?limit=${limit}&cursor=${next}`;
      }
      assertEquals(paged, sorted);
    }
  }
});

Deno.test("admin paging: an item that goes between two pages moves none of the others", async () => {
  const items = Array.from({ length: 10 }, (_, i) => ({ name: `n${i}`, value: 0 }));
  const first = await pageOf(items, { limit: 4, after: undefined }, "asc", key);
  const request = pageRequest(new Parameters(`?limit=4&cursor=${first.next}`, ["limit", "cursor"]));
  const second = await pageOf(items.toSpliced(2, 2), request, "asc", key);
  assertEquals(second.items.map(({ name }) => name), ["n4", "n5", "n6", "n7"]);
});

Deno.test("admin paging: a long walk lets timers run, and sees all that stays", async () => {
  const items = new Map(Array.from({ length: 2_000 }, (_, i) => [i, i]));
  let ticks = 0;
  const timer = setInterval(() => {
    ticks++;
    items.delete(1_999);
  }, 0);
  const seen: number[] = [];
  const complete = await walk(items.values(), (item) => {
    seen.push(item);
    for (const end = performance.now() + 0.05; performance.now() < end;);
  });
  clearInterval(timer);
  assert(complete);
  assertGreater(ticks, 3);
  assertEquals(seen, Array.from({ length: 1_999 }, (_, i) => i));
});

Deno.test("admin paging: a walk without an end is given up", async () => {
  let seen = 0;
  const complete = await walk(
    (function* () {
      for (;;) yield 0;
    })(),
    () => seen++,
  );
  assertEquals([complete, seen], [false, 1_000_000]);
});

Deno.test("admin paging: the longest texts can be continued behind, whatever is in them", async () => {
  for (const character of ["x", "\u0001", "\u20ac", "\u{1f600}", '"', "\\"]) {
    const length = Math.floor(65_535 / new TextEncoder().encode(character).length);
    const items = [1, 2, 3].map((last) => character.repeat(length - 1) + last);
    const placed = (item: string): SortKey => [item, item];
    const { next } = await pageOf(items, { limit: 2, after: undefined }, "asc", placed);
    const request = pageRequest(new Parameters(`?cursor=${next}`, ["cursor"]));
    assertEquals((await pageOf(items, request, "asc", placed)).items, items.slice(2));
    // Other parameters have room beside it in the head of a request.
    assert((next?.length ?? 0) < 180_000);
  }
});

Deno.test("admin paging: what comes again while it is looked at stands in the page once", async () => {
  const items = ["a", "b", "c", "a", "d", "b"];
  for (const limit of [2, 3, 10]) {
    const seen: string[] = [];
    let next: string | null = "";
    while (next !== null) {
      const request = pageRequest(new Parameters(next === "" ? "" : `?cursor=${next}`, ["cursor"]));
      const page = await pageOf(items, { ...request, limit }, "asc", (item): SortKey => [item, ""]);
      seen.push(...page.items);
      next = page.next;
    }
    assertEquals(seen, ["a", "b", "c", "d"]);
  }
});
