/**
 * Acknowledgements that are owed to the server.
 *
 * @module
 */

import { InboundFlow } from "../engine/inbound_flow.ts";
import { Fifo } from "./fifo.ts";
import type { Persistence } from "./persistence.ts";

/** Sends PUBACK (QoS 1) or PUBREC (QoS 2). */
export type Acknowledge = (packetId: number, qos: 1 | 2, reasonCode: number) => void;

/** See `relayFrom()` in relay.ts: stands in for the queue, where acknowledgements leave as they are due. */
export interface Relay extends Iterable<Receipt> {
  push(receipt: Receipt): void;
  /** Whether it was in here. */
  delete(receipt: Receipt): boolean;
  drain(): Receipt[];
  /** PUBREL has come. True if PUBCOMP is not to be sent now. */
  onRelease(packetId: number): boolean;
}

/** The acknowledgement of one message: due when all who hold the message have released it. */
export class Receipt {
  readonly packetId: number;
  readonly qos: 1 | 2;
  readonly #owner: Receipts;
  #holders = 1;
  #reasonCode = 0;

  /** Held by its maker, who hands the message out and then releases it. */
  constructor(packetId: number, qos: 1 | 2, owner: Receipts) {
    this.packetId = packetId;
    this.qos = qos;
    this.#owner = owner;
  }

  /** Whether nobody holds the message any more. */
  get isDue(): boolean {
    return this.#holders === 0;
  }

  /** One more has the message. */
  hold(): void {
    this.#holders++;
  }

  /** What the acknowledgement says: 0, or the code from 0x80 on of the first who refused the message. */
  get reasonCode(): number {
    return this.#reasonCode;
  }

  /** One who has the message is through with it. */
  release(reasonCode = 0): void {
    if (this.#reasonCode === 0) this.#reasonCode = reasonCode;
    if (--this.#holders === 0) this.#owner.due(this);
  }
}

/**
 * The acknowledgements of a session. They leave in the order in which the messages came [MQTT-4.6.0-2] [MQTT-4.6.0-3],
 * so that one who holds a message holds back those behind it. A message that was not acknowledged when the connection
 * ended comes again with the next one, and is then recognized: nobody gets it a second time.
 */
export class Receipts {
  readonly #flow: InboundFlow;
  readonly #mayRefuse: boolean;
  readonly #kept: Persistence["received"] | undefined;
  /** Of this connection, in the order of receipt. */
  readonly #queue = new Fifo<Receipt>();
  /** Of earlier connections, by packet identifier: the server will send these messages again. */
  readonly #earlier = new Map<number, Receipt>();
  #acknowledge: Acknowledge | undefined;
  /** Set before the first message is taken. */
  relay: Relay | undefined;

  /** `mayRefuse`: acknowledgements have reason codes, as from MQTT 5.0 on. `kept`: what a store has of QoS 2. */
  constructor(receiveMaximum: number, mayRefuse: boolean, kept?: Persistence["received"]) {
    this.#flow = new InboundFlow(receiveMaximum);
    this.#mayRefuse = mayRefuse;
    this.#kept = kept;
    for (const packetId of kept ?? []) this.#flow.restore(packetId);
  }

  /** A new connection. `sessionPresent`: the server knows what it has sent before. */
  resume(sessionPresent: boolean, receiveMaximum: number, acknowledge: Acknowledge): void {
    if (!sessionPresent) {
      this.#flow.clear();
      this.#earlier.clear();
      this.#kept?.clear();
    }
    this.#flow.resume(receiveMaximum);
    this.#acknowledge = acknowledge;
  }

  /** The connection has ended: nothing can be acknowledged on it. */
  suspend(): void {
    this.#acknowledge = undefined;
    for (const receipt of (this.relay ?? this.#queue).drain()) this.#earlier.set(receipt.packetId, receipt);
  }

  /**
   * PUBLISH came. Undefined: it was handed out before. Otherwise hand it out and then release the receipt.
   * Throws `MqttError` 0x93 when the server has more open than it may.
   */
  accept(packetId: number, qos: 1 | 2, dup: boolean): Receipt | undefined {
    const isNew = this.#flow.publish(packetId, qos) === "new";
    const known = isNew && !dup ? undefined : this.#known(packetId, qos, isNew);
    // The server has given up what this identifier stood for.
    if (this.#earlier.size > 0) this.#earlier.delete(packetId);
    const receipt = known ?? new Receipt(packetId, qos, this);
    (this.relay ?? this.#queue).push(receipt);
    if (known === undefined && isNew) return receipt;
    if (known === undefined) receipt.release();
    else if (receipt.isDue) this.due(receipt);
    return undefined;
  }

  /** The receipt of the message that this PUBLISH repeats. */
  #known(packetId: number, qos: 1 | 2, isNew: boolean): Receipt | undefined {
    const earlier = this.#earlier.get(packetId);
    if (earlier !== undefined && earlier.qos === qos) return earlier;
    if (isNew) return undefined;
    // A server that repeats a QoS 2 PUBLISH within one connection, as those of MQTT 3.1 may.
    for (const waiting of this.relay ?? this.#queue) {
      if (waiting.packetId === packetId && waiting.qos === 2) return waiting;
    }
    return undefined;
  }

  /** PUBREL came; whether it was expected. */
  release(packetId: number): boolean {
    this.#kept?.delete(packetId);
    return this.#flow.pubrel(packetId);
  }

  /** Sends what is due, up to the first that is not. */
  due(receipt: Receipt): void {
    const acknowledge = this.#acknowledge;
    if (acknowledge === undefined) return;
    if (this.relay?.delete(receipt)) this.#send(receipt, acknowledge);
    for (let first = this.#queue.first; first !== undefined && first.isDue; first = this.#queue.first) {
      this.#queue.shift();
      this.#send(first, acknowledge);
    }
  }

  #send({ packetId, qos, reasonCode: wanted }: Receipt, acknowledge: Acknowledge): void {
    const reasonCode = this.#mayRefuse ? wanted : 0;
    const isAccepted = qos === 2 && reasonCode === 0;
    if (isAccepted) this.#kept?.add(packetId);
    acknowledge(packetId, qos, reasonCode);
    if (!isAccepted) this.#flow.acknowledged(packetId, qos);
  }
}
