/**
 * A WebSocket of the platform, which an application has accepted, as a transport.
 *
 * @module
 */

import type { Peer, Transport } from "../engine/transport.ts";
import { CloseCode } from "./websocket_frames.ts";

/** Bytes that may wait to be read. Such a WebSocket cannot be told to wait, so that beyond it is closed. */
const MOST_UNREAD = 16 * 1_048_576;
/** Bytes that may wait in the WebSocket before a write waits. */
const MOST_UNSENT = 262_144;
/** Milliseconds between looks whether it has sent them: there is no event for it. */
const LOOK_INTERVAL = 5;
/** Browsers' WebSockets allow 1000 and these only. */
const APPLICATION_CODES = 3_000;

/**
 * Wraps a WebSocket that is open or about to be. `peer` is who is at its other end; `onViolation` gets to know why it is
 * closed when it breaks the rules.
 */
export function webSocketObjectTransport(
  socket: WebSocket,
  peer: Peer,
  onViolation?: (reason: string) => void,
): Transport {
  socket.binaryType = "arraybuffer";
  const inbox = new Inbox(socket, onViolation);
  return { readable: inbox.readable, writable: writableOf(socket, inbox.ended), peer };
}

/** What has come and was not read. */
class Inbox {
  readonly readable: ReadableStream<Uint8Array>;
  /** Resolves when the WebSocket is closed. */
  readonly ended: Promise<void>;
  readonly #socket: WebSocket;
  readonly #onViolation: ((reason: string) => void) | undefined;
  readonly #waiting: Uint8Array[] = [];
  #unread = 0;
  #end: { readonly error: Error | undefined } | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: WebSocket, onViolation: ((reason: string) => void) | undefined) {
    this.#socket = socket;
    this.#onViolation = onViolation;
    socket.addEventListener("message", ({ data }) => this.#take(data));
    // An error that nobody listens to would end the process; `close` follows it.
    socket.addEventListener("error", () => this.#finish(new Error("the WebSocket is broken")));
    this.ended = new Promise((resolve) => {
      socket.addEventListener("close", () => {
        this.#finish(undefined);
        resolve();
      });
      if (socket.readyState === WebSocket.CLOSED) resolve();
    });
    this.readable = new ReadableStream({
      pull: (controller) => this.#pull(controller),
      cancel: () => this.#stop(CloseCode.Normal, undefined),
    }, { highWaterMark: 0 });
  }

  #take(data: unknown): void {
    if (this.#end !== undefined) return;
    if (!(data instanceof ArrayBuffer)) {
      return this.#stop(CloseCode.UnsupportedData, new Error("frames must be binary, received text"));
    }
    this.#unread += data.byteLength;
    if (this.#unread > MOST_UNREAD) {
      const reason = `at most ${MOST_UNREAD} bytes may wait for their packets to be handled, received more`;
      return this.#stop(CloseCode.PolicyViolation, new Error(reason));
    }
    if (data.byteLength > 0) this.#waiting.push(new Uint8Array(data));
    this.#wake?.();
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    while (this.#waiting.length === 0 && this.#end === undefined) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const chunk = this.#waiting.shift();
    if (chunk !== undefined) {
      this.#unread -= chunk.length;
      return controller.enqueue(chunk);
    }
    if (this.#end?.error !== undefined) throw this.#end.error;
    controller.close();
  }

  #stop(code: number, error: Error | undefined): void {
    if (error !== undefined) this.#onViolation?.(error.message);
    this.#waiting.length = 0;
    this.#finish(error);
    closeSocket(this.#socket, code);
  }

  #finish(error: Error | undefined): void {
    this.#end ??= { error };
    this.#wake?.();
  }
}

function writableOf(socket: WebSocket, ended: Promise<void>): WritableStream<Uint8Array> {
  return new WritableStream({
    start(controller) {
      // `abort` is called when the write in flight has ended, which it may never do.
      controller.signal.addEventListener("abort", () => closeSocket(socket, CloseCode.Normal));
    },
    async write(chunk) {
      await opened(socket);
      if (chunk.length === 0) return;
      if (socket.readyState !== WebSocket.OPEN) throw new Error("Cannot write: the WebSocket is closed");
      // It keeps what it is given, and the chunk is its owner's again when this returns.
      socket.send(chunk.slice());
      while (socket.bufferedAmount > MOST_UNSENT && socket.readyState === WebSocket.OPEN) await pause();
    },
    async close() {
      closeSocket(socket, CloseCode.Normal);
      await ended;
    },
  });
}

function opened(socket: WebSocket): Promise<void> | undefined {
  if (socket.readyState !== WebSocket.CONNECTING) return undefined;
  return new Promise((resolve) => {
    for (const event of ["open", "close", "error"]) socket.addEventListener(event, () => resolve(), { once: true });
  });
}

/** Codes of the standard other than 1000 are not for applications in every runtime. */
function closeSocket(socket: WebSocket, code: number): void {
  if (socket.readyState >= WebSocket.CLOSING) return;
  try {
    socket.close(code);
  } catch {
    socket.close(APPLICATION_CODES + code % 1_000);
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL));
}
