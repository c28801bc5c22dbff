/**
 * What a `RawClient` has received and not taken yet, and how its connection stands.
 *
 * @module
 */

import type { Packet } from "../../codec/packets.ts";

/** A packet and the bytes that it was read from. */
export interface Received {
  readonly packet: Packet;
  readonly bytes: Uint8Array;
}

/** How the connection stands: `ended` by the other end or by an error of the network, `closed` by us. */
export type ConnectionState = { kind: "open" } | { kind: "ended"; cause?: unknown } | { kind: "closed" };

/** Packets in the order in which they came, with waiting. */
export class RawInbox {
  readonly #received: Received[] = [];
  #state: ConnectionState = { kind: "open" };
  #failure: { error: unknown } | undefined;
  #waiting: (() => void)[] = [];

  /** How the connection stands. */
  get state(): ConnectionState {
    return this.#state;
  }

  /** Everything that waits to be taken. */
  get waiting(): readonly Received[] {
    return this.#received;
  }

  /** Adds what came. */
  push(received: Received): void {
    this.#received.push(received);
    this.#notify();
  }

  /** The bytes that came are no packet: waiting for more throws this error. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#notify();
  }

  /** The connection is over; the first word on how it ended stands, except that we may close an ended one. */
  end(state: ConnectionState): void {
    if (this.#state.kind === "open" || state.kind === "closed") this.#state = state;
    this.#notify();
  }

  /** The packet at a place of the queue, waited for; undefined when the connection or the time ends first. */
  async at(place: number, timeout: number): Promise<Received | undefined> {
    const deadline = Date.now() + timeout;
    for (;;) {
      const received = this.#received[place];
      if (received !== undefined) return received;
      if (this.#failure !== undefined) throw this.#failure.error;
      const rest = deadline - Date.now();
      if (this.#state.kind !== "open" || rest <= 0) return undefined;
      await this.#change(rest);
    }
  }

  /** Removes the packet at a place of the queue. */
  remove(place: number): void {
    this.#received.splice(place, 1);
  }

  /** Settles when the connection is over, or the time. */
  async ended(timeout: number): Promise<void> {
    const deadline = Date.now() + timeout;
    while (this.#state.kind === "open" && Date.now() < deadline) await this.#change(deadline - Date.now());
  }

  #notify(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** Settles when something has come, the connection has ended, or the time is over. */
  #change(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
