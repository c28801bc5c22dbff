/**
 * Brokers and bridges between them, for tests.
 *
 * @module
 */

import { assert } from "@std/assert";
import { startBridge } from "../../broker/deno/bridge.ts";
import { SocketTransport } from "../../broker/deno/socket_transport.ts";
import { silentLog } from "../../broker/log.ts";
import { type BridgeOptions, type BridgeStatus, Broker, listen, type LogSink, ReasonCode } from "../../broker/mod.ts";
import { type Clock, connect, type Message, type PublishOptions, type SubscribeOptions } from "../../client/mod.ts";
import { until } from "../support/broker.ts";
import { RawClient } from "../support/raw_client.ts";

/** Options of a bridge but for where it goes to. */
type Options = Omit<BridgeOptions, "name" | "addresses"> & { readonly name?: string };

/** A bridge of a broker. */
export interface RunningBridge extends AsyncDisposable {
  readonly status: BridgeStatus;
  /** Settles when messages are kept for the other broker. */
  readonly ready: Promise<void>;
}

/** A bridge to a port of 127.0.0.1, or several of them, that comes back soon. */
export function bridgeOptions(port: number | readonly number[], options: Options): BridgeOptions {
  const ports = typeof port === "number" ? [port] : port;
  return {
    name: "up",
    remoteClientId: "gateway",
    restartTimeout: { base: 0.02, cap: 0.05 },
    addresses: ports.map((each) => `mqtt://127.0.0.1:${each}`),
    ...options,
  };
}

const bridgesOf = new WeakMap<Broker, readonly BridgeOptions[]>();

/**
 * Gives a broker that runs one more bridge, until it is disposed. All other options of the broker take their defaults:
 * where that matters, give it `bridges` from the start.
 */
export function bridgeTo(broker: Broker, port: number | readonly number[], options: Options): RunningBridge {
  const bridge = bridgeOptions(port, options);
  const update = (bridges: readonly BridgeOptions[]) => {
    bridgesOf.set(broker, bridges);
    broker.update({ bridges });
  };
  update([...bridgesOf.get(broker) ?? [], bridge]);
  return {
    get status() {
      return statusOf(broker, bridge.name);
    },
    ready: broker.ready,
    async [Symbol.asyncDispose]() {
      update(bridgesOf.get(broker)?.filter((other) => other !== bridge) ?? []);
      await broker.ready;
    },
  };
}

/** How a bridge of a broker stands. */
export function statusOf(broker: Broker, name = "up"): BridgeStatus {
  const status = broker.bridges.find((each) => each.name === name);
  assert(status !== undefined, `the broker must have a bridge ${name}`);
  return status;
}

/** The same as {@linkcode bridgeTo}, but for this bridge time passes ten times as fast. */
export function hastyBridgeTo(
  broker: Broker,
  port: number | readonly number[],
  options: Options,
  log: LogSink = silentLog,
): RunningBridge {
  return startBridge(broker, bridgeOptions(port, options), { clock: HASTE, log });
}

/** The other broker's end of the bridge's next connection. */
export async function accept(listener: Deno.TcpListener, version: 4 | 5 = 4): Promise<RawClient> {
  const conn = await listener.accept();
  return await RawClient.open(new SocketTransport(conn, { protocol: "tcp", address: "bridge" }), version);
}

/** A clock on which time passes ten times as fast. */
export const HASTE: Clock = {
  now: () => 10 * performance.now(),
  schedule(delay, task) {
    const timer = setTimeout(task, delay / 10);
    return () => clearTimeout(timer);
  },
};

/** Waits until the bridge is connected on both sides. */
export async function settled(bridge: RunningBridge): Promise<void> {
  await until(() => bridge.status.state === "connected", "a connection of the bridge", 10_000);
}

/** A client that keeps all messages of a filter. */
export interface Listener extends AsyncDisposable {
  /** Messages so far, as `topic=payload qQOS`, and ` r` for those with the retain flag. */
  readonly lines: readonly string[];
  /** The same as they came. */
  readonly messages: readonly Message[];
  /** Waits for so many messages. */
  count(wanted: number): Promise<void>;
}

/** Subscribes with MQTT 5.0 and QoS 2, and keeps the retain flag. */
export async function listenTo(
  port: number,
  filter: string | string[],
  options: SubscribeOptions = {},
): Promise<Listener> {
  const client = await connect(`mqtt://127.0.0.1:${port}`);
  const messages: Message[] = [];
  const subscription = client.subscribe(filter, { qos: 2, retainAsPublished: true, ...options });
  await subscription.ready;
  const taken = (async () => {
    for await (const message of subscription) messages.push(message);
  })();
  return {
    messages,
    get lines() {
      return messages.map((message) => {
        return `${message.topic}=${message.text()} q${message.qos}${message.retain ? " r" : ""}`;
      });
    },
    count: (wanted) => until(() => messages.length >= wanted, `${wanted} messages on ${filter}`, 10_000),
    async [Symbol.asyncDispose]() {
      await client.close({ force: true });
      await taken;
    },
  };
}

/** Publishes one message by a client of its own. */
export async function publishTo(
  port: number,
  topic: string,
  payload: string,
  options: PublishOptions = {},
): Promise<void> {
  await using client = await connect(`mqtt://127.0.0.1:${port}`);
  await client.publish(topic, payload, options);
}

/** A broker on a certain port that takes bridges when it is told to, so that others can subscribe first. */
export interface GuardedBroker extends AsyncDisposable {
  /** From now on bridges are let in. */
  open(): void;
}

/** Starts such a broker; bridges are those whose client identifier is no random one of our client. */
export function startBrokerOn(port: number): GuardedBroker {
  let isOpen = false;
  const broker = new Broker({
    authenticate: ({ clientId }) => isOpen || clientId.startsWith("mqtt0") || { reasonCode: ReasonCode.ServerBusy },
  });
  const listener = listen(broker, { hostname: "127.0.0.1", port });
  return {
    open: () => void (isOpen = true),
    async [Symbol.asyncDispose]() {
      await listener.close();
      await broker.close();
    },
  };
}
