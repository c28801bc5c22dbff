/**
 * The bridge as a client of this broker.
 *
 * What waits for the other broker waits in this client's session, as for any client that is away: in the store, if
 * there is one, and in order. So the client is connected only while the other broker is.
 *
 * @module
 */

import { Client, type SubscribeOptions, type TransportOpener } from "../../client/common.ts";
import type { Clock } from "../../engine/clock.ts";
import { spareIdentifiers } from "../../client/relay.ts";
import { memoryTransportPair } from "../../engine/memory_transport.ts";
import { ReasonCode } from "../../codec/reason_codes.ts";
import type { Broker } from "../broker.ts";
import type { AccessRules } from "../hooks.ts";
import { BRIDGE } from "../listener_policies.ts";
import type { ListenerPolicy } from "../listener_policy.ts";
import type { OtherBroker } from "../origin.ts";
import { Exchanges } from "./exchanges.ts";
import { MessageSource } from "./message_source.ts";
import type { BridgeSettings } from "./options.ts";
import type { MappedTopic } from "./topics.ts";

/** QoS 1 and 2 messages that may be under way to the other broker at one time. */
export const WINDOW = 1_000;
const FOR_EVER = 0xffff_ffff;
/** Topics: whoever writes them into a configuration may have them. */
const MANY = 1_000_000;
const LONGEST_TIMEOUT = 2_147_483_647;

/** A bridge may do everything, as its messages have been allowed to whoever published them. */
const EVERYTHING: AccessRules = {
  mayPublish: () => true,
  maySubscribe: () => true,
  mayReceive: () => true,
  onChange: () => () => {},
};

/** Opens and shuts. */
class Gate {
  #opened = Promise.withResolvers<void>();
  #isOpen = false;

  get isOpen(): boolean {
    return this.#isOpen;
  }

  open(): void {
    this.#isOpen = true;
    this.#opened.resolve();
  }

  shut(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#opened = Promise.withResolvers();
  }

