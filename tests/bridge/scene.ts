/**
 * A broker with a bridge whose other end is played packet by packet, for tests of exchanges.
 *
 * @module
 */

import { startBridge } from "../../broker/deno/bridge.ts";
import { silentLog } from "../../broker/log.ts";
import { type BridgeOptions, ReasonCode } from "../../broker/mod.ts";
import { type Clock, systemClock } from "../../client/mod.ts";
import { bounded, type RunningBroker, startBroker } from "../support/broker.ts";
import type { RawClient } from "../support/raw_client.ts";
import { accept, bridgeOptions, HASTE } from "./support.ts";

type Version = 4 | 5;
/** In MQTT 3.1.1. */
const CONNACK_NOT_AUTHORIZED = 5;

/** What the other broker sees of a bridge. */
export interface Scene extends Pick<RunningBroker, "broker" | "port"> {
  /** Where the bridge goes. */
  readonly addresses: readonly string[];
  /** Lets so many milliseconds pass for the broker. */
  pass(milliseconds: number): void;
  /** Starts a bridge, also with other options; the session of an earlier one goes on. */
  start(changes?: Partial<BridgeOptions>): AsyncDisposable;
  /** Takes its next connection. */
  take(sessionPresent: boolean, receiveMaximum?: number): Promise<RawClient>;
  /** Refuses its next connection for good, so that another client makes the one after that. */
  refuse(): Promise<void>;
}

/** Tests a bridge with these options in these versions. */
export function testBridge(
  name: string,
  options: Pick<BridgeOptions, "topics" | "localCleanSession">,
  body: (scene: Scene) => Promise<void>,
  versions: readonly Version[] = [4, 5],
): void {
  for (const version of versions) {
    Deno.test(`mqtt ${version === 4 ? "3.1.1" : "5.0"} bridge: ${name}`, () =>
      bounded(async () => {
        let passed = 0;
        const clock: Clock = { ...systemClock, now: () => systemClock.now() + passed };
        await using ours = await startBroker({ clock });
        const pass = (milliseconds: number) => void (passed += milliseconds);
        using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
        await using clients = new AsyncDisposableStack();
        await body({ ...sceneOf(ours, listener, clients, version, options), pass });
      }));
  }
}

function sceneOf(
  { broker, port }: RunningBroker,
  listener: Deno.TcpListener,
  clients: AsyncDisposableStack,
  version: Version,
  given: Pick<BridgeOptions, "topics" | "localCleanSession">,
): Omit<Scene, "pass"> {
  const options = bridgeOptions(listener.addr.port, {
    protocolVersion: version,
    tryPrivate: false,
    notifications: false,
    attemptUnsubscribe: false,
    ...given,
  });
  // Where nothing comes in, a session that has just begun here can go on with nothing.
  let mayBeClean = version === 5 && given.topics.every(({ direction = "out" }) => direction === "out");
  return {
    broker,
    port,
    addresses: options.addresses,
    start: (changes) => startBridge(broker, { ...options, ...changes }, { clock: HASTE, log: silentLog }),
    async take(sessionPresent, receiveMaximum) {
      const client = clients.use(await accept(listener, version));
      await client.expect("connect", { cleanStart: mayBeClean });
      mayBeClean = false;
      const properties = version === 5 ? { receiveMaximum } : undefined;
      await client.send({ type: "connack", sessionPresent, reasonCode: 0, properties });
      return client;
    },
    async refuse() {
      await using client = await accept(listener, version);
      await client.expect("connect");
      const reasonCode = version === 5 ? ReasonCode.BadUserNameOrPassword : CONNACK_NOT_AUTHORIZED;
      await client.send({ type: "connack", sessionPresent: false, reasonCode });
    },
  };
}
