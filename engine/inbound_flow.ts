/**
 * The receiver's side of QoS 1 and QoS 2 (MQTT 5.0 sections 4.3 and 4.9).
 *
 * @module
 */

import { MqttError } from "../codec/errors.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import { checkedReceiveMaximum } from "./receive_maximum.ts";

/**
 * The packet identifiers that the peer of one session has in use, so that a QoS 2 message is taken once and the peer
 * keeps to our receive maximum. It lives as long as the session; {@linkcode resume} begins the next connection.
 *
 * @example A QoS 2 exchange
 * ```ts
 * import { InboundFlow } from "@x/mqtt/engine";
 *
 * const flow = new InboundFlow();
 * flow.publish(7, 2); // "new": take the message, send PUBREC
 * flow.publish(7, 2); // "duplicate": send PUBREC only
 * flow.pubrel(7); // true: send PUBCOMP; the identifier is free
 * ```
 */
export class InboundFlow {
  /** QoS 2 identifiers between PUBLISH and PUBREL, with the connection on which they last counted as received. */
  #held: Map<number, number> | undefined;
  #connection = 0;
  #receiveMaximum: number;
  /** PUBLISHes of this connection that are not answered to the end. */
  #open = 0;

  /** `receiveMaximum`: ours, as the peer knows it, 1 to 65,535. */
  constructor(receiveMaximum: number = 65_535) {
    this.#receiveMaximum = checkedReceiveMaximum(receiveMaximum);
  }

  /** How many QoS 2 identifiers are held. */
  get size(): number {
    return this.#held === undefined ? 0 : this.#held.size;
  }

  /**
   * PUBLISH came. `new`: take the message, and answer. `duplicate`: it was taken before, only answer with PUBREC.
   *
   * @throws {MqttError} 0x93 (receive maximum exceeded) if the peer has more open than it may.
   */
  publish(packetId: number, qos: 1 | 2): "new" | "duplicate" {
    if (qos === 1) {
      this.#count();
      return "new";
    }
    this.#held ??= new Map();
    const countedOn = this.#held.get(packetId);
    if (countedOn !== this.#connection) {
      this.#count();
      this.#held.set(packetId, this.#connection);
    }
    return countedOn === undefined ? "new" : "duplicate";
  }

  #count(): void {
    if (this.#open >= this.#receiveMaximum) {
      throw new MqttError(
        `Cannot accept PUBLISH: unacknowledged ones must be at most ${this.#receiveMaximum}, received one more`,
        ReasonCode.ReceiveMaximumExceeded,
      );
    }
    this.#open++;
  }

  /**
   * The answer that ends an exchange was sent: PUBACK, or PUBREC with a reason code of 0x80 or above. The identifier
   * is free. A PUBACK counts on the connection of its PUBLISH only, later it must not be told. A refusal of QoS 2 must
   * be, also when its connection is gone, or the peer's repeat passes for a duplicate of an accepted message.
   */
  acknowledged(packetId: number, qos: 1 | 2): void {
    if (qos === 2) this.#forget(packetId);
    else if (this.#open > 0) this.#open--;
  }

  /** PUBREL came. Answer with PUBCOMP 0x00 if it was known, 0x92 if not; the identifier is free. */
  pubrel(packetId: number): boolean {
    return this.#forget(packetId);
  }

  #forget(packetId: number): boolean {
    const countedOn = this.#held?.get(packetId);
    if (countedOn === undefined) return false;
    this.#held?.delete(packetId);
    if (countedOn === this.#connection) this.#open--;
    return true;
  }

  /** Holds a QoS 2 identifier as it was kept elsewhere, e.g. on disk; to be followed by {@linkcode resume}. */
  restore(packetId: number): void {
    this.#held ??= new Map();
    this.#held.set(packetId, this.#connection);
  }

  /** Begins a new connection: nothing counts against `receiveMaximum` (1 to 65,535) yet, QoS 2 identifiers stay. */
  resume(receiveMaximum: number): void {
    this.#receiveMaximum = checkedReceiveMaximum(receiveMaximum);
    this.#connection++;
    this.#open = 0;
  }

  /** The QoS 2 identifiers held, in the order in which they came. */
  *[Symbol.iterator](): IterableIterator<number> {
    if (this.#held !== undefined) yield* this.#held.keys();
  }

  /** Forgets all identifiers, as at the end of the session. */
  clear(): void {
    this.#held = undefined;
    this.#open = 0;
  }
}
