/**
 * What the bytes of a generator's connection go through: TCP as it is, TLS, or WebSocket frames.
 *
 * @module
 */

import { close, connectTo, receive, send } from "./sockets.ts";

/** One connection to a broker. Nothing waits but opening it. */
export interface Channel {
  /** Descriptor for `poll`. */
  readonly fd: number;
  /** There are bytes that the socket has not taken yet: {@linkcode flush} sends them. */
  readonly isUnsent: boolean;
  /** There may be bytes to receive that `poll` does not know of. */
  readonly isUnread: boolean;
  /** Takes what it can now; returns the number of bytes, 0 for none. */
  send(bytes: Uint8Array<ArrayBuffer>): number;
  /** Sends what was taken and is still here. */
  flush(): void;
  /** What is there; returns the number of bytes, 0 for none, -1 at the end. */
  receive(into: Uint8Array<ArrayBuffer>): number;
  close(): void;
}

/** Kinds of listeners that can be put under load. */
export type Protocol = "tcp" | "tls" | "websocket";

/** Opens a connection. TLS and WebSocket are loaded only by those who ask for them. */
export type Connect = (hostname: string, port: number) => Channel;

/** How to open connections of one kind. */
export async function connector(protocol: Protocol): Promise<Connect> {
  switch (protocol) {
    case "tcp":
      return tcpChannel;
    case "tls":
      return (await import("./tls_channel.ts")).tlsChannel;
    case "websocket":
      return (await import("./websocket_channel.ts")).webSocketChannel;
  }
}

/** The socket itself. */
export function tcpChannel(hostname: string, port: number): Channel {
  const fd = connectTo(hostname, port);
  return {
    fd,
    isUnsent: false,
    isUnread: false,
    send: (bytes) => send(fd, bytes),
    flush: () => {},
    receive: (into) => receive(fd, into),
    close: () => close(fd),
  };
}