  /** Settles when it is open; rejects when the signal is aborted before. */
  async passed(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      while (!this.#isOpen) await Promise.race([this.#opened.promise, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}

/** A session of this broker that keeps what goes out. */
export class LocalSide implements AsyncDisposable {
  readonly client: Client;
  /** Messages for the other broker; several as their QoS differs. */
  readonly sources: readonly MessageSource[];
  /** Undefined where the other broker forgets its session with each connection. */
  readonly exchanges: Exchanges | undefined;
  /** Whether its session has begun with this client, which has not been connected to the other broker yet. */
  isNew: boolean;
  readonly #broker: Broker;
  readonly #policy: ListenerPolicy;
  readonly #gate: Gate;
  readonly #groups: readonly (readonly MappedTopic[])[];

  private constructor(
    client: Client,
    broker: Broker,
    policy: ListenerPolicy,
    gate: Gate,
    groups: readonly (readonly MappedTopic[])[],
    lasts: boolean,
  ) {
    this.client = client;
    this.isNew = client.state.kind === "connected" && !client.state.sessionPresent;
    spareIdentifiers(client);
    if (lasts) {
      // Whatever the other broker has under an identifier, it has from here.
      this.exchanges = new Exchanges(true);
      this.exchanges.setSource(client);
    }
    this.#broker = broker;
    this.#policy = policy;
    this.#gate = gate;
    this.#groups = groups;
    // What is retained goes to the other broker when that is there.
    this.sources = groups.map((group) => new MessageSource(this.#subscribe(group, 2)));
  }

  /** How many messages of QoS 2 the session has between PUBLISH and PUBREL. */
  get incoming(): number {
    return this.#broker.inspection.session(this.client.clientId)?.incoming ?? 0;
  }

  /** Opens the session, and settles when messages wait in it. */
  static async open(broker: Broker, settings: BridgeSettings, clock: Clock): Promise<LocalSide> {
    const policy = policyOf(settings);
    // Until the other broker can be asked, it is the one that it was.
    policy.broker = broker.inspection.session(settings.localClientId)?.broker;
    const gate = new Gate();
    gate.open();
    const open: TransportOpener = async (_url, { signal }) => {
      await gate.passed(signal);
      const [mine, theirs] = memoryTransportPair();
      void broker.serve(theirs, policy);
      return mine;
    };
    const { localClientId, localUsername, localCleanSession, map } = settings;
    const client = await Client.connect("mqtt://localhost", {
      clientId: localClientId,
      username: localUsername,
      cleanStart: localCleanSession,
      sessionExpiryInterval: localCleanSession ? 0 : FOR_EVER,
      receiveMaximum: WINDOW,
      keepAlive: 0,
      connectTimeout: LONGEST_TIMEOUT,
      reconnect: { minimumDelay: 10, maximumDelay: 1_000, stableAfter: 0 },
    }, { open, clock });
    const side = new LocalSide(client, broker, policy, gate, groupsOf(map.outgoing), !settings.cleanSession);
    try {
      await Promise.all(side.sources.map((source) => source.subscription.ready));
      await side.#forgetOthers(localClientId);
      let isRenewed = false;
      client.addEventListener("connect", ({ sessionPresent }) => {
        if (!sessionPresent) side.exchanges?.abandon();
        // Where the session was lost, the client has subscribed by itself, as it did the last time.
        if (sessionPresent || !isRenewed) side.#renew();
        isRenewed = true;
      });
    } catch (error) {
      await side[Symbol.asyncDispose]();
      throw error;
    }
    return side;
  }

  /**
   * The other broker is there: what waits goes out, and what is retained goes out again. Of what came from there, by
   * whichever connection, nothing goes back, if it has said which broker it is.
   */
  connect(other: OtherBroker | undefined): void {
    this.#policy.broker = other;
    this.#gate.open();
  }

  /** The other broker is not there: what comes waits. */
  disconnect(): void {
    this.#gate.shut();
    this.#broker.disconnect((_client, listener) => listener === this.#policy, ReasonCode.AdministrativeAction);
  }

  /** Ends the client; the session stays, unless it is to end with its connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close({ force: true });
  }

  #renew(): void {
    this.sources.forEach((source, index) => source.renew(this.#subscribe(this.#groups[index] ?? [], 0)));
  }

  #subscribe(group: readonly MappedTopic[], retainHandling: 0 | 2): ReturnType<Client["subscribe"]> {
    const options: SubscribeOptions = {
      qos: group[0]?.qos ?? 0,
      noLocal: true,
      retainAsPublished: true,
      retainHandling,
      acknowledge: "manual",
    };
    return this.client.subscribe(group.map(({ local }) => local), options);
  }

  /** What an earlier configuration has subscribed to. */
  async #forgetOthers(clientId: string): Promise<void> {
    const wanted = new Set(this.#groups.flat().map(({ local }) => local));
    const subscribed = [...this.#broker.inspection.subscriptions(clientId)].map(({ filter }) => filter);
    const others = subscribed.filter((filter) => !wanted.has(filter));
    if (others.length > 0) await this.client.unsubscribe(others);
  }
}

/** Topics of one QoS have a subscription together. */
export function groupsOf(topics: readonly MappedTopic[]): readonly (readonly MappedTopic[])[] {
  return ([0, 1, 2] as const).map((qos) => topics.filter((topic) => topic.qos === qos))
    .filter((group) => group.length > 0);
}

function policyOf(settings: BridgeSettings): ListenerPolicy {
  const { name, maxQueuedMessages, maxQueuedBytes, maxQueuedAge, queueOverflow, startType } = settings;
  return {
    name: `${BRIDGE}${name}`,
    ownsSessions: true,
    allowAnonymous: true,
    authenticate: () => true,
    authorizePublish: () => true,
    authorizeSubscribe: () => true,
    access: EVERYTHING,
    // Limits of the broker are for its clients.
    maxPublishRate: Infinity,
    maxPublishBytesRate: Infinity,
    maximumQoS: 2,
    maxFiltersPerPacket: MANY,
    maxSubscriptions: MANY,
    maxInflightMessages: WINDOW,
    // What comes in is open here as long as it is there.
    receiveMaximum: WINDOW,
    maxQueuedMessages,
    maxQueuedBytes,
    maxQueuedAge,
    queueOverflow,
    // A bridge that is not meant to be connected all the time would else lose them all.
    queueQoS0Messages: startType === "lazy" ? true : undefined,
  };
}
