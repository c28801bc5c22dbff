/**
 * What outlives a connection.
 *
 * @module
 */

import { Crowding } from "./crowding.ts";
import type { Message } from "./message.ts";
import { Outbox } from "./outbox.ts";
import type { Settings } from "./settings.ts";
import type { Persistence } from "./persistence.ts";
import { OutboundTopics } from "./publish_writer.ts";
import { Receipts } from "./receipts.ts";
import { Subscriptions } from "./subscriptions.ts";
import { TopicTable } from "./topic_table.ts";

/** The client's half of an MQTT session, and what is worth keeping beside it. */
export class Session {
  readonly outbox: Outbox;
  readonly receipts: Receipts;
  readonly subscriptions: Subscriptions = new Subscriptions();
  readonly crowding: Crowding = new Crowding();
  readonly inboundTopics: TopicTable = new TopicTable();
  readonly outboundTopics: OutboundTopics = new OutboundTopics();
  /** Sees every message that is new. */
  readonly onMessage: (message: Message) => void;
  /** What a store makes of all that, if there is one. */
  readonly kept: Persistence | undefined;
  /** The client identifier: the one that was asked for, then the one that the server has assigned. */
  clientId: string;
  readonly settings: Settings;
  #hasConnected = false;

  constructor(settings: Settings, onMessage: (message: Message) => void, kept?: Persistence) {
    this.kept = kept;
    this.outbox = new Outbox(settings.queue, kept);
    this.receipts = new Receipts(settings.receiveMaximum, settings.protocolVersion === 5, kept?.received);
    this.onMessage = onMessage;
    this.clientId = settings.clientId;
    this.settings = settings;
  }

  /** Whether the next CONNECT begins an empty session. */
  get cleanStart(): boolean {
    const { cleanStart, protocolVersion } = this.settings;
    // Before MQTT 5.0, a session that begins clean ends with its connection.
    return cleanStart && (protocolVersion < 5 || !this.#hasConnected);
  }

  /** The server has accepted. `isResumed`: it has the session of before. */
  connected(isResumed: boolean): void {
    this.#hasConnected = true;
    this.kept?.connected(this.clientId);
    if (!isResumed) this.outbox.sessionLost();
  }

  /** The connection has ended; the session has not. */
  suspend(): void {
    this.subscriptions.suspend();
    this.receipts.suspend();
  }

  /** Nothing comes after this. `error`: why, unless the client was closed by its owner. */
  end(error: Error | undefined): void {
    // What the store has is for the next client.
    void this.kept?.end();
    this.suspend();
    this.subscriptions.end(error);
    this.outbox.fail(error ?? new Error("Cannot complete the publication: the client was closed before"));
  }
}
