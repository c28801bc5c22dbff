/**
 * What a broker has promised to its clients, by what it has received and sent.
 *
 * Publications count by what their payloads begin with: 0, 1, 2 and so on, for each topic, from one client that sends
 * them in this order.
 *
 * @module
 */

import { decodePacket } from "../../codec/decode.ts";
import { Framer } from "../../codec/framer.ts";
import type { Call } from "./power_trace.ts";
import type { ConnectPacket, Packet, ProtocolVersion, PublishPacket } from "../../codec/packets.ts";

/** Values in the order in which they were asked for, and the last one that was promised. */
export class History<Value> {
  readonly values: Value[] = [];
  promised = -1;

  /** Returns what promises it. */
  add(value: Value): () => void {
    const at = this.values.push(value) - 1;
    return () => this.promised = Math.max(this.promised, at);
  }

  /** Whether this may be what is left: what was promised, or came later. */
  allows(value: Value): boolean {
    return this.promised < 0 || this.values.slice(this.promised).includes(value);
  }
}

/** A message that the broker has received with QoS 2, until it has sent PUBCOMP. */
export interface Held {
  readonly topic: string;
  readonly number: number;
  phase: "received" | "promised" | "released";
}

/** How far the delivery of a message to a client has come. */
export interface Delivered {
  readonly qos: 1 | 2;
  packetId: number;
  /** PUBLISH was sent; PUBREL was sent; PUBACK or PUBCOMP came. */
  phase: "sent" | "released" | "ended";
}

/** All that is known of a client. */
export class ClientRecord {
  /** Its session as {@linkcode sessionText} tells it. */
  readonly sessions = new History<string>();
  readonly held = new Map<number, Held>();
  /** By {@linkcode deliveryKey}. */
  readonly delivered = new Map<string, Delivered>();
  /** What its acknowledgement promises, by packet identifier. */
  readonly promises = new Map<number, () => void>();
  readonly subscriptions = new Map<string, string>();
  will: string | undefined;
  /** Whether its session outlives its connection. */
  isLasting = false;

  /** What its session is when all has been done that it has asked for; returns what promises that. */
  note(): () => void {
    return this.sessions.add(this.isLasting ? sessionText(this.subscriptions, this.will) : NO_SESSION);
  }
}

/** In the place of {@linkcode sessionText}. */
export const NO_SESSION = "none";

/** A session on one line: its subscriptions and its will. */
export function sessionText(subscriptions: ReadonlyMap<string, string>, will: string | undefined): string {
  return JSON.stringify([[...subscriptions].sort(), will ?? null]);
}

/** Stands for the delivery of one message to a client. */
export function deliveryKey(topic: string, number: number): string {
  return `${topic} ${number}`;
}

/** What a payload begins with. */
export function numberOf(payload: Uint8Array): number {
  return Number(new TextDecoder().decode(payload.subarray(0, 12)).split(" ")[0]);
}

interface Connection {
  readonly receive: Framer;
  readonly send: Framer;
  version: ProtocolVersion;
  /** That of nobody until CONNECT has come. */
  client: ClientRecord;
  /** Keeps the promise of CONNACK. */
  promise: () => void;
}

/** Follows all connections of a broker. */
export class Witness {
  readonly clients = new Map<string, ClientRecord>();
  /** Numbers that were published to each topic that is not retained. */
  readonly topics = new Map<string, History<number>>();
  /** Payloads that were published to each topic that is retained, `""` for none. */
  readonly retained = new Map<string, History<string>>();
  /** How often it was promised something. */
  promises = 0;
  readonly #connections = new Map<number, Connection>();

  /** The broker has ended, and all connections with it. */
  closeAll(): void {
    this.#connections.clear();
  }

  /** The broker has done this. */
  follow(call: Call): void {
    if (call.kind === "accept") return this.#accept(call.fd);
    if (call.kind === "close") return void this.#connections.delete(call.fd);
    if (call.kind !== "receive" && call.kind !== "send") return;
    const connection = this.#connections.get(call.fd);
    if (connection === undefined) return;
    const framer = connection[call.kind];
    framer.push(call.bytes);
    while (framer.next()) {
      const packet = decodePacket(framer, connection.version);
      if (call.kind === "receive") this.#onReceived(connection, packet);
      else this.#onSent(connection, packet);
    }
  }

