/** The live stream, what it is made of, and what bounds it. */

import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import type { AdminEvent, LogLine, Sample } from "../../broker/admin/api_events.ts";
import { createAdminHandler, LogBuffer } from "../../broker/admin/mod.ts";
import { Recorder } from "../../broker/admin/recorder.ts";
import { collectGarbage } from "../../broker/deno/memory.ts";
import { Broker } from "../../broker/mod.ts";
import { bounded } from "../support/broker.ts";
import { withAdmin } from "./support.ts";

/** Reads the events of a stream. */
async function* eventsOf(response: Response): AsyncGenerator<AdminEvent> {
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  let rest = "";
  for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const parts = (rest + text).split("\n\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      const [, type, data] = /^event: (\w+)\ndata: (.+)$/.exec(part) ?? [];
      const event: AdminEvent = JSON.parse(data ?? "");
      assertEquals(event.type, type);
      yield event;
    }
  }
}

Deno.test("admin events: first what was, then samples and new log lines in batches", async () => {
  const log = new LogBuffer();
  log.write("notice", "before");
  await withAdmin({ log, memory: () => 7, brokerOptions: { log, connectionMessages: false } }, async (test) => {
    const { ask, connect } = test;
    const events = eventsOf(await ask("/api/v1/events"));
    const first = (await events.next()).value;
    assert(first?.type === "history");
    assertEquals(first.lines.map(({ text }: LogLine) => text), ["before"]);
    for (let i = 0; i < 250; i++) log.write("warning", `line ${i} <b>${"x".repeat(3_000)}`);
    const client = await connect();
    await client.publish("a", "12345", { qos: 1 });
    let sample: Sample | undefined;
    for await (const event of events) {
      if (event.type === "sample") sample ??= event.sample;
      if (event.type !== "log") continue;
      assertEquals([event.lines.length, event.skipped], [200, 50]);
      assertEquals(event.lines[0]?.number, 51);
      assertEquals(event.lines.at(-1)?.text.length, 2_048);
      break;
    }
    assert(sample !== undefined);
    assertGreater(sample.messagesIn[1], 0);
    assertEquals([sample.messagesIn[0], sample.messagesIn[2]], [0, 0]);
    assertGreater(sample.bytesIn, 0);
    assertGreater(sample.connects, 0);
    assertEquals([sample.counts.clients, sample.memory, sample.commitTime], [1, 7, null]);
  })();
});

Deno.test(
  "admin events: there are 16 watchers at most, and one that has gone makes room",
  withAdmin({}, async ({ ask, refused }) => {
    const watchers = await Promise.all(Array.from({ length: 16 }, () => ask("/api/v1/events")));
    assertEquals((await refused("/api/v1/events", 429)).error, "too_many_requests");
    await watchers[0]?.body?.cancel();
    await (await ask("/api/v1/events")).body?.cancel();
    for (const { body } of watchers.slice(1)) await body?.cancel();
  }),
);

Deno.test("admin events: a watcher that does not read is dropped, and does not hold up another", async () => {
  const log = new LogBuffer();
  await withAdmin({ log }, async ({ ask, get }) => {
    const slow = await ask("/api/v1/events?topics=true");
    const events = eventsOf(await ask("/api/v1/events"));
    for await (const event of events) {
      // A batch has about 400 KB, and 1 MiB may wait.
      for (let i = 0; i < 200; i++) log.write("notice", "x".repeat(2_000));
      if (event.type === "sample" && !(await get("topics")).recording) break;
    }
    await assertRejects(() => slow.text(), Error, "must read");
  })();
});

Deno.test("admin events: streams end with the broker", () =>
  bounded(async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    await withAdmin({}, async ({ ask }) => resolve(await ask("/api/v1/events?topics=true")))();
    const types: string[] = [];
    for await (const { type } of eventsOf(await promise)) types.push(type);
    assertEquals(types[0], "history");
  }));

