/**
 * Exchanges of QoS 2 that go through a bridge from end to end.
 *
 * A message has the same packet identifier in the session that it comes from and in the one that it goes to, and each
 * step of the one waits for that of the other: PUBREC goes back when it has come from where the message goes, and is
 * written down there; PUBREL then goes on, and the PUBCOMP that comes back ends both. So the session that the message
 * comes from always knows where the exchange stands, also for a bridge of another process, after a crash: it repeats
 * PUBLISH or PUBREL, the bridge passes that on, and the other one knows it again by its identifier.
 *
 * @module
 */

import type { Client, Message, PublishResult } from "../../client/common.ts";
import { complete, isOwed, relayFrom, release, takeOver } from "../../client/relay.ts";

/** One message between its first PUBLISH and its last PUBCOMP. "There" is where it goes. */
interface Exchange {
  readonly packetId: number;
  readonly message: Message;
  /** The same, as the client that the source is now has it: to be acknowledged. */
  owed: Message;
  /** Who has sent it there. */
  target: Client;
  /** Whether PUBREC has come from there. */
  isReceived: boolean;
  /** Whether PUBREL has come from here. */
  isReleased: boolean;
}

/** The exchanges of one direction: from one session to another. Without a source, messages go one by one, each anew. */
export class Exchanges {
  readonly #open = new Map<number, Exchange>();
  /** Begun by an earlier process; all that is left of them is their PUBREL. */
  readonly #inherited = new Set<number>();
  #source: Client | undefined;
  #target: Client | undefined;
  /** Whether an exchange that is unknown may be inherited. */
  #mayInherit = true;
  /** The identifiers of which it is known what the session there has under them; undefined if it is of all. */
  readonly #known: Set<number> | undefined;

  /** `isKnown`: the session there has nothing of an earlier process, or has it all from this same source. */
  constructor(isKnown: boolean) {
    this.#known = isKnown ? undefined : new Set();
  }

  /** Messages come from this client of the same session, which is connected, and has taken no message yet. */
  setSource(source: Client): void {
    this.#source = source;
    this.#mayInherit = true;
    this.#listenTo(source);
  }

  /** Exchanges go on with this client, before it sends anything else; undefined: there is none. */
  setTarget(target: Client | undefined): void {
    this.#target = target;
    if (target === undefined) return;
    // What the source had left from before it has said; one that comes later says so later.
    this.#mayInherit = false;
    for (const packetId of this.#inherited) this.#inherit(packetId, target);
  }

  /**
   * A message is about to be sent there, perhaps again. Returns what is to be called when PUBREC comes, if that is not
   * for the client alone to answer, since the session that the message came from is gone.
   */
  begin(packetId: number, message: Message, target: Client): (() => void) | undefined {
    this.#makeSure(packetId, message, target);
    const former = this.#get(packetId, message);
    if (former === undefined && !this.#isOwed(message)) return undefined;
    const { owed = message, isReleased = false } = former ?? {};
    const exchange = { packetId, message, owed, target, isReceived: false, isReleased };
    this.#open.set(packetId, exchange);
    return () => this.#onReceived(exchange);
  }

  /** Whether a message is one that an earlier client of the source has taken, and that is on its way: then it goes on. */
  isUnderWay(packetId: number, message: Message): boolean {
    const exchange = this.#open.get(packetId);
    if (exchange === undefined || exchange.message === message || exchange.isReleased) return false;
    if (!this.#isOwed(message)) return false;
    if (!message.dup || message.qos !== 2) {
      // Another one has its identifier: nobody will go on with it.
      this.#release(exchange);
      this.#open.delete(packetId);
      return false;
    }
    exchange.owed = message;
    if (exchange.isReceived) message.acknowledge();
    return true;
  }

  /** Sends PUBREL with another client, where that is what comes next of a message that was to be sent again. */
  goOn(packetId: number, message: Message, target: Client): Promise<PublishResult> | undefined {
    const exchange = this.#get(packetId, message);
    if (exchange === undefined || !exchange.isReceived || !exchange.isReleased) return undefined;
    exchange.target = target;
    return takeOver(target, packetId);
  }

  /** A message has arrived there, or was given up. Returns whether that ends an exchange, so that nothing is to be done. */
  end(packetId: number, message: Message): boolean {
    const exchange = this.#get(packetId, message);
    if (exchange === undefined) return false;
    this.#open.delete(packetId);
    if (exchange.isReleased) this.#complete(packetId);
    else exchange.owed.acknowledge();
    return exchange.isReleased;
  }

  /** The session of the source is gone, with all that it knew: what was begun there goes to its end by itself. */
  abandon(): void {
    for (const exchange of this.#open.values()) this.#release(exchange);
    this.#open.clear();
    this.#inherited.clear();
    if (this.#source !== undefined) this.#listenTo(this.#source);
  }

  #listenTo(source: Client): void {
    relayFrom(source, (packetId) => this.#onRelease(packetId));
  }

  #get(packetId: number, message: Message): Exchange | undefined {
    const exchange = this.#open.get(packetId);
    return exchange?.message === message ? exchange : undefined;
  }

  #onReceived(exchange: Exchange): void {
    exchange.isReceived = true;
    if (exchange.isReleased) release(exchange.target, exchange.packetId);
    else exchange.owed.acknowledge();
  }

  /** Whether PUBCOMP is to wait. */
  #onRelease(packetId: number): boolean {
    const exchange = this.#open.get(packetId);
    if (exchange !== undefined) {
      this.#release(exchange);
      return true;
    }
    // Else it never went there, or is over there.
    if (this.#mayInherit && !this.#inherited.has(packetId)) {
      this.#inherited.add(packetId);
      if (this.#target !== undefined) this.#inherit(packetId, this.#target);
    }
    return this.#inherited.has(packetId);
  }

  #release(exchange: Exchange): void {
    if (exchange.isReceived && !exchange.isReleased) release(exchange.target, exchange.packetId);
    exchange.isReleased = true;
  }

  #inherit(packetId: number, target: Client): void {
    takeOver(target, packetId).then(() => {
      if (this.#inherited.delete(packetId)) this.#complete(packetId);
    }, () => {}); // the client has ended: another one will go on
  }

  #complete(packetId: number): void {
    if (this.#source !== undefined) complete(this.#source, packetId);
  }

  #isOwed(message: Message): boolean {
    return this.#source !== undefined && isOwed(this.#source, message);
  }

  /**
   * What comes for the first time is none that the session there may still have under its identifier, from a source
   * that is gone: taken for that one, it would be lost. PUBREL ends the old one, and PUBLISH waits for that. Nor is
   * anything, where nobody knows which source it comes from.
   */
  #makeSure(packetId: number, message: Message, target: Client): void {
    if (this.#known === undefined || this.#known.has(packetId)) return;
    this.#known.add(packetId);
    if (message.dup && this.#source !== undefined) return;
    takeOver(target, packetId).catch(() => {}); // the client has ended: nothing goes on with it
  }
}
