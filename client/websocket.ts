/**
 * MQTT over WebSocket: browsers, workers, edge runtimes, Deno, and Node from version 22 on.
 *
 * @module
 */

import type { Transport } from "../engine/transport.ts";
import { abortable } from "./waiting.ts";
import { drained } from "./websocket_drain.ts";

/** The subprotocol that stands for MQTT of all versions. */
export const SUBPROTOCOL = "mqtt";
/** Bytes that may wait to be read. A WebSocket cannot be told to wait, so that beyond it is closed. */
const MAXIMUM_UNREAD = 67_108_864;
/** Milliseconds that the server has to answer to the closing of a WebSocket. */
const LINGER = 1_000;

/** Codes that tell why a WebSocket is closed (RFC 6455, 7.4.1). */
const CloseCode = { Normal: 1000, UnsupportedData: 1003, NoStatus: 1005, MessageTooBig: 1009 } as const;
/** The standard lets applications close with codes from 3000 on only; these say the same. */
const APPLICATION_CODES = 3000;

/**
 * Opens a WebSocket to `url` (`ws:` or `wss:`) with the subprotocol `mqtt`. Rejects when the server does not take it;
 * gives up, and leaves nothing open, when `signal` is aborted.
 *
 * @example
 * ```js
 * import { connect, openWebSocket } from "@x/mqtt/client/browser";
 *
 * // What `connect` does by itself:
 * await using client = await connect("ws://127.0.0.1:8080/mqtt", { transport: openWebSocket });
 * ```
 */
export async function openWebSocket(url: URL, options: { readonly signal: AbortSignal }): Promise<Transport> {
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw new TypeError(`Cannot connect: scheme of the URL must be ws or wss, received ${url.protocol}`);
  }
  return await webSocketTransport(new WebSocket(url, SUBPROTOCOL), options.signal);
}

/** Waits until a WebSocket that has just been made is open, and makes a transport of it. */
export async function webSocketTransport(socket: WebSocket, signal: AbortSignal): Promise<Transport> {
  socket.binaryType = "arraybuffer";
  const connection = new WebSocketConnection(socket);
  try {
    await abortable(opened(socket), signal);
  } catch (error) {
    connection.abort();
    throw error;
  }
  return connection;
}

async function opened(socket: WebSocket): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", (event) => reject(failure(event)));
    socket.addEventListener("close", () => reject(failure()));
  });
  // A server that does not choose `mqtt` does not speak it [MQTT-6.0.0-4].
  if (socket.protocol === SUBPROTOCOL) return;
  throw new Error(`Cannot connect: server must take the subprotocol mqtt, received "${socket.protocol}"`);
}

/** Browsers do not say what went wrong; other runtimes do. */
function failure(event?: Event): Error {
  const reason = event !== undefined && "message" in event && event.message !== "" ? event.message : "a failure";
  return new Error(`Cannot connect: server must open the WebSocket, received ${reason}`);
}

/** The frames of a WebSocket as two streams of bytes: where a frame begins or ends means nothing [MQTT-6.0.0-2]. */
class WebSocketConnection implements Transport {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly peer: Transport["peer"];
  readonly #socket: WebSocket;
  /** Set at its end, with the error that broke it, if there is one. */
  #ended: { readonly error: Error | undefined } | undefined;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    const { protocol, host } = new URL(socket.url);
    this.peer = { protocol: protocol === "wss:" ? "wss" : "ws", address: host };
    this.readable = new ReadableStream<Uint8Array>({
      start: (controller) => this.#listen(controller),
      cancel: () => {
        this.#ended ??= { error: undefined }; // the stream is closed already
        this.abort();
      },
    }, new ByteLengthQueuingStrategy({ highWaterMark: 0 }));
    this.writable = new WritableStream<Uint8Array>({
      write: (chunk) => this.#write(chunk),
      close: () => this.#close(),
      abort: () => this.abort(),
    });
  }

  /** Ends it at once, as far as a WebSocket can: nothing is sent or taken any more. */
  abort(): void {
    this.#end(undefined);
    this.#socket.close();
  }

  #listen(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    const socket = this.#socket;
    socket.addEventListener("message", ({ data }) => this.#receive(data, controller));
    socket.addEventListener("error", () => this.#end(new Error("WebSocket failed")));
    socket.addEventListener("close", ({ code, reason }) => this.#end(closeError(code, reason)));
  }

  #receive(data: unknown, controller: ReadableStreamDefaultController<Uint8Array>): void {
    if (this.#ended !== undefined) return;
    if (!(data instanceof ArrayBuffer)) return this.#refuse(CloseCode.UnsupportedData, textError());
    // The highest mark is 0, so that what is less is unread.
    const unread = -(controller.desiredSize ?? 0);
    if (unread > 0 && unread + data.byteLength > MAXIMUM_UNREAD) {
      return this.#refuse(CloseCode.MessageTooBig, fullError());
    }
    controller.enqueue(new Uint8Array(data));
  }

  #refuse(code: number, error: Error): void {
    this.#end(error);
    this.#socket.close(APPLICATION_CODES + code, error.message);
  }

  #end(error: Error | undefined): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    if (error === undefined) this.#controller?.close();
    else this.#controller?.error(error);
  }

  async #write(chunk: Uint8Array): Promise<void> {
    this.#assertOpen();
    // It takes a copy of memory of any kind, though its type does not say so.
    this.#socket.send(chunk as Uint8Array<ArrayBuffer>);
    await drained(this.#socket);
    this.#assertOpen();
  }

  #assertOpen(): void {
    if (this.#ended !== undefined) throw this.#ended.error ?? new Error("WebSocket is closed");
  }

  /** Sends what was written, then the end; settles when the server has closed, too, or will not. */
  async #close(): Promise<void> {
    const closed = closedWithin(this.#socket, LINGER);
    this.#socket.close(CloseCode.Normal);
    await closed;
  }
}

function closedWithin(socket: WebSocket, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readyState === WebSocket.CLOSED) return resolve();
    const timer = setTimeout(resolve, milliseconds);
    socket.addEventListener("close", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}

function closeError(code: number, reason: string): Error | undefined {
  if (code === CloseCode.Normal || code === CloseCode.NoStatus) return undefined;
  return new Error(`WebSocket was closed with code ${code}${reason === "" ? "" : `: ${reason}`}`);
}

/** Whoever gets a text frame closes the connection [MQTT-6.0.0-1]. */
function textError(): Error {
  return new Error("Cannot read WebSocket: frames must be binary, received text");
}

function fullError(): Error {
  return new Error(`Cannot read WebSocket: at most ${MAXIMUM_UNREAD} bytes may be unread, received more`);
}
