/** Transports whose other end does not read, or which are not read themselves. @module */

import { assertLessOrEqual } from "@std/assert";
import { openNodeTcp } from "../../client/node_tcp.ts";
import { openTcp } from "../../client/tcp.ts";
import { openTls } from "../../client/tls.ts";
import { openUnix } from "../../client/unix.ts";
import type { Transport } from "../../engine/transport.ts";
import { bounded } from "../support/bounded.ts";
import { hasProgram } from "../support/mosquitto.ts";
import { Authority } from "./transports_certificates.ts";

/** Both ends: the client's, and the server's as a socket that nobody reads. */
interface Ends {
  readonly transport: Transport;
  readonly connection: Deno.Conn;
}

const { signal } = new AbortController();
const CHUNK = 65_536;
/** No transport takes more than this from a server while nobody reads it, the operating system's buffers included. */
const MOST_BUFFERED = 32 * 1_048_576;

const KINDS: Readonly<Record<string, () => Promise<Ends>>> = {
  TCP: () => over(Deno.listen({ hostname: "127.0.0.1", port: 0 }), (url) => openTcp(url, { signal })),
  "TCP of Node": () => over(Deno.listen({ hostname: "127.0.0.1", port: 0 }), (url) => openNodeTcp(url, { signal })),
  async "a Unix socket"() {
    const folder = await Deno.makeTempDir({ prefix: "unix-" });
    try {
      const path = `${folder}/mqtt.sock`;
      const listener = Deno.listen({ transport: "unix", path });
      return await over(listener, () => openUnix(new URL(`mqtt+unix://${path}`), { signal }));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
  async TLS() {
    await using authority = await Authority.make();
    const { cert, key } = await authority.issue("localhost", ["IP:127.0.0.1"]);
    const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
    return await over(listener, (url) => openTls(url, { signal, tls: { ca: authority.cert } }));
  },
};

async function over(listener: Deno.Listener, open: (url: URL) => Promise<Transport>): Promise<Ends> {
  const port = listener.addr.transport === "tcp" ? listener.addr.port : 0;
  const accepting = listener.accept().then(async (connection) => {
    if ("handshake" in connection) await (connection as Deno.TlsConn).handshake();
    return connection;
  });
  const [transport, connection] = await Promise.all([open(new URL(`mqtt://127.0.0.1:${port}`)), accepting]);
  listener.close();
  return { transport, connection };
}

function test(what: string, body: (ends: Ends) => Promise<void>): void {
  for (const [name, open] of Object.entries(KINDS)) {
    Deno.test(
      `client: over ${name}, ${what}`,
      { ignore: name === "TLS" && !hasProgram("openssl") },
      () =>
        bounded(async () => {
          const ends = await open();
          try {
            await body(ends);
          } finally {
            await ends.transport.writable.abort().catch(() => {});
            await ends.transport.readable.cancel().catch(() => {});
            try {
              ends.connection.close();
            } catch {
              // It has broken.
            }
          }
        }),
    );
  }
}

/** Some time for sockets and streams, whatever the machine. */
async function turns(): Promise<void> {
  for (let i = 0; i < 100; i++) await new Promise((resolve) => setTimeout(resolve, 1));
}

test("a write that is stuck ends when writing is given up", async ({ transport }) => {
  const writer = transport.writable.getWriter();
  const stuck = (async () => {
    for (;;) await writer.write(new Uint8Array(CHUNK));
  })().catch(() => {});
  await turns();
  await writer.abort(new Error("given up"));
  await stuck;
  writer.releaseLock();
});

test("a server waits for a client that does not read, and all arrives", async ({ transport, connection }) => {
  let written = 0;
  const total = MOST_BUFFERED + 8 * 1_048_576;
  const writing = (async () => {
    const chunk = new Uint8Array(CHUNK).fill(7);
    while (written < total) written += await connection.write(chunk.subarray(0, Math.min(CHUNK, total - written)));
  })();
  await turns();
  assertLessOrEqual(written, MOST_BUFFERED);
  const reader = transport.readable.getReader();
  for (let read = 0; read < total;) {
    const { value } = await reader.read();
    read += value?.length ?? Infinity;
    assertLessOrEqual(written - read, MOST_BUFFERED);
  }
  await writing;
  reader.releaseLock();
});
