/**
 * One connection after the other, from `connect()` to `close()`.
 *
 * @module
 */

import type { ConnackPacket } from "../codec/packets.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import { channelOf } from "../engine/channel.ts";
import type { Transport } from "../engine/transport.ts";
import { Connection, type ConnectionEnd } from "./connection.ts";
import { asError } from "./errors.ts";
import { type Settings, settingsFor } from "./settings.ts";
import type { ConnectAttempt, Refresh, Refreshed } from "./refresh.ts";
import { Retry, type Wait } from "./retry.ts";
import { type ServerAddress, shownUrl } from "./server_address.ts";
import type { Session } from "./session.ts";
import type { ClientState } from "./state.ts";
import { abortable, nextTurn, settledWithin } from "./waiting.ts";

/** What a lifecycle tells its owner. */
export interface LifecycleOwner {
  onState(state: ClientState): void;
  onConnected(connack: ConnackPacket, server: string): void;
  onDisconnected(end: ConnectionEnd, reconnecting: boolean, server: string): void;
  onError(error: Error, server: string): void;
  /** There will be no other connection. `error`: why, unless it was stopped. */
  onEnded(error: Error | undefined): void;
}

/** How an attempt, or the connection that it led to, has ended. */
interface Failure {
  readonly error: Error;
  /** The server that was tried. */
  readonly server: ServerAddress;
  /** Undefined if there was no connection. */
  readonly connection: { readonly end: ConnectionEnd; readonly milliseconds: number } | undefined;
}

/** Connects, waits for the end, waits, and connects again. */
export class Lifecycle {
  readonly #settings: Settings;
  readonly session: Session;
  readonly #owner: LifecycleOwner;
  readonly #retry: Retry;
  readonly #stop = new AbortController();
  readonly #first = Promise.withResolvers<void>();
  #isFirst = true;
  #connection: Connection | undefined;
  /** Ends the wait for the next attempt. */
  #skip: PromiseWithResolvers<void> | undefined;
  /** Whether the connection was ended by {@linkcode reconnect}. */
  #isWanted = false;

  /** Nothing happens before {@linkcode run}. */
  constructor(settings: Settings, session: Session, owner: LifecycleOwner) {
    this.#settings = settings;
    this.session = session;
    this.#owner = owner;
    this.#retry = new Retry(settings);
    // Whoever gives up waiting for the first connection is not told how it ends.
    this.#first.promise.catch(() => {});
  }

  /** The connection that is open. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Aborted when there will be no connection after the one that is open. */
  get ended(): AbortSignal {
    return this.#stop.signal;
  }

  /** Settles with the first connection; rejects when there will be none. */
  get firstConnected(): Promise<void> {
    return this.#first.promise;
  }

  /** Ends attempts and waits; a connection that is open goes on to its end, and is then the last one. */
  stop(reason: unknown): void {
    this.#stop.abort(reason);
  }

  /** Makes the next attempt now; a connection that is open ends before. */
  reconnect(): void {
    this.#skip?.resolve();
    if (this.#connection === undefined) return;
    this.#isWanted = true;
    this.#connection.disconnect(ReasonCode.NormalDisconnection, {});
  }

  /** Runs to the end of the client; never rejects. */
  async run(): Promise<void> {
    let last: Error | undefined;
    for (;;) {
      const failure = await this.#connectOnce(last);
      last = failure.error;
      const isStopped = this.#stop.signal.aborted;
      const wait = isStopped ? undefined : this.#waitAfter(failure);
      // Before the events, whose listeners may end the wait.
      const skip = this.#skip = Promise.withResolvers();
      // The state is the new one when events tell what has happened.
      if (wait === undefined) this.#owner.onEnded(isStopped ? undefined : last);
      else if (wait === "none") this.#connecting();
      else this.#owner.onState({ kind: "waiting", retryAt: this.#settings.clock.now() + wait, error: last });
      this.#tell(failure, isStopped, wait !== undefined);
      if (wait === undefined) {
        this.stop(last);
        return this.#first.reject(this.#stop.signal.reason);
      }
      if (wait === "none") continue;
      await settledWithin(this.#settings.clock, wait, skip.promise, this.#stop.signal);
      this.#connecting();
    }
  }

  #connecting(): void {
    this.#owner.onState({ kind: "connecting", server: shownUrl(this.#retry.server.url) });
  }

  #waitAfter({ error, server, connection }: Failure): Wait {
    if (connection === undefined) return this.#retry.attemptFailed(error, server);
    const isWanted = this.#isWanted;
    this.#isWanted = false;
    if (isWanted) return "none";
    return this.#retry.connectionEnded(error, server, connection.milliseconds);
  }

