/**
 * A connection to another broker.
 *
 * @module
 */

import type { Client, Message, PublishOptions } from "../../client/common.ts";
import { spareIdentifiers } from "../../client/relay.ts";
import { encodePacket } from "../../codec/encode.ts";
import type { Broker } from "../broker.ts";
import type { LogSink } from "../log.ts";
import { brokerIn, type OtherBroker } from "../origin.ts";
import { Exchanges } from "./exchanges.ts";
import { Forwarder, type ForwarderContext } from "./forwarder.ts";
import { groupsOf, LocalSide } from "./local_side.ts";
import { MessageSource } from "./message_source.ts";
import { type BridgeOptions, type BridgeSettings, resolveBridge } from "./options.ts";
import { Pace } from "./pace.ts";
import { type RemoteOwner, type RemotePlatform, RemoteSide } from "./remote_side.ts";
import { Report } from "./report.ts";
import type { BridgeStatus } from "./status.ts";
import type { Destination, MappedTopic } from "./topics.ts";

/** What a bridge needs from where it runs. */
export interface BridgePlatform extends RemotePlatform {
  /** The name of this machine. Called only if an identifier is to be made of it. */
  readonly hostname: () => string;
  /** Receives log lines. */
  readonly log: LogSink;
}

/** Milliseconds that messages under way have to arrive when the bridge is closed. */
const PATIENCE = 2_000;
/** Milliseconds between looks at what waits. */
const LOOK = 500;
/** Milliseconds until the local session is opened again, if it could not be, or was lost. */
const REOPEN = 5_000;

/** What runs while the session with this broker is open. */
interface Running {
  readonly local: LocalSide;
  readonly outward: Forwarder;
  readonly inward: Forwarder;
  /** Those that come in. */
  readonly exchanges: Exchanges;
  remote: RemoteSide | undefined;
}

/** A connection from a broker to another one, which runs until it is closed. */
export class Bridge implements AsyncDisposable {
  readonly #broker: Broker;
  readonly #settings: BridgeSettings;
  readonly #platform: BridgePlatform;
  readonly #log: LogSink;
  readonly #report: Report;
  readonly #ready = Promise.withResolvers<void>();
  readonly #ended: Promise<void>;
  #closing: Promise<void> | undefined;
  /** Ends waits. */
  #wake: () => void = () => {};
  #running: Running | undefined;

  /** Starts at once. Throws for options that cannot be. */
  constructor(broker: Broker, options: BridgeOptions, platform: BridgePlatform) {
    this.#broker = broker;
    this.#platform = platform;
    this.#log = platform.log;
    this.#settings = resolveBridge(options, platform.hostname);
    this.#report = new Report(broker, this.#settings, platform.clock, this.#log);
    this.#ended = this.#run();
  }

  /** The name of the bridge. */
  get name(): string {
    return this.#settings.name;
  }

  /** The client identifier of its session with this broker, where messages wait. */
  get localClientId(): string {
    return this.#settings.localClientId;
  }

  /** Settles when messages of this broker are kept for the other one, or when that has failed; then see the log. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** How the bridge stands. */
  get status(): BridgeStatus {
    return this.#report.status;
  }

