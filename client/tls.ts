/**
 * MQTT over TLS, on Deno.
 *
 * A socket of Deno's `node:tls` goes on reading while it is paused, and keeps what comes, however much that is. So
 * `node:tls` gets the bytes of a TCP connection of ours, which is read when its own reader wants more.
 *
 * @module
 */

import { Duplex } from "node:stream";
import { connect } from "node:tls";
import { channelOf } from "../engine/channel.ts";
import type { Channel, Transport } from "../engine/transport.ts";
import { type Flow, openSocket } from "./node_socket.ts";
import { openTcp } from "./tcp.ts";
import { connectionOptions, tlsAddress } from "./tls_options.ts";
import type { TransportOptions } from "./transport_options.ts";

/** Opens a connection with TLS to the host and port of `url`, by default to port 8883. */
export async function openTls(url: URL, { signal, tls = {}, localAddress }: TransportOptions): Promise<Transport> {
  const { host, port } = tlsAddress(url);
  const options = connectionOptions(tls);
  const gate = new Gate();
  const tcp = await openTcp(new URL(`tcp://${url.hostname}:${port}`), { signal, localAddress });
  const encrypted = duplexOf(channelOf(tcp), gate);
  const socket = connect({ host, ...options, socket: encrypted });
  // What goes wrong below is told above; without a listener it would end the process.
  encrypted.on("error", (error) => socket.destroy(error));
  socket.once("close", () => encrypted.destroy());
  const peer = { protocol: "tls", address: `${url.hostname}:${port}` } as const;
  try {
    const transport = await openSocket(socket, "secureConnect", peer, signal, gate);
    gate.begin();
    return transport;
  } catch (error) {
    encrypted.destroy();
    throw error;
  }
}

/** Lets encrypted bytes be read when somebody wants what is in them. */
class Gate implements Flow {
  /** The handshake reads for itself. */
  #isOpen = true;
  #hasBegun = false;
  #waiting: (() => void) | undefined;

  /** The handshake is over, and nobody reads yet. */
  begin(): void {
    this.#hasBegun = true;
    this.#isOpen = false;
  }

  pause(): void {
    if (this.#hasBegun) this.#isOpen = false;
  }

  resume(): void {
    this.#isOpen = true;
    this.#waiting?.();
    this.#waiting = undefined;
  }

  /** Calls `task` as soon as it is open. */
  pass(task: () => void): void {
    if (this.#isOpen) task();
    else this.#waiting = task;
  }
}

/** A connection as a stream of Node's. */
function duplexOf(channel: Channel, gate: Gate): Duplex {
  const read = (stream: Duplex) =>
    channel.read().then(
      // The chunk is read over; Node keeps it.
      (chunk) => void stream.push(chunk === undefined ? null : chunk.slice()),
      (error) => void stream.destroy(error),
    );
  return new Duplex({
    read() {
      gate.pass(() => read(this));
    },
    write(chunk, _encoding, done) {
      channel.write(chunk).then(() => done(), done);
    },
    final(done) {
      channel.close().then(() => done(), done);
    },
    destroy(error, done) {
      channel.abort();
      done(error);
    },
  });
}
