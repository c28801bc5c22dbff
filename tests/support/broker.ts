/**
 * A broker in this process for tests, listening on a free port of 127.0.0.1.
 *
 * @module
 */

import { Broker, type BrokerOptions, listen } from "../../broker/mod.ts";
import { ManualClock } from "../../engine/manual_clock.ts";
import { bounded } from "./bounded.ts";
import { RawClient } from "./raw_client.ts";
import type { RawConnectOptions } from "./raw_packets.ts";

/** A broker that listens; disposing it closes the listener and the broker. */
export interface RunningBroker extends AsyncDisposable {
  readonly broker: Broker;
  readonly port: number;
}

/** Starts a broker on a free port. Give a `ManualClock` as `clock` to move time by hand. */
// deno-lint-ignore require-await -- callers wait for it, so that a listener may start asynchronously one day
export async function startBroker(options: BrokerOptions = {}): Promise<RunningBroker> {
  const broker = new Broker(options);
  const listener = listen(broker, { hostname: "127.0.0.1", port: 0 });
  return {
    broker,
    port: listener.address.port,
    async [Symbol.asyncDispose]() {
      await listener.close();
      await broker.close();
    },
  };
}

/** What a test body gets from {@linkcode withBroker}. */
export interface BrokerTest {
  readonly broker: Broker;
  readonly port: number;
  /** The broker's clock: time stands still unless the test moves it. */
  readonly clock: ManualClock;
  /** `RawClient.connect` to this broker; closed when the test ends. */
  connect(options?: RawConnectOptions): Promise<RawClient>;
  /** `RawClient.open` to this broker; closed when the test ends. */
  open(version?: 3 | 4 | 5): Promise<RawClient>;
}

/** A test body for `Deno.test` with a fresh broker, whose clock is driven by hand and which publishes no `$SYS` topics. */
export function withBroker(body: (test: BrokerTest) => Promise<void>): () => Promise<void>;
/** The same with options for the broker. */
export function withBroker(options: BrokerOptions, body: (test: BrokerTest) => Promise<void>): () => Promise<void>;
export function withBroker(
  first: BrokerOptions | ((test: BrokerTest) => Promise<void>),
  second?: (test: BrokerTest) => Promise<void>,
): () => Promise<void> {
  const [options, body] = typeof first === "function" ? [{}, first] : [first, second];
  if (body === undefined) throw new TypeError("Cannot make a test: the body must be a function, received undefined");
  return () => bounded(() => runWithBroker(options, body));
}

async function runWithBroker(options: BrokerOptions, body: (test: BrokerTest) => Promise<void>): Promise<void> {
  const clock = new ManualClock();
  await using running = await startBroker({ clock, sysInterval: 0, ...options });
  await using clients = new AsyncDisposableStack();
  await body({
    broker: running.broker,
    port: running.port,
    clock,
    connect: async (connectOptions) => clients.use(await RawClient.connect(running.port, connectOptions)),
    open: async (version) => clients.use(await RawClient.open(running.port, version)),
  });
}

export { bounded, until } from "./bounded.ts";
