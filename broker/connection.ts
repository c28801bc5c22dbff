/**
 * One network connection: bytes in, whole packets handled in order, bytes out, and its end.
 *
 * @module
 */

import { MqttError } from "../codec/errors.ts";
import { type Frame, Framer } from "../codec/framer.ts";
import { channelOf } from "../engine/channel.ts";
import type { Timer } from "../engine/timers.ts";
import type { Channel, Peer, Transport } from "../engine/transport.ts";
import type { BrokerCore } from "./core.ts";
import { Output, type OutputOwner } from "./output.ts";
import type { Pausable } from "./publish_rate.ts";

/** Milliseconds that a closing connection has for its last bytes and for the peer to close. */
const LINGER = 2_000;

/** What runs over a connection. */
export interface Protocol {
  /** Handles one packet. A promise: the next one waits until it settles. A throw or rejection ends the connection. */
  handle(frame: Frame): Promise<void> | undefined;
  /** A packet was wrong, or handling it failed: say so to the peer and close. */
  onError(error: unknown): void;
  /** Nothing came for as long as {@linkcode Connection.limitSilence} allows. */
  onSilence(): void;
  /** So many bytes have gone out. */
  onWritten(bytes: number): void;
  /** The connection is gone. Called once. */
  onEnd(): void;
}

/** A transport in use by the broker. */
export class Connection implements OutputOwner, Pausable {
  readonly peer: Peer;
  readonly output: Output;
  readonly #core: BrokerCore;
  readonly #channel: Channel;
  readonly #framer: Framer;
  #protocol: Protocol | undefined;
  #closing = false;
  #isWaiting = false;
  #lastArrival: number;
  #watchdog: Timer | undefined;
  #wakeReader: (() => void) | undefined;
  #stopWaiting: (() => void) | undefined;
  #endPause: (() => void) | undefined;
  readonly #onAdmitted: (() => void) | undefined;

  constructor(core: BrokerCore, transport: Transport) {
    this.#core = core;
    this.peer = transport.peer;
    this.#onAdmitted = transport.onAdmitted;
    this.#channel = channelOf(transport);
    this.output = new Output(this.#channel, core.pool, core.flushQueue, this, core.metrics);
    this.#framer = new Framer({ buffers: core.pool });
    this.#lastArrival = core.clock.now();
  }

  /** When the peer's last bytes came, by the broker's clock. */
  get lastArrival(): number {
    return this.#lastArrival;
  }

  get isClosing(): boolean {
    return this.#closing;
  }

  /** Runs `protocol` until the connection is gone. Never rejects. */
  async run(protocol: Protocol): Promise<void> {
    this.#protocol = protocol;
    try {
      for (;;) {
        const chunk = await this.#channel.read(this.#framer.awaited);
        if (chunk === undefined) break;
        const pending = this.#take(chunk, protocol);
        if (pending !== undefined) await pending;
      }
    } catch (error) {
      // A broken connection is an end like any other; whoever waits for the peer sees it as that.
      if (this.#core.log.debug) this.#core.log.write("debug", `Connection of ${this.peer.address} broke: ${error}`);
    }
    this.#closing = true;
    this.#stopWatchdog();
    // The end that is on its way to the peer brings its last bytes along.
    if (!this.output.isFinished) this.#break();
    protocol.onEnd();
  }

  /** Bytes of the largest packet from now on. */
  limitPackets(maximumPacketSize: number): void {
    this.#framer.maximumPacketSize = maximumPacketSize;
  }

  /** The peer was let in. */
  admitted(): void {
    this.#onAdmitted?.();
  }

  /** Milliseconds of silence after which the peer is taken for dead; 0 for no limit. */
  limitSilence(milliseconds: number): void {
    this.#stopWatchdog();
    if (milliseconds > 0) this.#watch(milliseconds);
  }

  /** Ends the connection unless it closes or {@linkcode limitSilence} is called within `milliseconds`. */
  limitTime(milliseconds: number, onTimeout: () => void): void {
    this.#stopWatchdog();
    this.#watchdog = this.#core.timers.schedule(this.#core.clock.now() + milliseconds, onTimeout);
  }

  pause(milliseconds: number): Promise<void> {
    const { timers, clock } = this.#core;
    return new Promise((resolve) => {
      const timer = timers.schedule(clock.now() + milliseconds, () => this.resume());
      this.#endPause = () => {
        timers.cancel(timer);
        // The peer may have spoken all the time, and nobody has listened.
        this.#lastArrival = clock.now();
        resolve();
      };
    });
  }

  resume(): void {
    const end = this.#endPause;
    this.#endPause = undefined;
    end?.();
  }

  /** Sends what was appended, then closes. Nothing that still comes in is handled. */
  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.resume();
    this.#wakeReader?.();
    this.output.end();
    this.limitTime(LINGER, () => this.abort());
  }

