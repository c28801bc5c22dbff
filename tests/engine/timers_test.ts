import { assertEquals, assertLessOrEqual, assertThrows } from "@std/assert";
import type { Clock } from "../../engine/clock.ts";
import { ManualClock } from "../../engine/manual_clock.ts";
import { type Timer, Timers } from "../../engine/timers.ts";
import { random } from "../support/random.ts";

function setUp(): { clock: ManualClock; timers: Timers; ran: string[]; schedule(delay: number, name: string): Timer } {
  const clock = new ManualClock(1_000);
  const timers = new Timers(clock);
  const ran: string[] = [];
  const schedule = (delay: number, name: string) =>
    timers.schedule(clock.now() + delay, () => ran.push(`${name} ${clock.now()}`));
  return { clock, timers, ran, schedule };
}

Deno.test("tasks run when they are due, the earlier first, equals in the order of scheduling", () => {
  const { clock, timers, ran, schedule } = setUp();
  for (const [delay, name] of [[30, "c"], [10, "a"], [20, "b"], [10, "a2"], [30, "c2"]] as const) schedule(delay, name);
  assertEquals([timers.size, clock.size], [5, 1]);
  clock.advance(9);
  assertEquals(ran, []);
  clock.advance(1);
  assertEquals(ran, ["a 1010", "a2 1010"]);
  clock.advance(100);
  assertEquals(ran.slice(2), ["b 1020", "c 1030", "c2 1030"]);
  assertEquals([timers.size, clock.size], [0, 0]);
});

Deno.test("a cancelled task does not run, and cancelling again is harmless", () => {
  const { clock, timers, ran, schedule } = setUp();
  const [first, second, third] = [schedule(10, "first"), schedule(20, "second"), schedule(30, "third")];
  timers.cancel(second);
  timers.cancel(second);
  timers.cancel({ at: 1_010 });
  assertEquals(timers.size, 2);
  clock.advance(20);
  timers.cancel(first);
  assertEquals(timers.size, 1);
  timers.cancel(third);
  assertEquals([timers.size, clock.size], [0, 0]);
  clock.advance(100);
  assertEquals(ran, ["first 1010"]);
});

Deno.test("a timer of one group is nothing to another", () => {
  const { clock, schedule, ran } = setUp();
  const others = new Timers(clock);
  others.schedule(1_010, () => ran.push("other"));
  others.cancel(schedule(10, "own"));
  clock.advance(10);
  assertEquals(ran.sort(), ["other", "own 1010"]);
});

Deno.test("what is due already runs soon, but not at once", () => {
  const { clock, ran, schedule } = setUp();
  schedule(-500, "late");
  assertEquals(ran, []);
  clock.advance(0);
  assertEquals(ran, ["late 1000"]);
});

Deno.test("tasks may schedule and cancel", () => {
  const { clock, timers, ran, schedule } = setUp();
  const doomed = schedule(10, "doomed");
  timers.cancel(doomed);
  const victims: Timer[] = [];
  timers.schedule(1_010, () => {
    for (const victim of victims) timers.cancel(victim);
    schedule(0, "now");
    schedule(5, "later");
  });
  victims.push(schedule(10, "victim"));
  schedule(10, "bystander");
  clock.advance(20);
  assertEquals(ran, ["bystander 1010", "now 1010", "later 1015"]);
});

Deno.test("a task that always schedules itself leaves room for others", () => {
  // A clock that runs one wake at a time, as an event loop does.
  const wakes: (() => void)[] = [];
  const clock: Clock = {
    now: () => 0,
    schedule: (_, task) => {
      wakes.push(task);
      return () => wakes.splice(wakes.indexOf(task), 1);
    },
  };
  const timers = new Timers(clock);
  let runs = 0;
  const again = () => {
    runs++;
    timers.schedule(0, again);
  };
  again();
  for (let wake = 0; wake < 10; wake++) wakes.shift()?.();
  assertEquals([runs, timers.size, wakes.length], [11, 1, 1]);
});

Deno.test("what a task throws does not keep the others from running", () => {
  const { clock, timers, ran, schedule } = setUp();
  timers.schedule(1_010, () => {
    throw new Error("task");
  });
  schedule(10, "next");
  assertThrows(() => clock.advance(10), Error, "task");
  clock.advance(0);
  assertEquals([ran, timers.size], [["next 1010"], 0]);
});

