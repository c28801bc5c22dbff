/** Connections that break at any byte: QoS 1 loses nothing, QoS 2 delivers exactly once and in order. */

import { assertEquals, assertGreater } from "@std/assert";
import type { ProtocolVersion } from "../../codec/packets.ts";
import { bounded, startBroker } from "../support/broker.ts";
import { type ConnectionFaults, startProxy } from "../support/proxy.ts";
import { random } from "../support/random.ts";
import { RawClient } from "../support/raw_client.ts";
import { PersistentClient } from "./persistent_client.ts";

/** Connections of each client that get cut; later ones are sound, so that a run ends. */
const MAX_CUTS = 1_000;
const WATCHDOG = 40_000;
const COUNT = 500;

/** Ends each connection in one of its directions, somewhere in the first 200 bytes. */
function failures(kind: "cut" | "vanish", seed: number): (index: number) => ConnectionFaults {
  const next = random(seed);
  return (index) => {
    if (index >= MAX_CUTS) return {};
    const fault = { kind, after: Math.floor(next() * 200) };
    return next() < 0.5 ? { up: [fault] } : { down: [fault] };
  };
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, at) => String(at));
}

interface Transfer {
  readonly versions: readonly ProtocolVersion[];
  readonly qos: 1 | 2;
  readonly kind: "cut" | "vanish";
  readonly seed: number;
}

/** Publishes from one client to another, both over failing connections; returns what arrived. */
async function transfer({ versions, qos, kind, seed }: Transfer): Promise<string[]> {
  await using running = await startBroker({ sysInterval: 0 });
  await using above = startProxy(running.port, { faults: failures(kind, seed) });
  await using below = startProxy(running.port, { faults: failures(kind, seed + 1_000) });
  const publisher = new PersistentClient({ port: above.port, clientId: "publisher", versions });
  const subscriber = new PersistentClient({ port: below.port, clientId: "subscriber", versions });
  await subscriber.subscribe(running.port, "a/+", qos);
  for (const payload of numbers(COUNT)) publisher.publish(`a/${Number(payload) % 3}`, payload, qos);
  await Promise.all([
    publisher.runUntil(() => publisher.unfinished === 0),
    subscriber.runUntil(() => subscriber.isIdle && new Set(subscriber.received).size === COUNT),
  ]);
  assertGreater(publisher.connections + subscriber.connections, 40);
  for (const clientId of ["publisher", "subscriber"]) {
    await using later = await RawClient.connect(running.port, { version: 4, clientId, cleanStart: false });
    assertEquals(await later.barrier(), [], `nothing left in the session of the ${clientId}`);
  }
  return subscriber.received;
}

const VERSIONS = [["mqtt 3.1", [3]], ["mqtt 3.1.1", [4]], ["mqtt 5.0", [5]], ["mqtt 3.1.1", [3, 5, 4]]] as const;
const KINDS = [["cut connections", "cut"], ["connections whose loss the broker does not see", "vanish"]] as const;

for (const [name, versions] of VERSIONS) {
  const turns = versions.length > 1 ? ", each in another version" : "";
  for (const [what, kind] of KINDS) {
    Deno.test(`${name} broker: QoS 2 is exactly once and in order over ${what}${turns}`, () =>
      bounded(async () => {
        for (const seed of [1, 2, 3]) {
          assertEquals(await transfer({ versions, qos: 2, kind, seed }), numbers(COUNT), `seed ${seed}`);
        }
      }, WATCHDOG));

    Deno.test(`${name} broker: QoS 1 loses nothing and keeps its order over ${what}${turns}`, () =>
      bounded(async () => {
        for (const seed of [1, 2, 3]) {
          const received = await transfer({ versions, qos: 1, kind, seed });
          // A Set keeps the order of the first occurrences.
          assertEquals([...new Set(received)], numbers(COUNT), `seed ${seed}`);
        }
      }, WATCHDOG));
  }
}
