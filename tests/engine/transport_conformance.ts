/**
 * What every {@linkcode Transport} must do, run against each of them.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertLessOrEqual, assertRejects } from "@std/assert";
import type { Transport } from "../../engine/transport.ts";
import { random } from "../support/random.ts";

/** Two ends that are connected, and how to leave: `close` is called when the test is over, whatever became of them. */
export interface TransportPair {
  readonly ends: readonly [Transport, Transport];
  close?(): void | Promise<void>;
}

type Connect = () => TransportPair | Promise<TransportPair>;
type Writer = WritableStreamDefaultWriter<Uint8Array>;
type Reader = ReadableStreamDefaultReader<Uint8Array>;

/** What is written in one go, at most. */
const CHUNK = 16_384;
/** No transport keeps more than this for a peer that does not read, the operating system's buffers included. */
const MOST_BUFFERED = 32 * 1_048_576;
/** Long enough for a slow machine; what takes longer hangs. */
const PATIENCE = 20_000;

/** Registers the tests for one kind of transport. */
export function testTransport(name: string, connect: Connect): void {
  // Both ends, one after the other: often one of them has accepted, and the other has asked.
  for (const [description, test] of Object.entries(TESTS)) {
    for (const end of ["first", "second"]) {
      Deno.test(`${name} transport, ${end} end: ${description}`, async () => {
        const { ends: [first, second], close } = await connect();
        try {
          await (end === "first" ? test(first, second) : test(second, first));
        } finally {
          await letGo(first);
          await letGo(second);
          await close?.();
        }
      });
    }
  }
}

/** The tests; each acts at the end `one` and looks at both. */
const TESTS: Readonly<Record<string, (one: Transport, other: Transport) => Promise<void>>> = {
  async "says who the peer is"(one, other) {
    assertGreater(one.peer.address.length, 0);
    assertEquals(one.peer.protocol, other.peer.protocol);
    await Promise.resolve();
  },

  async "carries bytes in order, whatever the chunks, in both directions at once"(one, other) {
    const sendings = [one, other].map((end, index) => writeAll(end.writable.getWriter(), pattern(300_000, index + 1)));
    const receivings = [one, other].map((end, index) => readExactly(end.readable.getReader(), 300_000, 2 - index));
    await within("both directions", Promise.all([...sendings, ...receivings]));
  },

  async "takes and gives chunks that are reused"(one, other) {
    const writer = one.writable.getWriter();
    const reading = readExactly(other.readable.getReader(), 100_000, 3);
    const bytes = pattern(100_000, 3);
    const buffer = new Uint8Array(700);
    for (let at = 0; at < bytes.length; at += buffer.length) {
      const chunk = buffer.subarray(0, Math.min(buffer.length, bytes.length - at));
      chunk.set(bytes.subarray(at, at + chunk.length));
      // Once its write has settled, the chunk is the writer's again.
      await within("write", writer.write(chunk));
      buffer.fill(0);
    }
    await within("read", reading);
  },

  async "gives no empty chunk, and no end, for an empty write"(one, other) {
    const writer = one.writable.getWriter();
    const reader = other.readable.getReader();
    await within("empty write", writer.write(new Uint8Array(0)));
    const writing = writer.write(new Uint8Array([42]));
    const { value, done } = await within("read", reader.read());
    assertEquals([done, value?.length, value?.[0]], [false, 1, 42]);
    await within("write", writing);
  },

  async "makes writers wait for a peer that does not read, and loses nothing"(one, other) {
    const writer = one.writable.getWriter();
    const total = MOST_BUFFERED + 8 * 1_048_576;
    let settled = 0;
    const writing = (async () => {
      const chunk = pattern(CHUNK, 4);
      for (; settled < total; settled += CHUNK) await writer.write(chunk);
    })();
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
    assertLessOrEqual(settled, MOST_BUFFERED);
    const expected = pattern(CHUNK, 4);
    let read = 0;
    const reader = other.readable.getReader();
    while (read < total) {
      const { value } = await within("read", reader.read());
      assert(value !== undefined, "the end must not come before the last byte");
      for (let i = 0; i < value.length; i += 997) assertEquals(value[i], expected[(read + i) % CHUNK]);
      read += value.length;
      assertLessOrEqual(settled - read, MOST_BUFFERED);
    }
    await within("writes", writing);
    assertEquals(read, total);
  },

  async "sends all before it closes, then both ends are at an end"(one, other) {
    const writer = one.writable.getWriter();
    // Not awaited: what is queued is sent as well.
    const writing = writeAll(writer, pattern(200_000, 5));
    const closing = writer.close();
    const reader = other.readable.getReader();
    await within("read", readExactly(reader, 200_000, 5));
    assertEquals((await within("end", reader.read())).done, true);
    await within("close", Promise.all([writing, closing]));
    // One that has seen the end closes too.
    await within("close of the other end", other.writable.getWriter().close());
    await within("own end", settle(one.readable.getReader().read()));
  },

  async "ends a read that waits when both ends have closed"(one, other) {
    const ownRead = settle(one.readable.getReader().read());
    const otherRead = other.readable.getReader().read();
    await within("close", one.writable.close());
    assertEquals((await within("read of the other end", otherRead)).done, true);
    await within("close of the other end", other.writable.close());
    await within("own read", ownRead);
  },

  async "closes in peace when both ends close at once"(one, other) {
    await within("close", Promise.all([one.writable.close(), other.writable.close()]));
    await within("end", settle(one.readable.getReader().read()));
    await within("end of the other end", settle(other.readable.getReader().read()));
  },

  async "refuses writes after the peer has closed and reads no more"(one, other) {
    await within("close", other.writable.close());
    await within("cancel", settle(other.readable.cancel()));
    const reader = one.readable.getReader();
    await within("end", settle(reader.read()));
    const writer = one.writable.getWriter();
    writer.closed.catch(() => {});
    // A network may take some before it knows.
    const writing = (async () => {
      for (let i = 0; i < 10_000; i++) await writer.write(new Uint8Array(CHUNK));
    })();
    await within("write", assertRejects(() => writing));
  },

  async "breaks the connection when writing is aborted, although the peer does not read"(one, other) {
    const writer = one.writable.getWriter();
    const stuck = settle(fill(writer));
    const ownRead = settle(one.readable.getReader().read());
    await turns();
    await within("abort", writer.abort(new Error("gone")));
    await within("write", stuck);
    await within("own read", ownRead);
    await within("the other end", drain(other.readable.getReader()));
    await within("write of the other end", assertRejects(() => fill(other.writable.getWriter())));
  },

  async "breaks the connection when reading is cancelled"(one, other) {
    const otherWriter = other.writable.getWriter();
    const stuck = settle(fill(otherWriter));
    await turns();
    await within("cancel", one.readable.cancel(new Error("gone")));
    await within("write of the other end", stuck);
    await within("the other end", drain(other.readable.getReader()));
    await within("own write", assertRejects(() => fill(one.writable.getWriter())));
  },

  async "may be closed, aborted and cancelled after it has ended"(one, other) {
    await within("close", one.writable.close());
    await within("the other end", drain(other.readable.getReader()));
    await within("own end", settle(one.readable.cancel()));
    await within("abort", settle(one.writable.abort()));
    await within("abort of the other end", settle(other.writable.abort()));
    await within("abort again", settle(other.writable.abort()));
  },
};

