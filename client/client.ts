/**
 * The client.
 *
 * @module
 */

import type { ConnackPacket } from "../codec/packets.ts";
import { type CloseOptions, disconnectProperties } from "./closing.ts";
import type { ConnectionEnd } from "./connection.ts";
import { asError, reasonCodeOf } from "./errors.ts";
import { ClientEventTarget } from "./event_target.ts";
import { ClientErrorEvent, ConnectEvent, DisconnectEvent, MqttMessageEvent } from "./events.ts";
import { Lifecycle, type LifecycleOwner } from "./lifecycle.ts";
import type { Message } from "./message.ts";
import type { ConnectInit, Platform, ServerUrl } from "./options.ts";
import { type Settings, settingsOf } from "./settings.ts";
import type { Payload } from "./payload.ts";
import type { Persistence } from "./persistence.ts";
import type { PublishOptions, PublishResult } from "./publication.ts";
import { Publisher } from "./publisher.ts";
import { Requester, type RequestOptions } from "./request.ts";
import { type RequestHandler, respond, type Responder, type RespondOptions } from "./respond.ts";
import { shownUrl } from "./server_address.ts";
import { Session } from "./session.ts";
import type { ClientState } from "./state.ts";
import { subscribe } from "./subscribe.ts";
import type { SubscribeOptions, Subscription, UnsubscribeOptions } from "./subscription.ts";
import { assertFilters } from "./checks.ts";
import { abortable, settledWithin } from "./waiting.ts";

const DEFAULT_CLOSE_TIMEOUT = 10_000;

/** What is behind a client; for relay.ts alone. */
export let lifecycleOf: (client: Client) => Lifecycle;

/**
 * An MQTT client: one session with a server, kept over as many connections as it takes. Made by `connect()`.
 *
 * @example
 * ```ts
 * import { connect, reasonCodeName } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883", { clientId: "gateway-7" });
 * client.addEventListener("disconnect", (event) => console.log("lost:", event.error?.message));
 * const { reasonCode } = await client.publish("gateway/7/state", "on", { qos: 1, retain: true });
 * console.log(client.state.kind, reasonCode, reasonCodeName(reasonCode)); // connected 16 No matching subscribers
 * ```
 */
export class Client extends ClientEventTarget implements AsyncDisposable {
  readonly #settings: Settings;
  readonly #session: Session;
  readonly #lifecycle: Lifecycle;
  readonly #closed: Promise<void>;
  readonly #publisher: Publisher;
  readonly #requester: Requester;
  #state: ClientState;
  #closing: Promise<void> | undefined;

