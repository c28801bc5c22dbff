/**
 * WebSocket servers that tests drive by hand.
 *
 * @module
 */

import type { Packet, ProtocolVersion } from "../../codec/packets.ts";
import { encodePacket } from "../../codec/encode.ts";

/** One WebSocket as the server sees it. */
export interface ServerSocket {
  readonly socket: WebSocket;
  /** The subprotocols that the client has offered, as the header says it. */
  readonly offered: string | null;
  /** All headers of the request. */
  readonly headers: Headers;
  /** The frames that have come. */
  readonly frames: (string | ArrayBuffer)[];
  /** Settles when `count` frames have come. */
  received(count: number): Promise<void>;
  /** Settles with the code and reason of the end. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
}

/** A server of WebSockets; disposing it closes them. */
export interface WebSocketServer extends AsyncDisposable {
  readonly url: string;
  /** The next WebSocket that is opened. */
  accept(): Promise<ServerSocket>;
}

/** Starts a server that takes any WebSocket, with the subprotocol given, or none if that is empty. */
export function serveWebSockets(protocol: string = "mqtt"): WebSocketServer {
  const opened: ServerSocket[] = [];
  const sockets = new Set<WebSocket>();
  let wake = () => {};
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    // Once upgraded, the request is gone.
    const headers = new Headers(request.headers);
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol });
    sockets.add(socket);
    const wrapped = serverSocket(socket, headers);
    socket.addEventListener("open", () => {
      opened.push(wrapped);
      wake();
    });
    return response;
  });
  return {
    url: `ws://127.0.0.1:${server.addr.port}/mqtt`,
    async accept() {
      while (true) {
        const next = opened.shift();
        if (next !== undefined) return next;
        await new Promise<void>((resolve) => wake = resolve);
      }
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) if (socket.readyState === WebSocket.OPEN) socket.close();
      await server.shutdown();
    },
  };
}

function serverSocket(socket: WebSocket, headers: Headers): ServerSocket {
  socket.binaryType = "arraybuffer";
  const frames: (string | ArrayBuffer)[] = [];
  const closed = Promise.withResolvers<{ code: number; reason: string }>();
  let wake = () => {};
  socket.addEventListener("message", ({ data }) => {
    frames.push(data);
    wake();
  });
  // A client that aborts is seen as an error first.
  socket.addEventListener("error", (event) => event.preventDefault());
  socket.addEventListener("close", ({ code, reason }) => closed.resolve({ code, reason }));
  return {
    socket,
    frames,
    headers,
    offered: headers.get("sec-websocket-protocol"),
    closed: closed.promise,
    async received(count) {
      while (frames.length < count) await new Promise<void>((resolve) => wake = resolve);
    },
  };
}

/** Sends packets, each in a frame of its own. */
export function sendPackets({ socket }: ServerSocket, version: ProtocolVersion, ...packets: Packet[]): void {
  for (const packet of packets) socket.send(plain(encodePacket(packet, version)));
}

/** The same bytes, as WebSockets want them. */
export function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
