/**
 * What a bridge tells: its state by a topic on both brokers, its counts by topics and by a status, its losses by the log.
 *
 * @module
 */

import type { Client } from "../../client/common.ts";
import type { Clock } from "../../engine/clock.ts";
import type { Broker } from "../broker.ts";
import type { LogSink } from "../log.ts";
import { bare } from "./address.ts";
import type { BridgeSettings } from "./options.ts";
import type { BridgeState, BridgeStatus } from "./status.ts";

/** Milliseconds between lines about losses, and between publications of counts. */
const INTERVAL = 10_000;
/** Milliseconds that the other broker has to take note of the end. */
const FAREWELL = 1_000;

/** Counts messages of QoS 0 that came faster than they could go on. */
interface Overflowing {
  readonly overflowed: number;
}

/** The state of a bridge, and who is told. */
export class Report {
  /** Messages that the other broker has got. */
  forwarded = 0;
  /** Messages that came from there. */
  received = 0;
  /** Knows where the other broker is; undefined before the first attempt. */
  remote: { readonly address: string } | undefined;
  readonly #broker: Broker;
  readonly #settings: BridgeSettings;
  readonly #clock: Clock;
  readonly #log: LogSink;
  readonly #published = new Map<string, string>();
  #state: BridgeState = "starting";
  #since: number;
  #client: Client | undefined;
  #forwarders: readonly Overflowing[] = [];
  #connects = 0;
  #lastError: string | undefined;
  #ownDropped = 0;
  #lastLoss: string | undefined;
  #loggedDropped = 0;
  #lookedAt = 0;
  #moved = 0;
  #movedAt = 0;

  constructor(broker: Broker, settings: BridgeSettings, clock: Clock, log: LogSink) {
    this.#broker = broker;
    this.#settings = settings;
    this.#clock = clock;
    this.#log = log;
    this.#since = clock.now();
  }

  get state(): BridgeState {
    return this.#state;
  }

  get status(): BridgeStatus {
    const session = this.#broker.inspection.session(this.#settings.localClientId);
    return {
      name: this.#settings.name,
      state: this.#state,
      address: this.remote?.address ?? bare(this.#settings.addresses[0] ?? ""),
      since: this.#since,
      queuedMessages: (session?.queued ?? 0) + (session?.inflight ?? 0),
      queuedBytes: session?.queuedBytes ?? 0,
      forwarded: this.forwarded,
      received: this.received,
      dropped: this.#ownDropped + this.#overflowed + (session?.dropped ?? 0),
      connects: this.#connects,
      lastError: this.#lastError,
    };
  }

  get #overflowed(): number {
    return this.#forwarders.reduce((sum, { overflowed }) => sum + overflowed, 0);
  }

  /** These forward from now on. */
  watch(forwarders: readonly Overflowing[]): void {
    this.#ownDropped += this.#overflowed;
    this.#forwarders = forwarders;
  }

  /** Messages that wait for the other broker. */
  get backlog(): number {
    return this.status.queuedMessages;
  }

  /** Whether nothing has come or gone for as long as a lazy bridge stays connected. */
  get isIdle(): boolean {
    const now = this.#clock.now();
    const moved = this.forwarded + this.received + this.#connects;
    if (moved !== this.#moved || this.backlog > 0) {
      this.#moved = moved;
      this.#movedAt = now;
    }
    return this.#state === "connected" && now - this.#movedAt >= this.#settings.idleTimeout * 1000;
  }

