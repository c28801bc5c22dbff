/**
 * What a broker counts. Plain numbers, so that counting costs an addition.
 *
 * @module
 */

/** Why messages were dropped. */
export interface DropCounts {
  /** The queue of a client was full. */
  queueFull: number;
  /** Too many bytes waited to be written to a client (QoS 0). */
  outputFull: number;
  /** The message expired before it could be sent. */
  expired: number;
  /** The packet was larger than the client takes. */
  tooLarge: number;
  /** The client may not publish there. */
  notAuthorized: number;
  /** The retained store was full. */
  retainedFull: number;
  /** The store could not be written to. */
  storeFailed: number;
  /** The broker uses as much memory as it may. */
  memoryFull: number;
}

/** What was refused to clients. */
export interface DenialCounts {
  /** CONNECT packets. */
  connections: number;
  /** Publications and wills, for want of authorization. */
  publications: number;
  /** Topic filters of SUBSCRIBE packets, for whatever reason. */
  subscriptions: number;
  /** Those of all these that have no line in the log, as there were too many. */
  notLogged: number;
}

/** Counters since the start of a broker. */
export class Metrics {
  bytesReceived = 0;
  bytesSent = 0;
  /** Packets of all kinds. */
  packetsReceived = 0;
  packetsSent = 0;
  publishReceived = 0;
  publishSent = 0;
  publishBytesReceived = 0;
  publishBytesSent = 0;
  /** Connections that were accepted by the network. */
  connectionsOpened = 0;
  /** Connections that were closed at once because there were too many. */
  connectionsRefused = 0;
  /** CONNECT packets that were accepted. */
  connectsAccepted = 0;
  /** Sessions that ended because their expiry interval had passed. */
  sessionsExpired = 0;
  /** The most clients that were connected at one time. */
  clientsMaximum = 0;
  /** Commits and reads of the store that failed. */
  storeFailures = 0;
  readonly refused: DenialCounts = { connections: 0, publications: 0, subscriptions: 0, notLogged: 0 };
  readonly dropped: DropCounts = {
    queueFull: 0,
    outputFull: 0,
    expired: 0,
    tooLarge: 0,
    notAuthorized: 0,
    retainedFull: 0,
    storeFailed: 0,
    memoryFull: 0,
  };

  /** All dropped messages. */
  get droppedTotal(): number {
    return Object.values(this.dropped).reduce((sum: number, count: number) => sum + count, 0);
  }
}
