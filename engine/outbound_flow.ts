/**
 * The sender's side of QoS 1 and QoS 2 (MQTT 5.0 sections 2.2.1, 4.3, 4.4 and 4.9).
 *
 * @module
 */

import { PacketIdEntry, PacketIdMap } from "./packet_id_map.ts";
import { checkedReceiveMaximum } from "./receive_maximum.ts";

const MAXIMUM_PACKET_ID = 65_535;
const FIRST_ERROR = 0x80;

/** A message on its way to the peer: `publish` until PUBACK or PUBREC came, `pubrel` until PUBCOMP came. */
export interface OutboundExchange<M> {
  /** 1 to 65,535. */
  readonly packetId: number;
  /** As it was first sent. */
  readonly qos: 1 | 2;
  /** Which packet waits for its answer. */
  readonly phase: "publish" | "pubrel";
  /** What `begin` was given. */
  readonly message: M;
}

/** What PUBREC did: answer it with PUBREL; it refused the message and ended the exchange; there is no such exchange. */
export type PubrecOutcome = "release" | "ended" | "unknown";

class Exchange<M> extends PacketIdEntry<Exchange<M>> implements OutboundExchange<M> {
  phase: "publish" | "pubrel" = "publish";
  /** On which connection it was sent last. */
  sentOn: number;
  /** On which connection its PUBLISH took quota last. */
  chargedOn: number;

  constructor(packetId: number, readonly qos: 1 | 2, readonly message: M, connection: number) {
    super(packetId);
    this.sentOn = connection;
    this.chargedOn = connection;
  }
}

/**
 * The messages of one session that were sent and not yet acknowledged, and the packet identifiers of that direction.
 * It lives as long as the session; {@linkcode resume} begins the next connection.
 *
 * It decides, its owner sends: PUBLISH after {@linkcode begin}, PUBREL when {@linkcode pubrec} says so, and after
 * {@linkcode resume} what {@linkcode nextResend} gives, and nothing is ever sent again at another time.
 *
 * @example A QoS 2 exchange
 * ```ts
 * import { OutboundFlow } from "@x/mqtt/engine";
 *
 * const flow = new OutboundFlow<string>();
 * const packetId = flow.begin("hello", 2); // send PUBLISH
 * flow.pubrec(packetId, 0x00); // "release": send PUBREL
 * flow.pubcomp(packetId); // "hello": done, the identifier is free
 * ```
 */
export class OutboundFlow<M> {
  readonly #exchanges = new PacketIdMap<Exchange<M>>();
  /** Identifiers in use by SUBSCRIBE and UNSUBSCRIBE. Most flows, those of a broker, never have one. */
  #reserved: Set<number> | undefined;
  #lastPacketId = 0;
  #connection = 0;
  #quota: number;
  /** What was open when the connection began, in order; `#resendAt` is the first of it that may not be sent yet. */
  #backlog: Exchange<M>[] = [];
  #resendAt = 0;
  /** Like `#resendAt`, for the PUBRELs that go out although quota holds PUBLISHes back. */
  #pubrelAt = 0;

  /** `receiveMaximum`: the peer's, 1 to 65,535. */
  constructor(receiveMaximum: number = 65_535) {
    this.#quota = checkedReceiveMaximum(receiveMaximum);
  }

  /** How many exchanges are open, over all connections of the session. */
  get size(): number {
    return this.#exchanges.size;
  }

  /** How many more PUBLISHes with QoS 1 or 2 the peer takes on this connection now. */
  get quota(): number {
    return this.#quota;
  }

  /** Whether exchanges of earlier connections must be sent again before a new one may begin. */
  get resending(): boolean {
    return this.#nextBacklog() !== undefined;
  }

