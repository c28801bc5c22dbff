/**
 * A broker that is traced over several lives, and clients that keep it busy.
 *
 * @module
 */

import { until } from "../support/bounded.ts";
import { RunningProcess } from "../support/process.ts";
import { random } from "../support/random.ts";
import { RawClient } from "../support/raw_client.ts";
import { quietPort } from "./broker_killer.ts";
import { PersistentClient } from "./persistent_client.ts";
import type { Readers } from "./power_check.ts";
import { type Fault, traceArguments } from "./power_trace.ts";

/** Messages that each publisher sends in one life. */
const PER_LIFE = 120;
/** Bytes of a payload, at most: enough of them fill the log of changes, so that it goes into the file. */
const LARGEST = 12_000;
const PATIENCE = 20_000;
const LASTING = { cleanStart: false, properties: { sessionExpiryInterval: 100_000 } };

/** Who gets which topics; `away` never comes for them. */
export const READERS: Readers = new Map([
  ["away", ["q1", "q2"]],
  ["reader-1", ["q1"]],
  ["reader-2", ["q2"]],
]);

/** A broker under `strace` with a store in a folder, one life after another. */
export class TracedBroker implements AsyncDisposable {
  readonly port: number = quietPort();
  readonly folder: string;
  /** The trace of each life. */
  readonly traces: string[] = [];
  readonly #options: readonly string[];
  #process: RunningProcess | undefined;

  /** The store is in `store` in the folder, which must be empty; traces lie beside it. */
  constructor(folder: string, options: readonly string[]) {
    this.folder = `${folder}/store`;
    Deno.mkdirSync(this.folder);
    this.#options = options;
  }

  /** Starts it, and waits until it listens. */
  async start(fault?: Fault): Promise<void> {
    const trace = `${this.folder}/../trace-${this.traces.length}`;
    this.traces.push(trace);
    const broker = ["run", "-A", "broker/mod.ts", "--verbose", "--host", "127.0.0.1", "--port", String(this.port)];
    const store = ["--store", `${this.folder}/broker.db`, "--max-queued", "1000000", ...this.#options];
    this.#process = new RunningProcess("strace", [
      ...traceArguments(trace, fault),
      Deno.execPath(),
      ...broker,
      ...store,
    ]);
    await this.#process.waitForLine(/ version \S+ running$/);
  }

  /** Puts all that is committed into the file alone. */
  checkpoint(): void {
    if (this.#process !== undefined) Deno.kill(this.#process.pid, "SIGUSR1");
  }

  /** Ends it. */
  async stop(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    await this.#process?.stop(signal);
  }

  /** Resolves when it has ended by itself. */
  async ended(): Promise<void> {
    await this.#process?.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
  }
}

/** Clients of a broker that comes and goes. */
export class Load {
  readonly #port: number;
  readonly #next: () => number;
  readonly #publishers: readonly PersistentClient[];
  readonly #readers: readonly PersistentClient[];
  #given = 0;
  #registered = 0;

  constructor(port: number, seed: number) {
    this.#port = port;
    this.#next = random(seed);
    const client = (clientId: string, version: 4 | 5) =>
      new PersistentClient({ port, clientId, versions: [version], window: 10, patience: PATIENCE });
    this.#publishers = [client("publisher-1", 5), client("publisher-2", 4)];
    this.#readers = [client("reader-1", 4), client("reader-2", 5)];
  }

