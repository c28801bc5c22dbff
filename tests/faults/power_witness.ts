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

  /** What may be left: what was promised, and all that came later; nothing in particular before the first promise. */
  get possible(): readonly Value[] {
    return this.values.slice(Math.max(this.promised, 0));
  }
}

/** A session that outlives its connection, or none. */
interface SessionState {
  readonly isLasting: boolean;
  readonly subscriptions: ReadonlyMap<string, string>;
  readonly will: string | undefined;
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
  readonly held = new Map<number, Held>();
  /** By {@linkcode deliveryKey}. */
  readonly delivered = new Map<string, Delivered>();
  /** What its acknowledgement promises, by packet identifier. */
  readonly promises = new Map<number, () => void>();
  /** After each change, all that its session may be: a kill may have undone what was not promised. */
  readonly #sessions = new History<readonly SessionState[]>();

  constructor() {
    this.#sessions.add([{ isLasting: false, subscriptions: new Map(), will: undefined }])();
  }

  /** The client has asked for this change; returns what promises it. */
  change(change: (state: SessionState) => SessionState): () => void {
    const states = (this.#sessions.values.at(-1) ?? []).map(change);
    return this.#sessions.add([...new Map(states.map((state) => [textOf(state), state])).values()]);
  }

  /** The broker was killed. */
  forget(): void {
    this.#sessions.add(this.#sessions.possible.flat());
  }

  /** Whether its session may be this one, as {@linkcode sessionText} tells it. */
  allows(session: string): boolean {
    return this.#sessions.possible.flat().some((state) => textOf(state) === session);
  }
}

/** In the place of {@linkcode sessionText}. */
export const NO_SESSION = "none";

/** A session on one line: its subscriptions and its will. */
export function sessionText(subscriptions: ReadonlyMap<string, string>, will: string | undefined): string {
  return JSON.stringify([[...subscriptions].sort(), will ?? null]);
}

function textOf({ isLasting, subscriptions, will }: SessionState): string {
  return isLasting ? sessionText(subscriptions, will) : NO_SESSION;
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
    for (const client of this.clients.values()) client.forget();
  }

  /** The broker has done this. */
  follow(call: Call): void {
    if (call.kind === "connection") return this.#accept(call.fd);
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
        const added = packet.subscriptions.map(({ filter, qos }) => [filter, `${qos} ${identifier}`] as const);
        const change = (state: SessionState) => ({
          ...state,
          subscriptions: new Map([...state.subscriptions, ...added]),
        });
        return void client.promises.set(packet.packetId, client.change(change));
      }
      case "unsubscribe": {
        const left = (state: SessionState) => [...state.subscriptions].filter(([it]) => !packet.filters.includes(it));
        const change = (state: SessionState) => ({ ...state, subscriptions: new Map(left(state)) });
        return void client.promises.set(packet.packetId, client.change(change));
      }
      case "disconnect":
        client.change((state) => ({ ...state, will: undefined }));
    }
  }

  #onConnect(connection: Connection, packet: ConnectPacket): void {
    const client = this.clients.get(packet.clientId) ?? new ClientRecord();
    this.clients.set(packet.clientId, client);
    connection.client = client;
    connection.version = packet.protocolVersion;
    const isLasting = packet.protocolVersion < 5
      ? !packet.cleanStart
      : (packet.properties?.sessionExpiryInterval ?? 0) > 0;
    const will = packet.will === undefined ? undefined : new TextDecoder().decode(packet.will.payload);
    connection.promise = client.change(({ subscriptions }) => ({
      isLasting,
      subscriptions: packet.cleanStart ? new Map() : subscriptions,
      will,
    }));
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