  private constructor(settings: Settings, kept?: Persistence) {
    super();
    this.#settings = settings;
    this.#state = { kind: "connecting", server: shownUrl(settings.server.url) };
    this.#session = new Session(settings, (message) => this.#onMessage(message), kept);
    this.#lifecycle = new Lifecycle(settings, this.#session, this.#owner());
    this.#publisher = new Publisher(settings, this.#session, this.#lifecycle, () => this.#assertOpen("publish"));
    this.#requester = new Requester(this, settings.clock);
    kept?.attach(this, this.#lifecycle.firstConnected, settings.clock);
    this.#closed = this.#lifecycle.run().then(() => kept?.end());
  }

  /** What `connect()` does, on a platform that brings its own transport and clock along. */
  static async connect(url: ServerUrl | readonly ServerUrl[], init: ConnectInit, platform: Platform): Promise<Client> {
    init.signal?.throwIfAborted();
    const kept = await init.store?.begin(init);
    let client: Client | undefined;
    try {
      client = new Client(settingsOf(url, kept?.init ?? init, platform), kept);
      await abortable(client.#lifecycle.firstConnected, init.signal);
      return client;
    } catch (error) {
      await (client?.close({ force: true }) ?? kept?.end());
      throw error;
    }
  }

  /** What the client is doing. The event `statechange` tells of a new one. */
  get state(): ClientState {
    return this.#state;
  }

  /** The client identifier, the one that the server has assigned if it did. */
  get clientId(): string {
    return this.#session.clientId;
  }

  /** Publications that are not complete: those that wait to be sent, and those of QoS 1 and 2 that are in flight. */
  get pending(): { readonly messages: number; readonly bytes: number } {
    const { messages, bytes } = this.#session.outbox;
    return { messages, bytes };
  }

  /** Settles when the client has ended, by `close()` or for good; then see `state`. Never rejects. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /**
   * Settles when more can be published without filling the queue. Who publishes much and does not await each
   * publication awaits this before each.
   *
   * @example
   * ```ts
   * import { connect } from "@x/mqtt/client";
   *
   * await using client = await connect("mqtt://127.0.0.1:1883");
   * const failures: unknown[] = [];
   * for (let i = 0; i < 100_000; i++) {
   *   await client.ready;
   *   client.publish("load", `message ${i}`, { qos: 1 }).catch((error) => failures.push(error));
   * }
   * ```
   */
  get ready(): Promise<void> {
    const connection = this.#lifecycle.connection;
    if (connection === undefined || !connection.isBackedUp) return this.#session.outbox.room;
    return connection.drained.then(() => this.#session.outbox.room);
  }

  /**
   * Settles when the store of `connect()` has all publications of QoS 1 and 2 that were made until now and are not
   * complete, and knows which messages of QoS 2 were acknowledged: then that outlives this process. Rejects when the
   * store cannot take it. Without a store it settles at once.
   */
  get stored(): Promise<void> {
    return this.#session.kept?.stored ?? Promise.resolve();
  }

  /**
   * Publishes a message. The promise resolves when the exchange is complete: with QoS 0 when the message was handed to
   * the transport, with QoS 1 and 2 when the server has acknowledged or refused it; look at `ok` or `reasonCode`.
   * Messages to one topic with one QoS arrive in the order of the calls, those that must be read first (`Blob`,
   * `ReadableStream`) in the order in which they were read.
   *
   * Without a connection the message waits for the next one, within the queue's bound. When the server has lost the
   * session meanwhile, messages of QoS 1 in flight are published anew.
   *
   * With a store, a message of QoS 1 or 2 leaves when the store has it; see `stored`. What is not complete when the
   * client ends stays there for the next one, whose event `recovered` tells how it ended.
   *
   * Rejects with
   * - `MqttError` 0x90 for a topic that is no topic name; 0x95, 0x9A, 0x9B for what this server does not take (packet
   *   size, retained messages, QoS); 0x97 when the queue is full;
   * - `MqttError` 0x80 for QoS 2 when the server has lost the session: the message may have arrived or not;
   * - the error of the store when it cannot take the message;
   * - the signal's reason; an `InvalidStateError` when the client is closed; `TypeError` and `RangeError` for misuse.
   */
  publish(topic: string, payload: Payload, options: PublishOptions = {}): Promise<PublishResult> {
    try {
      this.#assertOpen("publish");
      return this.#publisher.publish(topic, payload, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Subscribes to one topic filter or several. The server is asked at once, and again whenever it has lost the session;
   * messages are taken from the subscription by a loop, or go to `onMessage`. Several subscriptions may overlap; each
   * gets a message once.
   *
   * @throws {MqttError} 0x8F for what is no topic filter; 0x82 for `noLocal` with a shared subscription.
   * @throws {TypeError} For no filter at all; `RangeError` for an option that is out of its range.
   * @throws {DOMException} `InvalidStateError` when the client is closed; and the signal's reason if it is aborted.
   *
   * @example A function for each filter
   * ```ts
   * import { connect } from "@x/mqtt/client";
   *
   * await using client = await connect("mqtt://127.0.0.1:1883");
   * client.addEventListener("error", ({ error }) => console.error(error.message));
   * client.subscribe("sensors/+", { qos: 1, onMessage: (message) => console.log(message.topic, message.text()) });
   * client.subscribe("alarms/#", { qos: 2, onMessage: async (message) => await Deno.stdout.write(message.payload) });
   * await client.publish("sensors/7", "21.5", { qos: 1 });
   * ```
   */
  subscribe(filter: string | readonly string[], options: SubscribeOptions = {}): Subscription {
    this.#assertOpen("subscribe");
    return subscribe(this.#session, filter, options, {
      onThrown: (error) => this.#reportThrown(error),
      onEnded: (error) => {
        if (!options.signal?.aborted) this.#report(error);
      },
    });
  }

  /**
   * Gives back what the server's session has of an earlier client with this client identifier, so that it sends no more
   * of it; what this client has subscribed to stays. Settles when the server has answered, or at once without a
   * connection: then the next one sees to it.
   *
   * @throws {MqttError} 0x8F for what is no topic filter.
   * @throws {DOMException} `InvalidStateError` when the client is closed.
   */
  unsubscribe(filter: string | readonly string[], options: UnsubscribeOptions = {}): Promise<void> {
    this.#assertOpen("unsubscribe");
    const filters = [...new Set(typeof filter === "string" ? [filter] : filter)];
    assertFilters(filters, options);
    const answered = this.#session.subscriptions.forget(filters, options.properties?.userProperties);
    return abortable(answered, options.signal);
  }

  /**
   * Publishes a request and resolves to the response (MQTT 5.0). All requests of a client share one subscription, made
   * with the first of them; before that, give `requestResponseInformation` to `connect()` if the server is to say where
   * responses go.
   *
   * Rejects with `RequestError` when the responder says that it failed; with `MqttError` 0x10 when the server says that
   * nobody has subscribed to `topic`; with a `TimeoutError`; with `TypeError` before MQTT 5.0; and as `publish()` and
   * `subscribe()` do.
   *
   * @example
   * ```ts
   * import { connect, json } from "@x/mqtt/client";
   *
   * await using client = await connect("mqtt://127.0.0.1:1883");
   * await using responder = client.respond("sum", (request) => {
   *   const numbers = request.json();
   *   return json(Array.isArray(numbers) ? numbers.reduce((sum, each) => sum + each, 0) : 0);
   * });
   * await responder.ready;
   * const response = await client.request("sum", json([1, 2, 3]), { signal: AbortSignal.timeout(5_000) });
   * console.log(response.json()); // 6
   * ```
   */
  async request(topic: string, payload: Payload, options: RequestOptions = {}): Promise<Message> {
    this.#assertVersion5("request");
    this.#assertOpen("request");
    return await this.#requester.request(topic, payload, options);
  }

  /**
   * Answers requests that match `filter` (MQTT 5.0): calls `handler` for each, and publishes what it returns. Several
   * responders share the work with a filter such as `$share/workers/sum`. Messages without a response topic are left
   * alone.
   *
   * @throws {MqttError} 0x8F for what is no topic filter.
   * @throws {TypeError} Before MQTT 5.0.
   * @throws {DOMException} `InvalidStateError` when the client is closed.
   */
  respond(filter: string, handler: RequestHandler, options: RespondOptions = {}): Responder {
    this.#assertVersion5("respond");
    return respond({ client: this, report: (error) => this.#report(error) }, filter, handler, options);
  }

  /**
   * Tries to connect at once when the client waits for its next attempt; ends a connection that is open and makes a new
   * one, e.g. because credentials have changed. Without effect while an attempt is under way.
   *
   * @throws {DOMException} `InvalidStateError` when the client is closed.
   *
   * @example A page that was without a network
   * ```ts
   * import { connect } from "@x/mqtt/client";
   *
   * await using client = await connect("mqtt://127.0.0.1:1883");
   * addEventListener("online", () => client.state.kind === "waiting" && client.reconnect());
   * ```
   */
  reconnect(): void {
    this.#assertOpen("reconnect");
    this.#lifecycle.reconnect();
  }

  /**
   * Authenticates again on the connection that is open, by the method that `connect()` was given (MQTT 5.0). Rejects
   * with `TypeError` if it was given none, if there is no connection, or if it ends before the server has accepted.
   */
  async reauthenticate(options: { signal?: AbortSignal } = {}): Promise<void> {
    this.#assertOpen("re-authenticate");
    const { connection } = this.#lifecycle;
    if (connection === undefined) throw invalidState("Cannot re-authenticate: client must be connected");
    await abortable(connection.authenticateAgain(), options.signal);
  }

  /**
   * Ends the client: waits for publications that are in flight, unless `force` is given, says DISCONNECT and closes the
   * transport. Publications that are not complete by then reject. Iterators end; messages that they have not taken are
   * dropped, but the server keeps those of QoS 1 and 2 if it keeps the session. A second call waits for the first. Never
   * rejects, but for properties that cannot be sent: then the client has ended all the same.
   */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  /** Closes the client. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #assertVersion5(what: string): void {
    const { protocolVersion } = this.#settings;
    if (protocolVersion === 5) return;
    throw new TypeError(`Cannot ${what}: protocolVersion must be 5, received ${protocolVersion}`);
  }

  #assertOpen(what: string): void {
    const { kind } = this.#state;
    if (kind === "closed" || kind === "closing") {
      throw invalidState(`Cannot ${what}: client must be open, received one that is ${kind}`);
    }
  }

  async #close(options: CloseOptions): Promise<void> {
    const { force = false, timeout = DEFAULT_CLOSE_TIMEOUT, signal, reasonCode = 0 } = options;
    if (this.#state.kind === "closed") return await this.#closed;
    this.#setState({ kind: "closing" });
    // No connection after the one that is open.
    this.#lifecycle.stop(invalidState("Cannot connect: client must be open, received one that is closing"));
    if (!force && this.#lifecycle.connection !== undefined) {
      const idle = Promise.race([this.#session.outbox.idle, this.#closed]);
      await settledWithin(this.#settings.clock, timeout, idle, signal);
    }
    const { connection } = this.#lifecycle;
    try {
      connection?.disconnect(reasonCode, disconnectProperties(options, this.#settings));
    } finally {
      // Also if that cannot be said.
      connection?.disconnect(0, {});
      await this.#closed;
      this.#closing = undefined;
    }
  }

  #ended(error: Error | undefined): void {
    this.#session.end(error);
    this.#setState({ kind: "closed", error });
  }

  #setState(state: ClientState): void {
    // A client that is closing does not look alive again.
    if (this.#state.kind === "closing" && state.kind !== "closed") return;
    this.#state = state;
    this.dispatchEvent(new Event("statechange"));
  }

  #owner(): LifecycleOwner {
    return {
      onState: (state) => this.#setState(state),
      onConnected: ({ sessionPresent, properties = {} }: ConnackPacket, server) => {
        this.dispatchEvent(new ConnectEvent(sessionPresent, properties, server));
      },
      onDisconnected: ({ error, properties }: ConnectionEnd, reconnecting, server) => {
        const reasonCode = reasonCodeOf(error);
        this.dispatchEvent(new DisconnectEvent({ reasonCode, properties, error, reconnecting, server }));
      },
      onError: (error, server) => void this.dispatchEvent(new ClientErrorEvent(error, server)),
      onEnded: (error) => this.#ended(error),
    };
  }

  /** Tells of an error that nobody waits for; of the client's own end its lifecycle tells. */
  #report(error: unknown): void {
    if (this.#state.kind !== "closed") this.dispatchEvent(new ClientErrorEvent(asError(error)));
  }

  /** A caller's function has thrown: silence would hide its fault from whoever wrote it. */
  #reportThrown(error: unknown): void {
    if (this.hasErrorListeners) return void this.dispatchEvent(new ClientErrorEvent(asError(error)));
    queueMicrotask(() => {
      throw error;
    });
  }

  #onMessage(message: Message): void {
    if (this.hasMessageListeners) this.dispatchEvent(new MqttMessageEvent(message));
  }

  static {
    lifecycleOf = (client) => client.#lifecycle;
  }
}

function invalidState(message: string): DOMException {
  return new DOMException(message, "InvalidStateError");
}
