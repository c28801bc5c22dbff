/** Who is waited for, and for how long. */

import { assertEquals } from "@std/assert";
import { BackPressure, Pace } from "../../broker/back_pressure.ts";
import { ManualClock } from "../../engine/manual_clock.ts";

/** Longer than any penalty. */
const LONG = 1_000_000;
/** More often than the clock is looked at. */
const OFTEN = 1_000;

function isWaitedFor(pressure: BackPressure, pace: Pace): boolean {
  pressure.publisher = {};
  for (let i = 0; i < OFTEN && !pressure.isOn; i++) pressure.note(pace, {});
  return pressure.isOn;
}

Deno.test("back-pressure: who has stopped reading is waited for once, and again only after it has taken something", async () => {
  const clock = new ManualClock();
  const pressure = new BackPressure(clock);
  const pace = new Pace();
  assertEquals(isWaitedFor(pressure, pace), true);
  const waiting = pressure.wait();
  clock.advance(50);
  await waiting;
  for (let i = 0; i < 5; i++) {
    clock.advance(LONG);
    assertEquals(isWaitedFor(pressure, pace), false, "it has taken nothing since");
  }
  pace.take(0.001);
  assertEquals(isWaitedFor(pressure, pace), true);
});

Deno.test("back-pressure: who takes a little is left alone for a while, then waited for again", async () => {
  const clock = new ManualClock();
  const pressure = new BackPressure(clock);
  const pace = new Pace();
  assertEquals(isWaitedFor(pressure, pace), true);
  const waiting = pressure.wait();
  // Less than a sixteenth each time, four times.
  for (let round = 0; round < 4; round++) {
    pace.take(0.01);
    clock.advance(50);
  }
  await waiting;
  pace.take(0.01);
  assertEquals(isWaitedFor(pressure, pace), false);
  clock.advance(5_000);
  assertEquals(isWaitedFor(pressure, pace), true);
});