  #accept(fd: number): void {
    const connection = { receive: new Framer(), send: new Framer(), client: new ClientRecord(), promise: () => {} };
    this.#connections.set(fd, { ...connection, version: 4 });
  }

  #onReceived(connection: Connection, packet: Packet): void {
    if (packet.type === "connect") return this.#onConnect(connection, packet);
    const { client } = connection;
    switch (packet.type) {
      case "publish":
        return this.#onPublish(client, packet);
      case "pubrel": {
        const held = client.held.get(packet.packetId);
        if (held !== undefined) held.phase = "released";
        return;
      }
      case "puback":
      case "pubcomp":
        for (const delivered of client.delivered.values()) {
          if (delivered.packetId === packet.packetId && delivered.phase !== "ended") delivered.phase = "ended";
        }
        return;
      case "subscribe": {
        const identifier = packet.properties?.subscriptionIdentifiers?.[0] ?? 0;
        for (const { filter, qos } of packet.subscriptions) client.subscriptions.set(filter, `${qos} ${identifier}`);
        return void client.promises.set(packet.packetId, client.note());
      }
      case "unsubscribe":
        for (const filter of packet.filters) client.subscriptions.delete(filter);
        return void client.promises.set(packet.packetId, client.note());
      case "disconnect":
        client.will = undefined;
        client.note();
        return;
    }
  }

  #onConnect(connection: Connection, packet: ConnectPacket): void {
    const client = this.clients.get(packet.clientId) ?? new ClientRecord();
    this.clients.set(packet.clientId, client);
    connection.client = client;
    connection.version = packet.protocolVersion;
    if (packet.cleanStart) client.subscriptions.clear();
    client.will = packet.will === undefined ? undefined : new TextDecoder().decode(packet.will.payload);
    client.isLasting = packet.protocolVersion < 5
      ? !packet.cleanStart
      : (packet.properties?.sessionExpiryInterval ?? 0) > 0;
    connection.promise = client.note();
  }

  #onPublish(client: ClientRecord, { topic, qos, packetId = 0, payload, retain }: PublishPacket): void {
    if (qos === 2 && client.held.has(packetId)) return;
    if (retain) {
      const history = this.retained.get(topic) ?? new History();
      this.retained.set(topic, history);
      client.promises.set(packetId, history.add(new TextDecoder().decode(payload)));
      return;
    }
    const number = numberOf(payload);
    const history = this.topics.get(topic) ?? new History();
    this.topics.set(topic, history);
    // With QoS 1, it may come again.
    const isNew = number === history.values.length;
    if (!isNew && !(qos === 1 && number < history.values.length)) throw new Error(`Cannot follow ${topic} ${number}`);
    if (isNew) client.promises.set(packetId, history.add(number));
    if (qos === 2) client.held.set(packetId, { topic, number, phase: "received" });
  }

  #onSent(connection: Connection, packet: Packet): void {
    const { client } = connection;
    switch (packet.type) {
      case "connack":
        if (packet.reasonCode !== 0) throw new Error(`Cannot follow a refusal: ${packet.reasonCode}`);
        this.promises++;
        return connection.promise();
      case "puback":
      case "suback":
      case "unsuback":
        return this.#keepPromise(client, packet.packetId);
      case "pubrec": {
        const held = client.held.get(packet.packetId);
        if (held?.phase === "received") held.phase = "promised";
        return this.#keepPromise(client, packet.packetId);
      }
      case "pubcomp":
        this.promises++;
        client.held.delete(packet.packetId);
        return;
      case "publish":
        return this.#onDelivery(client, packet);
      case "pubrel":
        for (const delivered of client.delivered.values()) {
          if (delivered.packetId === packet.packetId && delivered.phase === "sent") delivered.phase = "released";
        }
    }
  }

  #keepPromise(client: ClientRecord, packetId: number): void {
    this.promises++;
    client.promises.get(packetId)?.();
  }

  #onDelivery(client: ClientRecord, { topic, payload, qos, packetId = 0 }: PublishPacket): void {
    if (qos === 0) return;
    const key = deliveryKey(topic, numberOf(payload));
    const known = client.delivered.get(key);
    if (known === undefined) client.delivered.set(key, { qos, packetId, phase: "sent" });
    else if (known.packetId !== packetId && qos === 2) throw new Error(`Delivered twice: ${key}`);
    else known.packetId = packetId;
  }
}
