/**
 * The connection of a session, as far as the session is concerned.
 *
 * @module
 */

import type { QoS } from "../codec/packets.ts";
import type { Publication } from "./publication.ts";

/** Where a session sends its messages. */
export interface SessionLink {
  /** Whether live messages may have the retain flag: to clients of MQTT 5.0, and to bridges. */
  readonly keepsRetain: boolean;
  /** Whether so much waits to be written that more should wait in the session's queue. */
  readonly congested: boolean;
  /** Whether so much waits to be written that messages will soon be dropped. */
  readonly isFilling: boolean;
  /** Whether the client takes a packet of that size. */
  accepts(publication: Publication, qos: QoS, subscriptionIds: readonly number[] | undefined): boolean;
  /** Sends a QoS 0 message. False: it was dropped, as too much waits already. */
  sendQoS0(publication: Publication, retain: boolean, subscriptionIds: readonly number[] | undefined): boolean;
  /** Sends a QoS 1 or 2 message. */
  sendDelivery(
    publication: Publication,
    qos: 1 | 2,
    retain: boolean,
    dup: boolean,
    packetId: number,
    subscriptionIds: readonly number[] | undefined,
  ): void;
  /** Sends PUBREL again. */
  sendPubrel(packetId: number): void;
  /** Lets nothing leave before all that was written down so far is committed. */
  hold(): void;
}