  /**
   * Ends the bridge: says so to the other broker, for which it waits a second at most, waits for what is under way, at
   * most two seconds, and disconnects. What waits stays in its session.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** Closes the bridge. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { remote, local } = this.#running ?? {};
    await this.#report.farewell();
    await remote?.stop(PATIENCE);
    await local?.[Symbol.asyncDispose]();
    this.#wake();
    await this.#ended;
    this.#ready.resolve();
  }

  get #isClosing(): boolean {
    return this.#closing !== undefined;
  }

  async #run(): Promise<void> {
    // Whoever has made the bridge holds it before anything happens.
    await Promise.resolve();
    while (!this.#isClosing) {
      try {
        await this.#runOnce();
      } catch (error) {
        if (!this.#isClosing) this.#log.write("error", `Bridge ${this.name}: ${messageOf(error)}`);
        // Nobody waits for what may never be.
        this.#ready.resolve();
      }
      if (!this.#isClosing && this.#report.state !== "stopped") await this.#wait(REOPEN);
      else break;
    }
    this.#report.enter("stopped");
  }

  /** From the opening of the session with this broker to its end. */
  async #runOnce(): Promise<void> {
    this.#report.enter("starting");
    const { clock } = this.#platform;
    await using local = await LocalSide.open(this.#broker, this.#settings, clock);
    if (this.#isClosing) return;
    const exchanges = new Exchanges(local.incoming === 0);
    const running: Running = {
      local,
      outward: this.#forwarder(
        new Pace(clock, this.#settings.rate),
        local.exchanges,
        (...given) => this.#optionsThere(...given),
      ),
      inward: this.#forwarder(undefined, exchanges, optionsFor),
      exchanges,
      remote: undefined,
    };
    this.#running = running;
    this.#report.watch([running.outward, running.inward]);
    running.inward.setTarget(local.client);
    local.disconnect();
    this.#ready.resolve();
    const { map } = this.#settings;
    const groups = groupsOf(map.outgoing);
    // QoS 2 first, as it may be under way there from before.
    for (let index = groups.length - 1; index >= 0; index--) {
      const [source, group] = [local.sources[index], groups[index]];
      if (source === undefined || group === undefined) continue;
      this.#forward(running.outward, source, routeOf(group, (topic) => map.toRemote(topic)), "this broker");
    }
    try {
      await this.#connectAsNeeded(running);
    } finally {
      this.#running = undefined;
      running.outward.close();
      running.inward.close();
    }
  }

  /** Connects as the start type says; returns when the session with this broker has ended, or all is over. */
  async #connectAsNeeded(running: Running): Promise<void> {
    const { client } = running.local;
    const isLazy = this.#settings.startType === "lazy";
    let connection: Promise<void> | undefined;
    const begin = () => {
      const remote = new RemoteSide(this.#settings, this.#broker.identity, this.#platform, this.#ownerOf(running));
      running.remote = remote;
      this.#report.remote = remote;
      connection = remote.run().then(() => {
        running.remote = undefined;
        connection = undefined;
        if (!isLazy) this.#report.enter("stopped");
        this.#wake();
      });
    };
    if (isLazy) this.#report.enter("idle");
    else begin();
    while (!this.#isClosing && client.state.kind !== "closed" && (isLazy || connection !== undefined)) {
      await this.#wait(LOOK);
      this.#report.look();
      if (!isLazy) continue;
      if (running.remote === undefined && this.#report.backlog >= this.#settings.threshold) begin();
      else if (running.remote !== undefined && this.#report.isIdle) {
        await running.remote.stop(PATIENCE);
        await connection;
        this.#report.enter("idle");
      }
    }
    await running.remote?.stop(this.#isClosing ? PATIENCE : 0);
    await connection;
  }

  /**
   * Whether exchanges that come in can go on with another connection, or another process: if both sessions last, and
   * there is one broker to come from. Others have other messages under the same packet identifiers.
   */
  get #isSameSource(): boolean {
    const { cleanSession, localCleanSession, addresses } = this.#settings;
    return !cleanSession && !localCleanSession && addresses.length === 1;
  }

  #ownerOf(running: Running): RemoteOwner {
    const { local, outward, inward, exchanges } = running;
    return {
      mayGoOn: () => !local.isNew,
      onAttempt: (address) => {
        this.#report.attempt(address);
      },
      onClient: (client) => {
        spareIdentifiers(client);
        if (this.#isSameSource) exchanges.setSource(client);
        client.addEventListener("connect", ({ sessionPresent }) => {
          if (!sessionPresent) exchanges.abandon();
        });
        // What was begun before goes on before anything else has its packet identifiers.
        outward.setTarget(client);
        const { map, protocolVersion } = this.#settings;
        const isVersion5 = protocolVersion === 5;
        for (const group of groupsOf(map.incoming)) {
          const source = new MessageSource(client.subscribe(group.map(({ remote }) => remote), {
            qos: group[0]?.qos ?? 0,
            noLocal: isVersion5,
            retainAsPublished: isVersion5,
            acknowledge: "manual",
          }));
          this.#forward(inward, source, routeOf(group, (topic) => map.toLocal(topic)), "the other broker");
        }
      },
      onConnected: (client) => {
        local.isNew = false;
        this.#report.connected(client);
        if (this.#settings.attemptUnsubscribe) this.#unsubscribe(client);
        local.connect(this.#otherBroker(client));
      },
      onDisconnected: (error) => {
        local.disconnect();
        this.#report.disconnected(error);
      },
      onClientEnded: () => outward.setTarget(undefined),
    };
  }

  /** Undefined if it has not said which one it is. */
  #otherBroker({ state }: Client): OtherBroker | undefined {
    const other = state.kind === "connected" ? brokerIn(state.properties.userProperties) : undefined;
    const { map, maxPacketSize, outgoingRetain } = this.#settings;
    // Not all that goes this way arrives as it is: another way is no better or worse then, but another.
    const renames = maxPacketSize === 0 && outgoingRetain ? map.renames("out") : undefined;
    return other && { identity: other.identity, renames };
  }

  #unsubscribe(client: Client): void {
    const filters = this.#settings.map.entries.filter(({ direction }) => direction === "out").map(({ remote }) =>
      remote
    );
    if (filters.length > 0) void client.unsubscribe(filters);
  }

  #forwarder(
    pace: Pace | undefined,
    exchanges: Exchanges | undefined,
    options: ForwarderContext["optionsFor"],
  ): Forwarder {
    const report = this.#report;
    return new Forwarder({
      clock: this.#platform.clock,
      pace,
      exchanges,
      optionsFor: options,
      onForwarded: pace === undefined ? () => report.received++ : () => report.forwarded++,
      onDropped: (message, why) => report.dropped(message.topic, why),
    });
  }

