/** Where a bridge goes next, and when. */

import { assert, assertEquals } from "@std/assert";
import { Route } from "../../broker/bridge/route.ts";
import { random } from "../support/random.ts";

const JITTER = { base: 5, cap: 30 };

Deno.test("bridge route: waits are random from the base up, and end at the cap", () => {
  const route = new Route(["a"], false, JITTER, random(7));
  const waits = Array.from({ length: 200 }, () => route.failed());
  assert(waits.every((wait) => wait >= 5_000 && wait <= 30_000), String(waits));
  assert(waits.some((wait) => wait === 30_000));
  assert(new Set(waits).size > 50);
  route.connected();
  assert(route.ended() <= 15_000, "after a connection the waits begin afresh");
});

Deno.test("bridge route: a constant wait", () => {
  const route = new Route(["a"], false, { base: 20, cap: 20 }, () => 0.7);
  assertEquals([route.failed(), route.failed(), route.ended()], [20_000, 20_000, 20_000]);
});

Deno.test("bridge route: all addresses are tried before a wait", () => {
  const route = new Route(["a", "b", "c"], false, { base: 1, cap: 1 }, () => 0);
  const tried: string[] = [];
  const waits = Array.from({ length: 6 }, () => {
    tried.push(route.address);
    return route.failed();
  });
  assertEquals(tried, ["a", "b", "c", "a", "b", "c"]);
  assertEquals(waits, [0, 0, 1_000, 0, 0, 1_000]);
});

Deno.test("bridge route: the first address is the main one, unless all are equal", () => {
  const main = new Route(["a", "b"], false, JITTER, () => 0);
  main.failed();
  main.connected();
  assertEquals([main.address, main.preferred], ["b", "a"]);
  main.ended();
  assertEquals([main.address, main.preferred], ["a", undefined]);
  const equal = new Route(["a", "b"], true, JITTER, () => 0);
  equal.connected();
  equal.ended();
  assertEquals([equal.address, equal.preferred], ["b", undefined]);
});
