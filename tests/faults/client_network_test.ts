/**
 * Our client over networks that cut, stall, delay and half-close: nothing that it has published is lost, nothing of QoS 2
 * is doubled, the order stays, and every call comes to its end.
 */

import { assert, assertEquals } from "@std/assert";
import { connect, type ConnectInit, type Subscription, systemClock } from "../../client/mod.ts";
import type { ProtocolVersion } from "../../codec/packets.ts";
import { bounded, startBroker } from "../support/broker.ts";
import { hasMosquitto, startMosquitto } from "../support/mosquitto.ts";
import { type ConnectionFaults, type Fault, startProxy } from "../support/proxy.ts";
import { random } from "../support/random.ts";
import { fastClock } from "./fast_clock.ts";

const WATCHDOG = 60_000;
/** Numbers that are published with each QoS. */
const COUNT = 250;
/** Seconds of the client's time in one of the wall's. */
const SPEED = 10;

/** A fault somewhere in the first bytes of a direction. */
type Failure = (next: () => number) => Fault;

/** Bytes, from the first ones of CONNECT to the middle of an exchange. */
const REACH = 500;

const within = (next: () => number) => Math.floor(next() * REACH);

interface FaultKind {
  readonly failure: Failure;
  /** Connections of each client that fail; later ones are sound, so that a run ends. */
  readonly failing: number;
}

const KINDS: Readonly<Record<string, FaultKind>> = {
  "that are cut": { failure: (next) => ({ kind: "cut", after: within(next) }), failing: 100 },
  "whose loss the server does not see": { failure: (next) => ({ kind: "vanish", after: within(next) }), failing: 100 },
  "that go silent": { failure: (next) => ({ kind: "stall", after: within(next) }), failing: 4 },
  "that close one half": { failure: (next) => ({ kind: "halfClose", after: within(next) }), failing: 50 },
  "that are slow": {
    failure: (next) => ({ kind: "delay", milliseconds: 1 + Math.floor(next() * 10) }),
    failing: 1_000,
  },
  "that come in pieces": {
    failure: (next) => ({ kind: "fragment", size: 1 + Math.floor(next() * 7) }),
    failing: 1_000,
  },
};

/** The faults of the connections of one client, each in one of its directions. */
function faultsOf({ failure, failing }: FaultKind, seed: number): (index: number) => ConnectionFaults {
  const next = random(seed);
  return (index) => {
    if (index >= failing) return {};
    const fault = failure(next);
    return next() < 0.5 ? { up: [fault] } : { down: [fault] };
  };
}

function options(protocolVersion: ProtocolVersion, clientId: string): ConnectInit {
  return {
    protocolVersion,
    clientId,
    // Before MQTT 5.0, a session that begins clean ends with its connection.
    cleanStart: protocolVersion === 5,
    clock: fastClock(SPEED),
    keepAlive: 1,
    pingTimeout: 2_000,
    // Not so short that a busy machine needs it to connect: Deno 2.9 loses a socket whose connecting is aborted too late.
    connectTimeout: 10_000,
    reconnect: { initial: true, minimumDelay: 10, maximumDelay: 100 },
  };
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, at) => String(at));
}

/** Takes messages until all have come, and what a second copy of the last ones would be. */
async function take(subscription: Subscription): Promise<string[]> {
  const received: string[] = [];
  const missing = new Set(numbers(COUNT));
  for await (const message of subscription) {
    received.push(message.text());
    missing.delete(message.text());
    if (missing.size === 0) return received;
  }
  return received;
}

interface Transfer {
  readonly port: number;
  readonly version: ProtocolVersion;
  readonly kind: FaultKind;
  readonly seed: number;
  /** Whether the subscriber's connections fail as well as the publisher's. */
  readonly bothFail: boolean;
}

interface Received {
  readonly once: string[];
  readonly atLeastOnce: string[];
}

/** Publishes from one client to another, over failing connections; returns what arrived. */
async function transfer({ port, version, kind, seed, bothFail }: Transfer): Promise<Received> {
  await using above = startProxy(port, { faults: faultsOf(kind, seed) });
  await using below = startProxy(port, bothFail ? { faults: faultsOf(kind, seed + 1_000) } : {});
  const of = (who: string) => options(version, `${who}${seed}${bothFail}`);
  // One whose connection is sound must not lose it to a busy machine, on which time that runs fast runs out.
  const patient = bothFail ? {} : { clock: systemClock, keepAlive: 60 };
  await using subscriber = await connect(`mqtt://127.0.0.1:${below.port}`, { ...of("subscriber"), ...patient });
  const once = subscriber.subscribe("once", { qos: 2 });
  const atLeastOnce = subscriber.subscribe("at least once", { qos: 1 });
  await Promise.all([once.ready, atLeastOnce.ready]);
  await using publisher = await connect(`mqtt://127.0.0.1:${above.port}`, of("publisher"));
  const results = numbers(COUNT).flatMap((number) => [
    publisher.publish("once", number, { qos: 2 }),
    publisher.publish("at least once", number, { qos: 1 }),
  ]);
  const [first, second] = await Promise.all([take(once), take(atLeastOnce)]);
  assertEquals((await Promise.all(results)).every(({ ok }) => ok), true);
  assertEquals(publisher.pending, { messages: 0, bytes: 0 });
  assert(kind.failing > COUNT || above.accepted > 2, "connections fail");
  return { once: first, atLeastOnce: second };
}

/** Exactly once, and at least once; each in order. */
function verify({ once, atLeastOnce }: Received): void {
  assertEquals(once, numbers(COUNT));
  // A Set keeps the order of the first occurrences.
  assertEquals([...new Set(atLeastOnce)], numbers(COUNT));
}

/** A test for each kind of fault and each version. */
function networkTest(
  what: string,
  ignore: boolean,
  body: (kind: FaultKind, version: ProtocolVersion) => Promise<void>,
) {
  for (const [connections, kind] of Object.entries(KINDS)) {
    for (const [name, version] of [["3.1.1", 4], ["5.0", 5]] as const) {
      Deno.test(
        `mqtt ${name} client: over connections ${connections}, ${what}`,
        { ignore },
        () => bounded(() => body(kind, version), WATCHDOG),
      );
    }
  }
}

networkTest("loses and doubles nothing beside our broker", false, async (kind, version) => {
  await using server = await startBroker({ sysInterval: 0, maxQueuedMessages: 100_000 });
  for (const seed of [1, 2]) {
    verify(await transfer({ port: server.port, version, kind, seed, bothFail: true }));
  }
});

networkTest(
  "loses nothing beside Mosquitto, and doubles nothing that it publishes",
  !hasMosquitto,
  async (kind, version) => {
    // Behind 20 open messages, the default, Mosquitto 2.0.11 queues what comes next, and lets later ones overtake it.
    const unbounded = ["max_queued_messages 0", "max_inflight_messages 0"];
    await using server = await startMosquitto([...unbounded, "persistent_client_expiration 1d"]);
    const common = { port: server.port, version, kind, seed: 1 };
    verify(await transfer({ ...common, bothFail: false }));
    // Mosquitto 2.0.11 begins some deliveries of QoS 2 again when a write to the subscriber has failed.
    const { once, atLeastOnce } = await transfer({ ...common, bothFail: true });
    assertEquals(new Set(once), new Set(numbers(COUNT)));
    assertEquals(new Set(atLeastOnce), new Set(numbers(COUNT)));
  },
);
