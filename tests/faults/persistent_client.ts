/**
 * A client that keeps its session state by the book and goes on after every broken connection, for tests of what gets
 * lost, doubled or out of order on the way. It shares no code with the engine: it is the other opinion.
 *
 * @module
 */

import type { Packet, ProtocolVersion, PublishPacket } from "../../codec/packets.ts";
import { RawClient } from "../support/raw_client.ts";
import { publishPacket } from "../support/raw_packets.ts";

/** How a {@linkcode PersistentClient} connects and what it sends. */
export interface PersistentOptions {
  readonly port: number;
  readonly clientId: string;
  /** The version of each connection, in turn. */
  readonly versions: readonly ProtocolVersion[];
  /** Exchanges that it has open at most. Default 5. */
  readonly window?: number;
  /** Longest silence of the broker, in milliseconds. Default: that of a {@linkcode RawClient}. */
  readonly patience?: number;
}

/** A publication on its way, in the order in which it was begun. */
interface Open {
  readonly packet: PublishPacket;
  phase: "publish" | "pubrel";
}

/** A client with a session that outlives its connections. */
export class PersistentClient {
  /** Payloads that the application has been given, as text, in order. */
  readonly received: string[] = [];
  /** Connections that were begun. */
  connections = 0;
  readonly #options: PersistentOptions;
  readonly #waiting: { topic: string; payload: string; qos: 1 | 2 }[] = [];
  readonly #open = new Map<number, Open>();
  readonly #receivedIds = new Set<number>();
  #lastId = 0;
  #sessionExists = false;

  constructor(options: PersistentOptions) {
    this.#options = options;
  }

  /** Publications that are not acknowledged to the end. */
  get unfinished(): number {
    return this.#waiting.length + this.#open.size;
  }

  /** Whether no reception of QoS 2 is open. */
  get isIdle(): boolean {
    return this.#receivedIds.size === 0;
  }

  /** Adds a message to what is to be published. */
  publish(topic: string, payload: string, qos: 1 | 2): void {
    this.#waiting.push({ topic, payload, qos });
  }

  /** Opens the session over a sound connection to `port`, subscribes, and disconnects. */
  async subscribe(port: number, filter: string, qos: 1 | 2): Promise<void> {
    await using client = await RawClient.connect(port, this.#connectOptions());
    this.#sessionExists = true;
    await client.subscribe(filter, { qos });
    await client.disconnect();
  }

  /** Connects, and connects again after each failure, until `done` holds and the broker has all answers. */
  async runUntil(done: () => boolean): Promise<void> {
    for (let finished = false; !finished;) {
      this.connections++;
      const client = await this.#reach();
      try {
        await this.#converse(client, done);
        finished = true;
      } catch (error) {
        if (!client.ended) throw error;
      } finally {
        await client.close();
      }
    }
  }

  /** Opens a connection; waits for the broker if it does not run. */
  async #reach(): Promise<RawClient> {
    for (;;) {
      try {
        return await RawClient.open(this.#options.port);
      } catch (error) {
        // It is not there, or it went while we came.
        const { ConnectionRefused, ConnectionReset, NotConnected } = Deno.errors;
        if (![ConnectionRefused, ConnectionReset, NotConnected].some((kind) => error instanceof kind)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  #connectOptions() {
    const { clientId, versions } = this.#options;
    const version = versions[this.connections % versions.length] ?? 4;
    const properties = version === 5 ? { properties: { sessionExpiryInterval: 1_000 } } : {};
    return { clientId, version, cleanStart: false, ...properties };
  }

  async #converse(client: RawClient, done: () => boolean): Promise<void> {
    await client.sendConnect(this.#connectOptions());
    const { sessionPresent } = await client.expect("connack", { reasonCode: 0 });
    // MQTT 3.1 does not tell.
    if (this.#sessionExists && !sessionPresent && client.version > 3) {
      throw new Error("Expected the session to be there");
    }
    this.#sessionExists = true;
    for (const { packet, phase } of this.#open.values()) {
      const packetId = packet.packetId ?? 0;
      if (phase === "pubrel") client.send({ type: "pubrel", packetId, reasonCode: 0 });
      else client.send({ ...packet, dup: true });
    }
    this.#sendMore(client);
    while (!done()) {
      this.#handle(client, await client.next(this.#options.patience));
      this.#sendMore(client);
    }
    await client.send({ type: "pingreq" });
    for (let packet = await client.next(); packet.type !== "pingresp"; packet = await client.next()) {
      this.#handle(client, packet);
    }
  }

  #sendMore(client: RawClient): void {
    while (this.#open.size < (this.#options.window ?? 5)) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      const packetId = this.#freeId();
      const packet = publishPacket(next.topic, next.payload, { qos: next.qos, packetId });
      this.#open.set(packetId, { packet, phase: "publish" });
      client.send(packet);
    }
  }

  #freeId(): number {
    do this.#lastId = this.#lastId % 65_535 + 1; while (this.#open.has(this.#lastId));
    return this.#lastId;
  }

  #handle(client: RawClient, packet: Packet): void {
    switch (packet.type) {
      case "publish":
        return this.#onPublish(client, packet);
      case "pubrel":
        this.#receivedIds.delete(packet.packetId);
        client.send({ type: "pubcomp", packetId: packet.packetId, reasonCode: 0 });
        return;
      case "disconnect":
        return; // and the end of the connection follows
      case "puback":
      case "pubcomp":
        this.#open.delete(packet.packetId);
        return;
      case "pubrec": {
        const open = this.#open.get(packet.packetId);
        if (open !== undefined) open.phase = "pubrel";
        client.send({ type: "pubrel", packetId: packet.packetId, reasonCode: 0 });
        return;
      }
      default:
        throw new Error(`Cannot handle ${packet.type}`);
    }
  }

  #onPublish(client: RawClient, { qos, packetId = 0, payload }: PublishPacket): void {
    if (!this.#receivedIds.has(packetId)) this.received.push(new TextDecoder().decode(payload));
    if (qos === 0) return;
    if (qos === 2) this.#receivedIds.add(packetId);
    client.send({ type: qos === 1 ? "puback" : "pubrec", packetId, reasonCode: 0 });
  }
}
