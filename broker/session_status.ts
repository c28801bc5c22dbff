/**
 * What can be told about one session.
 *
 * @module
 */

import type { Session } from "./session.ts";

/** How a session stands at the moment. */
export interface SessionStatus {
  /** Client identifier. */
  readonly clientId: string;
  /** The user that the client identifier belongs to. */
  readonly username: string | undefined;
  /** Whether its client is connected. */
  readonly isConnected: boolean;
  /** Messages that wait, those in flight left out. */
  readonly queuedMessages: number;
  /** Bytes of properties and payloads that wait. */
  readonly queuedBytes: number;
  /** QoS 1 and 2 messages that were sent and are not acknowledged. */
  readonly inFlight: number;
  /** Messages that its queue had no room for, or that expired in it, since the broker runs. */
  readonly dropped: number;
  /** Filters of its subscriptions as the client wrote them, `$share/group/` included. */
  readonly filters: readonly string[];
}

/** The status of a session. */
export function sessionStatusOf(session: Session): SessionStatus {
  const { clientId, username, isConnected, queued, queuedBytes, outbound, dropped, subscriptions } = session;
  return {
    clientId,
    username,
    isConnected,
    queuedMessages: queued,
    queuedBytes,
    inFlight: outbound.size,
    dropped,
    filters: [...subscriptions.values()].map(({ key }) => key),
  };
}
