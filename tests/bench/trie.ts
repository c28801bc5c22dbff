/**
 * What the topic trie costs as it grows: `deno run -A tests/bench/trie.ts [largest number of filters]`.
 *
 * Prints nanoseconds per operation, the best of several runs, and bytes per filter with and without the filter's own
 * string. One filter in ten has a wildcard; each name that is matched has a subscriber.
 *
 * @module
 */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { TopicTrie } from "../../engine/topic_trie.ts";
import { random } from "../support/random.ts";

const SIZES = [1_000, 10_000, 100_000, 1_000_000];
const MATCHES = 100_000;

/** Nanoseconds per operation. */
interface Times {
  add: number;
  match: number;
  /** For each name that `#` finds. */
  search: number;
  get: number;
  remove: number;
}

if (import.meta.main) await main(Number(Deno.args[0] ?? 1_000_000));

async function main(largest: number): Promise<void> {
  console.log("   filters   add ns match ns search ns   get ns remove ns     nodes  bytes/filter  with string");
  for (const size of SIZES.filter((size) => size <= largest)) {
    const memory = await measureMemory(size);
    const runs = Array.from({ length: size < 1_000_000 ? 7 : 2 }, () => measureTimes(size));
    console.log(row(size, best(runs), memory));
  }
}

function measureTimes(size: number): Times {
  const filters = makeFilters(size);
  const names = makeNames(size);
  const trie = new TopicTrie<number>();
  const add = time(size, () => filters.forEach((filter, index) => trie.set(filter, index)));
  let found = 0;
  const match = time(MATCHES, () => {
    for (let i = 0; i < MATCHES; i++) trie.match(names[i % names.length] ?? "", () => found++);
  });
  if (found !== MATCHES) throw new Error(`Cannot go on: each name must have a match, found ${found} of ${MATCHES}`);
  const get = time(size, () => filters.forEach((filter) => trie.get(filter)));
  const remove = time(size, () => filters.forEach((filter) => trie.delete(filter)));
  if (trie.size !== 0 || trie.nodes !== 0) throw new Error("Cannot go on: removing must leave no nodes");
  return { add, match, search: measureSearch(size), get, remove };
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

interface Memory {
  nodes: number;
  trie: number;
  strings: number;
}

async function measureMemory(size: number): Promise<Memory> {
  const empty = await heapUsed();
  const filters = makeFilters(size);
  const withStrings = await heapUsed();
  const trie = new TopicTrie<number>();
  filters.forEach((filter, index) => trie.set(filter, index));
  const withTrie = await heapUsed();
  // Looked at afterwards, so that neither is collected before.
  const { nodes } = trie;
  const strings = (withStrings - empty) / filters.length;
  return { nodes, trie: (withTrie - withStrings) / filters.length, strings };
}

function best(runs: Times[]): Times {
  const least = (column: keyof Times) => Math.min(...runs.map((run) => run[column]));
  return {
    add: least("add"),
    match: least("match"),
    search: least("search"),
    get: least("get"),
    remove: least("remove"),
  };
}

function nameOf(index: number): string {
  return `site${index % 97}/line${index % 13}/device${index}/temperature`;
}

function makeFilters(size: number): string[] {
  return decoded(size, (i) => {
    if (i % 10 !== 0) return nameOf(i);
    if (i % 20 === 0) return `site${i % 97}/line${i % 13}/device${i}/#`;
    return `site${i % 97}/+/device${i}/temperature`;
  });
}

/** Names in random order. */
function makeNames(size: number): string[] {
  const next = random(size);
  return decoded(50_000, () => nameOf(Math.floor(next() * size)));
}

/** Strings as they come from the wire: each in one piece and an object of its own. */
function decoded(count: number, text: (index: number) => string): string[] {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  return Array.from({ length: count }, (_, index) => decoder.decode(encoder.encode(text(index))));
}

function time(operations: number, run: () => void): number {
  const start = performance.now();
  run();
  return (performance.now() - start) * 1e6 / operations;
}

async function heapUsed(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return Deno.memoryUsage().heapUsed;
}

function row(size: number, { add, match, search, get, remove }: Times, { nodes, trie, strings }: Memory): string {
  const column = (value: number, width: number) => value.toFixed(0).padStart(width);
  return column(size, 10) + column(add, 9) + column(match, 9) + column(search, 10) + column(get, 9) +
    column(remove, 10) + column(nodes, 10) + column(trie, 14) + column(trie + strings, 13);
}
