/**
 * A socket of `node:net` or `node:tls`, on Node or on Deno, as a transport.
 *
 * @module
 */

import type { Socket } from "node:net";
import { transportOf } from "../engine/channel.ts";
import type { Channel, Peer, Transport } from "../engine/transport.ts";
import { Fifo } from "./fifo.ts";

/** Milliseconds that the server has to close its side, once it was told that we close ours. */
const LINGER = 1_000;

/** Makes bytes come, or not. */
export interface Flow {
  pause(): void;
  resume(): void;
}

/**
 * Waits until `socket`, which has just been made, is open, as the event `opened` tells. Rejects with the error of the
 * network, or with the signal's reason; the socket is then closed. `flow`: what to pause in place of the socket.
 */
export async function openSocket(
  socket: Socket,
  opened: "connect" | "secureConnect",
  peer: Peer,
  signal: AbortSignal,
  flow: Flow = socket,
): Promise<Transport> {
  // Listens to everything from the start: an error that nobody listens to ends the process.
  const transport = transportOf(new SocketChannel(socket, flow), peer);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  socket.once(opened, resolve).once("error", reject).once("close", () => reject(closedError()));
  try {
    if (signal.aborted) onAbort();
    await promise;
    return transport;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

class SocketChannel implements Channel {
  readonly #socket: Socket;
  readonly #flow: Flow;
  /** What has come and was not read: a socket does not always stop at once. */
  readonly #chunks = new Fifo<Uint8Array>();
  /** The read that waits. */
  #reader: ((chunk: Uint8Array | Promise<undefined>) => void) | undefined;
  /** What reads come to behind what is there. */
  #outcome: Promise<undefined> | undefined;

  constructor(socket: Socket, flow: Flow) {
    this.#socket = socket;
    this.#flow = flow;
    flow.pause();
    socket.on("data", (chunk: Uint8Array) => this.#take(chunk));
    socket.once("end", () => this.#end(Promise.resolve(undefined)));
    socket.on("error", (error) => this.#end(Promise.reject(error)));
    socket.once("close", () => this.#end(Promise.reject(closedError())));
  }

  read(): Promise<Uint8Array | undefined> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) return Promise.resolve(chunk);
    if (this.#outcome !== undefined) return this.#outcome;
    return new Promise((resolve) => {
      this.#reader = resolve;
      this.#flow.resume();
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => error ? reject(error) : resolve());
    });
  }

  close(): Promise<void> {
    return closeGently(this.#socket);
  }

  abort(): void {
    this.#end(Promise.resolve(undefined));
    this.#chunks.drain();
    this.#socket.destroy();
  }

  #take(chunk: Uint8Array): void {
    this.#flow.pause();
    if (this.#outcome !== undefined) return;
    // A plain array: the `slice` of Node's own kind does not copy.
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    if (this.#reader === undefined) this.#chunks.push(bytes);
    else this.#reader(bytes);
    this.#reader = undefined;
  }

  #end(outcome: Promise<undefined>): void {
    outcome.catch(() => {}); // seen at the read that meets it
    this.#outcome ??= outcome;
    this.#reader?.(outcome);
    this.#reader = undefined;
  }
}

/** Lets the other end read all that was sent before the connection goes. */
function closeGently(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    const timer = setTimeout(() => socket.destroy(), LINGER);
    socket.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
    socket.end();
  });
}

function closedError(): Error {
  return new Error("Cannot go on: the connection must stay open, but was closed");
}
