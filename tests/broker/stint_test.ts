/** Much work at a time: the turns of others, and of those who have as much to do. */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { Stint } from "../../broker/stint.ts";

/** Does as much work as takes `milliseconds`. */
function work(stint: Stint, milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end;) stint.onSent(0);
}

async function workOn(stint: Stint, pieces: number, onPiece: () => void): Promise<void> {
  for (let i = 0; i < pieces; i++) {
    if (stint.isOver) await stint.rest();
    work(stint, 1);
    onPiece();
  }
}

Deno.test("stint: timers run between the pieces of long work", async () => {
  const stint = new Stint();
  let turns = 0;
  const others = setInterval(() => turns++, 1);
  await workOn(stint, 50, () => {});
  clearInterval(others);
  await stint.close();
  assertGreater(turns, 4);
});

Deno.test("stint: all who have much to do come to it in turn", async () => {
  const stint = new Stint();
  const order: string[] = [];
  await Promise.all(["a", "b", "c"].map((name) => workOn(stint, 30, () => order.push(name))));
  await stint.close();
  const firstEnd = Math.min(...["a", "b", "c"].map((name) => order.lastIndexOf(name)));
  for (const name of ["a", "b", "c"]) {
    assertGreater(order.slice(0, firstEnd).filter((each) => each === name).length, 10);
  }
  assertEquals(order.length, 90);
});

Deno.test("stint: filters and chunks that take long end in a rest, little ones do not", async () => {
  const stint = new Stint();
  assertEquals(stint.onFilters(1), undefined);
  assertEquals(stint.onChunk(1_000), undefined);
  stint.onChunk(1_048_576); // it begins
  work(stint, 10);
  await stint.onChunk(1_048_576);
  stint.onFilters(10_000);
  work(stint, 10);
  await stint.onFilters(10_000);
  await stint.close();
});

Deno.test("stint: large messages are as much work as many small ones", async () => {
  const stint = new Stint();
  stint.onSent(1_048_576);
  assert(!stint.isOver); // it begins
  for (const end = performance.now() + 10; performance.now() < end;);
  stint.onSent(1);
  assert(!stint.isOver);
  stint.onSent(1_048_576);
  assert(stint.isOver);
  await stint.rest();
  await stint.close();
});

Deno.test("stint: nobody rests on when it closes", async () => {
  const stint = new Stint();
  const rests = [stint.rest(), stint.rest()];
  await stint.close();
  await Promise.all(rests);
});

Deno.test("stint: closing it waits for a look that is under way", async () => {
  const stint = new Stint();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { promise: look, resolve: end } = Promise.withResolvers<void>();
  stint.look = () => (begin(), look);
  const rest = stint.rest();
  await begun;
  let isClosed = false;
  const closed = stint.close().then(() => isClosed = true);
  await rest;
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert(!isClosed);
  end();
  await closed;
});

Deno.test("stint: packets that take long end in a rest", async () => {
  const stint = new Stint();
  for (let i = 0; i < 1_000; i++) assertEquals(stint.onPacket(), undefined); // it begins
  work(stint, 10);
  let rest: Promise<void> | undefined;
  for (let i = 0; i < 1_000 && rest === undefined; i++) rest = stint.onPacket();
  assert(rest !== undefined);
  await rest;
  await stint.close();
});

Deno.test("stint: who sends little does not wait for those who send much", async () => {
  const stint = new Stint();
  stint.onChunk(1_048_576); // it begins
  work(stint, 10);
  const rest = stint.onChunk(1_048_576);
  assertEquals(stint.onChunk(100), undefined);
  await rest;
  await stint.close();
});

Deno.test("stint: who asks for little does not wait for those who ask for much", async () => {
  const stint = new Stint();
  stint.begin();
  stint.onFilters(10_000); // it begins
  work(stint, 10);
  const rest = stint.onFilters(10_000);
  assert(rest !== undefined);
  stint.begin();
  assertEquals(stint.onPacket(), undefined);
  assertEquals(stint.onFilters(1), undefined);
  await rest;
  await stint.close();
});

Deno.test("stint: those whose rest leads to work through other promises do not all work in one turn", async () => {
  const stint = new Stint();
  const worksOfTurns: number[] = [0];
  const others = setInterval(() => worksOfTurns.push(0), 1);
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (let i = 0; i < 4; i++) {
      await stint.rest();
      for (let hop = 0; hop < 10; hop++) await undefined;
      work(stint, 5);
      worksOfTurns[worksOfTurns.length - 1]!++;
    }
  }));
  clearInterval(others);
  await stint.close();
  assertLess(Math.max(...worksOfTurns), 4);
});
