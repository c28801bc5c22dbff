/** Where listeners listen, and what happens when there are too many who want in. */

import { assert, assertEquals, assertGreater, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { Broker, listen, type ListenOptions } from "../../broker/mod.ts";
import { connect } from "../../client/mod.ts";
import { bounded, until } from "../support/broker.ts";
import { RunningProcess } from "../support/process.ts";
import { RawClient } from "../support/raw_client.ts";
import { readToEnd, withListener } from "./support.ts";

const GRACE = 1_000;

Deno.test("listen: several listeners of one broker, over both families", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    const [four, both] = [listen(broker, { port: 0 }), listen(broker, { hostname: "::", port: 0 })];
    const six = listen(broker, { hostname: "::1", port: 0 });
    assertEquals([four.address.hostname, six.address.hostname], ["127.0.0.1", "::1"]);
    const ways: [hostname: string, port: number][] = [
      ["127.0.0.1", four.address.port],
      ["127.0.0.1", both.address.port],
      ["::1", both.address.port],
      ["::1", six.address.port],
    ];
    for (const [hostname, port] of ways) {
      using _conn = await Deno.connect({ hostname, port });
    }
    await until(() => broker.counts().connections === 0 && both.counts().connections === 0, "the end of all");
  }));

Deno.test("listen: one family can be shut out", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    const six = listen(broker, { hostname: "::", port: 0, socketDomain: "ipv6" });
    const client = await RawClient.open(six.address.port);
    await client.expectClosed();
    const four = listen(broker, { hostname: "::", port: 0, socketDomain: "ipv4" });
    assertEquals(four.address.hostname, "0.0.0.0");
    await using connected = await RawClient.connect(four.address.port, { clientId: "a" });
    assertEquals(await connected.barrier(), []);
  }));

Deno.test("listen: addresses of IPv4 are shown as such on a listener for both families", () =>
  bounded(async () => {
    const addresses: string[] = [];
    await using broker = new Broker({
      sysInterval: 0,
      authenticate: ({ peer }) => addresses.push(peer.address) > 0,
    });
    const { address } = listen(broker, { hostname: "::", port: 0 });
    await using _client = await RawClient.connect(address.port, { clientId: "a" });
    assert(/^127\.0\.0\.1:\d+$/.test(addresses[0] ?? ""), addresses[0]);
  }));

Deno.test("listen: what it speaks can change while it listens, and stays as it was after a mistake", () =>
  bounded(async () => {
    await using broker = new Broker({ sysInterval: 0 });
    await using listener = listen(broker, { port: 0 });
    const { port } = listener.address;
    await using before = await RawClient.connect(port, { clientId: "before" });
    assertThrows(() => listener.reload({ httpDir: "." }), TypeError, "protocol must be websockets for httpDir");
    assertThrows(() => listener.reload({ tls: { certFile: "/nowhere", keyFile: "/nowhere" } }), Error, "/nowhere");
    await using still = await RawClient.connect(port, { clientId: "still" });
    listener.reload({ protocol: "websockets", httpDir: new URL("../config", import.meta.url).pathname });
    await using client = await connect(`ws://127.0.0.1:${port}`);
    assertEquals((await client.publish("a", "b", { qos: 1 })).ok, true);
    const page = await fetch(`http://127.0.0.1:${port}/files/plain.conf`);
    assertStringIncludes(await page.text(), "allow_anonymous true");
    // Without changes, it goes on with these.
    listener.reload();
    await using other = await connect(`ws://127.0.0.1:${port}`);
    assertEquals((await other.publish("a", "b", { qos: 1 })).ok, true);
    for (const one of [before, still]) assertEquals(await one.barrier(), []);
  }));

Deno.test("listen: options that cannot be are refused", async () => {
  await using broker = new Broker({ sysInterval: 0 });
  const wrong: ListenOptions[] = [
    { port: 0, maxConnections: 0 },
    { port: 0, maxHandshakes: 1.5 },
    { port: 0, handshakeTimeout: -1 },
    { port: 0, maxConnectionRate: NaN },
  ];
  for (const options of wrong) assertThrows(() => listen(broker, options), RangeError, "Cannot listen: ");
  assertThrows(() => listen(broker, { port: 0, httpDir: "/tmp" }), TypeError, "protocol must be websockets");
  const { address } = listen(broker, { port: 0 });
  assertThrows(() => listen(broker, { port: address.port }), Deno.errors.AddrInUse);
});

Deno.test(
  "listen: beyond maxConnections, connections are closed and counted, until one of the others ends",
  withListener({ maxConnections: 2 }, async ({ open, connect, listener, log }) => {
    const [first, second] = [await connect(), await connect()];
    assertEquals(await readToEnd(await open()), new Uint8Array(0));
    assertEquals(listener.counts().refused.connections, 1);
    assert(log.some((line) => line.endsWith("denied: maxConnections exceeded.")));
    await first.close();
    await until(() => listener.counts().connections === 1, "the end of the first");
    await connect();
    assertEquals(await second.barrier(), []);
  }),
);

