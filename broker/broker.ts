/**
 * The broker as an application uses it.
 *
 * @module
 */

import { MqttError } from "../codec/errors.ts";
import type { QoS } from "../codec/packets.ts";
import type { PublishProperties } from "../codec/properties.ts";
import { PACKET_TYPES } from "../codec/packet_types.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import { checkReasonCode } from "../codec/writer.ts";
import { channelOf } from "../engine/channel.ts";
import type { Transport } from "../engine/transport.ts";
import { Bridges } from "./bridge/bridges.ts";
import type { BridgeStatus } from "./bridge/status.ts";
import { Connection } from "./connection.ts";
import { newConnectionLine } from "./connection_log.ts";
import { BrokerCore } from "./core.ts";
import type { ListenerPolicy } from "./listener_policy.ts";
import type { ClientInfo } from "./hooks.ts";
import type { BrokerInspection } from "./inspection.ts";
import { Inspector } from "./inspector.ts";
import type { LimitCounts, LimitName } from "./limits.ts";
import type { DenialCounts, DropCounts } from "./metrics.ts";
import { type BrokerOptions, resolveOptions } from "./options.ts";
import { publicationOf } from "./publication.ts";
import { Observers, type PublishObserver } from "./observers.ts";
import { recover } from "./recovery.ts";
import { ServerProtocol } from "./server_protocol.ts";
import { SysTopics } from "./sys_topics.ts";

/** For connections that come by no listener. */
const NO_POLICY: ListenerPolicy = {};

/** A message that the application publishes. */
export interface BrokerMessage {
  /** Topic name. */
  readonly topic: string;
  /** Text is sent as UTF-8. */
  readonly payload: Uint8Array | string;
  /** Default 0. */
  readonly qos?: QoS;
  /** Default false. */
  readonly retain?: boolean;
  /** Properties for MQTT 5.0 subscribers; a topic alias or subscription identifiers must not be among them. */
  readonly properties?: Omit<PublishProperties, "topicAlias" | "subscriptionIdentifiers">;
}

/** What a broker holds at the moment, and what it had to drop. */
export interface BrokerCounts {
  /** Network connections. */
  readonly connections: number;
  /** Sessions, connected or not. */
  readonly sessions: number;
  /** Subscriptions of all sessions, shared ones included. */
  readonly subscriptions: number;
  /** Retained messages. */
  readonly retained: number;
  /** Wills that wait for their delay. */
  readonly delayedWills: number;
  /** Nodes of the topic trie; 0 without subscriptions. */
  readonly trieNodes: number;
  /** Deadlines that are waited for. */
  readonly timers: number;
  /** Messages dropped since the start, by reason. */
  readonly dropped: Readonly<DropCounts>;
  /** What was refused to clients since the start. */
  readonly refused: Readonly<DenialCounts>;
  /** How often each limit was met since the start. */
  readonly limits: Readonly<LimitCounts>;
}

/**
 * An MQTT 3.1, 3.1.1 and 5.0 broker. It knows no sockets: whoever accepts connections hands them to
 * {@linkcode Broker.serve}; {@linkcode listen} does so for TCP on Deno.
 *
 * @example A broker in a program
 * ```ts
 * import { Broker, listen } from "@x/mqtt/broker";
 *
 * await using broker = new Broker({ maxQueuedMessages: 10_000 });
 * const listener = listen(broker, { hostname: "127.0.0.1", port: 0 });
 * console.log(`listening on port ${listener.address.port}`);
 * broker.publish({ topic: "greeting", payload: "hello", retain: true });
 * ```
 */
export class Broker implements AsyncDisposable {
  readonly #core: BrokerCore;
  readonly #sys: SysTopics;
  readonly #observers: Observers;
  readonly #bridges: Bridges;
  /** A look into it, for reading. */
  readonly inspection: BrokerInspection;
  readonly #connections = new Map<
    ServerProtocol,
    { readonly listener: ListenerPolicy; readonly ended: Promise<void> }
  >();
  readonly #onClose = new Set<() => void>();
  #closed: Promise<void> | undefined;

