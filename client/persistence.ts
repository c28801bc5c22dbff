/**
 * What a store makes of a client: the parts of its session that tell a journal what happens to them.
 *
 * A client without a store has none of this in it, nor in its bundle: it comes with the store that is given to it.
 *
 * @module
 */

import { OutboundFlow, type PubrecOutcome } from "../engine/outbound_flow.ts";
import { assertTopicName } from "../codec/topic.ts";
import type { Clock } from "../engine/clock.ts";
import type { Channel } from "../engine/transport.ts";
import type { ClientStore } from "./client_store.ts";
import { ClientErrorEvent } from "./events.ts";
import { asError } from "./errors.ts";
import { type Entry, Journal } from "./journal.ts";
import type { ConnectInit } from "./options.ts";
import { Publication, PublicationQueue, type PublishResult } from "./publication.ts";
import { RecoveredEvent } from "./recovered_event.ts";
import type { StoredPublication, StoredState } from "./stored.ts";
import { systemClock } from "./system_clock.ts";
import { abortable, nextTurn } from "./waiting.ts";

/** Seconds that the server is asked to keep the session without a connection: a day. */
const SESSION_EXPIRY_INTERVAL = 86_400;
const MAXIMUM_PACKET_ID = 65_535;
/** Milliseconds for the last commit; a store that does not answer is not waited for. */
const END_TIMEOUT = 5_000;

/** QoS 1 and 2, waiting to be sent. */
class JournaledQueue extends PublicationQueue {
  readonly #journal: Journal;

  constructor(journal: Journal) {
    super();
    this.#journal = journal;
  }

  /** Adds what is in the store already. */
  restore(publication: Publication): void {
    super.push(publication);
  }

  override push(publication: Publication): void {
    const { failure } = this.#journal;
    if (failure !== undefined) return publication.fail(failure);
    super.push(publication);
    this.#journal.queued(publication);
  }

  override unshift(publication: Publication): void {
    super.unshift(publication);
    this.#journal.queued(publication);
  }

  override remove(publication: Publication): void {
    if (!publication.queued) return;
    super.remove(publication);
    // Unless it is sent now, which the flow tells.
    this.#journal.ended(publication);
  }
}

/** QoS 1 and 2, sent. */
class JournaledFlow extends OutboundFlow<Publication> {
  readonly #journal: Journal;

  constructor(journal: Journal) {
    super();
    this.#journal = journal;
  }

  override begin(publication: Publication, qos: 1 | 2, wanted?: number): number {
    const packetId = super.begin(publication, qos, wanted);
    this.#journal.sent(publication, { phase: "sent", packetId });
    return packetId;
  }

  override puback(packetId: number): Publication | undefined {
    return this.#ended(super.puback(packetId));
  }

  override pubrec(packetId: number, reasonCode: number): PubrecOutcome {
    const publication = this.get(packetId);
    const outcome = super.pubrec(packetId, reasonCode);
    if (outcome === "ended") this.#ended(publication);
    else if (publication !== undefined && outcome === "release") {
      this.#journal.sent(publication, { phase: "released", packetId });
    }
    return outcome;
  }

  override pubcomp(packetId: number): Publication | undefined {
    return this.#ended(super.pubcomp(packetId));
  }

  override clear(): Publication[] {
    const publications = super.clear();
    for (const publication of publications) this.#ended(publication);
    return publications;
  }

  /** Ends an exchange that was never begun on the wire. */
  giveUp({ publication, state }: Entry): void {
    if (state.phase === "queued" || this.get(state.packetId) !== publication) return;
    if (publication.qos === 1) super.puback(state.packetId);
    else super.pubrec(state.packetId, 0x80);
  }

  #ended(publication: Publication | undefined): Publication | undefined {
    if (publication !== undefined) this.#journal.ended(publication);
    return publication;
  }
}

/** Packet identifiers of QoS 2 messages whose PUBREC may have been sent. */
class JournaledIds {
  readonly #journal: Journal;
  readonly #ids: Set<number>;

  constructor(ids: Iterable<number>, journal: Journal) {
    this.#ids = new Set(ids);
    this.#journal = journal;
  }