  /**
   * Opens an exchange and returns the packet identifier for its PUBLISH: `wanted`, which {@linkcode isFree}, or if that
   * is 0 (default) any one.
   *
   * @throws {RangeError} If {@linkcode quota} is 0, all packet identifiers are in use, or {@linkcode resending} is true.
   */
  begin(message: M, qos: 1 | 2, wanted: number = 0): number {
    if (this.#quota === 0) throw new RangeError("Cannot begin an exchange: quota must be 1 or more, received 0");
    if (this.resending) throw new RangeError("Cannot begin an exchange: open exchanges must be resent first");
    const packetId = wanted === 0 ? this.#allocate() : wanted;
    this.#exchanges.add(new Exchange(packetId, qos, message, this.#connection));
    this.#quota--;
    return packetId;
  }

  /** Whether no exchange, SUBSCRIBE or UNSUBSCRIBE has this packet identifier. */
  isFree(packetId: number): boolean {
    return this.#exchanges.get(packetId) === undefined && this.#reserved?.has(packetId) !== true;
  }

  /**
   * Opens an exchange as it was kept elsewhere, e.g. on disk, in the order of the first sending; {@linkcode resume}
   * has it sent again. While a connection is open, only a PUBREL can be gone on with, which is sent now.
   */
  restore({ packetId, qos, phase, message }: OutboundExchange<M>): void {
    const exchange = new Exchange(packetId, qos, message, this.#connection);
    exchange.phase = phase;
    exchange.chargedOn = -1;
    this.#exchanges.add(exchange);
    this.#lastPacketId = packetId;
  }

  /** Has packet identifiers that nobody wants be counted on from this one. */
  countFrom(packetId: number): void {
    this.#lastPacketId = packetId;
  }

  /**
   * Takes a packet identifier for SUBSCRIBE or UNSUBSCRIBE; {@linkcode release} gives it back.
   *
   * @throws {RangeError} If all packet identifiers are in use.
   */
  reserve(): number {
    const packetId = this.#allocate();
    this.#reserved ??= new Set();
    this.#reserved.add(packetId);
    return packetId;
  }

  /** Gives a packet identifier of {@linkcode reserve} back, when the answer came or the connection ended. */
  release(packetId: number): void {
    this.#reserved?.delete(packetId);
  }

  #allocate(): number {
    const reserved = this.#reserved;
    const used = this.#exchanges.size + (reserved === undefined ? 0 : reserved.size);
    if (used >= MAXIMUM_PACKET_ID) {
      throw new RangeError(`Cannot take a packet identifier: fewer than 65535 must be in use, received ${used}`);
    }
    let packetId = this.#lastPacketId;
    do {
      packetId = packetId === MAXIMUM_PACKET_ID ? 1 : packetId + 1;
    } while (this.#exchanges.get(packetId) !== undefined || (reserved !== undefined && reserved.has(packetId)));
    this.#lastPacketId = packetId;
    return packetId;
  }

  /** PUBACK came, with any reason code. Undefined: no QoS 1 exchange of that identifier is open, nothing changed. */
  puback(packetId: number): M | undefined {
    const exchange = this.#exchanges.get(packetId);
    if (exchange === undefined || exchange.qos !== 1) return undefined;
    this.#end(exchange);
    return exchange.message;
  }

  /**
   * PUBREC came. `unknown`: no QoS 2 exchange of that identifier is open, nothing changed; in MQTT 5.0 answer with
   * PUBREL 0x92, in the older versions with PUBREL all the same, so that the peer forgets it.
   */
  pubrec(packetId: number, reasonCode: number): PubrecOutcome {
    const exchange = this.#exchanges.get(packetId);
    if (exchange === undefined || exchange.qos !== 2) return "unknown";
    if (reasonCode >= FIRST_ERROR) {
      this.#end(exchange);
      return "ended";
    }
    exchange.phase = "pubrel";
    exchange.sentOn = this.#connection;
    return "release";
  }

  /** PUBCOMP came, with any reason code. Undefined: no exchange of that identifier waits for it, nothing changed. */
  pubcomp(packetId: number): M | undefined {
    const exchange = this.#exchanges.get(packetId);
    if (exchange === undefined || exchange.phase !== "pubrel") return undefined;
    this.#end(exchange);
    return exchange.message;
  }

  #end(exchange: Exchange<M>): void {
    this.#exchanges.delete(exchange);
    // What was not charged on this connection gives nothing back: the quota never passes the receive maximum.
    if (exchange.chargedOn === this.#connection) this.#quota++;
    // Nothing of it is to be sent again.
    exchange.sentOn = this.#connection;
  }

  /** The message of an open exchange. */
  get(packetId: number): M | undefined {
    return this.#exchanges.get(packetId)?.message;
  }

  /**
   * Begins a new connection, on which the peer still has the session: quota is afresh `receiveMaximum` (1 to 65,535),
   * and all open exchanges are to be sent again.
   */
  resume(receiveMaximum: number): void {
    this.#quota = checkedReceiveMaximum(receiveMaximum);
    this.#connection++;
    this.#backlog = [...this.#exchanges.values()];
    this.#resendAt = 0;
    this.#pubrelAt = 0;
  }

  /**
   * The next exchange to send again, in the order of the first sending: its PUBLISH with DUP set, which takes quota,
   * or its PUBREL. Undefined: all was sent, or, while {@linkcode resending}, what is left waits for quota, so that the
   * call is to be repeated after the next acknowledgement. PUBRELs do not wait: without quota they pass PUBLISHes.
   */
  nextResend(): OutboundExchange<M> | undefined {
    const exchange = this.#quota === 0 ? this.#nextPubrel() : this.#nextBacklog();
    if (exchange === undefined) return undefined;
    exchange.sentOn = this.#connection;
    if (exchange.phase === "publish") {
      exchange.chargedOn = this.#connection;
      this.#quota--;
    }
    return exchange;
  }

  #nextBacklog(): Exchange<M> | undefined {
    for (; this.#resendAt < this.#backlog.length; this.#resendAt++) {
      const exchange = this.#backlog[this.#resendAt];
      if (exchange !== undefined && exchange.sentOn !== this.#connection) return exchange;
    }
    if (this.#backlog.length > 0) this.#forgetBacklog();
    return undefined;
  }

  #nextPubrel(): Exchange<M> | undefined {
    for (; this.#pubrelAt < this.#backlog.length; this.#pubrelAt++) {
      const exchange = this.#backlog[this.#pubrelAt];
      if (exchange !== undefined && exchange.sentOn !== this.#connection && exchange.phase === "pubrel") {
        return exchange;
      }
    }
    return undefined;
  }

  #forgetBacklog(): void {
    this.#backlog = [];
    this.#resendAt = 0;
    this.#pubrelAt = 0;
  }

  /** The open exchanges in the order of their first sending. */
  [Symbol.iterator](): IterableIterator<OutboundExchange<M>> {
    return this.#exchanges.values();
  }

  /** Gives up all exchanges and returns their messages in order. Quota stays as it is until {@linkcode resume}. */
  clear(): M[] {
    const messages: M[] = [];
    for (const exchange of this.#exchanges.values()) messages.push(exchange.message);
    this.#exchanges.clear();
    this.#forgetBacklog();
    return messages;
  }
}
