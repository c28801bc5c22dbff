/**
 * Pings, so that both ends learn of a dead connection.
 *
 * @module
 */

import type { Clock } from "../engine/clock.ts";

/** A timer that fires so much later than it should tells of a process that stood still, not of a silent server. */
const STANDSTILL = 1_000;
/** A ping goes out when so much of the keep alive has passed, so that it arrives in time. */
const EARLY = 0.75;
const LONGEST_TIMEOUT = 10_000;

/** What keeping alive works with. */
export interface KeepAliveContext {
  readonly clock: Clock;
  /** Milliseconds of the keep alive, 0 for off. */
  readonly interval: number;
  /** Milliseconds to wait for a sign of life after a ping; undefined: the interval, at most 10 seconds. */
  readonly timeout: number | undefined;
  /** Sends PINGREQ. */
  readonly ping: () => void;
  /** The server is silent: the connection is dead. */
  readonly onTimeout: () => void;
}

/**
 * Pings when nothing was sent for a while [MQTT-3.1.2-20], and also when nothing was received, since a connection may
 * be dead in one direction. One timer, set anew when it fires, not with each packet.
 */
export class KeepAlive {
  readonly #context: KeepAliveContext;
  readonly #quiet: number;
  readonly #timeout: number;
  #lastSent: number;
  #lastReceived: number;
  /** Since when the server owes a sign of life. */
  #pingedAt: number | undefined;
  /** Whether the ping stands behind what is to be written before it. */
  #isPingWaiting = false;
  #cancel: (() => void) | undefined;

  /** Begins at once. */
  constructor(context: KeepAliveContext) {
    this.#context = context;
    this.#quiet = context.interval * EARLY;
    this.#timeout = context.timeout ?? Math.min(context.interval, LONGEST_TIMEOUT);
    this.#lastSent = context.clock.now();
    this.#lastReceived = this.#lastSent;
    if (context.interval > 0) this.#wait(this.#quiet);
  }

  /** A write has begun. `isLast`: nothing waits behind it. */
  sent(isLast: boolean): void {
    this.#lastSent = this.#context.clock.now();
    if (!this.#isPingWaiting) return;
    // The server cannot answer yet; that it takes what comes before tells as much.
    if (this.#pingedAt !== undefined) this.#pingedAt = this.#lastSent;
    this.#isPingWaiting = !isLast;
  }

  /** Bytes have come: the server lives. */
  received(): void {
    this.#lastReceived = this.#context.clock.now();
    if (this.#pingedAt === undefined) return;
    this.#pingedAt = undefined;
    this.stop();
    this.#check(this.#lastReceived);
  }

  /** Ends; nothing is called any more. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #wait(delay: number): void {
    const due = this.#context.clock.now() + delay;
    this.#cancel = this.#context.clock.schedule(delay, () => this.#check(due));
  }

  #check(due: number): void {
    this.#cancel = undefined;
    const now = this.#context.clock.now();
    if (this.#pingedAt !== undefined) {
      // What came meanwhile lies in a buffer yet: let it be read first.
      if (now - due > STANDSTILL) return this.#wait(STANDSTILL);
      const end = this.#pingedAt + this.#timeout;
      return now < end ? this.#wait(end - now) : this.#context.onTimeout();
    }
    const next = Math.min(this.#lastSent, this.#lastReceived) + this.#quiet;
    if (now < next) return this.#wait(next - now);
    this.#pingedAt = now;
    this.#wait(this.#timeout);
    if (this.#isPingWaiting) return;
    this.#isPingWaiting = true;
    this.#context.ping();
  }
}
