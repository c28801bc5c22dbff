/** What holds for every transport of the client, whatever carries its bytes. @module */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { bounded } from "../support/broker.ts";
import { random } from "../support/random.ts";
import { collect, type Ends, KINDS } from "./transports_peers.ts";

function test(what: string, body: (ends: Ends) => Promise<void>): void {
  for (const { name, ignore, open } of KINDS) {
    Deno.test(`client: a transport over ${name} ${what}`, { ignore }, () =>
      bounded(async () => {
        await using ends = await open();
        await body(ends);
      }));
  }
}

function someBytes(length: number): Uint8Array {
  const next = random(length);
  return Uint8Array.from({ length }, () => next() * 256);
}

test("says what it is", ({ transport }) => {
  const { protocol, address } = transport.peer;
  assert(["tcp", "tls", "unix", "ws"].includes(protocol));
  assert(protocol === "unix" ? address.endsWith("/mqtt.sock") : /^127\.0\.0\.1:\d+$/.test(address), address);
  return Promise.resolve();
});

test("carries bytes both ways", async ({ transport, server }) => {
  const sent = someBytes(1_000_000);
  const reading = collect(transport.readable);
  const writer = transport.writable.getWriter();
  // A chunk is its owner's again when its write has settled.
  const chunk = new Uint8Array(10_000);
  for (let at = 0; at < sent.length; at += chunk.length) {
    chunk.set(sent.subarray(at, at + chunk.length));
    await Promise.all([writer.write(chunk), server.send(sent.subarray(at, at + chunk.length))]);
    chunk.fill(0);
  }
  await writer.close();
  assertEquals(await server.received, sent);
  await server.end().catch(() => {});
  assertEquals(await reading, sent);
});

test("ends when the server has said all", async ({ transport, server }) => {
  await server.send(Uint8Array.of(1, 2, 3));
  await server.end();
  const reader = transport.readable.getReader();
  assertEquals((await reader.read()).value, Uint8Array.of(1, 2, 3));
  assertEquals(await reader.read(), { done: true, value: undefined });
  reader.releaseLock();
});

test("sends what was written before it is closed", async ({ transport, server }) => {
  const sent = someBytes(300_000);
  const writer = transport.writable.getWriter();
  const writing = writer.write(sent);
  const closing = writer.close();
  const reading = collect(transport.readable);
  assertEquals(await server.received, sent);
  await server.end().catch(() => {});
  await Promise.all([writing, closing, reading]);
});

test("closes when it is read no more", async ({ transport, server }) => {
  await transport.writable.getWriter().write(Uint8Array.of(1));
  await transport.readable.cancel();
  assertEquals(await server.received, Uint8Array.of(1));
});

test("closes when its writing is given up", async ({ transport, server }) => {
  const reader = transport.readable.getReader();
  const reading = reader.read().catch(() => ({ done: true }));
  await transport.writable.abort();
  await server.received;
  assertEquals((await reading).done, true);
  reader.releaseLock();
});

test("cannot be written to when it is closed", async ({ transport, server }) => {
  await transport.readable.cancel();
  await server.received;
  await assertRejects(() => transport.writable.getWriter().write(Uint8Array.of(1)));
});