/** Bytes that are different at each place and for each seed. */
function pattern(length: number, seed: number): Uint8Array {
  const next = random(seed);
  return Uint8Array.from({ length }, () => next() * 256);
}

/** Writes without waiting for each chunk, in chunks of all sizes. */
async function writeAll(writer: Writer, bytes: Uint8Array): Promise<void> {
  const next = random(bytes.length);
  const writes: Promise<void>[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + Math.floor(next() * next() * CHUNK);
    writes.push(writer.write(bytes.subarray(at, end)));
    at = end;
  }
  await Promise.all(writes);
}

/** Reads the pattern of `seed`, looking at each chunk before the next read. */
async function readExactly(reader: Reader, length: number, seed: number): Promise<void> {
  const expected = pattern(length, seed);
  let at = 0;
  while (at < length) {
    const { value } = await reader.read();
    assert(value !== undefined, `the end must come after ${length} bytes, not ${at}`);
    assertGreater(value.length, 0);
    assertEquals(value, expected.subarray(at, at + value.length));
    at += value.length;
  }
}

/** Writes until that fails; the peer does not read. */
async function fill(writer: Writer): Promise<never> {
  writer.closed.catch(() => {});
  const chunk = new Uint8Array(CHUNK);
  for (;;) await writer.write(chunk);
}

/** Reads until the end or an error. */
async function drain(reader: Reader): Promise<void> {
  await settle((async () => {
    while (!(await reader.read()).done);
  })());
}

/** Waits until it is over, in whatever way. */
async function settle(promise: Promise<unknown>): Promise<void> {
  await promise.then(() => {}, () => {});
}

/** Lets the event loop go round, so that what can happen happens. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Fails when something hangs. */
async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} must not hang`)), PATIENCE);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Closes whatever is still open. */
async function letGo({ readable, writable }: Transport): Promise<void> {
  if (!writable.locked) await settle(writable.abort());
  if (!readable.locked) await settle(readable.cancel());
}
