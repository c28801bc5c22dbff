/**
 * What a broker writes down, so that nothing that it has acknowledged is lost when it ends.
 *
 * A store is a shelf, not a clerk: it keeps records and gives them back; what they mean, the broker knows. It is
 * synchronous, because the broker hands it many records at once and has nothing to do for the clients concerned until
 * they are safe.
 *
 * @module
 */

import type { ProtocolVersion, QoS, RetainHandling } from "../codec/packets.ts";
import type { Permissions } from "./hooks.ts";
import type { OtherBroker } from "./origin.ts";

/** A client as access rules know it, so that they can be asked about it when it is away, also by the next broker. */
export interface StoredAccess {
  /** Client identifier. */
  readonly clientId: string;
  /** User name. */
  readonly username: string | undefined;
  /** `name` of the listener that its connection came by; undefined for one without. */
  readonly listener: string | undefined;
  /** What it may do at most, as it has shown when it was let in; undefined for what the rules allow. */
  readonly permissions: Permissions | undefined;
  /** The broker that it speaks for, as bridges do; undefined if it has named none. */
  readonly broker: OtherBroker | undefined;
}

/** A session whose end is not the end of its connection. */
export interface StoredSession {
  /** Stands for the session in all other records; never used twice while it is in the store. */
  readonly id: number;
  /** Client identifier. */
  readonly clientId: string;
  /** The user that the client identifier belongs to. */
  readonly username: string | undefined;
  /** In seconds; 0xFFFFFFFF for ever. */
  readonly expiryInterval: number;
  /** When its connection ended, in milliseconds since 1970; undefined while it is connected. */
  readonly endedAt: number | undefined;
  /** Its client at its last connection; undefined when nobody knows. */
  readonly access: StoredAccess | undefined;
}

/** A subscription of a session. */
export interface StoredSubscription {
  /** `id` of the session. */
  readonly session: number;
  /** As the client wrote it, `$share/group/` included. */
  readonly filter: string;
  /** Granted QoS. */
  readonly qos: QoS;
  /** The option of MQTT 5.0. */
  readonly noLocal: boolean;
  /** The option of MQTT 5.0. */
  readonly retainAsPublished: boolean;
  /** The option of MQTT 5.0. */
  readonly retainHandling: RetainHandling;
  /** Subscription identifier, 0 for none. */
  readonly identifier: number;
  /** Whether retained messages are still to be sent for it. */
  readonly retainedPending: boolean;
}

/** An application message. */
export interface StoredMessage {
  /** Topic name. */
  readonly topic: string;
  /** As it was published. */
  readonly qos: QoS;
  /** As it was published. */
  readonly retain: boolean;
  /** The properties as they are on the wire, without their length. The store may keep the array, and must not change it. */
  readonly properties: Uint8Array;
  /** The store may keep the array, and must not change it. */
  readonly payload: Uint8Array;
  /** When it expires, in milliseconds since 1970; `Infinity` for never. */
  readonly expiresAt: number;
}

/** A retained message. */
export interface StoredRetained {
  /** The message; its `retain` is true. */
  readonly message: StoredMessage;
  /** Who published it; undefined for the broker itself, or when nobody knows. */
  readonly publisher: StoredAccess | undefined;
}

/** How far a delivery has come: it waits; PUBLISH was sent; PUBREC came. */
export type DeliveryState =
  | { readonly phase: "queued" }
  | {
    readonly phase: "sent" | "released";
    readonly packetId: number;
    /** Deliveries of a session that were sent later have a higher number. */
    readonly order: number;
  };

/** A message on its way to one session. */
export interface StoredDelivery {
  /** `id` of the session. */
  readonly session: number;
  /** Its place in the session's queue; later ones are higher. */
  readonly position: number;
  /** The `id` of its message. */
  readonly message: number;
  /** As it is sent. */
  readonly qos: 1 | 2;
  /** As it is sent. */
  readonly retain: boolean;
  /** Subscription identifiers to be sent. */
  readonly subscriptionIds: readonly number[] | undefined;
  /** The shared subscription that chose the session, as the client wrote it. */
  readonly share: string | undefined;
  /** Bytes of the message's properties and payload. */
  readonly size: number;
  /** How far it has come. */
  readonly state: DeliveryState;
}

/** A delivery with its message. */
export interface LoadedDelivery {
  /** The delivery. */
  readonly delivery: StoredDelivery;
  /** Its message. */
  readonly message: StoredMessage;
}

