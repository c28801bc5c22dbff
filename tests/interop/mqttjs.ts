/** MQTT.js clients for the tests that run it against our broker. @module */

import { AssertionError } from "@std/assert";
import { connectAsync, type IClientOptions, type IPublishPacket, type MqttClient } from "mqtt";
import { bounded } from "../support/broker.ts";
import { startTarget } from "./target.ts";

/** The versions as MQTT.js takes them, and as test names show them. */
const VERSIONS = [[3, "mqtt 3.1"], [4, "mqtt 3.1.1"], [5, "mqtt 5.0"]] as const;

/** What `protocolVersion` takes. */
export type Version = (typeof VERSIONS)[number][0];

/** All versions. */
export const ALL: readonly Version[] = [3, 4, 5];

/** Longest wait for messages, in milliseconds: a watchdog, not an expectation. */
const WATCHDOG = 20_000;

/** Longest time that a test may take, in milliseconds: a watchdog, too. */
const LONGEST_TEST = 60_000;

/** A message as MQTT.js hands it over. */
export interface Message {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly packet: IPublishPacket;
}

/** A connected client that keeps what it receives. */
export class Peer implements AsyncDisposable {
  /** What has been received and not been taken yet. */
  readonly inbox: Message[] = [];
  #arrival: PromiseWithResolvers<void> = Promise.withResolvers();

  private constructor(readonly client: MqttClient) {
    client.on("message", (topic, payload, packet) => {
      this.inbox.push({ topic, payload, packet });
      this.#arrival.resolve();
      this.#arrival = Promise.withResolvers();
    });
    // Each call reports its own failure; without a listener the event would end the process.
    client.on("error", () => {});
  }

  /** Connects to a port of 127.0.0.1. */
  static async connect(port: number, protocolVersion: Version, options: IClientOptions = {}): Promise<Peer> {
    const client = await connectAsync({
      protocol: "mqtt",
      host: "127.0.0.1",
      port,
      protocolVersion,
      // MQTT.js has no default for the name that MQTT 3.1 gives itself.
      protocolId: protocolVersion === 3 ? "MQIsdp" : "MQTT",
      reconnectPeriod: 0,
      ...options,
    });
    return new Peer(client);
  }

  /** Takes the next `count` messages out of the inbox. */
  async take(count: number): Promise<Message[]> {
    const deadline = AbortSignal.timeout(WATCHDOG);
    const expired = Promise.withResolvers<void>();
    deadline.addEventListener("abort", () => expired.resolve());
    while (this.inbox.length < count) {
      await Promise.race([this.#arrival.promise, expired.promise]);
      if (!deadline.aborted) continue;
      throw new AssertionError(`Expected ${count} messages within ${WATCHDOG} ms, received ${this.inbox.length}`);
    }
    return this.inbox.splice(0, count);
  }

  /** Loses the connection without a DISCONNECT. */
  cut(): void {
    this.client.stream.destroy();
  }

  /** Disconnects; at once if the connection is lost. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.endAsync(!this.client.connected);
  }
}

/** What a test gets: a way to connect to its own fresh broker. */
export type Connect = (options?: IClientOptions) => Promise<Peer>;

/** Registers a test for each of the versions, with a fresh broker. */
export function testMqttJs(
  what: string,
  versions: readonly Version[],
  body: (connect: Connect, version: Version) => Promise<void>,
): void {
  for (const [version, name] of VERSIONS) {
    if (!versions.includes(version)) continue;
    Deno.test(`${name} broker: MQTT.js: ${what}`, () => bounded(() => runWithPeers(version, body), LONGEST_TEST));
  }
}

async function runWithPeers(version: Version, body: (connect: Connect, version: Version) => Promise<void>) {
  await using target = await startTarget();
  await using peers = new AsyncDisposableStack();
  await body(async (options) => peers.use(await Peer.connect(target.port, version, options)), version);
}

/** A message's payload as text. */
export function text({ payload }: Message): string {
  return new TextDecoder().decode(payload);
}

/** Resolves when a client has emitted an event. */
export function event(client: MqttClient, name: "connect" | "close" | "end"): Promise<void> {
  return new Promise((resolve) => client.once(name, () => resolve()));
}