  #tell({ error, server, connection }: Failure, isStopped: boolean, reconnecting: boolean): void {
    const url = shownUrl(server.url);
    if (connection !== undefined) this.#owner.onDisconnected(connection.end, reconnecting, url);
    const isOurs = connection !== undefined && connection.end.error === undefined;
    if (!isStopped && !isOurs) this.#owner.onError(error, url);
  }

  /** One connection from its attempt to its end. `last`: why the one before has ended. */
  async #connectOnce(last: Error | undefined): Promise<Failure> {
    let { server } = this.#retry;
    let connected: { connection: Connection; connack: ConnackPacket };
    try {
      connected = await this.#attempt(last, (refreshed) => server = refreshed);
    } catch (error) {
      return { error: asError(error), server, connection: undefined };
    }
    const { clock } = this.#settings;
    const { connection, connack } = connected;
    const since = clock.now();
    this.#retry.connected();
    await this.#announce(connection, connack, shownUrl(server.url));
    const end = await connection.run();
    this.#connection = undefined;
    const error = end.error ?? new Error("Connection closed");
    return { error, server, connection: { end, milliseconds: clock.now() - since } };
  }

  async #announce(connection: Connection, connack: ConnackPacket, server: string): Promise<void> {
    const { limits } = connection;
    const { sessionPresent, properties = {} } = connack;
    if (limits !== undefined) this.#owner.onState({ kind: "connected", server, sessionPresent, limits, properties });
    if (this.#isFirst) {
      this.#isFirst = false;
      this.#first.resolve();
      // Before the first message is taken, who waits for this connection gets the chance to subscribe to what a session
      // of before has in store, and to listen to events.
      await nextTurn();
    }
    this.#owner.onConnected(connack, server);
  }

  async #attempt(
    last: Error | undefined,
    onServer: (server: ServerAddress) => void,
  ): Promise<{ connection: Connection; connack: ConnackPacket }> {
    const { clock, connectTimeout } = this.#settings;
    const attempt = new AbortController();
    const cancelTimeout = clock.schedule(connectTimeout, () => attempt.abort(timeoutError(connectTimeout)));
    const signal = AbortSignal.any([attempt.signal, this.#stop.signal]);
    let connection: Connection | undefined;
    const onAbort = () => {
      // Once it is open, who ends it says DISCONNECT.
      if (this.#connection === undefined) connection?.abort(asError(signal.reason));
    };
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      signal.throwIfAborted();
      const settings = await this.#refresh(last, signal);
      onServer(settings.server);
      const opened = connection = new Connection(await openTransport(settings, signal), settings, this.session);
      // At once: between here and who waits for this, promises of others run, who may want to end it.
      const connack = await opened.connect(() => this.#connection = opened);
      return { connection, connack };
    } finally {
      cancelTimeout();
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** The settings for an attempt. */
  async #refresh(error: Error | undefined, signal: AbortSignal): Promise<Settings> {
    const { server, attempt } = this.#retry;
    const { refresh } = this.#settings;
    if (refresh === undefined) return settingsFor(this.#settings, server);
    const shown = shownUrl(server.url);
    const refreshed = await abortable(refreshing(refresh, { server: shown, attempt, error, signal }), signal);
    const settings = settingsFor(this.#settings, server, refreshed ?? {});
    const used = shownUrl(settings.server.url);
    if (used !== shown) this.#owner.onState({ kind: "connecting", server: used });
    return settings;
  }
}

/** A failure of the caller's function is one of the attempt, even a `TypeError`, as that of `fetch` without a network. */
async function refreshing(refresh: Refresh, attempt: ConnectAttempt): Promise<Refreshed | void> {
  try {
    return await refresh(attempt);
  } catch (cause) {
    throw new Error(`Cannot connect: refresh has failed: ${asError(cause).message}`, { cause });
  }
}

/** Leaves nothing open when it is given up. */
async function openTransport({ open, server, transport }: Settings, signal: AbortSignal): Promise<Transport> {
  const opening = open(server.url, { ...transport, signal });
  try {
    return await abortable(opening, signal);
  } catch (error) {
    // An opener that does not heed the signal may still come up with a transport.
    opening.then((transport) => channelOf(transport).abort()).catch(() => {});
    throw error;
  }
}

function timeoutError(milliseconds: number): DOMException {
  return new DOMException(
    `Cannot connect: it must take at most ${milliseconds} ms, received no answer`,
    "TimeoutError",
  );
}