/** What waits for one session, summed up. */
export interface StoredBacklog {
  /** `id` of the session. */
  readonly session: number;
  /** Deliveries in phase `queued`. */
  readonly count: number;
  /** The sum of their sizes. */
  readonly bytes: number;
  /** How many of them came from a shared subscription. */
  readonly shared: number;
}

/** The will message of a session. */
export interface StoredWill {
  /** `id` of the session. */
  readonly session: number;
  /** When it is to be published, in milliseconds since 1970; undefined while its client is connected. */
  readonly dueAt: number | undefined;
  /** Will delay interval in seconds. */
  readonly delay: number;
  /** What is to be published. A message expiry interval among its properties counts from then. */
  readonly message: StoredMessage;
  /** That of its client. */
  readonly protocolVersion: ProtocolVersion;
  /** Protocol and address of the client's connection. */
  readonly peer: { readonly protocol: string; readonly address: string };
}

/** One change. */
export type StoreWrite =
  /** Adds a session, or replaces it. */
  | { readonly kind: "putSession"; readonly session: StoredSession }
  /**
   * Removes a session with its subscriptions, deliveries, packet identifiers and will: nothing of it is read any more.
   * What that leaves on the disk may stay until {@linkcode Store.sweep}.
   */
  | { readonly kind: "removeSession"; readonly session: number }
  /** Adds a subscription, or replaces the one to the same filter. */
  | { readonly kind: "putSubscription"; readonly subscription: StoredSubscription }
  | { readonly kind: "removeSubscription"; readonly session: number; readonly filter: string }
  /**
   * Adds a message to which exactly `references` deliveries will be added in this commit, and none later. It is kept
   * until the last of them is removed.
   */
  | {
    readonly kind: "addMessage";
    readonly id: number;
    readonly references: number;
    readonly message: StoredMessage;
  }
  | { readonly kind: "addDelivery"; readonly delivery: StoredDelivery }
  | {
    readonly kind: "updateDelivery";
    readonly session: number;
    readonly position: number;
    readonly state: DeliveryState;
  }
  | { readonly kind: "removeDelivery"; readonly session: number; readonly position: number; readonly message: number }
  /** A QoS 2 message with this packet identifier was taken from the session's client. */
  | { readonly kind: "addReceived"; readonly session: number; readonly packetId: number }
  | { readonly kind: "removeReceived"; readonly session: number; readonly packetId: number }
  /** Adds a retained message, or replaces the one of the same topic. */
  | { readonly kind: "putRetained"; readonly retained: StoredRetained }
  | { readonly kind: "removeRetained"; readonly topic: string }
  /** Adds a will, or replaces the one of the same session. */
  | { readonly kind: "putWill"; readonly will: StoredWill }
  | { readonly kind: "removeWill"; readonly session: number };

/**
 * Where a broker keeps what must survive it. All methods throw an `Error` when they cannot do what they say.
 *
 * One broker has it to itself. Whoever opened the store closes it, after the broker.
 */
export interface Store {
  /**
   * Applies all changes in order, or none of them if it throws; when it returns, they are as safe as the store makes
   * anything. It may be called again with the same changes after it has thrown.
   */
  commit(writes: readonly StoreWrite[]): void;
  /**
   * Clears away something of what removed sessions have left, for a few milliseconds, as clients wait meanwhile. Returns
   * whether there is more; a store that removes everything at once has nothing to do here.
   */
  sweep(): boolean;
  /** The highest of all session ids, message ids, positions and orders in the store; 0 for none. */
  highestNumber(): number;
  /** All sessions. */
  sessions(): Iterable<StoredSession>;
  /** All subscriptions. */
  subscriptions(): Iterable<StoredSubscription>;
  /** Packet identifiers of QoS 2 messages that were received and not released. */
  received(): Iterable<{ readonly session: number; readonly packetId: number }>;
  /** Deliveries that were sent and not finished; those of each session in the order in which they were sent. */
  inFlight(): Iterable<LoadedDelivery>;
  /** The sessions that have queued deliveries. */
  backlogs(): Iterable<StoredBacklog>;
  /** The first queued deliveries of a session from `position` on, `limit` at most, in the order of their positions. */
  queued(session: number, position: number, limit: number): readonly LoadedDelivery[];
  /** All retained messages. */
  retained(): Iterable<StoredRetained>;
  /** All wills. */
  wills(): Iterable<StoredWill>;
}
