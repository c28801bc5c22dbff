/** The log of the program: where it goes, what it looks like, and that nobody waits for it. */

import { assert, assertEquals, assertGreater, assertMatch, assertStringIncludes } from "@std/assert";
import { formatLine } from "../../broker/deno/log_format.ts";
import { strftime } from "../../engine/strftime.ts";
import { LogWriter } from "../../broker/deno/log_writer.ts";
import { syslogLine } from "../../broker/deno/syslog.ts";
import { bounded } from "../support/broker.ts";
import { repository, runProcess } from "../support/process.ts";
import { freePort } from "../support/ports.ts";
import { RawClient } from "../support/raw_client.ts";
import { toText } from "../support/raw_packets.ts";
import { OPEN, startConfigured } from "./program.ts";

const WATCHDOG = 40_000;

Deno.test("broker log: a line has the seconds since 1970, a time of its own form, or none", () => {
  const now = 1_700_000_000_123;
  const line = (timestamp: boolean, timestampFormat?: string) =>
    formatLine("text", { timestamp, timestampFormat }, "notice", "hello", now);
  assertEquals(line(true), "1700000000: hello");
  assertEquals(line(false), "hello");
  assertEquals(line(true, "%s at"), "1700000000 at: hello");
  assertEquals(
    formatLine("json", { timestamp: false, timestampFormat: undefined }, "error", 'a "b"\n', now),
    '{"time":"2023-11-14T22:13:20.123Z","level":"error","message":"a \\"b\\"\\n"}',
  );
});

Deno.test("broker log: no name of a client ends a line, or does something to a terminal", () => {
  const settings = { timestamp: true, timestampFormat: undefined };
  const name = "a\n1700000000: New client connected\u001b[2J\u2028";
  assertEquals(
    formatLine("text", settings, "notice", name, 1_700_000_000_000),
    "1700000000: a\\u{a}1700000000: New client connected\\u{1b}[2J\\u{2028}",
  );
  assertEquals(syslogLine("notice", undefined, "a\nb"), "<29>a\\u{a}b");
});

Deno.test("broker log: strftime", () => {
  const date = new Date(2024, 1, 3, 15, 4, 5);
  assertEquals(strftime("%Y-%m-%dT%H:%M:%S", date), "2024-02-03T15:04:05");
  assertEquals(strftime("%F %T %D %R", date), "2024-02-03 15:04:05 02/03/24 15:04");
  assertEquals(
    strftime("%a %A %b %B %e %j %I %p %y %C %u %w %%", date),
    "Sat Saturday Feb February  3 034 03 PM 24 20 6 6 %",
  );
  assertMatch(strftime("%z", date), /^[+-]\d{4}$/);
  assertEquals(strftime("%Q 100%", date), "%Q 100%");
});

Deno.test("broker log: syslog lines begin with facility and severity", () => {
  assertEquals(syslogLine("error", undefined, "x"), "<27>x");
  assertEquals(syslogLine("notice", 5, "x"), "<173>x");
});

Deno.test("broker log: a target that takes nothing costs a bounded amount of memory, and what was dropped is counted", async () => {
  const written: string[] = [];
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => open = resolve);
  const writer = new LogWriter({
    async write(bytes) {
      await gate;
      written.push(new TextDecoder().decode(bytes));
      return bytes.length;
    },
  });
  const line = "x".repeat(999);
  for (let i = 0; i < 3_000; i++) writer.write(line);
  const dropped = writer.dropped;
  assertGreater(dropped, 1_900);
  open();
  await writer.flush(5_000);
  const text = written.join("");
  assertEquals(text.split("\n").filter((each) => each === line).length, 3_000 - dropped);
  assertStringIncludes(text, `${dropped} log lines were dropped, because nobody took them\n`);
});

Deno.test("broker log: a target that fails is tried again after a while, and what it lost is counted", async () => {
  let failures = 0;
  const written: string[] = [];
  const writer = new LogWriter({
    write(bytes) {
      if (failures++ === 0) return Promise.reject(new Error("disk full"));
      written.push(new TextDecoder().decode(bytes));
      return Promise.resolve(bytes.length);
    },
  });
  writer.write("lost");
  await new Promise((resolve) => setTimeout(resolve, 10));
  writer.write("kept");
  await writer.flush(5_000);
  await writer.close(0);
  assertEquals(written.join(""), "kept\n1 log lines were dropped, because nobody took them\n");
  assertEquals(writer.dropped, 1);
});

