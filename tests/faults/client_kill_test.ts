/**
 * Scripts that are killed at random moments and started again: what their stores have taken arrives, QoS 2 exactly once,
 * in order.
 *
 * `deno task faults` runs many more rounds than an ordinary run of the tests.
 */

import { assert, assertEquals } from "@std/assert";
import { connect } from "../../client/mod.ts";
import { bounded, startBroker } from "../support/broker.ts";
import { random } from "../support/random.ts";
import { MortalBroker } from "./broker_killer.ts";
import { PersistentClient } from "./persistent_client.ts";
import { MortalScript } from "./script_killer.ts";

/** How often each script is killed. */
const ROUNDS = Number(Deno.env.get("FAULT_ROUNDS") ?? 12);
const SEED = Number(Deno.env.get("FAULT_SEED") ?? 11);
/** Numbers that a publisher is given in each round: more than it gets through. */
const PER_ROUND = 300;
/** Longest life of a script, in milliseconds from when it is connected. */
const LONGEST_LIFE = 300;
const WATCHDOG = 60_000 + ROUNDS * 3_000;

/** Longest time in milliseconds before its death in which nothing of what it sends arrives, and nothing comes. */
const LONGEST_STALL = 30;

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A publisher that is killed, and who receives what it publishes. */
class Transfer implements AsyncDisposable {
  readonly #script: MortalScript;
  readonly #version: 4 | 5;
  readonly #port: number;
  readonly #subscribers: readonly PersistentClient[];
  /** Numbers that must arrive, and the end of those that may. */
  readonly #stored = new Set<number>();
  #end = 0;

