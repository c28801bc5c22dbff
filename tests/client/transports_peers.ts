/**
 * Servers without MQTT at the other end of each transport of the client.
 *
 * @module
 */

import { openNodeTcp } from "../../client/node_tcp.ts";
import { openTcp } from "../../client/tcp.ts";
import { openTls } from "../../client/tls.ts";
import { openUnix } from "../../client/unix.ts";
import { openWebSocket } from "../../client/websocket.ts";
import type { TransportOptions } from "../../client/transport_options.ts";
import type { Transport } from "../../engine/transport.ts";
import { hasProgram } from "../support/mosquitto.ts";
import { Authority } from "./transports_certificates.ts";
import { serveWebSockets } from "./transports_websocket_server.ts";

/** What the test holds of the server's end. */
export interface ServerEnd {
  /** All bytes up to the end of the connection, however that comes. */
  readonly received: Promise<Uint8Array>;
  send(bytes: Uint8Array): Promise<void>;
  /** Ends the connection as one does that has nothing more to say. */
  end(): Promise<void>;
}

/** A transport of the client and the server's end of it. */
export interface Ends extends AsyncDisposable {
  readonly transport: Transport;
  readonly server: ServerEnd;
}

/** A kind of transport. */
export interface Kind {
  readonly name: string;
  readonly ignore: boolean;
  open(): Promise<Ends>;
}

type Opener = (url: URL, options: TransportOptions) => Promise<Transport>;

/** All transports of the client. */
export const KINDS: readonly Kind[] = [
  { name: "TCP", ignore: false, open: () => openOver("mqtt", openTcp) },
  { name: "TCP of Node", ignore: false, open: () => openOver("mqtt", openNodeTcp) },
  { name: "TLS", ignore: !hasProgram("openssl"), open: overTls },
  { name: "Unix socket", ignore: false, open: overUnix },
  { name: "WebSocket", ignore: false, open: overWebSocket },
];

async function openOver(scheme: string, open: Opener): Promise<Ends> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return await pair(listener, new URL(`${scheme}://127.0.0.1:${listener.addr.port}`), open);
}

async function overTls(): Promise<Ends> {
  await using authority = await Authority.make();
  const { cert, key } = await authority.issue("localhost", ["IP:127.0.0.1"]);
  const ca = authority.cert;
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  const url = new URL(`mqtts://127.0.0.1:${listener.addr.port}`);
  return await pair(listener, url, (url, options) => openTls(url, { ...options, tls: { ca } }));
}

async function overUnix(): Promise<Ends> {
  const folder = await Deno.makeTempDir({ prefix: "unix-" });
  try {
    const path = `${folder}/mqtt.sock`;
    return await pair(Deno.listen({ transport: "unix", path }), new URL(`mqtt+unix://${path}`), openUnix);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function pair(listener: Deno.Listener, url: URL, open: Opener): Promise<Ends> {
  const accepting = listener.accept();
  const { signal } = new AbortController();
  const [transport, connection] = await Promise.all([open(url, { signal }), accepting.then(handshaken)]);
  listener.close();
  const writer = connection.writable.getWriter();
  const received = collect(connection.readable);
  const server: ServerEnd = {
    received,
    send: (bytes) => writer.write(new Uint8Array(bytes)),
    end: () => writer.close(),
  };
  return {
    transport,
    server,
    async [Symbol.asyncDispose]() {
      await writer.abort().catch(() => {});
      await release(transport);
      await received;
    },
  };
}

/** TLS begins when somebody reads or writes; the client waits for it. */
async function handshaken(connection: Deno.Conn): Promise<Deno.Conn> {
  if ("handshake" in connection) await (connection as Deno.TlsConn).handshake();
  return connection;
}

async function overWebSocket(): Promise<Ends> {
  const server = serveWebSockets();
  const { signal } = new AbortController();
  const [transport, accepted] = await Promise.all([openWebSocket(new URL(server.url), { signal }), server.accept()]);
  const received = accepted.closed.then(() => {
    const frames = accepted.frames.map((frame) => new Uint8Array(frame as ArrayBuffer));
    return concat(frames);
  });
  return {
    transport,
    server: {
      received,
      send: (bytes) => Promise.resolve(accepted.socket.send(new Uint8Array(bytes))),
      end: () => Promise.resolve(accepted.socket.close(1000)),
    },
    async [Symbol.asyncDispose]() {
      await release(transport);
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Closes what the test may have left open. */
async function release({ readable, writable }: Transport): Promise<void> {
  if (!writable.locked) await writable.abort().catch(() => {});
  if (!readable.locked) await readable.cancel().catch(() => {});
}

/** All that a stream gives, up to its end or failure. */
export async function collect(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const reader = readable.getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) chunks.push(read.value.slice());
  } catch {
    // Whoever breaks a connection off has said all that it had to say.
  }
  reader.releaseLock();
  return concat(chunks);
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
