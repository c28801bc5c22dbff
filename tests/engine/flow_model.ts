/**
 * Two ends of a session over a link that loses the connection, with all that is in transit on it.
 *
 * @module
 */

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { InboundFlow } from "../../engine/inbound_flow.ts";
import { OutboundFlow } from "../../engine/outbound_flow.ts";

/** What is published: numbered from 0, in the order of publishing. */
export interface Message {
  readonly number: number;
  readonly qos: 1 | 2;
}

interface Answer {
  readonly type: "puback" | "pubrec" | "pubrel" | "pubcomp";
  readonly id: number;
  readonly code: number;
}

type Packet =
  | { readonly type: "publish"; readonly id: number; readonly message: Message; readonly dup: boolean }
  | Answer;

const SUCCESS = 0x00;
const NOT_FOUND = 0x92;
const QUOTA_EXCEEDED = 0x97;

/** How one end behaves. */
export interface EndOptions {
  /** How many messages it publishes. */
  readonly messages: number;
  /** What it lets the other end have open; chosen anew for each connection. */
  receiveMaximum(): number;
  /** Whether it takes a message of the other end, or refuses it with 0x97. */
  accepts(message: Message): boolean;
  /** The QoS of the next message. */
  qos(): 1 | 2;
}

/** One end: it publishes, and it takes what the other publishes. */
export class End {
  /** What was taken, with repetitions at QoS 1. */
  readonly receipts: Message[] = [];
  /** Own messages that the other end has refused. */
  readonly refused = new Set<number>();
  readonly #options: EndOptions;
  readonly #outbound = new OutboundFlow<Message>();
  readonly #inbound = new InboundFlow();
  #published = 0;
  /** Answers to PUBLISH that are due, in order; delayed as if someone had to be asked first. */
  #answers: Answer[] = [];
  /** Identifiers of PUBLISHes of this connection that are open, counted without the flow's help. */
  #open = new Set<number>();
  #peerReceiveMaximum = 0;

  constructor(options: EndOptions) {
    this.#options = options;
  }

  /** How many messages it has published. */
  get published(): number {
    return this.#published;
  }

  /** Whether all is published and nothing is open. */
  get isDone(): boolean {
    return this.#published === this.#options.messages && this.#outbound.size === 0 && this.#inbound.size === 0 &&
      this.#answers.length === 0;
  }

