/**
 * The records of a client's store.
 *
 * @module
 */

import type { QoS } from "../codec/packets.ts";

/**
 * How far a publication has come: it waits; its PUBLISH may have been sent; PUBREC has come.
 *
 * @example
 * ```ts
 * import { type StoredPhase } from "@x/mqtt/client";
 *
 * const mayBeThere = ({ phase }: StoredPhase) => phase !== "queued";
 * console.log(mayBeThere({ phase: "sent", packetId: 7 })); // true
 * ```
 */
export type StoredPhase =
  | { readonly phase: "queued" }
  | {
    readonly phase: "sent" | "released";
    /** 1 to 65,535. */
    readonly packetId: number;
  };

/**
 * A publication of QoS 1 or 2 that is not complete.
 *
 * @example
 * ```ts
 * import { type StoredPublication } from "@x/mqtt/client";
 *
 * function describe({ number, topic, payload, state }: StoredPublication): string {
 *   return `${number}: ${payload.length} bytes to ${topic}, ${state.phase}`;
 * }
 * const state = { phase: "queued" } as const;
 * const [payload, properties] = [new Uint8Array(4), new Uint8Array(0)];
 * const publication = { number: 1, topic: "a", qos: 1, retain: false, expiresAt: Infinity, payload, properties, state } as const;
 * console.log(describe(publication)); // 1: 4 bytes to a, queued
 * ```
 */
export interface StoredPublication {
  /** Its place in the order of the calls: later ones have higher numbers. */
  readonly number: number;
  /** Topic name. */
  readonly topic: string;
  /** 1 or 2. */
  readonly qos: Exclude<QoS, 0>;
  /** Whether the server is to keep it. */
  readonly retain: boolean;
  /** When it expires, in milliseconds since 1970; `Infinity` for never. */
  readonly expiresAt: number;
  /** The other properties of MQTT 5.0 as they are on the wire, without their length. */
  readonly properties: Uint8Array;
  /** What is published. */
  readonly payload: Uint8Array;
  /** How far it has come. */
  readonly state: StoredPhase;
}

/**
 * One change.
 *
 * @example
 * ```ts
 * import { type ClientStoreWrite } from "@x/mqtt/client";
 *
 * const writes: ClientStoreWrite[] = [{ kind: "addReceived", packetId: 7 }, { kind: "removePublication", number: 1 }];
 * console.log(writes.map(({ kind }) => kind).join(" ")); // addReceived removePublication
 * ```
 */
export type ClientStoreWrite =
  /** The server has a session for this client identifier. */
  | { readonly kind: "setClientId"; readonly clientId: string }
  /** Adds a publication. The store may keep its arrays after the commit if it copies them, and must not change them. */
  | { readonly kind: "addPublication"; readonly publication: StoredPublication }
  | { readonly kind: "updatePublication"; readonly number: number; readonly state: StoredPhase }
  | { readonly kind: "removePublication"; readonly number: number }
  /** A QoS 2 message with this packet identifier was taken from the server. To add one twice changes nothing. */
  | { readonly kind: "addReceived"; readonly packetId: number }
  /** To remove what is not there changes nothing. */
  | { readonly kind: "removeReceived"; readonly packetId: number };

/**
 * Everything in a store.
 *
 * @example
 * ```ts
 * import { type StoredState } from "@x/mqtt/client";
 *
 * const empty: StoredState = { clientId: undefined, publications: [], received: [] };
 * console.log([...empty.publications].length); // 0
 * ```
 */
export interface StoredState {
  /** The last one that was set; undefined if none was. */
  readonly clientId: string | undefined;
  /** In the order of their numbers. */
  readonly publications: Iterable<StoredPublication>;
  /** Packet identifiers of QoS 2 messages that were received and not released. */
  readonly received: Iterable<number>;
}
