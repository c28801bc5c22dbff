/** The broker as a program: options, log lines, signals, exit codes. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { bounded } from "../support/broker.ts";
import { RunningProcess, runProcess, startBrokerProcess } from "../support/process.ts";
import { RawClient } from "../support/raw_client.ts";

const WATCHDOG = 30_000;

function run(...args: string[]) {
  return runProcess(Deno.execPath(), ["run", "-A", "broker/mod.ts", ...args]);
}

/** Starts the program with just these arguments; resolves when it listens. */
async function start(...args: string[]): Promise<{ process: RunningProcess; port: number }> {
  const process = new RunningProcess(Deno.execPath(), ["run", "-A", "broker/mod.ts", ...args]);
  const [, port] = await process.waitForLine(/Opening ipv[46] listen socket on port (\d+)\.$/);
  return { process, port: Number(port) };
}

Deno.test("broker cli: --help shows the usage and every option, on standard output", () =>
  bounded(async () => {
    for (const option of ["--help", "-h"]) {
      const { code, stdout, stderr } = await run(option);
      assertEquals([code, stderr], [0, ""]);
      for (const text of ["--port", "-p", "--host", "-b", "--verbose", "-v", "--version", "--help", "1883"]) {
        assertStringIncludes(stdout, text);
      }
    }
  }, WATCHDOG));

Deno.test("broker cli: --version shows the version of deno.json", () =>
  bounded(async () => {
    const { version } = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
    const { code, stdout, stderr } = await run("--version");
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, new RegExp(`version ${version.replaceAll(".", "\\.")}\n$`));
  }, WATCHDOG));

Deno.test("broker cli: a wrong option ends with status 2 and says what is wrong", () =>
  bounded(async () => {
    const wrong = [
      [["--prot", "1883"], "--prot"],
      [["-x"], "-x"],
      [["--port", "many"], '"many"'],
      [["--port", "65536"], '"65536"'],
      [["--port", "-1"], "--port"],
      [["--port", "1.5"], '"1.5"'],
      [["--port", ""], "--port"],
      [["--store"], "--store must be followed by a path"],
      [["--store", "", "--port", "0"], "--store"],
      [["--host", ""], "--host"],
      [["--admin-token-file", "--verbose"], "--admin-token-file"],
      [["positional"], "positional"],
    ] as const;
    for (const [args, mentioned] of wrong) {
      const { code, stdout, stderr } = await run(...args);
      assertEquals([code, stdout], [2, ""], args.join(" "));
      assertMatch(stderr, /^Cannot start: /);
      assertStringIncludes(stderr, mentioned);
      assertStringIncludes(stderr, "--help");
    }
  }, 60_000));

Deno.test("broker cli: a port that is taken ends with status 1 and says so", () =>
  bounded(async () => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const port = String(taken.addr.port);
    const { code, stderr } = await run("--host", "127.0.0.1", "-p", port);
    assertEquals(code, 1);
    assertMatch(stderr, new RegExp(`Cannot listen on 127\\.0\\.0\\.1 port ${port}: `));
    assert(!stderr.includes("    at "), "no stack trace");
  }, WATCHDOG));

Deno.test("broker cli: SIGINT and SIGTERM end it with status 0, its clients in order", () =>
  bounded(async () => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      const { process, port } = await start("-p", "0", "-b", "127.0.0.1");
      await using running = process;
      await using modern = await RawClient.connect(port, { version: 5 });
      await using old = await RawClient.connect(port, { version: 4 });
      const stopped = running.stop(signal);
      await modern.expectDisconnect(0x8b);
      await old.expectClosed();
      const { code, stdout, stderr } = await stopped;
      assertEquals([code, stdout], [0, ""]);
      assertMatch(stderr, /terminating\n$/, signal);
    }
  }, WATCHDOG));

Deno.test("broker cli: it listens where --host says, on IPv6 as well", () =>
  bounded(async () => {
    const { process, port } = await start("--port", "0", "--host", "::1");
    await using _running = process;
    assertMatch(process.stderr, /Opening ipv6 listen socket on port/);
    using connection = await Deno.connect({ hostname: "::1", port });
    assertEquals(connection.remoteAddr.hostname, "::1");
  }, WATCHDOG));

