/**
 * A broker that is killed at random moments under load: what it has acknowledged is never lost.
 *
 * `deno task faults` runs many more rounds than an ordinary run of the tests.
 */

import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import type { ProtocolVersion } from "../../codec/packets.ts";
import { bounded } from "../support/broker.ts";
import { random } from "../support/random.ts";
import { RawClient } from "../support/raw_client.ts";
import { toText } from "../support/raw_packets.ts";
import { MortalBroker } from "./broker_killer.ts";
import { PersistentClient } from "./persistent_client.ts";

/** How often the broker is killed in each test. */
const ORDINARY = 12;
const ROUNDS = Number(Deno.env.get("FAULT_ROUNDS") ?? ORDINARY);
const SEED = Number(Deno.env.get("FAULT_SEED") ?? 5);
/** Messages that each publisher is given in each round: more than it gets through. */
const PER_ROUND = 600;
/** Longest wait for a packet, in milliseconds: a watchdog, as a disk that others write to may take seconds. */
const PATIENCE = 20_000;
/** Longest life of a broker, in milliseconds from when it listens. */
const LONGEST_LIFE = 400;

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A publisher, a subscriber that takes its messages all the time, and one that comes for them at the end. */
class Pair {
  readonly publisher: PersistentClient;
  readonly subscriber: PersistentClient;
  readonly sleeper: PersistentClient;
  readonly #name: string;
  readonly #qos: 1 | 2;
  readonly #port: number;
  #given = 0;

  constructor(port: number, qos: 1 | 2, version: ProtocolVersion) {
    this.#port = port;
    this.#qos = qos;
    this.#name = `q${qos}v${version}`;
    const options = { port, versions: [version], window: 20, patience: PATIENCE };
    this.publisher = new PersistentClient({ ...options, clientId: `${this.#name}-publisher` });
    this.subscriber = new PersistentClient({ ...options, clientId: `${this.#name}-subscriber` });
    this.sleeper = new PersistentClient({ ...options, clientId: `${this.#name}-sleeper` });
  }

  async subscribe(): Promise<void> {
    await this.subscriber.subscribe(this.#port, `${this.#name}/+`, this.#qos);
    await this.sleeper.subscribe(this.#port, `${this.#name}/#`, this.#qos);
  }

  give(count: number): void {
    const end = this.#given + count;
    for (; this.#given < end; this.#given++) {
      this.publisher.publish(`${this.#name}/${this.#given % 3}`, String(this.#given), this.#qos);
    }
  }

  /** Publishes and receives until `isOver`, and then until everything has arrived. */
  async run(isOver: () => boolean): Promise<void> {
    const publishing = this.publisher.runUntil(() => isOver() && this.publisher.unfinished === 0);
    const receiving = this.subscriber.runUntil(() => isOver() && this.#hasAll(this.subscriber));
    await Promise.all([publishing, receiving]);
    try {
      await this.sleeper.runUntil(() => this.#hasAll(this.sleeper));
    } catch (cause) {
      throw new Error(`Expected all messages to come: ${this.summary}`, { cause });
    }
  }

  #hasAll(client: PersistentClient): boolean {
    return client.isIdle && client.received.length >= this.#given && new Set(client.received).size === this.#given;
  }

  /** What came to both subscribers. */
  get summary(): string {
    return summary(this.#name, this.#given, [this.subscriber.received, this.sleeper.received]);
  }

  verify(): void {
    const expected = Array.from({ length: this.#given }, (_, at) => String(at));
    for (const { received } of [this.subscriber, this.sleeper]) {
      // With QoS 1, a Set keeps the order of the first occurrences.
      assertEquals(this.#qos === 1 ? [...new Set(received)] : received, expected, this.#name);
    }
  }
}

/** Says in a line what has become of a pair's messages, before anything is verified. */
function summary(name: string, count: number, clients: readonly (readonly string[])[]): string {
  const parts = clients.map((received) => {
    const first = [...new Set(received)];
    const disordered = first.filter((payload, at) => at > 0 && Number(payload) < Number(first[at - 1])).length;
    return `${count - first.length} lost, ${received.length - first.length} repeated, ${disordered} out of order`;
  });
  return `${name}: ${count} acknowledged; present: ${parts[0]}; away: ${parts[1]}`;
}

/** A retained message that counts up: after a restart, it must be the acknowledged one or a later one. */
class Register {
  readonly #port: number;
  #acknowledged = 0;
  #sent = 0;

  constructor(port: number) {
    this.#port = port;
  }

  /** Counts up until the broker is gone. */
  async countUp(isGone: () => boolean): Promise<void> {
    try {
      await using client = await RawClient.connect(this.#port);
      for (;;) {
        await client.publish("register", String(++this.#sent), { qos: 1, retain: true });
        this.#acknowledged = this.#sent;
      }
    } catch (error) {
      if (!isGone()) throw error;
    }
  }

  async verify(): Promise<void> {
    if (this.#acknowledged === 0) return;
    await using client = await RawClient.connect(this.#port);
    await client.subscribe("register", { qos: 1 });
    const { payload } = await client.expect("publish", { retain: true });
    assertGreaterOrEqual(Number(toText(payload)), this.#acknowledged);
  }
}

async function killAndVerify(durability: string): Promise<void> {
  const next = random(SEED);
  await using broker = await MortalBroker.create(["--durability", durability]);
  const pairs = ([[1, 4], [2, 4], [1, 5], [2, 5]] as const).map(([qos, version]) =>
    new Pair(broker.port, qos, version)
  );
  const register = new Register(broker.port);
  await broker.start();
  for (const pair of pairs) await pair.subscribe();
  let isOver = false;
  const running = Promise.all(pairs.map((pair) => pair.run(() => isOver)));
  for (let round = 0; round < ROUNDS; round++) {
    if (round > 0) {
      await broker.start();
      await register.verify();
    }
    for (const pair of pairs) pair.give(PER_ROUND);
    let isGone = false;
    const counting = register.countUp(() => isGone);
    await pause(next() * LONGEST_LIFE);
    isGone = true;
    await broker.kill();
    await counting;
  }
  await broker.start();
  isOver = true;
  await running;
  if (ROUNDS > ORDINARY) { for (const pair of pairs) console.log(`${durability}, ${ROUNDS} kills, ${pair.summary}`); }
  for (const pair of pairs) pair.verify();
}

for (const durability of ["full", "normal"]) {
  Deno.test(`broker store: kill -9 under load loses nothing acknowledged, durability ${durability}`, () =>
    bounded(() => killAndVerify(durability), 60_000 + ROUNDS * 10_000));
}
