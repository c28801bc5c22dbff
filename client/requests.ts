/**
 * SUBSCRIBE and UNSUBSCRIBE on one connection.
 *
 * @module
 */

import { encodeClientPacketWithin } from "../codec/encode_client.ts";
import { MqttError } from "../codec/errors.ts";
import type { ProtocolVersion, SubackPacket, UnsubackPacket, UnsubscribePacket } from "../codec/packets.ts";
import type { SubscribeProperties, UserProperties } from "../codec/properties.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import { Fifo } from "./fifo.ts";
import { type FilterEntry, requestOf, type Subscriber } from "./filters.ts";
import type { Output } from "./output.ts";
import { type ServerLimits, subscribeObstacle } from "./server_limits.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** Packet identifiers that requests may take, see also `inFlight` of the queue. */
const MAXIMUM_REQUESTS = 500;

/** What to ask for. */
type Wish =
  | { readonly kind: "subscribe"; readonly entries: readonly FilterEntry[] }
  | {
    readonly kind: "unsubscribe";
    readonly filters: readonly string[];
    readonly userProperties: UserProperties | undefined;
    readonly done: () => void;
  };

/** What the server was asked and has not answered. */
type Request =
  | {
    readonly kind: "subscribe";
    readonly entries: readonly FilterEntry[];
    /** Who wanted each of the filters when it was asked for. */
    readonly subscribers: readonly (readonly Subscriber[])[];
  }
  | Extract<Wish, { kind: "unsubscribe" }>;

/** What requests work with. */
export interface RequestsContext {
  readonly version: ProtocolVersion;
  readonly output: Output;
  readonly limits: ServerLimits;
  readonly subscriptions: Subscriptions;
  /** Packet identifiers, shared with publications. */
  readonly identifiers: { reserve(): number; release(packetId: number): void };
}

/** Sends requests in order, so many at a time, and matches the answers. */
export class Requests {
  readonly #version: ProtocolVersion;
  readonly #output: Output;
  readonly #limits: ServerLimits;
  readonly #subscriptions: Subscriptions;
  readonly #identifiers: RequestsContext["identifiers"];
  readonly #open = new Map<number, Request>();
  readonly #waiting = new Fifo<Wish>();

  constructor(context: RequestsContext) {
    this.#version = context.version;
    this.#output = context.output;
    this.#limits = context.limits;
    this.#subscriptions = context.subscriptions;
    this.#identifiers = context.identifiers;
  }

  /** Asks for these filters, which share a subscription identifier. */
  subscribe(entries: readonly FilterEntry[]): void {
    this.#inTurn({ kind: "subscribe", entries });
  }

  /** Gives these filters back; `done` is called when the server has answered, or can no longer. */
  unsubscribe(filters: readonly string[], done: () => void, userProperties?: UserProperties): void {
    this.#inTurn({ kind: "unsubscribe", filters, userProperties, done });
  }

  /** SUBACK came. Throws `MqttError` 0x82 if it answers nothing that was asked. */
  suback({ packetId, reasonCodes }: SubackPacket): void {
    const request = this.#take(packetId);
    if (request?.kind !== "subscribe" || request.entries.length !== reasonCodes.length) {
      throw unexpected("SUBACK", packetId);
    }
    request.entries.forEach((entry, i) => {
      const code = reasonCodes[i] ?? ReasonCode.UnspecifiedError;
      this.#subscriptions.answered(entry, request.subscribers[i] ?? [], code);
    });
    this.#next();
  }

  /** UNSUBACK came. Throws `MqttError` 0x82 if it answers nothing that was asked. */
  unsuback({ packetId, reasonCodes }: UnsubackPacket): void {
    const request = this.#take(packetId);
    if (request?.kind !== "unsubscribe" || this.#version === 5 && request.filters.length !== reasonCodes.length) {
      throw unexpected("UNSUBACK", packetId);
    }
    this.#subscriptions.unsubscribed(request.filters);
    request.done();
    this.#next();
  }

  /** The connection has ended: nothing is answered any more. */
  end(): void {
    for (const wish of this.#waiting.drain()) {
      if (wish.kind === "unsubscribe") wish.done();
    }
    for (const [packetId, request] of this.#open) {
      this.#identifiers.release(packetId);
      if (request.kind === "unsubscribe") request.done();
    }
    this.#open.clear();
  }

  #take(packetId: number): Request | undefined {
    const request = this.#open.get(packetId);
    if (request === undefined) return undefined;
    this.#open.delete(packetId);
    this.#identifiers.release(packetId);
    return request;
  }

  #inTurn(wish: Wish): void {
    this.#waiting.push(wish);
    this.#next();
  }

  #next(): void {
    while (this.#open.size < MAXIMUM_REQUESTS) {
      const wish = this.#waiting.shift();
      if (wish === undefined) return;
      if (wish.kind === "subscribe") this.#sendSubscribe(wish.entries);
      else this.#sendUnsubscribe(wish);
    }
  }

  #sendSubscribe(wanted: readonly FilterEntry[]): void {
    // Some may have been given up, or refused, while this request waited for its turn.
    const entries = wanted.filter((entry) => entry.subscribers.length > 0 && this.#isPossible(entry));
    const first = entries[0];
    if (first === undefined) return;
    const packetId = this.#identifiers.reserve();
    const properties: SubscribeProperties = {};
    if (this.#limits.subscriptionIdentifierAvailable) properties.subscriptionIdentifiers = [first.identifier];
    const userProperties = first.subscribers.at(-1)?.options.userProperties;
    if (userProperties !== undefined) properties.userProperties = userProperties;
    const packet = { type: "subscribe", packetId, subscriptions: entries.map(requestOf), properties } as const;
    const bytes = encodeClientPacketWithin(packet, this.#version, this.#limits.maximumPacketSize);
    if (bytes === undefined) {
      this.#identifiers.release(packetId);
      return this.#refuse(entries, ReasonCode.PacketTooLarge);
    }
    for (const entry of entries) entry.state = "requested";
    const subscribers = entries.map((entry) => [...entry.subscribers]);
    this.#open.set(packetId, { kind: "subscribe", entries, subscribers });
    this.#output.append(bytes);
  }

  #isPossible(entry: FilterEntry): boolean {
    const obstacle = subscribeObstacle(this.#limits, entry.filter);
    if (obstacle === undefined) return true;
    this.#refuse([entry], obstacle);
    return false;
  }

  #refuse(entries: readonly FilterEntry[], code: number): void {
    for (const entry of entries) this.#subscriptions.answered(entry, [...entry.subscribers], code);
  }

  #sendUnsubscribe(request: Extract<Wish, { kind: "unsubscribe" }>): void {
    const packetId = this.#identifiers.reserve();
    const packet: UnsubscribePacket = { type: "unsubscribe", packetId, filters: [...request.filters] };
    if (request.userProperties !== undefined) packet.properties = { userProperties: request.userProperties };
    const bytes = encodeClientPacketWithin(packet, this.#version, this.#limits.maximumPacketSize);
    if (bytes === undefined) {
      this.#identifiers.release(packetId);
      return request.done();
    }
    this.#open.set(packetId, request);
    this.#output.append(bytes);
  }
}

function unexpected(name: string, packetId: number): MqttError {
  return new MqttError(
    `Cannot take ${name}: it must answer an open request in full, received one for packet identifier ${packetId}`,
    ReasonCode.ProtocolError,
  );
}