Deno.test("broker cli: without --verbose it logs connections, not packets", () =>
  bounded(async () => {
    const { process, port } = await start("--port", "0");
    await using _running = process;
    await using client = await RawClient.connect(port, { clientId: "quiet" });
    await client.subscribe("a");
    await client.publish("a", "", { qos: 1 });
    await client.disconnect();
    await process.waitForLine(/Client quiet disconnected\.$/);
    assertMatch(process.stderr, /New client connected from 127\.0\.0\.1:\d+ as quiet \(p5, c1, k0\)\.\n/);
    for (const text of ["PUBLISH", "SUBSCRIBE", "CONNACK"]) assert(!process.stderr.includes(text), text);
  }, WATCHDOG));

Deno.test("broker cli: --verbose logs what happens in Mosquitto's words", () =>
  bounded(async () => {
    await using running = await startBrokerProcess();
    const { process, port } = running;
    await using client = await RawClient.connect(port, {
      version: 4,
      clientId: "talker",
      keepAlive: 60,
      username: "ann",
      will: { topic: "t/will", payload: "bye", qos: 1 },
    });
    await client.subscribe([{ filter: "a/+", qos: 1 }, { filter: "b", qos: 2 }]);
    await client.publish("a/b", "12345", { qos: 1 });
    const { packetId = 0 } = await client.take("publish");
    await client.send({ type: "puback", packetId, reasonCode: 0 });
    await client.publish("nobody", "12", { qos: 2, retain: true });
    await client.unsubscribe("a/+");
    await client.barrier();
    await client.close();
    await process.waitForLine(/Client talker closed its connection\.$/);
    const expected = [
      /^\d+: New connection from 127\.0\.0\.1:\d+ on port \d+\.$/,
      /^\d+: New client connected from 127\.0\.0\.1:\d+ as talker \(p2, c1, k60, u'ann'\)\.$/,
      /^\d+: Will message specified \(3 bytes\) \(r0, q1\)\.$/,
      /^\d+: \tt\/will$/,
      /^\d+: Sending CONNACK to talker \(0, 0\)$/,
      /^\d+: Received SUBSCRIBE from talker$/,
      /^\d+: \ta\/\+ \(QoS 1\)$/,
      /^\d+: talker 1 a\/\+$/,
      /^\d+: \tb \(QoS 2\)$/,
      /^\d+: talker 2 b$/,
      /^\d+: Sending SUBACK to talker$/,
      /^\d+: Received PUBLISH from talker \(d0, q1, r0, m2, 'a\/b', \.\.\. \(5 bytes\)\)$/,
      /^\d+: Sending PUBLISH to talker \(d0, q1, r0, m1, 'a\/b', \.\.\. \(5 bytes\)\)$/,
      /^\d+: Sending PUBACK to talker \(m2, rc0\)$/,
      /^\d+: Received PUBACK from talker \(Mid: 1, RC:0\)$/,
      /^\d+: Received PUBLISH from talker \(d0, q2, r1, m3, 'nobody', \.\.\. \(2 bytes\)\)$/,
      /^\d+: Sending PUBREC to talker \(m3, rc0\)$/,
      /^\d+: Received PUBREL from talker \(Mid: 3\)$/,
      /^\d+: Sending PUBCOMP to talker \(m3\)$/,
      /^\d+: Received UNSUBSCRIBE from talker$/,
      /^\d+: \ta\/\+$/,
      /^\d+: talker a\/\+$/,
      /^\d+: Sending UNSUBACK to talker$/,
      /^\d+: Received PINGREQ from talker$/,
      /^\d+: Sending PINGRESP to talker$/,
      /^\d+: Client talker closed its connection\.$/,
    ];
    const lines = process.stderr.split("\n");
    const missing = expected.filter((pattern) => !lines.some((line) => pattern.test(line)));
    assertEquals(missing.map(String), [], process.stderr);
  }, WATCHDOG));

Deno.test("broker cli: the log says why a client is refused or thrown out", () =>
  bounded(async () => {
    await using running = await startBrokerProcess();
    const { process, port } = running;
    await using empty = await RawClient.open(port, 4);
    await empty.sendConnect({ clientId: "", cleanStart: false });
    await empty.expectRefused(0x02);
    await process.waitForLine(/Client 127\.0\.0\.1:\d+ refused: .*client identifier/i);
    await using rude = await RawClient.connect(port, { version: 4, clientId: "rude" });
    await rude.sendBytes("00 00");
    await rude.expectClosed();
    await process.waitForLine(/Client rude disconnected: Malformed Packet/i);
    await using first = await RawClient.connect(port, { version: 4, clientId: "twin" });
    await using _second = await RawClient.connect(port, { version: 4, clientId: "twin" });
    await first.expectClosed();
    await process.waitForLine(/Client twin already connected, closing old connection\.$/);
  }, WATCHDOG));