  /** The bridge does something else now. */
  enter(state: BridgeState): void {
    if (state === this.#state) return;
    if (this.#state === "connected" || state === "starting") this.#notify("0");
    this.#state = state;
    this.#since = this.#clock.now();
  }

  /** An attempt is under way. */
  attempt(address: string): void {
    this.enter("connecting");
    // One line for the first of many that fail.
    if (this.#lastError === undefined) {
      this.#log.write("notice", `Connecting bridge ${this.#settings.name} (${address})`);
    }
  }

  /** The other broker is there. */
  connected(client: Client): void {
    this.#client = client;
    this.#connects++;
    this.#lastError = undefined;
    this.enter("connected");
    this.#notify("1");
    this.#tell(client, "1").catch(() => {});
    this.#log.write("notice", `Bridge ${this.#settings.name} is connected to ${this.remote?.address}`);
  }

  /** The connection has ended, or an attempt has failed. */
  disconnected(error: Error | undefined): void {
    this.#client = undefined;
    if (this.#state === "stopped") return;
    const why = error?.message ?? "closed";
    // One line for each cause, however often a broker that is away is looked for.
    if (why !== this.#lastError) {
      this.#log.write("notice", `Bridge ${this.#settings.name} is not connected: ${why}`);
    }
    this.#lastError = error?.message;
    this.enter("waiting");
  }

  /** A message was given up; `why` is undefined where that is no news. */
  dropped(topic: string, why: string | undefined): void {
    this.#ownDropped++;
    if (why !== undefined) this.#lastLoss = `the last one on ${topic}, because ${why}`;
  }

  /** Tells the other broker that the bridge is about to end. */
  async farewell(): Promise<void> {
    const client = this.#client;
    if (client === undefined) return;
    let cancel = () => {};
    const enough = new Promise<void>((resolve) => cancel = this.#clock.schedule(FAREWELL, resolve));
    await Promise.race([this.#tell(client, "0").catch(() => {}), enough]);
    cancel();
  }

  /** Tells what has changed, not too often. */
  look(): void {
    const now = this.#clock.now();
    if (now - this.#lookedAt < INTERVAL) return;
    this.#lookedAt = now;
    const status = this.status;
    this.#logLosses(status.dropped);
    if (this.#settings.notifications) this.#publishCounts(status);
  }

  #logLosses(dropped: number): void {
    const fresh = dropped - this.#loggedDropped;
    this.#loggedDropped = dropped;
    if (fresh <= 0) return;
    const cause = this.#lastLoss ?? "as no more may wait, or QoS 0 does not wait";
    this.#log.write("warning", `Bridge ${this.#settings.name}: messages dropped: ${fresh}, ${cause}`);
    this.#lastLoss = undefined;
  }

  #publishCounts({ forwarded, received, dropped, queuedMessages, queuedBytes, connects }: BridgeStatus): void {
    const base = `$SYS/broker/connection/${this.#settings.remoteClientId}`;
    this.#publish(`${base}/messages/forwarded`, forwarded);
    this.#publish(`${base}/messages/received`, received);
    this.#publish(`${base}/messages/dropped`, dropped);
    this.#publish(`${base}/messages/queued`, queuedMessages);
    this.#publish(`${base}/bytes/queued`, queuedBytes);
    this.#publish(`${base}/connects`, connects);
  }

  #publish(topic: string, value: number): void {
    const payload = String(value);
    if (this.#published.get(topic) === payload) return;
    this.#published.set(topic, payload);
    this.#broker.publish({ topic, payload, retain: true });
  }

  /** Tells who is connected to this broker. */
  #notify(payload: "0" | "1"): void {
    const { notifications, notificationTopic: topic, name } = this.#settings;
    if (!notifications) return;
    try {
      this.#broker.publish({ topic, payload, qos: 1, retain: true });
    } catch (error) {
      // A store that cannot be written to takes no QoS 1.
      this.#log.write("warning", `Bridge ${name}: its state is not published: ${error}`);
    }
  }

  /** Tells who is connected to the other broker. */
  async #tell(client: Client, payload: "0" | "1"): Promise<void> {
    const { notifications, notificationsLocalOnly, notificationTopic } = this.#settings;
    if (!notifications || notificationsLocalOnly) return;
    await client.publish(notificationTopic, payload, { qos: 1, retain: true });
  }
}
