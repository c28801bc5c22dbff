/**
 * What a broker counts. Plain numbers, so that counting costs an addition.
 *
 * @module
 */

import { Histogram, type HistogramState } from "./histogram.ts";
import type { LimitCounts } from "./limits.ts";

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
  /** Connections whose PROXY, TLS or HTTP handshake failed, or that broke the rules of WebSockets. */
  handshakes: number;
  /** Those of all these, of the limits that were met and of the drops that began, that have no line in the log, as there were too many. */
  notLogged: number;
}

/** Messages and the bytes of their payloads, by QoS 0, 1 and 2. */
export interface FlowState {
  /** PUBLISH packets. */
  readonly messages: readonly [qos0: number, qos1: number, qos2: number];
  /** Bytes of their payloads. */
  readonly payloadBytes: readonly [qos0: number, qos1: number, qos2: number];
  /** Packets of all kinds. */
  readonly packets: number;
  /** Bytes of all packets. */
  readonly bytes: number;
}

/** What a broker has counted since its start. */
export interface MetricsState {
  /** From clients. */
  readonly received: FlowState;
  /** To clients. */
  readonly sent: FlowState;
  /** Connections that were accepted by the network. */
  readonly connectionsOpened: number;
  /** Connections that were closed at once because there were too many, or by a listener. */
  readonly connectionsRefused: number;
  /** CONNECT packets that were accepted. */
  readonly connectsAccepted: number;
  /** The most clients that were connected at one time. */
  readonly clientsMaximum: number;
  /** Sessions that ended because their expiry interval had passed. */
  readonly sessionsExpired: number;
  /** Messages whose receivers were remembered from an earlier one on the same topic, and those for which they were not. */
  readonly routes: { readonly hits: number; readonly misses: number };
  /** How long commits of the store took. */
  readonly commits: HistogramState;
  /** Commits and reads of the store that failed. */
  readonly storeFailures: number;
}

/** Milliseconds that commits of the store are told apart by. */
const COMMIT_BOUNDS: readonly number[] = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500];

/** The share of QoS 1 and 2 in what was counted; the rest of the whole is QoS 0, which so costs nothing. */
class AcknowledgedFlow {
  messages1 = 0;
  messages2 = 0;
  bytes1 = 0;
  bytes2 = 0;

  /** Counts a message of QoS 1 or 2 and the bytes of its payload. */
  add(qos: number, bytes: number): void {
    if (qos === 1) {
      this.messages1++;
      this.bytes1 += bytes;
    } else {
      this.messages2++;
      this.bytes2 += bytes;
    }
  }

  /** By QoS, of so many in all. */
  state(messages: number, payloadBytes: number, packets: number, bytes: number): FlowState {
    const { messages1, messages2, bytes1, bytes2 } = this;
    return {
      messages: [messages - messages1 - messages2, messages1, messages2],
      payloadBytes: [payloadBytes - bytes1 - bytes2, bytes1, bytes2],
      packets,
      bytes,
    };
  }
}

/** How often the receivers of a message were remembered. */
export interface RouteCounter {
  readonly routed: number;
  readonly routesFound: number;
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
  /** PUBLISH packets of QoS 1 and 2 among those above. */
  readonly acknowledgedReceived = new AcknowledgedFlow();
  readonly acknowledgedSent = new AcknowledgedFlow();
  /** Commits and reads of the store that failed. */
  storeFailures = 0;
  /** How long commits of the store took. */
  readonly commits: Histogram = new Histogram(COMMIT_BOUNDS);
  readonly refused: DenialCounts = { connections: 0, publications: 0, subscriptions: 0, handshakes: 0, notLogged: 0 };
  readonly limits: LimitCounts = {
    maxConnections: 0,
    maxConnectionRate: 0,
    maxHandshakes: 0,
    handshakeTimeout: 0,
    connectTimeout: 0,
    maxSessions: 0,
    maxKeepAlive: 0,
    maxPacketSize: 0,
    messageSizeLimit: 0,
    maximumQoS: 0,
    maxTopicAlias: 0,
    receiveMaximum: 0,
    maxTopicLevels: 0,
    maxTopicLength: 0,
    maxSubscriptions: 0,
    maxFiltersPerPacket: 0,
    maxPublishRate: 0,
    maxPublishBytesRate: 0,
    memoryLimit: 0,
  };
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

  /** All of it for those who look from outside. */
  state({ routed, routesFound }: RouteCounter): MetricsState {
    return {
      received: this.acknowledgedReceived.state(
        this.publishReceived,
        this.publishBytesReceived,
        this.packetsReceived,
        this.bytesReceived,
      ),
      sent: this.acknowledgedSent.state(this.publishSent, this.publishBytesSent, this.packetsSent, this.bytesSent),
      connectionsOpened: this.connectionsOpened,
      connectionsRefused: this.connectionsRefused,
      connectsAccepted: this.connectsAccepted,
      clientsMaximum: this.clientsMaximum,
      sessionsExpired: this.sessionsExpired,
      routes: { hits: routed - routesFound, misses: routesFound },
      commits: this.commits.state(),
      storeFailures: this.storeFailures,
    };
  }

  /** All dropped messages. */
  get droppedTotal(): number {
    return Object.values(this.dropped).reduce((sum: number, count: number) => sum + count, 0);
  }
}