Deno.test("a clock that wakes too early is asked again", () => {
  const delays: number[] = [];
  let now = 0;
  let wake = () => {};
  const timers = new Timers({
    now: () => now,
    schedule(delay, task) {
      delays.push(delay);
      wake = task;
      return () => {};
    },
  });
  let runs = 0;
  timers.schedule(100, () => runs++);
  now = 99;
  wake();
  assertEquals([delays, runs], [[100, 1], 0]);
  now = 100;
  wake();
  assertEquals([delays, runs], [[100, 1], 1]);
});

Deno.test("a deadline that is further away than a timer can be set is kept", () => {
  const { clock, ran, schedule } = setUp();
  const hundredDays = 100 * 24 * 3_600_000;
  schedule(hundredDays, "in the spring");
  const longest = 2 ** 31 - 1;
  clock.advance(longest);
  clock.advance(hundredDays - longest - 1);
  assertEquals(ran, []);
  clock.advance(1);
  assertEquals(ran.length, 1);
});

Deno.test("times must be finite", () => {
  const { timers } = setUp();
  for (const wrong of [NaN, Infinity, -Infinity]) {
    assertThrows(() => timers.schedule(wrong, () => {}), RangeError, `must be finite, received ${wrong}`);
  }
  assertEquals(timers.size, 0);
});

Deno.test("close forgets all, and what comes after", () => {
  const { clock, timers, ran, schedule } = setUp();
  const timer = schedule(10, "before");
  timers.close();
  timers.cancel(timer);
  timers.cancel(schedule(10, "after"));
  schedule(20, "after");
  clock.advance(100);
  assertEquals([ran, timers.size, clock.size], [[], 0, 0]);
  timers.close();
});

Deno.test("close within a task ends the tasks that are due with it", () => {
  const { clock, timers, ran, schedule } = setUp();
  timers.schedule(1_010, () => timers.close());
  schedule(10, "due");
  clock.advance(10);
  assertEquals([ran, timers.size, clock.size], [[], 0, 0]);
});

Deno.test("thousands of timers behave like a sorted list", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const next = random(seed);
    const { clock, timers } = setUp();
    const expected = new Map<Timer, number>();
    const ran: Timer[] = [];
    let order = 0;
    for (let i = 0; i < 1_000; i++) {
      const choice = next();
      if (choice < 0.6) {
        const timer: Timer = timers.schedule(clock.now() + Math.floor(next() * 100), () => ran.push(timer));
        expected.set(timer, order++);
      } else if (choice < 0.8 && expected.size > 0) {
        const timers_ = [...expected.keys()];
        const timer = timers_[Math.floor(next() * timers_.length)];
        if (timer === undefined) continue;
        timers.cancel(timer);
        expected.delete(timer);
      } else {
        const until = clock.now() + Math.floor(next() * 20);
        const due = [...expected].filter(([{ at }]) => at <= until)
          .sort(([a, i], [b, j]) => a.at - b.at || i - j).map(([timer]) => timer);
        clock.advance(until - clock.now());
        assertEquals(ran.splice(0).map((timer) => expected.get(timer)), due.map((timer) => expected.get(timer)));
        for (const timer of due) expected.delete(timer);
      }
      assertEquals(timers.size, expected.size);
      assertLessOrEqual(clock.size, 1);
    }
  }
});

Deno.test("a great many tasks that are due at once are run a few milliseconds at a time, in order", () => {
  let now = 1_000;
  let wake: (() => void) | undefined;
  const clock: Clock = {
    now: () => now,
    schedule: (_delay, task) => {
      wake = task;
      return () => wake = undefined;
    },
  };
  const timers = new Timers(clock);
  const ran: number[] = [];
  for (let at = 0; at < 20; at++) {
    timers.schedule(1_000, () => {
      ran.push(at);
      now += 1.5;
    });
  }
  for (let wakes = 1; timers.size > 0; wakes++) {
    const task = wake;
    wake = undefined;
    task?.();
    assertEquals(ran.length, Math.min(3 * wakes, 20));
  }
  assertEquals(ran, Array.from({ length: 20 }, (_, at) => at));
  assertEquals(wake, undefined);
});
