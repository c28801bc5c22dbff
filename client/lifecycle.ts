/**
 * One connection after the other, from `connect()` to `close()`.
 *
 * @module
 */

import type { ConnackPacket } from "../codec/packets.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import type { Transport } from "../engine/transport.ts";
import { Connection, type ConnectionEnd } from "./connection.ts";
import { asError, ServerError } from "./errors.ts";
import type { Settings } from "./options.ts";
import { Backoff } from "./reconnect.ts";
import type { Session } from "./session.ts";
import type { ClientState } from "./state.ts";
import { abortable, delay, nextTurn } from "./waiting.ts";

/** What a lifecycle tells its owner. */
export interface LifecycleOwner {
  onState(state: ClientState): void;
  onConnected(connack: ConnackPacket): void;
  onDisconnected(end: ConnectionEnd, reconnecting: boolean): void;
  onError(error: Error): void;
  /** There will be no other connection. `error`: why, unless it was stopped. */
  onEnded(error: Error | undefined): void;
}

/** Refusals that trying again does not change. */
const FINAL_CODES: ReadonlySet<number> = new Set([
  ReasonCode.UnsupportedProtocolVersion,
  ReasonCode.ClientIdentifierNotValid,
  ReasonCode.BadUserNameOrPassword,
  ReasonCode.BadAuthenticationMethod,
  ReasonCode.ServerMoved,
  // Somebody else has our client identifier: to take it back would begin a fight without end.
  ReasonCode.SessionTakenOver,
]);

/** Connects, waits for the end, waits, and connects again. */
export class Lifecycle {
  readonly #settings: Settings;
  readonly #session: Session;
  readonly #owner: LifecycleOwner;
  readonly #backoff: Backoff | undefined;
  readonly #stop = new AbortController();
  readonly #first = Promise.withResolvers<void>();
  #isFirst = true;
  #connection: Connection | undefined;

  /** Nothing happens before {@linkcode run}. */
  constructor(settings: Settings, session: Session, owner: LifecycleOwner) {
    this.#settings = settings;
    this.#session = session;
    this.#owner = owner;
    this.#backoff = settings.reconnect && new Backoff(settings.reconnect, settings.random);
    // Whoever gives up waiting for the first connection is not told how it ends.
    this.#first.promise.catch(() => {});
  }

  /** The connection that is open. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Settles with the first connection; rejects when there will be none. */
  get firstConnected(): Promise<void> {
    return this.#first.promise;
  }

  /** Ends attempts and waits; a connection that is open goes on to its end, and is then the last one. */
  stop(reason: unknown): void {
    this.#stop.abort(reason);
  }

  /** Runs to the end of the client; never rejects. */
  async run(): Promise<void> {
    for (;;) {
      const { error, end } = await this.#connectOnce();
      const isStopped = this.#stop.signal.aborted;
      const wait = isStopped ? undefined : this.#nextWait(error);
      if (wait === undefined) this.#owner.onEnded(isStopped ? undefined : error);
      else this.#owner.onState({ kind: "waiting", retryAt: this.#settings.clock.now() + wait, error });
      // The state is the new one when events tell what has happened.
      if (end !== undefined) this.#owner.onDisconnected(end, wait !== undefined);
      if (!isStopped) this.#owner.onError(error);
      if (wait === undefined) return this.#first.reject(isStopped ? this.#stop.signal.reason : error);
      await delay(this.#settings.clock, wait, this.#stop.signal).catch(() => {});
    }
  }

  /** One connection from its attempt to its end, and why it ended; `end` is undefined if there was none. */
  async #connectOnce(): Promise<{ error: Error; end?: ConnectionEnd }> {
    if (this.#stop.signal.aborted) return { error: asError(this.#stop.signal.reason) };
    this.#owner.onState({ kind: "connecting" });
    let connected: { connection: Connection; connack: ConnackPacket };
    try {
      connected = await this.#attempt();
    } catch (error) {
      this.#backoff?.attemptFailed();
      return { error: asError(error) };
    }
    const { connection, connack } = connected;
    const since = this.#settings.clock.now();
    this.#connection = connection;
    await this.#announce(connection, connack);
    const end = await connection.run();
    this.#connection = undefined;
    this.#backoff?.connectionEnded(this.#settings.clock.now() - since);
    return { error: end.error ?? new Error("Connection closed"), end };
  }

  async #announce(connection: Connection, connack: ConnackPacket): Promise<void> {
    const { limits } = connection;
    const { sessionPresent, properties = {} } = connack;
    if (limits !== undefined) this.#owner.onState({ kind: "connected", sessionPresent, limits, properties });
    if (this.#isFirst) {
      this.#isFirst = false;
      this.#first.resolve();
      // Before the first message is taken, who waits for this connection gets the chance to subscribe to what a session
      // of before has in store, and to listen to events.
      await nextTurn();
    }
    this.#owner.onConnected(connack);
  }

  async #attempt(): Promise<{ connection: Connection; connack: ConnackPacket }> {
    const { clock, connectTimeout } = this.#settings;
    const attempt = new AbortController();
    const cancelTimeout = clock.schedule(connectTimeout, () => attempt.abort(timeoutError(connectTimeout)));
    const signal = AbortSignal.any([attempt.signal, this.#stop.signal]);
    let connection: Connection | undefined;
    const onAbort = () => connection?.abort(asError(signal.reason));
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      connection = new Connection(await this.#openTransport(signal), this.#settings, this.#session);
      return { connection, connack: await connection.connect() };
    } finally {
      cancelTimeout();
      signal.removeEventListener("abort", onAbort);
    }
  }

  async #openTransport(signal: AbortSignal): Promise<Transport> {
    signal.throwIfAborted();
    const { open, server, transport } = this.#settings;
    const opening = open(server.url, { ...transport, signal });
    try {
      return await abortable(opening, signal);
    } catch (error) {
      // An opener that does not heed the signal may still come up with a transport.
      opening.then((transport) => transport.writable.abort()).catch(() => {});
      throw error;
    }
  }

  #mayRetry(error: Error): boolean {
    if (this.#settings.reconnect === undefined) return false;
    if (this.#isFirst && !this.#settings.reconnect.initial) return false;
    // Misuse, such as a scheme that the opener does not know.
    if (error instanceof TypeError || error instanceof RangeError) return false;
    if (!(error instanceof ServerError)) return true;
    // In MQTT 3.1 and 3.1.1 "not authorized" is for good.
    if (this.#settings.protocolVersion < 5 && error.reasonCode === ReasonCode.NotAuthorized) return false;
    return !FINAL_CODES.has(error.reasonCode);
  }

  /** How many milliseconds to wait for the next attempt; undefined if there is to be none. */
  #nextWait(error: Error): number | undefined {
    return this.#mayRetry(error) ? this.#backoff?.next() : undefined;
  }
}

function timeoutError(milliseconds: number): DOMException {
  return new DOMException(
    `Cannot connect: it must take at most ${milliseconds} ms, received no answer`,
    "TimeoutError",
  );
}