Deno.test("broker log: a pipe that nobody reads neither stops nor slows the broker, and $SYS says what it lost", () =>
  bounded(async () => {
    const port = freePort();
    const path = await Deno.makeTempFile();
    const lines = ["user root", "sys_interval 1", `listener ${port} 127.0.0.1`, "allow_anonymous true", ""];
    await Deno.writeTextFile(path, lines.join("\n"));
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "broker/mod.ts", "--verbose", "-c", path],
      cwd: repository,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const reader = child.stderr.getReader();
    let text = "";
    // Reads until it listens, then never again: the pipe holds 64 KiB.
    while (!text.includes(" running\n")) text += new TextDecoder().decode((await reader.read()).value);
    await using client = await RawClient.connect(port, { clientId: "talker" });
    await client.subscribe("t", { qos: 0 });
    // Two lines each, far more than the pipe and the buffer together hold.
    for (let round = 0; round < 100; round++) {
      const packets = Array.from({ length: 200 }, () => ({
        type: "publish" as const,
        topic: "t",
        payload: new Uint8Array(1),
        qos: 0 as const,
        retain: false,
        dup: false,
      }));
      await client.send(...packets);
      const back = await client.barrier();
      assertEquals(back.filter(({ type }) => type === "publish").length, 200);
    }
    await client.subscribe("$SYS/broker/log/dropped");
    await client.take("publish", ({ payload }) => Number(toText(payload)) > 0);
    child.kill("SIGTERM");
    await reader.cancel();
    assertEquals((await child.status).code, 0);
    await Deno.remove(path);
  }, WATCHDOG));

Deno.test("broker log: a file that cannot be opened ends the start with its name", () =>
  bounded(async () => {
    const path = await Deno.makeTempFile();
    await Deno.writeTextFile(path, "user root\nlog_dest file /nowhere/log\n");
    const { code, stderr } = await runProcess(Deno.execPath(), ["run", "-A", "broker/mod.ts", "-c", path]);
    assertEquals(code, 1);
    assertStringIncludes(stderr, "Cannot open log file /nowhere/log: ");
    await Deno.remove(path);
  }, WATCHDOG));

Deno.test("broker log: JSON, one object a line", () =>
  bounded(async () => {
    await using broker = await startConfigured(OPEN, ["--log-format", "json"]);
    await using client = await RawClient.connect(broker.port, { clientId: 'quote"' });
    await client.disconnect();
    await broker.process.waitForLine(/quote/);
    await broker.process.stop();
    const lines = broker.process.stderr.trim().split("\n").map((line) => JSON.parse(line));
    assert(lines.every(({ time, level, message }) => Date.parse(time) > 0 && level !== "" && message !== ""));
    assert(lines.some(({ level, message }) => level === "notice" && message.includes('as quote" (p5')));
  }, WATCHDOG));

Deno.test("broker log: long names are cut, so that who has one cannot fill it", () =>
  bounded(async () => {
    await using broker = await startConfigured([...OPEN, "log_type all"]);
    const clientId = "\u0001".repeat(65_535);
    await using client = await RawClient.connect(broker.port, { clientId });
    await client.disconnect();
    await using other = await RawClient.connect(broker.port, { clientId: "other" });
    await other.disconnect();
    await broker.process.waitForLine(/other disconnected/);
    await broker.process.stop();
    const lines = broker.process.stderr.split("\n");
    assert(lines.some((line) => /New client connected from .* as (?:\\u\{1\}){1000}.*\.\.\.$/.test(line)));
    const longest = Math.max(...lines.map(({ length }) => length));
    assert(longest < 5 * 2_048 + 100, `a line has ${longest} characters`);
  }, WATCHDOG));

Deno.test("broker log: log_type, log_timestamp_format, log_dest stdout and topic", () =>
  bounded(async () => {
    await using broker = await startConfigured([
      ...OPEN,
      "log_dest stdout",
      "log_dest topic",
      "log_type notice",
      "log_type subscribe",
      "log_type information",
      "log_timestamp_format at %Y",
    ]);
    await using reader = await RawClient.connect(broker.port, { clientId: "reader" });
    await reader.subscribe("$SYS/broker/log/#", { qos: 0 });
    await using _other = await RawClient.connect(broker.port, { clientId: "other" });
    const { payload } = await reader.take("publish", (packet) => packet.topic === "$SYS/broker/log/N");
    assertMatch(new TextDecoder().decode(payload), /^at 20\d\d: /);
    await broker.process.waitForLine(/^at 20\d\d: reader 0 \$SYS\/broker\/log\/#$/);
    await broker.process.stop();
    assertEquals(broker.process.stderr, "");
    assertStringIncludes(broker.process.stdout, "as other (p5");
    assert(!broker.process.stdout.includes("Received"), "packets are of log_type debug");
  }, WATCHDOG));

Deno.test("broker log: connection_messages false leaves out who comes and goes", () =>
  bounded(async () => {
    await using broker = await startConfigured([...OPEN, "connection_messages false", "log_type all"]);
    await using client = await RawClient.connect(broker.port, { clientId: "silent" });
    await client.disconnect();
    await broker.process.waitForLine(/Received DISCONNECT from silent/);
    await broker.process.stop();
    for (const text of ["New connection", "New client", "silent disconnected", "closed its"]) {
      assert(!broker.process.stderr.includes(text), text);
    }
  }, WATCHDOG));

Deno.test("broker log: a line that comes as the one before is done is written, too", async () => {
  const written: string[] = [];
  const writer = new LogWriter({
    write(bytes) {
      written.push(new TextDecoder().decode(bytes));
      return Promise.resolve(bytes.length);
    },
  });
  for (let turns = 0; turns < 20; turns++) {
    const before = written.length;
    writer.write("first");
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    writer.write("second");
    await writer.flush(1_000);
    assertEquals(written.slice(before).join(""), "first\nsecond\n", `${turns} turns later`);
  }
});