  /**
   * Makes a broker that waits for connections, takes up what is in its store, and starts its bridges. Throws
   * `RangeError` for an option out of its range, `TypeError` or {@linkcode MqttError} for a bridge that cannot be, and
   * what the store throws when it cannot be read.
   */
  constructor(options: BrokerOptions = {}) {
    this.#core = new BrokerCore(resolveOptions(options));
    this.#recover();
    this.#sys = new SysTopics(this.#core);
    this.#observers = new Observers(this.#core);
    this.inspection = new Inspector(this.#core);
    this.#bridges = new Bridges(this, this.#core);
    this.#bridges.apply(options.bridges ?? []);
  }

  /**
   * Settles when messages of this broker are kept for all of its bridges, whether the other brokers can be reached or
   * not; after {@linkcode update} it is another promise. Rejects if a bridge cannot be made, e.g. because its
   * `remoteClientId` is to be the name of this machine, and Deno has no `--allow-sys=hostname`; the log says so, too.
   */
  get ready(): Promise<void> {
    return this.#bridges.ready;
  }

  /** How each bridge stands, in the order of the options. */
  get bridges(): readonly BridgeStatus[] {
    return this.#bridges.statuses;
  }

  /** A random name of this broker object. Bridges tell it to other brokers, so that nothing comes back over another one. */
  get identity(): string {
    return this.#core.identity;
  }

  #recover(): void {
    const { journal, options, sessions } = this.#core;
    if (journal === undefined || options.store === undefined) return;
    recover(this.#core, journal, options.store);
    journal.onRecovered = () => {
      // Queues could not be read meanwhile.
      for (const session of sessions.values()) session.pump();
    };
  }

  /**
   * Serves one connection until it ends; never rejects. A broker that is closed, or has as many connections as it
   * may have, closes it at once. `listener` is what holds for this connection and all others with the same object.
   */
  serve(transport: Transport, listener: ListenerPolicy = NO_POLICY): Promise<void> {
    const { metrics, options, log } = this.#core;
    const policy = this.#core.policies.of(listener);
    const isFull = this.#connections.size >= options.maxConnections || !policy.hasRoom;
    if (isFull || this.#closed !== undefined) {
      const { address } = transport.peer;
      if (isFull) this.refuse(`Client connection from ${address} denied: maxConnections exceeded.`, "maxConnections");
      channelOf(transport).abort();
      return Promise.resolve();
    }
    metrics.connectionsOpened++;
    if (options.connectionMessages) log.write("notice", newConnectionLine(transport.peer));
    const connection = new Connection(this.#core, transport);
    const protocol = new ServerProtocol(this.#core, connection, policy);
    policy.connections++;
    const ended = connection.run(protocol).then(() => {
      policy.connections--;
      this.#connections.delete(protocol);
    });
    this.#connections.set(protocol, { listener, ended });
    return ended;
  }

  /**
   * For listeners: counts a connection that they close before it can be served, and logs why. `limit` is the one that
   * was met; absent: the handshake of the peer was wrong.
   */
  refuse(reason: string, limit?: LimitName): void {
    const { metrics, audit } = this.#core;
    metrics.connectionsRefused++;
    if (limit === undefined) audit.handshake(reason);
    else audit.limit(limit, () => reason);
  }

  /** For listeners: counts that a limit was met, and logs it, though nothing was refused. */
  note(line: string, limit: LimitName): void {
    this.#core.audit.limit(limit, () => line);
  }

  /**
   * Changes options while the broker runs, in force before the next packet; a limit that is already passed stays so
   * until what passes it is gone. An option that is absent takes its default, but hooks, `log`, `heapUsed`,
   * `collectGarbage` and `bridges` stay as they are. `store`, `clock` and `listeners` cannot be changed. Throws
   * `RangeError` for an option out of its range, `TypeError` or {@linkcode MqttError} for a bridge that cannot be, and
   * then changes nothing.
   *
   * Of the `bridges`, those that are not among the new ones end, with all that waits for them; those that are new start,
   * and those that differ start anew, and keep what waits if their `localClientId` is the same.
   */
  update(options: Omit<BrokerOptions, "store" | "clock" | "listeners">): void {
    this.#core.update(options);
    if (options.bridges !== undefined) this.#bridges.apply(options.bridges);
    for (const protocol of this.#connections.keys()) protocol.onOptions();
    this.#sys.restart();
  }

  /**
   * Ends the connections of the clients that `isUnwanted` picks, with this reason code; returns how many. `listener` is
   * what {@linkcode Broker.serve} was given for the connection. Throws `RangeError` for a code that DISCONNECT cannot have.
   */
  disconnect(
    isUnwanted: (client: ClientInfo, listener: ListenerPolicy) => boolean,
    reasonCode: number = ReasonCode.NotAuthorized,
  ): number {
    checkReasonCode(PACKET_TYPES.disconnect, reasonCode);
    let count = 0;
    for (const [protocol, { listener }] of [...this.#connections]) {
      if (!protocol.isConnected || !isUnwanted(protocol.client, listener)) continue;
      protocol.disconnect(reasonCode);
      count++;
    }
    return count;
  }

  /**
   * Publishes a message to all subscribers. Throws {@linkcode MqttError} for an invalid topic name, and `RangeError`
   * or `TypeError` for properties out of their range. With QoS 1 or 2, it throws {@linkcode MqttError} 0x97 while the
   * store cannot be written to.
   */
  publish(message: BrokerMessage): void {
    const { topic, payload, qos = 0, retain = false, properties } = message;
    if (qos > 0 && this.#core.journal?.isFailing) {
      throw new MqttError("Cannot publish: the store must be writable", ReasonCode.QuotaExceeded);
    }
    const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
    const values = { payload: bytes, qos, retain, properties };
    this.#core.publish(publicationOf(this.#core.topics.of(topic), values, this.#core.clock.now()), undefined, false);
  }

  /** What the broker holds at the moment. */
  counts(): BrokerCounts {
    const { sessions, router, retained, wills, timers, metrics } = this.#core;
    return {
      connections: this.#connections.size,
      sessions: sessions.size,
      subscriptions: router.subscriptions,
      retained: retained.size,
      delayedWills: wills.size,
      trieNodes: router.trieNodes,
      timers: timers.size,
      dropped: { ...metrics.dropped },
      refused: { ...metrics.refused },
      limits: { ...metrics.limits },
    };
  }

  /**
   * Ends the session of a client for good: its connection, if there is one, with this reason code; its subscriptions,
   * and what waits for it. Returns whether there was a session. Throws `RangeError` for a code that DISCONNECT cannot
   * have.
   */
  endSession(clientId: string, reasonCode: number = ReasonCode.AdministrativeAction): boolean {
    checkReasonCode(PACKET_TYPES.disconnect, reasonCode);
    const { sessions } = this.#core;
    const session = sessions.get(clientId);
    if (session === undefined) return false;
    sessions.holderOf(session)?.disconnect(reasonCode);
    sessions.end(session);
    return true;
  }

  /**
   * Has `observer` called with every message that is published, by clients, by the application and by the broker
   * itself, before it is handed out; nobody has to subscribe to it. It runs in the way of the messages: it must be fast,
   * and copy what it keeps. One that throws is not called again, and the log says so. Returns a function that ends it.
   *
   * @example Count messages by the first level of their topics
   * ```ts
   * import { Broker } from "@x/mqtt/broker";
   *
   * await using broker = new Broker({ sysInterval: 0 });
   * const counts = new Map<string, number>();
   * const stop = broker.onPublish((topic) => {
   *   const level = topic.split("/", 1)[0] ?? "";
   *   counts.set(level, (counts.get(level) ?? 0) + 1);
   * });
   * broker.publish({ topic: "home/kitchen", payload: "21.5" });
   * stop();
   * console.log(counts.get("home")); // 1
   * ```
   */
  onPublish(observer: PublishObserver): () => void {
    return this.#observers.add(observer);
  }

  /**
   * Says how the runtime is made to look at its sockets while some clients send without end, so that others have their
   * turn: `look` resolves when it has, and is called 50 times a second at most, never while a look is under way. A
   * listener on Deno sees to that itself. Default: a timer, for which the processor is idle 1 to 2 ms.
   */
  lookBy(look: () => Promise<void>): void {
    this.#core.stint.look = look;
  }

  /** Has `task` called when the broker closes, e.g. to stop listening. Returns a function that takes it back. */
  onClose(task: () => void): () => void {
    this.#onClose.add(task);
    return () => this.#onClose.delete(task);
  }

  /**
   * Ends the bridges, which have three seconds to see off what is under way, and then all connections, 5.0 clients with
   * DISCONNECT 0x8B (server shutting down), and resolves when they are gone. The broker cannot be used again.
   */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#sys.stop();
    for (const task of this.#onClose) task();
    await this.#bridges.close();
    const ended = [...this.#connections.values()].map((connection) => connection.ended);
    for (const protocol of this.#connections.keys()) protocol.disconnect(ReasonCode.ServerShuttingDown);
    // What waits for a commit need not wait long: it is kept or given up now.
    this.#core.journal?.commit();
    await Promise.all(ended);
    this.#core.journal?.close();
    this.#core.timers.close();
    await this.#core.stint.close();
    this.#core.sessions.close();
    this.#core.accessWatch.close();
    this.#core.audit.summarize();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