  /** Closes at once. */
  abort(): void {
    this.#closing = true;
    this.#stopWatchdog();
    this.resume();
    this.#stopWaiting?.();
    this.#wakeReader?.();
    this.#break();
  }

  #break(): void {
    this.output.abandon();
    this.#channel.abort();
  }

  onWritten(bytes: number): void {
    this.#wakeReader?.();
    if (!this.#closing) this.#protocol?.onWritten(bytes);
  }

  onWriteError(error: unknown): void {
    if (this.#core.log.debug) this.#core.log.write("debug", `Writing to ${this.peer.address} failed: ${error}`);
    this.abort();
  }

  /** Handles a chunk. A promise: nothing more may be read until it settles. */
  #take(chunk: Uint8Array, protocol: Protocol): Promise<void> | undefined {
    this.#lastArrival = this.#core.clock.now();
    this.#core.metrics.bytesReceived += chunk.length;
    this.#core.memory.note(chunk.length);
    if (this.#closing) return undefined;
    const pending = this.#process(chunk, protocol) ?? this.#core.stint.onChunk(chunk.length);
    if (pending === undefined && !this.#isStuffed) return undefined;
    return this.#settle(pending);
  }

  /** Whether the client has to take our answers before it gets more of them. */
  get #isStuffed(): boolean {
    return this.output.pending >= this.#core.options.maxOutputBytes && !this.#closing;
  }

  async #settle(pending: Promise<void> | undefined): Promise<void> {
    if (pending !== undefined) {
      this.#isWaiting = true;
      await this.#orAborted(pending);
      this.#isWaiting = false;
    }
    while (this.#isStuffed) await this.#drained();
  }

  /** Settles with `pending`, or with {@linkcode abort}: a decision may never come. */
  #orAborted(pending: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stopWaiting = resolve;
      // Even if the end of the protocol fails, it is the end of this connection and not of the process.
      pending.then(resolve, reject);
    });
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeReader = () => {
        this.#wakeReader = undefined;
        resolve();
      };
    });
  }

  #process(chunk: Uint8Array, protocol: Protocol): Promise<void> | undefined {
    try {
      this.#framer.push(chunk);
      this.#core.effort.begin();
      const pending = this.#handleFrames(protocol);
      return pending === undefined ? undefined : this.#goOn(pending, protocol);
    } catch (error) {
      protocol.onError(error);
      return undefined;
    }
  }

  /** Handles packets until none is left, the connection closes, or one needs time. */
  #handleFrames(protocol: Protocol): Promise<void> | undefined {
    const framer = this.#framer;
    const { pressure, effort } = this.#core;
    while (!this.#closing && framer.next()) {
      this.#core.metrics.packetsReceived++;
      const pending = protocol.handle(framer);
      if (pending !== undefined) return pending;
      if (pressure.isOn) return pressure.wait();
      if (effort.isGreat) return effort.rest();
    }
    return undefined;
  }

  async #goOn(first: Promise<void>, protocol: Protocol): Promise<void> {
    try {
      for (let pending: Promise<void> | undefined = first; pending !== undefined;) {
        await pending;
        // What was handled late may have found slow subscribers, too.
        pending = this.#core.pressure.isOn ? this.#core.pressure.wait() : this.#handleFrames(protocol);
      }
    } catch (error) {
      protocol.onError(error);
    }
  }

  #watch(milliseconds: number): void {
    const { timers, clock } = this.#core;
    this.#watchdog = timers.schedule(this.#lastArrival + milliseconds, () => {
      this.#watchdog = undefined;
      // Arrival counts, not handling: while a packet is decided about, or others have their turn, nothing is read.
      if (this.#isWaiting) this.#lastArrival = clock.now();
      if (clock.now() - this.#lastArrival >= milliseconds) this.#protocol?.onSilence();
      else this.#watch(milliseconds);
    });
  }

  #stopWatchdog(): void {
    if (this.#watchdog !== undefined) this.#core.timers.cancel(this.#watchdog);
    this.#watchdog = undefined;
  }
}

/** The reason code for whatever went wrong; what is no {@linkcode MqttError} is our own failure. */
export function reasonCodeOf(error: unknown, ownFailure: number): number {
  return error instanceof MqttError ? error.reasonCode : ownFailure;
}