Deno.test("admin events: the recorder holds 10,000 topics at most, those that were heard last, and 16 MiB", async () => {
  await using broker = new Broker({ sysInterval: 0 });
  const recorder = new Recorder(broker);
  const stop = recorder.use();
  const alsoStop = recorder.use();
  for (let i = 0; i < 10_000; i++) broker.publish({ topic: `t/${i}`, payload: "x" });
  // Order goes by ticks of the clock, so that a flood on one topic costs nothing.
  await new Promise((resolve) => setTimeout(resolve, 250));
  broker.publish({ topic: "t/0", payload: "again" });
  for (let i = 0; i < 5; i++) broker.publish({ topic: `new/${i}`, payload: "x" });
  broker.publish({ topic: "$SYS/broker/x", payload: "x" });
  assertEquals([...recorder.values()].length, 10_000);
  assertEquals(recorder.get("t/0")?.messages, 2);
  assertEquals([recorder.get("t/1"), recorder.get("t/5")], [undefined, undefined]);
  assertEquals(recorder.get("t/6")?.messages, 1);
  assertEquals(recorder.get("$SYS/broker/x"), undefined);
  for (let i = 0; i < 9_000; i++) broker.publish({ topic: `${i}/${"y".repeat(4_000)}`, payload: "x".repeat(5_000) });
  const kept = [...recorder.values()];
  assert(kept.every(({ bytes, topic, size }) => size === 1 || (bytes.length === 1_024 && topic.length > 4_000)));
  const weight = kept.reduce((sum, { bytes, topic }) => sum + bytes.length + 2 * topic.length, 0);
  assert(weight <= 16 * 1024 * 1024, `${weight} bytes`);
  broker.publish({ topic: "z".repeat(5_000), payload: "x" });
  assertEquals(recorder.get("z".repeat(5_000)), undefined);
  stop();
  stop();
  assertEquals(recorder.isOn, true);
  alsoStop();
  assertEquals([recorder.isOn, [...recorder.values()].length], [false, 0]);
});

Deno.test("admin events: the log keeps the last 1,000 lines", () => {
  const log = new LogBuffer();
  for (let i = 0; i < 2_500; i++) log.write("debug", `${i}`);
  assertEquals(log.tail(5_000).length, 1_000);
  assertEquals(log.tail(2).map(({ number, text }) => [number, text]), [[2_498, "2498"], [2_499, "2499"]]);
  assertEquals(log.tail(10, 2_499).length, 1);
  assertEquals(log.tail(10, 2_500), []);
});

Deno.test("admin events: rates stay right when the clock is set", async () => {
  const now = Date.now;
  await withAdmin({}, async ({ ask, connect }) => {
    let samples = 0;
    try {
      for await (const event of eventsOf(await ask("/api/v1/events"))) {
        if (event.type !== "sample") continue;
        if (++samples === 2) {
          // One in half a second.
          assert(event.sample.connects < 100, `${event.sample.connects}`);
          break;
        }
        await connect();
        Date.now = () => now() - 3_600_000;
      }
    } finally {
      Date.now = now;
    }
  })();
});

Deno.test("admin events: a topic that goes on while the tree is gathered counts once", async () => {
  await using broker = new Broker({ sysInterval: 0 });
  using admin = createAdminHandler({ broker });
  const ask = (path: string) => admin.handle(new Request(`http://localhost/api/v1/${path}`));
  const watcher = await ask("events?topics=true");
  const publish = () => {
    for (let i = 0; i < 10_000; i++) broker.publish({ topic: `t/${i}`, payload: "x" });
  };
  publish();
  // The order goes by ticks of the clock.
  await new Promise((resolve) => setTimeout(resolve, 250));
  const tree = ask("topics");
  // Between two steps.
  await new Promise((resolve) => setTimeout(resolve, 1));
  publish();
  assertEquals((await (await tree).json()).items[0].topics, 10_000);
  await watcher.body?.cancel();
});

Deno.test("admin events: of a long line no more stays in memory than is shown", () => {
  const log = new LogBuffer();
  collectGarbage();
  const before = Deno.memoryUsage().heapUsed;
  for (let i = 0; i < 400; i++) log.write("debug", `${i} ${"x".repeat(500_000)}`);
  collectGarbage();
  const kept = Deno.memoryUsage().heapUsed - before;
  assert(kept < 20_000_000, `${kept} bytes`);
  assertEquals(log.tail(1)[0]?.text.length, 2_048);
});
