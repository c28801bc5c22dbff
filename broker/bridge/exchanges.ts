/**
 * Exchanges of QoS 2 that go through a bridge from end to end.
 *
 * A message has the same packet identifier in this broker's session for the bridge and in the other broker's, and each
 * step of the one waits for that of the other: PUBREC comes here when it has come from there, which this broker writes
 * down; its PUBREL is then sent there, and the PUBCOMP that comes back ends both. So the session of this broker always
 * knows where the exchange there stands, also for a bridge of another process, after a crash: it repeats PUBLISH or
 * PUBREL, the bridge passes that on, and the other broker knows it again by its identifier.
 *
 * @module
 */

import type { Client, Message, PublishResult } from "../../client/common.ts";
import { complete, relayFrom, release, takeOver } from "../../client/relay.ts";

/** One message between PUBLISH here and PUBCOMP there. */
interface Exchange {
  readonly packetId: number;
  readonly message: Message;
  /** Who has sent it there. */
  target: Client;
  /** Whether PUBREC has come from there. */
  isReceived: boolean;
  /** Whether PUBREL has come from here. */
  isReleased: boolean;
}

/** The exchanges of a session of this broker. */
export class Exchanges {
  readonly #source: Client;
  readonly #open = new Map<number, Exchange>();
  /** Begun by an earlier process; all that is left of them is their PUBREL. */
  readonly #inherited = new Set<number>();
  /** Whether there never was a target: what is unknown is inherited. */
  #isNew = true;

  /** `source`: the client of that session, which is connected, and has taken no message yet. */
  constructor(source: Client) {
    this.#source = source;
    relayFrom(source, (packetId) => this.#onRelease(packetId));
  }

  /** Exchanges go on with this client, before it sends anything else; undefined: there is none. */
  setTarget(target: Client | undefined): void {
    if (target === undefined) return;
    this.#isNew = false;
    for (const packetId of this.#inherited) this.#inherit(packetId, target);
  }

  /** A message is about to be sent there, perhaps again. Returns what is to be called when PUBREC comes. */
  begin(packetId: number, message: Message, target: Client): () => void {
    const isReleased = this.#get(packetId, message)?.isReleased ?? false;
    const exchange = { packetId, message, target, isReceived: false, isReleased };
    this.#open.set(packetId, exchange);
    return () => this.#onReceived(exchange);
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
    if (exchange.isReleased) complete(this.#source, packetId);
    return exchange.isReleased;
  }

  /** The session here is gone, with all that it knew: what was begun there goes to its end by itself. */
  abandon(): void {
    for (const exchange of this.#open.values()) this.#release(exchange);
    this.#open.clear();
    this.#inherited.clear();
  }

  #get(packetId: number, message: Message): Exchange | undefined {
    const exchange = this.#open.get(packetId);
    return exchange?.message === message ? exchange : undefined;
  }

  #onReceived(exchange: Exchange): void {
    exchange.isReceived = true;
    if (exchange.isReleased) release(exchange.target, exchange.packetId);
    else exchange.message.acknowledge();
  }

  /** Whether PUBCOMP is to wait. */
  #onRelease(packetId: number): boolean {
    const exchange = this.#open.get(packetId);
    if (exchange === undefined) {
      if (this.#isNew) this.#inherited.add(packetId);
      // Else it never went there, or is over there.
      return this.#inherited.has(packetId);
    }
    this.#release(exchange);
    return true;
  }

  #release(exchange: Exchange): void {
    if (exchange.isReceived && !exchange.isReleased) release(exchange.target, exchange.packetId);
    exchange.isReleased = true;
  }

  #inherit(packetId: number, target: Client): void {
    takeOver(target, packetId).then(() => {
      if (this.#inherited.delete(packetId)) complete(this.#source, packetId);
    }, () => {}); // the client has ended: another one will go on
  }
}
