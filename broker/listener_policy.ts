/**
 * What holds for the connections of one listener.
 *
 * @module
 */

import type { QoS } from "../codec/packets.ts";
import type { BrokerHooks } from "./hooks.ts";
import type { OtherBroker } from "./origin.ts";
import type { PublishRate } from "./publish_rate.ts";

/**
 * Settings of one listener. What is absent is as the broker's own options say; a hook that is given takes the place of
 * the broker's. The broker looks at them whenever they matter, so whoever owns the object may change it at any time.
 */
export interface ListenerPolicy extends BrokerHooks, PublishRate {
  /**
   * Stands for the listener in the store: with it among the broker's `listeners`, its access rules go on to hold for its
   * clients after a restart. Must stay the same. Default: none, and then the broker's own rules do.
   */
  name?: string;
  /**
   * Whether the sessions of its clients are theirs alone, for clients that are part of this program: nobody who comes by
   * a listener of another `name` can take them up, and `memoryLimit` keeps them from none. Default false.
   */
  ownsSessions?: boolean;
  /**
   * The broker that its clients speak for, as bridges do: what came from there by any session does not go to their
   * subscriptions with no local. Default: the one that the client names in CONNECT.
   */
  broker?: OtherBroker;
  /** Whether a client without a user name may connect. Default true. */
  allowAnonymous?: boolean;
  /** Whether a client may connect without a client identifier. */
  allowZeroLengthClientId?: boolean;
  /** Prefix of client identifiers that the broker assigns. */
  autoIdPrefix?: string;
  /** Connections of this listener at one time; more are closed at once. Default no limit but the broker's. */
  maxConnections?: number;
  /** Connections a second, 1 or more, and as many at once; more wait to be accepted. Default no limit. */
  maxConnectionRate?: number;
  /**
   * Connections at one time, 1 or more, whose handshakes (PROXY, TLS, HTTP, CONNECT) are not finished. For one more, the
   * oldest is closed as soon as it has had a second. Default 1,000.
   */
  maxHandshakes?: number;
  /**
   * Milliseconds, 1 to 3,600,000, from the connection to the end of its PROXY, TLS and HTTP handshakes; `connectTimeout`
   * begins after them. Default 10,000.
   */
  handshakeTimeout?: number;
  /** Milliseconds, 1 to 3,600,000, to the end of CONNECT and authentication. */
  connectTimeout?: number;
  /** Bytes of the largest packet that is received, 20 to 268,435,460. */
  maxPacketSize?: number;
  /** Bytes of the largest payload; a larger one is dropped, and acknowledged with 0x83. */
  messageSizeLimit?: number;
  /** Subscriptions of one client. */
  maxSubscriptions?: number;
  /** Topic filters of one SUBSCRIBE or UNSUBSCRIBE. */
  maxFiltersPerPacket?: number;
  /** Highest QoS that clients may publish with. */
  maximumQoS?: QoS;
  /** Highest topic alias in each direction, 0 to 65,535. */
  maxTopicAlias?: number;
  /**
   * Stands, unseen by the clients, before all topics that they publish and subscribe to, e.g. `site1/`. Hooks see the
   * whole topic. Default none.
   */
  mountPoint?: string;
  /** Unacknowledged QoS 1 and 2 messages towards each client, 1 to 65,535. */
  maxInflightMessages?: number;
  /** Unacknowledged QoS 1 and 2 messages from each 5.0 client, 1 to 65,535. */
  receiveMaximum?: number;
  /** Messages that wait for one client, beyond those in flight. */
  maxQueuedMessages?: number;
  /** Bytes of payload and properties that wait for one client. */
  maxQueuedBytes?: number;
  /** Seconds that a message waits for a client at most; then it has expired. Default for ever. */
  maxQueuedAge?: number;
  /**
   * Which messages are dropped when the queue of a client is full. With `drop-oldest` nobody who publishes is slowed
   * down for the sake of the client. Default `drop-newest`.
   */
  queueOverflow?: "drop-newest" | "drop-oldest";
  /** Whether QoS 0 messages wait for a client that is away and has a session. */
  queueQoS0Messages?: boolean;
  /** Whether the user name takes the place of the client identifier; a client without one is refused. Default false. */
  useUsernameAsClientId?: boolean;
  /** Whether a client with an empty user name counts as one without, as with Mosquitto. Default false. */
  emptyUsernameIsNone?: boolean;
  /**
   * Where the user name comes from: CONNECT, or from the client's certificate the common name of its subject or the
   * whole subject, without which the client is refused. Default `connect`.
   */
  usernameFrom?: "connect" | "identity" | "subject";
}
