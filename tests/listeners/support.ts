/**
 * A broker with one listener, for the tests of listeners.
 *
 * @module
 */

import { Broker, type BrokerOptions, listen, type Listener, type ListenOptions } from "../../broker/mod.ts";
import { SocketTransport } from "../../broker/deno/socket_transport.ts";
import type { Transport } from "../../engine/transport.ts";
import { bounded, until } from "../support/broker.ts";
import { RawClient } from "../support/raw_client.ts";
import { RawWebSocket } from "./websocket_client.ts";

/** What the body of a test gets. */
export interface ListenerTest {
  readonly broker: Broker;
  readonly listener: Listener;
  readonly port: number;
  /** Lines of the log. */
  readonly log: readonly string[];
  /** Whatever shall be closed when the test ends. */
  readonly stack: AsyncDisposableStack;
  /** A TCP connection, or one over the Unix socket. */
  open(): Promise<Transport & { abort(): void }>;
  /** An HTTP connection. */
  http(): Promise<RawWebSocket>;
  /** A WebSocket for MQTT. */
  webSocket(): Promise<RawWebSocket>;
  /** A client over a transport, or over TCP; closed when the test ends. */
  connect(transport?: Transport, version?: 3 | 4 | 5): Promise<RawClient>;
}

/** A test body for `Deno.test`; the listener is on a free port of 127.0.0.1 unless the options say otherwise. */
export function withListener(
  options: ListenOptions & { readonly broker?: BrokerOptions },
  body: (test: ListenerTest) => Promise<void>,
): () => Promise<void> {
  return () => bounded(() => run(options, body), 30_000);
}

async function run(
  { broker: brokerOptions, ...options }: ListenOptions & { readonly broker?: BrokerOptions },
  body: (test: ListenerTest) => Promise<void>,
): Promise<void> {
  const log: string[] = [];
  const write = (_level: string, line: string) => void log.push(line);
  await using broker = new Broker({ sysInterval: 0, log: { debug: false, write }, ...brokerOptions });
  await using listener = await listen(broker, options.path === undefined ? { port: 0, ...options } : options);
  await using stack = new AsyncDisposableStack();
  const { hostname, port } = listener.address;
  const open = async () => {
    const conn = options.path === undefined
      ? await Deno.connect({ hostname: hostname === "::" ? "::1" : hostname, port })
      : await Deno.connect({ transport: "unix", path: options.path });
    const transport = new SocketTransport(conn, { protocol: "tcp", address: "client" });
    stack.defer(() => transport.abort());
    return transport;
  };
  const http = async () => new RawWebSocket(await open());
  await body({
    broker,
    listener,
    port,
    log,
    stack,
    open,
    http,
    webSocket: async () => await RawWebSocket.open(await open()),
    connect: async (transport, version = 5) =>
      stack.use(
        await RawClient.connect(transport ?? await open(), { version, clientId: crypto.randomUUID().slice(0, 20) }),
      ),
  });
  // The listener sees the end of its sockets a moment after the clients have closed theirs.
  await stack.disposeAsync();
  await until(() => listener.counts().connections === 0, "the end of all connections");
  // Clients of other libraries in this process let go of their sockets a moment after that.
  await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Reads until the other end closes, and returns what came. */
export async function readToEnd(transport: Transport): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of transport.readable) chunks.push(chunk.slice());
  } catch {
    // A broken connection has ended, too.
  }
  return new Uint8Array(await new Blob(chunks.map((chunk) => chunk.slice())).arrayBuffer());
}

/** Writes; that the other end has closed is seen by who reads. */
export async function write(transport: Transport, bytes: Uint8Array | string): Promise<void> {
  const writer = transport.writable.getWriter();
  await writer.write(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes).catch(() => {});
  writer.releaseLock();
}
