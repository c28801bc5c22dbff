/**
 * A small plant that lives on a broker, so that its admin page has something to show.
 *
 * @module
 */

import type { Broker } from "../../../broker/mod.ts";
import { type Client, connect, type ConnectInit, json, type Message } from "../../../client/mod.ts";
import { memoryTransportPair } from "../../../engine/mod.ts";

const ROOMS = ["assembly", "cold-store", "loading-bay", "offices", "paint-shop", "workshop"];
/** Sensors of each room. */
const SENSORS = 8;
/** Milliseconds between two rounds of messages. */
const ROUND = 250;
/** Milliseconds after which a visitor comes, or goes. */
const VISIT = 3_500;

/** Lets clients connect, subscribe and publish until it is disposed of. */
export class SampleLife implements AsyncDisposable {
  readonly #broker: Broker;
  readonly #clients = new AsyncDisposableStack();
  readonly #sensors: { readonly room: string; readonly number: number; readonly client: Client }[] = [];
  #round = 0;
  #visitor: Client | undefined;
  readonly #timers: ReturnType<typeof setInterval>[] = [];

  private constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** Begins. */
  static async start(broker: Broker): Promise<SampleLife> {
    const life = new SampleLife(broker);
    await life.#dashboards();
    for (const room of ROOMS) {
      for (let number = 1; number <= SENSORS; number++) life.#sensors.push(await life.#sensor(room, number));
    }
    await life.#away();
    life.#timers.push(setInterval(() => life.#publish(), ROUND), setInterval(() => void life.#visit(), VISIT));
    return life;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#clients.disposeAsync();
  }

  async #connect(clientId: string, init: ConnectInit = {}): Promise<Client> {
    const [transport, served] = memoryTransportPair();
    void this.#broker.serve(served);
    const open = () => Promise.resolve(transport);
    const client = await connect("mqtt://memory", { clientId, transport: open, reconnect: false, ...init });
    this.#clients.defer(() => client.close({ force: true }));
    return client;
  }

  async #dashboards(): Promise<void> {
    for (const name of ["wall-display", "historian", "alarm-panel"]) {
      const client = await this.#connect(name, { username: "control-room" });
      const subscription = client.subscribe("plant/#", { qos: 1 });
      await subscription.ready;
      void readAll(subscription);
    }
  }

  async #sensor(room: string, number: number) {
    const name = `${room}-sensor-${number}`;
    const will = { topic: `plant/${room}/${number}/state`, payload: "lost", retain: true };
    const client = await this.#connect(name, { username: "plant", will, topicAliasMaximum: 16 });
    await client.publish(will.topic, "online", { qos: 1, retain: true });
    const settings = { interval: ROUND, unit: "°C", calibrated: "2026-09-01", limits: { low: 4, high: 31 } };
    const properties = { contentType: "application/json", userProperties: [["line", room]] as [string, string][] };
    await client.publish(`plant/${room}/${number}/settings`, json(settings), { qos: 1, retain: true, properties });
    await client.subscribe(`plant/${room}/${number}/set`, { qos: 1 }).ready;
    return { room, number, client };
  }

  /** Sessions whose clients are not there: messages wait for them. */
  async #away(): Promise<void> {
    for (const name of ["maintenance-tablet", "shift-leader-phone"]) {
      const client = await this.#connect(name, { cleanStart: false, sessionExpiryInterval: 86_400 });
      await client.subscribe("plant/+/+/state", { qos: 1 }).ready;
      await client.close();
    }
  }

  /** Somebody who tries what is not allowed. */
  async #visit(): Promise<void> {
    const visitor = this.#visitor;
    this.#visitor = undefined;
    if (visitor !== undefined) return visitor.close();
    this.#visitor = await this.#connect(`visitor-${this.#round}`);
    for (let attempt = 0; attempt < 3; attempt++) await this.#visitor.publish("forbidden/door", "open", { qos: 1 });
  }

  #publish(): void {
    const time = this.#round++ * ROUND / 1_000;
    this.#sensors.forEach(({ room, number, client }, index) => {
      // Not all of them at the same time, and more of them at some times than at others.
      const share = 0.5 + 0.4 * Math.sin(time / 9) + 0.1 * Math.sin(time * 2);
      if ((index * 7 + this.#round * 3) % SENSORS > share * SENSORS) return;
      const celsius = 19 + index % 7 + 2 * Math.sin(time / 20 + index);
      const base = `plant/${room}/${number}`;
      // Whoever has been disconnected publishes no more.
      const ignore = () => {};
      client.publish(`${base}/temperature`, celsius.toFixed(1), { retain: true }).catch(ignore);
      if (index % 3 === 0) client.publish(`${base}/power`, String(Math.round(40 * celsius)), { qos: 1 }).catch(ignore);
      if (index % 12 === 0) client.publish(`${base}/count`, String(this.#round), { qos: 2 }).catch(ignore);
    });
  }
}

async function readAll(messages: AsyncIterable<Message>): Promise<void> {
  try {
    for await (const _ of messages);
  } catch {
    // The client has ended.
  }
}