Deno.test(
  "listen: 1,000 half-open connections cost a normal client nothing, and make room for others",
  withListener({ maxHandshakes: 200, broker: { connectTimeout: 60_000 } }, async (test) => {
    const { open, connect, broker, listener } = test;
    const witness = await connect();
    const ended: Promise<Uint8Array>[] = [];
    const begin = performance.now();
    for (let count = 0; count < 1_000; count++) {
      ended.push(readToEnd(await open()));
      if (count % 100 === 0) assertEquals(await witness.barrier(), []);
    }
    const late = await connect();
    assertEquals(await late.barrier(), []);
    await until(() => listener.counts().refused.handshakes >= 800, "room for the last", 20 * GRACE);
    assertGreater(201, listener.counts().handshakes);
    // Each had its second.
    assertGreater(performance.now() - begin, GRACE);
    assertEquals(await witness.barrier(), []);
    await broker.close();
    await Promise.all(ended);
  }),
);

Deno.test(
  "listen: clients that were let in are no handshakes any more, however many there are",
  withListener({ maxHandshakes: 5 }, async ({ connect, listener }) => {
    const clients = await Promise.all(Array.from({ length: 60 }, () => connect()));
    assertEquals(listener.counts(), {
      connections: 60,
      handshakes: 0,
      refused: { connections: 0, handshakes: 0, timeouts: 0, proxy: 0, tls: 0, http: 0 },
    });
    for (const client of clients) assertEquals(await client.barrier(), []);
  }),
);

Deno.test(
  "listen: beyond maxConnectionRate, connections wait, and none is lost",
  withListener({ maxConnectionRate: 50 }, async ({ connect, listener }) => {
    const begin = performance.now();
    await Promise.all(Array.from({ length: 80 }, () => connect()));
    // 50 at once, then 30 at 50 a second.
    assertGreater(performance.now() - begin, 500);
    assertEquals(listener.counts().connections, 80);
  }),
);

Deno.test(
  "listen: closing stops listening and lets clients go on; closing the broker ends all",
  withListener({}, async ({ connect, listener, port, broker, open }) => {
    const client = await connect();
    await open();
    await listener.close();
    await assertRejects(() => Deno.connect({ hostname: "127.0.0.1", port }), Deno.errors.ConnectionRefused);
    assertEquals(await client.barrier(), []);
    await broker.close();
    await client.expectDisconnect(0x8b);
  }),
);

Deno.test({
  name: "listen: a Unix socket has its permissions from the start, replaces a stale one, and is removed at the end",
  ignore: Deno.build.os === "windows",
  fn: () =>
    bounded(async () => {
      const folder = await Deno.makeTempDir();
      const path = `${folder}/mqtt.sock`;
      try {
        // One whose process has gone without removing it.
        const stale = Deno.listen({ transport: "unix", path: `${folder}/old.sock` });
        stale.close();
        await withListener({ path }, async ({ connect, broker }) => {
          assertEquals(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
          const client = await connect();
          assertEquals(await client.barrier(), []);
          await assertRejects(() => listen(broker, { path }), Deno.errors.AddrInUse);
          assertEquals(await client.barrier(), []);
          await using other = await listen(broker, { path: `${folder}/old.sock`, mode: 0o660 });
          assertEquals(other.address, { hostname: `${folder}/old.sock`, port: 0 });
          assertEquals(((await Deno.stat(`${folder}/old.sock`)).mode ?? 0) & 0o777, 0o660);
        })();
        await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
        await using broker = new Broker({ sysInterval: 0 });
        await Deno.writeTextFile(`${folder}/file`, "not a socket");
        await assertRejects(() => listen(broker, { path: `${folder}/file` }), Deno.errors.AddrInUse);
        assertEquals(await Deno.readTextFile(`${folder}/file`), "not a socket");
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    }),
});

Deno.test("listen: no file descriptor left is a pause, and not the end", () =>
  bounded(async () => {
    // Deno 2.9.6 opens a pipe for signals when it first needs one, and panics when it cannot: here, before that.
    const script = `
      import { Broker, listen } from "./broker/mod.ts";
      Deno.addSignalListener("SIGUSR2", () => {});
      const { address } = listen(new Broker({ sysInterval: 0 }), { port: 0 });
      console.log("port " + address.port);
      const timer = setInterval(() => {
        try {
          Deno.openSync("/dev/null").close();
        } catch {
          console.log("no file descriptor left");
          clearInterval(timer);
        }
      }, 10);`;
    const args = ["-c", 'ulimit -n 40; exec "$0" eval "$1"', Deno.execPath(), script];
    await using process = new RunningProcess("sh", args);
    const [, port] = await process.waitForLine(/^port (\d+)$/);
    const silent = await Promise.all(Array.from({ length: 60 }, () => Deno.connect({ port: Number(port) })));
    await process.waitForLine(/^no file descriptor left$/);
    for (const conn of silent) conn.close();
    await using client = await RawClient.connect(Number(port), { clientId: "a" });
    assertEquals(await client.barrier(), []);
  }, 30_000));
