/** How much a socket reads at once. */

import { assertEquals } from "@std/assert";
import { SocketTransport } from "../../broker/deno/socket_transport.ts";

/** Reads `times` times, each time within a packet of `awaited` bytes. */
async function read(transport: SocketTransport, awaited: number, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await transport.read(awaited);
}

/** Runs `use` with a socket whose reads bring `bring(room)` bytes each; `use` can ask for the room of the last one. */
async function withSocket(
  bring: (room: number) => number,
  use: (transport: SocketTransport, room: () => number) => Promise<void>,
): Promise<void> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using _client = await Deno.connect({ port: listener.addr.port });
  const conn = await listener.accept();
  let room = 0;
  conn.read = (buffer) => Promise.resolve(bring(room = buffer.length));
  const transport = new SocketTransport(conn, { protocol: "tcp", address: "somebody" });
  await use(transport, () => room);
  transport.abort();
}

Deno.test("a socket that is idle reads into 512 bytes", async () => {
  await withSocket(() => 512, async (transport, room) => {
    await read(transport, 0, 1);
    assertEquals(room(), 512);
  });
});

Deno.test("a socket reads 128 KiB of a flood of small messages at once, 528 KiB of one of large messages", async () => {
  await withSocket((room) => room, async (transport, room) => {
    await read(transport, 100, 8);
    assertEquals(room(), 131_072);
    await read(transport, 65_536, 2);
    assertEquals(room(), 540_672);
    await read(transport, 100, 2);
    assertEquals(room(), 131_072);
  });
});

Deno.test("a socket reads no more than comes, however long a packet claims to be", async () => {
  await withSocket(() => 100, async (transport, room) => {
    await read(transport, 268_435_455, 100);
    assertEquals(room(), 512);
  });
});

Deno.test("a socket gives the room back when the flood is over", async () => {
  let flood = true;
  await withSocket((room) => flood ? room : 10, async (transport, room) => {
    await read(transport, 65_536, 8);
    assertEquals(room(), 540_672);
    flood = false;
    await read(transport, 0, 100);
    assertEquals(room(), 512);
  });
});

Deno.test("64 sockets read large packets in chunks of 528 KiB, the others in chunks of 128 KiB", async () => {
  const rooms: (() => number)[] = [];
  const flood = async (left: number): Promise<void> => {
    if (left === 0) return;
    await withSocket((room) => room, async (transport, room) => {
      await read(transport, 65_536, 8);
      rooms.push(room);
      await flood(left - 1);
    });
  };
  await flood(66);
  assertEquals(rooms.map((room) => room()), [...new Array(64).fill(540_672), 131_072, 131_072]);
  // Who is gone has left the place to others.
  rooms.length = 0;
  await flood(1);
  assertEquals(rooms.map((room) => room()), [540_672]);
});