  /** A new connection has come up. Returns the own receive maximum, the other end's comes with `start`. */
  connect(): number {
    // Refusals that did not get away: the repeats shall be refused again.
    for (const { id, code } of this.#answers) if (code !== SUCCESS) this.#inbound.acknowledged(id, 2);
    this.#answers = [];
    const receiveMaximum = this.#options.receiveMaximum();
    this.#inbound.resume(receiveMaximum);
    return receiveMaximum;
  }

  start(peerReceiveMaximum: number): Packet[] {
    this.#outbound.resume(peerReceiveMaximum);
    this.#peerReceiveMaximum = peerReceiveMaximum;
    this.#open.clear();
    return this.send(Infinity);
  }

  /** Sends again what must be sent again, then at most `count` new messages. */
  send(count: number): Packet[] {
    const packets: Packet[] = [];
    for (let next = this.#outbound.nextResend(); next !== undefined; next = this.#outbound.nextResend()) {
      const { packetId: id, message, phase } = next;
      if (phase === "pubrel") packets.push({ type: "pubrel", id, code: SUCCESS });
      else packets.push(this.#publish(id, message, true));
    }
    while (packets.length < count && !this.#outbound.resending && this.#outbound.quota > 0) {
      if (this.#published === this.#options.messages) break;
      const message = { number: this.#published++, qos: this.#options.qos() };
      packets.push(this.#publish(this.#outbound.begin(message, message.qos), message, false));
    }
    return packets;
  }

  #publish(id: number, message: Message, dup: boolean): Packet {
    assert(id >= 1 && id <= 65_535 && !this.#open.has(id), `identifier ${id} must be free`);
    this.#open.add(id);
    assertLessOrEqual(this.#open.size, this.#peerReceiveMaximum);
    return { type: "publish", id, message, dup };
  }

  /** Sends the next answer to a PUBLISH, if one is due. */
  answer(): Packet[] {
    const answer = this.#answers.shift();
    if (answer === undefined) return [];
    const { type, id, code } = answer;
    if (type === "puback") this.#inbound.acknowledged(id, 1);
    else if (code !== SUCCESS) this.#inbound.acknowledged(id, 2);
    return [answer];
  }

  /** Takes a packet and returns what it sends at once. */
  receive(packet: Packet): Packet[] {
    switch (packet.type) {
      case "publish":
        return this.#receivePublish(packet.id, packet.message);
      case "puback":
        return this.#endOutbound(packet.id, packet.code, this.#outbound.puback(packet.id));
      case "pubrec":
        return this.#receivePubrec(packet.id, packet.code);
      case "pubrel":
        return [{ type: "pubcomp", id: packet.id, code: this.#inbound.pubrel(packet.id) ? SUCCESS : NOT_FOUND }];
      case "pubcomp":
        return this.#endOutbound(packet.id, SUCCESS, this.#outbound.pubcomp(packet.id));
    }
  }

  #receivePublish(id: number, message: Message): Packet[] {
    const isNew = this.#inbound.publish(id, message.qos) === "new";
    const code = isNew && !this.#options.accepts(message) ? QUOTA_EXCEEDED : SUCCESS;
    if (isNew && code === SUCCESS) this.receipts.push(message);
    this.#answers.push({ type: message.qos === 1 ? "puback" : "pubrec", id, code });
    return [];
  }

  #receivePubrec(id: number, code: number): Packet[] {
    const message = this.#outbound.get(id);
    switch (this.#outbound.pubrec(id, code)) {
      case "release":
        return [{ type: "pubrel", id, code: SUCCESS }];
      case "ended":
        return this.#endOutbound(id, code, message);
      case "unknown":
        return [{ type: "pubrel", id, code: NOT_FOUND }];
    }
  }

  #endOutbound(id: number, code: number, message: Message | undefined): Packet[] {
    assert(message !== undefined, `identifier ${id} must be in use`);
    this.#open.delete(id);
    if (code !== SUCCESS) this.refused.add(message.number);
    return [];
  }

  /** Checks that nothing is left behind. */
  checkEmpty(): void {
    assertEquals(this.#outbound.size, 0);
    assertEquals(this.#outbound.quota, this.#peerReceiveMaximum);
    assertEquals(this.#outbound.resending, false);
    assertEquals([...this.#outbound], []);
    assertEquals([...this.#inbound], []);
    assertEquals(this.#open.size, 0);
  }
}

/** Two ends and the two lanes between them. */
export class Link {
  readonly #random: () => number;
  readonly ends: readonly [End, End];
  #toFirst: Packet[] = [];
  #toSecond: Packet[] = [];

  constructor(random: () => number, ends: readonly [End, End]) {
    this.#random = random;
    this.ends = ends;
  }

  /** The connection is lost with all that is on its way, and comes up again. */
  reconnect(): void {
    const [first, second] = this.ends;
    const ofFirst = first.connect();
    const ofSecond = second.connect();
    this.#toSecond = first.start(ofSecond);
    this.#toFirst = second.start(ofFirst);
  }

  /** One of the ends does one thing. */
  step(): void {
    const [first, second] = this.ends;
    if (this.#random() < 0.5) this.#stepOf(first, this.#toFirst, this.#toSecond);
    else this.#stepOf(second, this.#toSecond, this.#toFirst);
  }

  #stepOf(end: End, incoming: Packet[], outgoing: Packet[]): void {
    const choice = this.#random();
    if (choice < 0.25) outgoing.push(...end.send(1 + Math.floor(this.#random() * 4)));
    else if (choice < 0.5) outgoing.push(...end.answer());
    else {
      const packet = incoming.shift();
      if (packet !== undefined) outgoing.push(...end.receive(packet));
    }
  }

  /** Whether both ends have published all, and all is settled. */
  get isDone(): boolean {
    return this.#toFirst.length === 0 && this.#toSecond.length === 0 && this.ends.every((end) => end.isDone);
  }
}