  constructor(port: number, version: 4 | 5) {
    this.#script = new MortalScript("publisher", port);
    this.#port = port;
    this.#version = version;
    this.#subscribers = [1, 2].map((qos) =>
      new PersistentClient({ port, clientId: `${version}-${qos}`, versions: [version], patience: WATCHDOG })
    );
  }

  async subscribe(): Promise<void> {
    for (const [at, qos] of ([1, 2] as const).entries()) {
      await this.#subscribers[at]?.subscribe(this.#port, `v${this.#version}/${qos}`, qos);
    }
  }

  async receive(): Promise<void> {
    await Promise.all(
      this.#subscribers.map((it) => it.runUntil(() => it.isIdle && it.received.includes("end"))),
    );
  }

  async liveAndDie(life: number, stall: number): Promise<void> {
    await this.#script.start(this.#version, this.#end, PER_ROUND);
    await pause(life);
    await this.#script.die(stall);
    assertEquals(this.#script.said("failed"), []);
    const stored = Number(this.#script.said("stored").at(-1) ?? this.#end);
    for (let number = this.#end; number < stored; number++) this.#stored.add(number);
    this.#end = Number(this.#script.said("begun").at(-1) ?? this.#end);
  }

  async finish(): Promise<void> {
    await this.#script.start(this.#version, this.#end, 0);
    await this.#script.ended(WATCHDOG);
    assertEquals(this.#script.said("failed"), []);
  }

  verify(): void {
    assert(this.#stored.size > ROUNDS, `the scripts publish, ${this.#stored.size} numbers were stored`);
    for (const [at, { received }] of this.#subscribers.entries()) {
      const qos = at + 1;
      // With QoS 1, a Set keeps the order of the first occurrences.
      const numbers = (qos === 1 ? [...new Set(received)] : received).slice(0, -1).map(Number);
      const what = `version ${this.#version}, QoS ${qos}`;
      assertEquals(numbers, [...new Set(numbers)].sort((one, other) => one - other), `${what}: order, duplicates`);
      const arrived = new Set(numbers);
      assertEquals([...this.#stored].filter((number) => !arrived.has(number)), [], `${what}: lost`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#script[Symbol.asyncDispose]();
  }
}

Deno.test("client store: kill -9 of a publisher, and of its broker, loses and doubles nothing that was stored", () =>
  bounded(async () => {
    const next = random(SEED);
    await using broker = await MortalBroker.create();
    await broker.start();
    await using four = new Transfer(broker.port, 4);
    await using five = new Transfer(broker.port, 5);
    for (const transfer of [four, five]) await transfer.subscribe();
    const receiving = Promise.all([four.receive(), five.receive()]);
    receiving.catch(() => {}); // awaited below
    for (let round = 0; round < ROUNDS; round++) {
      const lives = [four, five].map((transfer) => transfer.liveAndDie(next() * LONGEST_LIFE, next() * LONGEST_STALL));
      if (round % 3 === 2) {
        await pause(next() * LONGEST_LIFE);
        await broker.kill();
        await broker.start();
      }
      await Promise.all(lives);
    }
    for (const transfer of [four, five]) await transfer.finish();
    await receiving;
    for (const transfer of [four, five]) transfer.verify();
  }, WATCHDOG));

/** Publishes numbers until told to end, and then the end; returns how many. */
async function publishNumbers(port: number, version: 4 | 5, qos: 1 | 2, isOver: () => boolean): Promise<number> {
  await using client = await connect(`mqtt://127.0.0.1:${port}`);
  const topic = `numbers/${version}/${qos}`;
  let count = 0;
  for (; !isOver(); count++) {
    await client.publish(topic, String(count), { qos });
    await pause(1);
  }
  await client.publish(topic, "end", { qos });
  return count;
}

interface Life {
  readonly took: readonly string[];
  readonly safe: readonly string[];
}

/**
 * With QoS 2, what the store has as taken does not come again, and what it does not have comes again. The script makes
 * sure of each number before it takes the next one, so that only the one in hand can come again.
 */
function verifyExactlyOnce(lives: readonly Life[], all: readonly string[]): void {
  /** The first number that was not taken, and whether the one before is safe. */
  let at = 0;
  let isSafe = true;
  for (const { took, safe } of lives) {
    if (took[0] === undefined) continue;
    const first = took[0] === all[at] || isSafe ? at : at - 1;
    assertEquals(took, all.slice(first, first + took.length));
    assertEquals(safe, took.slice(0, safe.length));
    at = first + took.length;
    isSafe = safe.length === took.length;
  }
  assertEquals(at, all.length);
}

async function killSubscriber(port: number, version: 4 | 5, qos: 1 | 2, next: () => number): Promise<void> {
  await using script = new MortalScript("subscriber", port);
  const lives: Life[] = [];
  let isOver = false;
  await script.start(version, qos);
  await script.die(0); // the session is there
  const publishing = publishNumbers(port, version, qos, () => isOver);
  for (let round = 0; round < ROUNDS; round++) {
    await script.start(version, qos);
    await pause(next() * LONGEST_LIFE);
    await script.die(next() * LONGEST_STALL);
    lives.push({ took: script.said("took"), safe: script.said("safe") });
  }
  isOver = true;
  const all = Array.from({ length: await publishing }, (_, at) => String(at)).concat("end");
  await script.start(version, qos);
  await script.ended(WATCHDOG);
  lives.push({ took: script.said("took"), safe: script.said("safe") });
  const taken = lives.flatMap(({ took }) => took);
  assert(lives.filter(({ took }) => took.length > 0).length > ROUNDS / 3, "most lives are long enough to take numbers");
  if (qos === 2) verifyExactlyOnce(lives, all);
  // A Set keeps the order of the first occurrences.
  else assertEquals([...new Set(taken)], all);
}

Deno.test("client store: kill -9 of a subscriber loses nothing, and doubles nothing that its store has as taken", () =>
  bounded(async () => {
    const next = random(SEED + 1);
    await using running = await startBroker({ sysInterval: 0, maxQueuedMessages: 1_000_000 });
    await Promise.all([
      killSubscriber(running.port, 5, 2, next),
      killSubscriber(running.port, 4, 2, next),
      killSubscriber(running.port, 5, 1, next),
    ]);
  }, WATCHDOG));
