/**
 * A socket of `node:net` or `node:tls`, on Node or on Deno, as a transport.
 *
 * @module
 */

import type { Socket } from "node:net";
import type { Peer, Transport } from "../engine/transport.ts";

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
  const transport = { readable: readableOf(socket, flow), writable: writableOf(socket), peer };
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

function readableOf(socket: Socket, flow: Flow): ReadableStream<Uint8Array> {
  let isOpen = true;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      flow.pause();
      socket.on("data", (chunk: Uint8Array) => {
        if (!isOpen) return;
        flow.pause();
        // A plain array: the `slice` of Node's own kind does not copy.
        controller.enqueue(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
      });
      socket.once("end", () => {
        if (isOpen) controller.close();
        isOpen = false;
      });
      const fail = (error: Error) => {
        if (isOpen) controller.error(error);
        isOpen = false;
      };
      socket.on("error", fail);
      socket.once("close", () => fail(closedError()));
    },
    pull: () => flow.resume(),
    cancel() {
      isOpen = false;
      socket.destroy();
    },
  }, { highWaterMark: 0 });
}

function writableOf(socket: Socket): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    start(controller) {
      // `abort` is called when the write in flight has ended, which it may never do.
      controller.signal.addEventListener("abort", () => socket.destroy(), { once: true });
    },
    write: (chunk) =>
      new Promise((resolve, reject) => {
        socket.write(chunk, (error) => error ? reject(error) : resolve());
      }),
    close: () => closeGently(socket),
  });
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
