/** QoS 2 over a bridge whose process is killed in the middle of it, again and again. */

import { assertEquals } from "@std/assert";
import { type Client, connect } from "../../client/mod.ts";
import { startConfigured } from "../config/program.ts";
import { bounded, startBroker, until } from "../support/broker.ts";
import { hasMosquitto, startMosquitto } from "../support/mosquitto.ts";
import { Proxy } from "../support/proxy.ts";
import { random } from "../support/random.ts";
import type { RunningProcess } from "../support/process.ts";

/** How often the bridge's process is killed in each test; `deno task faults` does it more often. */
const KILLS = Number(Deno.env.get("FAULT_ROUNDS") ?? 4);
const SEED = Number(Deno.env.get("FAULT_SEED") ?? 11);
/** Messages of each direction in each life: more than Mosquitto takes at a time, which is 20. */
const PER_LIFE = 120;
const RUNNING = /version \S+ running/;

/** A client that keeps its session while one of the brokers is away. */
function connectFor(port: number, clientId: string): Promise<Client> {
  return connect(`mqtt://127.0.0.1:${port}`, {
    clientId,
    sessionExpiryInterval: 3_600,
    reconnect: { minimumDelay: 20, maximumDelay: 100 },
  });
}

/** Messages that go over the bridge in one direction. */
class Stream implements AsyncDisposable {
  /** The numbers of those that have arrived. */
  readonly arrived: number[] = [];
  readonly #topic: string;
  readonly #qos: 1 | 2;
  readonly #publisher: Client;
  readonly #subscriber: Client;
  readonly #taken: Promise<void>;
  readonly #sent: Promise<unknown>[] = [];

  private constructor(topic: string, qos: 1 | 2, publisher: Client, subscriber: Client, taken: Promise<void>) {
    this.#topic = topic;
    this.#qos = qos;
    this.#publisher = publisher;
    this.#subscriber = subscriber;
    this.#taken = taken;
  }

  static async open(topic: string, qos: 1 | 2, from: number, to: number): Promise<Stream> {
    const publisher = await connectFor(from, `${topic}-publisher`);
    const subscriber = await connectFor(to, `${topic}-subscriber`);
    const subscription = subscriber.subscribe(`${topic}/#`, { qos: 2 });
    await subscription.ready;
    const { promise: taken, resolve } = Promise.withResolvers<void>();
    const stream = new Stream(topic, qos, publisher, subscriber, taken);
    (async () => {
      for await (const message of subscription) stream.arrived.push(Number(message.text()));
      resolve();
    })();
    return stream;
  }

  get published(): number {
    return this.#sent.length;
  }

  publish(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#sent.push(this.#publisher.publish(`${this.#topic}/x`, String(this.#sent.length), { qos: this.#qos }));
    }
  }

  /** Waits until so many different messages have arrived. */
  count(wanted: number): Promise<void> {
    const lost = () => `${wanted} messages on ${this.#topic}, not ${new Set(this.arrived).size}`;
    return until(() => new Set(this.arrived).size >= wanted, lost(), 20_000);
  }

  /** Waits until all that was published has arrived. */
  async complete(): Promise<void> {
    await Promise.all(this.#sent);
    await this.count(this.published);
  }

  get expected(): number[] {
    return this.#sent.map((_, index) => index);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#publisher.close({ force: true });
    await this.#subscriber.close({ force: true });
    await this.#taken;
  }
}

const PEERS = [
  ["Mosquitto", "mqttv50", () => startMosquitto(["max_queued_messages 0"])],
  ["Mosquitto", "mqttv311", () => startMosquitto(["max_queued_messages 0"])],
  ["our broker", "mqttv50", () => startBroker({ maxQueuedMessages: 100_000 })],
  ["our broker", "mqttv311", () => startBroker({ maxQueuedMessages: 100_000 })],
] as const;

for (const [peer, version, startPeer] of PEERS) {
  Deno.test({
    name: `bridge: QoS 2 loses nothing, doubles nothing, and never stalls through kill -9, ${version} to ${peer}`,
    ignore: peer === "Mosquitto" && !hasMosquitto,
    fn: () =>
      bounded(async () => {
        const next = random(SEED);
        await using there = await startPeer();
        // So that exchanges are always under way.
        const slow = [{ kind: "delay", milliseconds: 2 }] as const;
        await using proxy = new Proxy(there.port, { faults: () => ({ up: slow, down: slow }) });
        await using ours = await startConfigured([
          "listener {port} 127.0.0.1",
          "allow_anonymous true",
          "persistence true",
          "persistence_location {folder}",
          "max_queued_messages 0",
          "connection up",
          `address 127.0.0.1:${proxy.port}`,
          "remote_clientid gateway",
          `bridge_protocol_version ${version}`,
          "cleansession false",
          "restart_timeout 1",
          "topic out/# both 2",
          "topic in/# both 2",
          "topic once/# out 1",
        ]);
        await using cleanup = new AsyncDisposableStack();
        let process: RunningProcess = ours.process;
        cleanup.defer(async () => void await process.stop());
        await using outward = await Stream.open("out", 2, ours.port, there.port);
        await using inward = await Stream.open("in", 2, there.port, ours.port);
        // Mosquitto drops what comes between open exchanges of QoS 2, if these are as many as it takes.
        await using between = await Stream.open("once", 1, ours.port, there.port);
        const streams = [outward, inward, between];
        for (let kill = 0; kill < KILLS; kill++) {
          const before = outward.published;
          for (const stream of streams) stream.publish(PER_LIFE);
          await (kill % 2 === 0 ? outward : inward).count(before + Math.floor(next() * PER_LIFE));
          // The line breaks as well, and it may be that the next connection has just begun.
          if (next() < 0.3) {
            proxy.cut();
            await new Promise((resolve) => setTimeout(resolve, 1_100 * next()));
          }
          await process.stop("SIGKILL");
          process = ours.restart();
          await process.waitForLine(RUNNING);
        }
        for (const stream of streams) stream.publish(PER_LIFE);
        await Promise.all(streams.map((stream) => stream.complete()));
        assertEquals([...new Set(between.arrived)], between.expected);
        assertEquals(outward.arrived, outward.expected);
        assertEquals(inward.arrived, inward.expected);
      }, 60_000 + KILLS * 10_000),
  });
}