  #forward(
    forwarder: Forwarder,
    source: MessageSource,
    route: (topic: string) => string | undefined,
    from: string,
  ): void {
    const { subscription } = source;
    subscription.ready.then((codes) => {
      subscription.filters.forEach((filter, index) => {
        if ((codes[index] ?? 0) < 0x80) return;
        this.#log.write("warning", `Bridge ${this.name}: ${from} has refused the subscription to ${filter}`);
      });
    }, () => {});
    forwarder.run(source, route).catch((error) => {
      this.#log.write("warning", `Bridge ${this.name}: no messages from ${from}: ${messageOf(error)}`);
    });
  }

  /** How a message goes to the other broker. */
  #optionsThere(message: Message, topic: string, target: Client): PublishOptions | undefined {
    const { outgoingRetain, maxPacketSize } = this.#settings;
    if (maxPacketSize > 0 && sizeOf(this.#settings, message, topic) > maxPacketSize) {
      this.#report.dropped(message.topic, `it is larger than ${maxPacketSize} bytes`);
      return undefined;
    }
    const options = optionsFor(message, topic, target);
    return outgoingRetain ? options : { ...options, retain: false };
  }

  /** Waits, unless there is something to be done. */
  #wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#platform.clock.schedule(milliseconds, () => resolve());
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

/** As the message came, within what the receiver takes. */
function optionsFor({ qos, retain, properties }: Message, _topic: string, { state }: Client): PublishOptions {
  if (state.kind !== "connected") return { qos, retain, properties };
  const { maximumQoS, retainAvailable } = state.limits;
  return { qos: qos <= maximumQoS ? qos : maximumQoS, retain: retain && retainAvailable, properties };
}

/** A message that matches topics of different QoS comes once for each of these: the one that maps it takes it. */
function routeOf(
  group: readonly MappedTopic[],
  find: (topic: string) => Destination | undefined,
): (topic: string) => string | undefined {
  return (topic) => {
    const destination = find(topic);
    return destination !== undefined && group.includes(destination.entry) ? destination.topic : undefined;
  };
}

function sizeOf({ protocolVersion }: BridgeSettings, message: Message, topic: string): number {
  const { payload, qos, retain, properties } = message;
  const packetId = qos === 0 ? undefined : 1;
  return encodePacket(
    { type: "publish", topic, payload, qos, retain, dup: false, packetId, properties },
    protocolVersion,
  )
    .length;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
