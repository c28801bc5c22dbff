/** How fast messages go over a bridge. */

import { assertEquals } from "@std/assert";
import { Pace } from "../../broker/bridge/pace.ts";
import { ManualClock } from "../../engine/manual_clock.ts";

/** How many messages go within so many milliseconds. */
async function sent(rate: number, milliseconds: number): Promise<number> {
  const clock = new ManualClock();
  const pace = new Pace(clock, rate);
  let count = 0;
  let isOver = false;
  const running = (async () => {
    while (!isOver) {
      await pace.turn();
      count++;
    }
  })();
  for (let time = 0; time < milliseconds; time++) {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    clock.advance(1);
  }
  const result = count;
  isOver = true;
  clock.advance(60_000);
  await running;
  return result;
}

Deno.test("bridge pace: so many messages a second, and few at once after a pause", async () => {
  assertEquals(await sent(100, 1_000), 104);
  assertEquals(await sent(10, 2_000), 20);
});

Deno.test("bridge pace: without a limit, others have their turn now and then", () => {
  const pace = new Pace(new ManualClock(), Infinity);
  const waits = Array.from({ length: 128 }, () => pace.turn() !== undefined);
  assertEquals(waits.filter((isWait) => isWait).length, 2);
});
