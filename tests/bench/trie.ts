/**
 * What the topic trie costs as it grows: `deno run -A tests/bench/trie.ts [largest number of filters]`.
 *
 * Prints nanoseconds per operation and bytes per filter, the filters' own strings included. Of the filters one in ten
 * has a wildcard; each name that is matched has subscribers.
 *
 * @module
 */

import { TopicTrie } from "../../engine/topic_trie.ts";
import { random } from "../support/random.ts";

const SIZES = [1_000, 10_000, 100_000, 1_000_000];
const MATCHES = 200_000;

if (import.meta.main) main(Number(Deno.args[0] ?? 1_000_000));

function main(largest: number): void {
  console.log("   filters    add ns  match ns matches/op search ns  get ns  remove ns  bytes/filter     nodes");
  for (const size of SIZES.filter((size) => size <= largest)) {
    measure(size); // Warm: the second run is what counts.
    console.log(row(measure(size)));
  }
}

interface Result {
  size: number;
  nodes: number;
  add: number;
  match: number;
  found: number;
  search: number;
  get: number;
  remove: number;
  bytes: number;
}

function measure(size: number): Result {
  const before = heapUsed();
  const filters = makeFilters(size);
  const trie = new TopicTrie<number>();
  const add = time(size, () => filters.forEach((filter, index) => trie.set(filter, index)));
  const bytes = (heapUsed() - before) / size;
  const { nodes } = trie;

  const names = makeNames(size);
  let found = 0;
  const match = time(MATCHES, () => {
    for (let i = 0; i < MATCHES; i++) trie.match(names[i % names.length] ?? "", () => found++);
  });
  const get = time(size, () => filters.forEach((filter) => trie.get(filter)));
  const remove = time(size, () => filters.forEach((filter) => trie.delete(filter)));
  if (trie.size !== 0 || trie.nodes !== 0) throw new Error("Cannot go on: removing has left nodes");
  return { size, nodes, add, match, found: found / MATCHES, search: measureSearch(size), get, remove, bytes };
}

/** What a subscription to `#` costs for each retained message that it finds. */
function measureSearch(size: number): number {
  const trie = new TopicTrie<number>();
  for (let i = 0; i < size; i++) trie.set(nameOf(i), i);
  let found = 0;
  const nanoseconds = time(size, () => trie.search("#", () => found++));
  if (found !== size) throw new Error(`Cannot go on: a search must find ${size} names, found ${found}`);
  return nanoseconds;
}

function nameOf(index: number): string {
  return `site${index % 97}/line${index % 13}/device${index}/temperature`;
}

function makeFilters(size: number): string[] {
  const filters: string[] = [];
  for (let i = 0; i < size; i++) {
    if (i % 10 !== 0) filters.push(nameOf(i));
    else if (i % 20 === 0) filters.push(`site${i % 97}/line${i % 13}/device${i}/#`);
    else filters.push(`site${i % 97}/+/device${i}/temperature`);
  }
  return filters;
}

/** Names in random order, as encoded and decoded by someone else: no string is the same object as a filter. */
function makeNames(size: number): string[] {
  const next = random(size);
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  return Array.from(
    { length: 50_000 },
    () => decoder.decode(encoder.encode(nameOf(Math.floor(next() * size)))),
  );
}

function time(operations: number, run: () => void): number {
  const start = performance.now();
  run();
  return (performance.now() - start) * 1e6 / operations;
}

function heapUsed(): number {
  // Exists with --v8-flags=--expose-gc; without it, what waits for the collector is counted too.
  const collect = Reflect.get(globalThis, "gc");
  if (typeof collect === "function") collect();
  return Deno.memoryUsage().heapUsed;
}

function row(result: Result): string {
  const { size, add, match, found, search, get, remove, bytes, nodes } = result;
  const column = (value: number, width: number, digits = 0) => value.toFixed(digits).padStart(width);
  return column(size, 10) + column(add, 10) + column(match, 10) + column(found, 11, 2) + column(search, 10) +
    column(get, 8) + column(remove, 11) + column(bytes, 14) + column(nodes, 10);
}