  add(packetId: number): void {
    if (this.#ids.has(packetId)) return;
    this.#ids.add(packetId);
    this.#journal.received(packetId, true);
  }

  delete(packetId: number): void {
    if (this.#ids.delete(packetId)) this.#journal.received(packetId, false);
  }

  clear(): void {
    for (const packetId of this.#ids) this.delete(packetId);
  }

  [Symbol.iterator](): Iterator<number> {
    return this.#ids.values();
  }
}

/** The state of one client, from the store to the session and back. */
export class Persistence {
  /** The options of `connect()`, with those filled in that follow from the store. */
  readonly init: ConnectInit;
  readonly waiting: JournaledQueue;
  readonly flow: JournaledFlow;
  readonly received: JournaledIds;
  /** What an earlier run has left, in `waiting` and `flow`. */
  recovered: readonly Publication[];
  readonly #journal: Journal;
  readonly #onEnd: () => void;
  #clock: Clock = systemClock;
  #clientId: string | undefined;
  #report: (event: Event) => void = () => {};
  #breakOff: (error: Error) => void = () => {};
  #ended: Promise<void> | undefined;

  /** `onEnd` is called when the store is no longer used. Throws an `Error` for a store that holds nonsense. */
  constructor(store: ClientStore, state: StoredState, init: ConnectInit, onEnd: () => void) {
    this.init = completed(init, state.clientId);
    this.#clientId = state.clientId;
    this.#onEnd = onEnd;
    this.#journal = new Journal(store, { onFailure: (error, lost) => this.#onFailure(error, lost) });
    this.waiting = new JournaledQueue(this.#journal);
    this.flow = new JournaledFlow(this.#journal);
    this.received = new JournaledIds(state.received, this.#journal);
    this.recovered = [...state.publications].map((stored) => this.#restore(stored));
    for (const packetId of this.received) assertPacketId(packetId);
  }

  /** Settles when all that has changed until now is in the store; rejects if the store cannot take it. */
  get stored(): Promise<void> {
    return this.#journal.commit();
  }

  /** The client is there: events go to it, those about recovered publications not before it is connected. */
  attach(client: EventTarget, connected: Promise<void>, clock: Clock): void {
    this.#clock = clock;
    this.#report = (event) => {
      if (this.#ended === undefined) client.dispatchEvent(event);
    };
    for (const { topic, qos, completed } of this.recovered) {
      const report = async (result: PublishResult | undefined, error: Error | undefined) => {
        if (this.#ended !== undefined) return;
        await connected;
        await nextTurn(); // for who listens when `connect()` has resolved
        this.#report(new RecoveredEvent(topic, qos, result, error));
      };
      completed.then((result) => report(result, undefined), (error) => report(undefined, asError(error))).catch(ignore);
    }
    this.recovered = []; // whose payloads are not to stay in memory
  }

  /** The server has accepted, and has a session for this client identifier. */
  connected(clientId: string): void {
    if (clientId === this.#clientId) return;
    this.#clientId = clientId;
    this.#journal.setClientId(clientId);
  }

  /** A connection's channel in which a chunk leaves when all is in the store that has happened before. */
  guard(channel: Channel): Channel {
    const end = new AbortController();
    const breakOff = (reason?: unknown) => {
      // Also while a commit is under way, which the write would wait for.
      end.abort(reason);
      channel.abort();
    };
    this.#breakOff = breakOff;
    return {
      read: () => channel.read(),
      write: async (chunk) => {
        await abortable(this.#journal.commit(), end.signal);
        await abortable(channel.write(chunk), end.signal);
      },
      close: () => channel.close(),
      abort: breakOff,
    };
  }

  /**
   * The client ends: what is not complete stays in the store. Settles when the store has it, or does not answer; never
   * rejects.
   */
  end(): Promise<void> {
    this.#ended ??= new Promise((resolve) => {
      const cancel = this.#clock.schedule(END_TIMEOUT, resolve);
      this.#journal.close().then(() => {
        cancel();
        this.#onEnd();
        resolve();
      });
    });
    return this.#ended;
  }

  #restore(stored: StoredPublication): Publication {
    const { topic, payload, qos, retain, properties, expiresAt, state } = stored;
    assertTopicName(topic);
    const content = { content: payload, start: 0, length: payload.length };
    const publication = new Publication(topic, content, qos, retain, properties, expiresAt);
    this.#journal.restore(publication, stored);
    if (state.phase === "queued") {
      this.waiting.restore(publication);
    } else {
      assertPacketId(state.packetId);
      this.flow.restore({
        packetId: state.packetId,
        qos,
        phase: state.phase === "sent" ? "publish" : "pubrel",
        message: publication,
      });
    }
    return publication;
  }

  #onFailure(error: Error, lost: readonly Entry[]): void {
    // Their packets may be among the bytes that have not left yet.
    this.#breakOff(error);
    for (const entry of lost) {
      const { publication } = entry;
      this.waiting.remove(publication);
      this.flow.giveUp(entry);
      publication.fail(error);
    }
    this.#report(new ClientErrorEvent(error));
  }
}

function completed(init: ConnectInit, clientId: string | undefined): ConnectInit {
  if (clientId !== undefined && init.clientId !== undefined && init.clientId !== clientId) {
    throw new TypeError(
      `Cannot connect: clientId must be "${clientId}", to which the store belongs, received "${init.clientId}"`,
    );
  }
  return {
    ...init,
    clientId: clientId ?? init.clientId,
    // What an earlier owner of the client identifier has left at the server is not for us. Before MQTT 5.0, a session
    // that begins clean would end with its connection.
    cleanStart: init.cleanStart ?? (clientId === undefined && (init.protocolVersion ?? 5) === 5),
    sessionExpiryInterval: init.sessionExpiryInterval ?? SESSION_EXPIRY_INTERVAL,
  };
}

function assertPacketId(packetId: number): void {
  if (Number.isInteger(packetId) && packetId >= 1 && packetId <= MAXIMUM_PACKET_ID) return;
  throw new RangeError(`Cannot read store: packet identifiers must be 1 to 65,535, received ${packetId}`);
}

function ignore(): void {}
