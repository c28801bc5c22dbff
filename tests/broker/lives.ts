/**
 * One broker after another on the same store: the lives of a broker that crashes and is started again.
 *
 * @module
 */

import type { BrokerOptions } from "../../broker/mod.ts";
import { ManualClock } from "../../engine/manual_clock.ts";
import { bounded, type RunningBroker, startBroker } from "../support/broker.ts";
import { RawClient } from "../support/raw_client.ts";
import type { RawConnectOptions } from "../support/raw_packets.ts";
import { FaultyStore } from "./faulty_store.ts";
import type { StoreUnderTest } from "../../broker/store_conformance.ts";
import { memoryStore, SqliteUnderTest } from "./stores.ts";

/** A client with it has a session that outlives its connection. */
export const LASTING = { cleanStart: false, properties: { sessionExpiryInterval: 1_000 } };

/** One broker after another on the same store. */
export class Lives implements AsyncDisposable {
  readonly clock = new ManualClock();
  store: FaultyStore;
  readonly #test: StoreUnderTest;
  readonly #options: BrokerOptions;
  #running: RunningBroker | undefined;
  readonly #clients: RawClient[] = [];

  constructor(test: StoreUnderTest, options: BrokerOptions) {
    this.#test = test;
    this.#options = options;
    this.store = new FaultyStore(test.store);
  }

  async start(): Promise<void> {
    this.store = new FaultyStore(this.#test.store);
    this.#running = await startBroker({ clock: this.clock, sysInterval: 0, ...this.#options, store: this.store });
  }

  get port(): number {
    return this.#running?.port ?? 0;
  }

  get broker() {
    if (this.#running === undefined) throw new Error("Cannot use the broker: it must run");
    return this.#running.broker;
  }

  async connect(options: RawConnectOptions = {}): Promise<RawClient> {
    const client = await RawClient.connect(this.#running?.port ?? 0, options);
    this.#clients.push(client);
    return client;
  }

  /** Nothing of what the broker does from now on reaches the store; then another broker takes over. */
  async crash(away = 0): Promise<void> {
    this.store.fate = "crashed";
    await this.restart(away);
  }

  /** Closes the broker and starts another one `away` milliseconds later. */
  async restart(away = 0): Promise<void> {
    await this.#end();
    await this.#test.reopen();
    this.clock.advance(away);
    await this.start();
  }

  async #end(): Promise<void> {
    for (const client of this.#clients.splice(0)) await client.close();
    await this.#running?.[Symbol.asyncDispose]();
    this.#running = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
    await this.#test[Symbol.asyncDispose]();
  }
}

/** A test with each of the stores. */
export function testLives(name: string, body: (lives: Lives) => Promise<void>, options: BrokerOptions = {}): void {
  const stores = [["memory", memoryStore], ["SQLite", () => new SqliteUnderTest()]] as const;
  for (const [kind, open] of stores) {
    Deno.test(`broker restart, store in ${kind}: ${name}`, () =>
      bounded(async () => {
        await using lives = new Lives(open(), options);
        await lives.start();
        await body(lives);
      }));
  }
}
