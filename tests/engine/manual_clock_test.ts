import { assertEquals, assertThrows } from "@std/assert";
import { ManualClock } from "../../engine/manual_clock.ts";

Deno.test("the clock stands still until it is moved", () => {
  const clock = new ManualClock(5_000);
  assertEquals(clock.now(), 5_000);
  clock.advance(1.5);
  assertEquals(clock.now(), 5_001.5);
  assertEquals(new Date(new ManualClock().now()).toISOString(), "2020-01-01T00:00:00.000Z");
});

Deno.test("timers run in the order of their times, each at its time", () => {
  const clock = new ManualClock(0);
  const ran: [string, number][] = [];
  for (const [name, delay] of [["b", 20], ["a", 10], ["a2", 10], ["late", 31], ["now", 0], ["past", -5]] as const) {
    clock.schedule(delay, () => ran.push([name, clock.now()]));
  }
  clock.advance(30);
  assertEquals(ran, [["now", 0], ["past", 0], ["a", 10], ["a2", 10], ["b", 20]]);
  assertEquals([clock.now(), clock.size], [30, 1]);
});

Deno.test("timers that are set on the way run on the way", () => {
  const clock = new ManualClock(0);
  const ran: number[] = [];
  const tick = () => {
    ran.push(clock.now());
    clock.schedule(10, tick);
  };
  clock.schedule(10, tick);
  clock.advance(35);
  assertEquals(ran, [10, 20, 30]);
});

Deno.test("a cancelled timer does not run", () => {
  const clock = new ManualClock(0);
  const cancel = clock.schedule(10, () => {
    throw new Error("cancelled");
  });
  cancel();
  cancel();
  clock.advance(100);
  assertEquals(clock.size, 0);
});

Deno.test("a task may move the clock; time does not go back", () => {
  const clock = new ManualClock(0);
  clock.schedule(10, () => clock.advance(100));
  clock.advance(20);
  assertEquals(clock.now(), 110);
});

Deno.test("the clock does not go back or nowhere", () => {
  const clock = new ManualClock();
  for (const wrong of [-1, NaN]) {
    assertThrows(() => clock.advance(wrong), RangeError, `must be 0 or more, received ${wrong}`);
  }
});