  /** Has those subscribe who are to get everything. */
  async subscribe(): Promise<void> {
    const away = await RawClient.connect(this.#port, { clientId: "away", ...LASTING });
    await away.subscribe(["q1", "q2"], { qos: 2 });
    await away.disconnect();
    for (const [at, qos] of ([1, 2] as const).entries()) await this.#readers[at]?.subscribe(this.#port, `q${qos}`, qos);
  }

  /** Publishes and receives until `isOver`, and until all that was given has arrived; over broken connections, too. */
  async run(isOver: () => boolean): Promise<void> {
    const hasAll = (it: PersistentClient) => it.isIdle && new Set(it.received).size === this.#given;
    await Promise.all([
      ...this.#publishers.map((it) => it.runUntil(() => isOver() && it.unfinished === 0)),
      ...this.#readers.map((it) => it.runUntil(() => isOver() && hasAll(it))),
    ]);
  }

  /** What is published in one life. */
  give(): void {
    const end = this.#given + PER_LIFE;
    for (; this.#given < end; this.#given++) {
      for (const [at, qos] of ([1, 2] as const).entries()) {
        const payload = `${this.#given} `.padEnd(20 + this.#next() * LARGEST, "abcdefgh");
        this.#publishers[at]?.publish(`q${qos}`, payload, qos);
      }
    }
  }

  /** Publications that are not acknowledged to the end. */
  get unfinished(): number {
    return this.#publishers.reduce((sum, it) => sum + it.unfinished, 0);
  }

  /** Changes retained messages, subscriptions and sessions, until `isOver` or a connection breaks. */
  async register(isOver: () => boolean): Promise<void> {
    const registers = [this.#retain, this.#subscribe, this.#connect];
    await Promise.all(registers.map(async (change) => {
      while (!isOver()) await change.call(this, ++this.#registered);
    }));
  }

  async #retain(number: number): Promise<void> {
    await using client = await RawClient.connect(this.#port);
    for (const [at, topic] of ["kept/1", "kept/2", "kept/3"].entries()) {
      await client.publish(topic, (number + at) % 3 === 0 ? "" : `${number}`, { qos: 1, retain: true });
    }
  }

  async #subscribe(number: number): Promise<void> {
    await using client = await RawClient.connect(this.#port, { clientId: "subscriber", ...LASTING });
    await client.subscribe("a", { qos: 1, properties: { subscriptionIdentifiers: [number] } });
    await client.subscribe(["b", "c"], { qos: 2, properties: { subscriptionIdentifiers: [number] } });
    await client.unsubscribe(number % 2 === 0 ? ["a", "b"] : ["c"]);
  }

  async #connect(number: number): Promise<void> {
    const will = { topic: "will", payload: `${number}`, qos: 1 as const, properties: { willDelayInterval: 100_000 } };
    const cleanStart = number % 2 === 0;
    await using client = await RawClient.connect(this.#port, { clientId: "mortal", ...LASTING, cleanStart, will });
    await client.subscribe(`d/${number % 5}`, { qos: 1 });
  }
}

/**
 * Has a broker live three times under load: the first life ends with `death`, or by a kill if there is none, the second
 * in good order, and the third when all has arrived.
 */
export async function liveThreeLives(broker: TracedBroker, seed: number, death?: Fault): Promise<void> {
  const load = new Load(broker.port, seed);
  await broker.start(death);
  await load.subscribe();
  load.give();
  let isOver = false;
  const running = load.run(() => isOver);
  running.catch(() => {}); // seen at the end
  if (death !== undefined) {
    await load.register(() => false).catch(() => broker.ended());
  } else {
    await during(load, () => until(() => load.unfinished < PER_LIFE, "half of the messages", PATIENCE));
    await broker.stop("SIGKILL");
  }
  load.give();
  await broker.start();
  await during(load, async () => {
    await until(() => load.unfinished < PER_LIFE, "half of the messages", PATIENCE);
    broker.checkpoint();
    await until(() => load.unfinished === 0, "all messages", PATIENCE);
  });
  await broker.stop("SIGTERM");
  load.give();
  isOver = true;
  await broker.start();
  await during(load, () => running);
  await broker.stop("SIGKILL");
}

/** Runs `body` while registers change. */
async function during(load: Load, body: () => Promise<void>): Promise<void> {
  let isOver = false;
  const registering = load.register(() => isOver);
  try {
    await body();
  } finally {
    isOver = true;
  }
  await registering;
}
