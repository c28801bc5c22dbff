/**
 * One direction of a bridge: takes messages from one side, publishes them on the other, and acknowledges them when the
 * other side has done so.
 *
 * @module
 */

import {
  type Client,
  type Message,
  MqttError,
  type PublishOptions,
  type PublishResult,
  ReasonCode,
} from "../../client/common.ts";
import { packetIdOf, passOn } from "../../client/relay.ts";
import type { Clock } from "../../engine/clock.ts";
import type { Exchanges } from "./exchanges.ts";
import type { MessageSource } from "./message_source.ts";
import type { Pace } from "./pace.ts";

/** A message on its way. */
interface Item {
  readonly message: Message;
  /** Where it goes. */
  readonly topic: string;
  /** It has the same one on both sides; 0 with QoS 0. */
  readonly packetId: number;
  /** Its place in the order of arrival. */
  readonly number: number;
  /** Whether the other side may have got it from an earlier client. */
  isRepeated: boolean;
}

/** What a forwarder works with. */
export interface ForwarderContext {
  readonly clock: Clock;
  readonly pace: Pace | undefined;
  /** Undefined: a QoS 2 message is acknowledged on the one side when it has arrived on the other. */
  readonly exchanges: Exchanges | undefined;
  /** How a message is published there; undefined if it is not. */
  optionsFor(message: Message, topic: string, target: Client): PublishOptions | undefined;
  /** A message has arrived on the other side. */
  onForwarded(): void;
  /** A message was given up; `why` is undefined where that is no news. */
  onDropped(message: Message, why: string | undefined): void;
}

/** Milliseconds until a message is tried again for which the other side has no room. */
const RETRY = 1_000;

/** What a server may not take of a message, which then goes without it. */
const UNSUPPORTED: ReadonlySet<number> = new Set([ReasonCode.RetainNotSupported, ReasonCode.QoSNotSupported]);

/** Errors of a message that no other attempt would mend. */
const HOPELESS: ReadonlySet<number> = new Set([
  ReasonCode.TopicNameInvalid,
  ReasonCode.PacketTooLarge,
  ReasonCode.RetainNotSupported,
  ReasonCode.QoSNotSupported,
]);

/** Forwards messages from several sources to one target, which may be replaced. */
export class Forwarder {
  readonly #context: ForwarderContext;
  #target: Client | undefined;
  #arrival = Promise.withResolvers<void>();
  /** Messages that wait for another target, in order. */
  #parked: Item[] = [];
  #isClosed = false;
  #taken = 0;
  /** Settles when the sources so far have handed over what they had from the start. */
  #caughtUp: Promise<void> = Promise.resolve();
  /** Of sources that have ended. */
  #overflowed = 0;
  readonly #sources = new Set<MessageSource>();

  constructor(context: ForwarderContext) {
    this.#context = context;
  }

  /** Messages of QoS 0 that came faster than they could go on. */
  get overflowed(): number {
    let count = this.#overflowed;
    for (const source of this.#sources) count += source.dropped;
    return count;
  }

  /** Messages go to this client from now on; undefined: they wait for one. */
  setTarget(target: Client | undefined): void {
    this.#target = target;
    this.#context.exchanges?.setTarget(target);
    if (target === undefined) {
      this.#arrival = Promise.withResolvers();
      return;
    }
    const parked = this.#parked.sort(inOrder);
    this.#parked = [];
    for (const item of parked) this.#send(item, target);
    this.#arrival.resolve();
  }

  /** Takes no more messages, and acknowledges none. */
  close(): void {
    this.#isClosed = true;
    this.#arrival.resolve();
  }

  /**
   * Forwards the messages of a source until its end. `route` says where a message goes, or that it is none of this
   * source's. Rejects with what ends the subscription.
   *
   * What waits in a source at this moment goes before what waits in those that are added later.
   */
  async run(source: MessageSource, route: (topic: string) => string | undefined): Promise<void> {
    this.#sources.add(source);
    const before = this.#caughtUp;
    const handedOver = Promise.withResolvers<void>();
    this.#caughtUp = handedOver.promise;
    try {
      const waiting = source.subscription.size;
      await before;
      await this.#forwardSome(source, route, waiting);
      handedOver.resolve();
      await this.#forwardSome(source, route, Infinity);
    } finally {
      handedOver.resolve();
      this.#sources.delete(source);
      this.#overflowed += source.dropped;
    }
  }

  async #forwardSome(
    source: MessageSource,
    route: (topic: string) => string | undefined,
    count: number,
  ): Promise<void> {
    const { pace, exchanges } = this.#context;
    for (let taken = 0; taken < count;) {
      const { done, value: message } = await source.next();
      if (done && !source.isAtEnd) continue;
      if (done || this.#isClosed) return;
      taken++;
      const topic = route(message.topic);
      if (topic === undefined) {
        acknowledge(message);
        continue;
      }
      const pause = pace?.turn();
      if (pause !== undefined) await pause;
      let target: Client | undefined;
      do {
        target = this.#target;
        await (target?.ready ?? this.#arrival.promise);
        if (this.#isClosed) return;
      } while (target === undefined || target !== this.#target);
      const packetId = packetIdOf(message);
      if (exchanges?.isUnderWay(packetId, message)) continue;
      this.#send({ message, topic, packetId, number: ++this.#taken, isRepeated: message.dup }, target);
    }
  }

  #send(item: Item, target: Client): void {
    const { message, topic } = item;
    const options = this.#context.optionsFor(message, topic, target);
    if (options === undefined) return this.#finish(item);
    this.#publish(item, target, options).then(
      ({ ok, reasonCode }) => {
        if (ok) this.#forwarded(item);
        else this.#refused(item, reasonCode);
      },
      (error) => this.#failed(item, target, error, options),
    );
  }

  #publish(item: Item, target: Client, options: PublishOptions): Promise<PublishResult> {
    const { message, topic, packetId, isRepeated } = item;
    if (packetId === 0) return target.publish(topic, message.payload, options);
    const { exchanges } = this.#context;
    const goingOn = exchanges?.goOn(packetId, message, target);
    if (goingOn !== undefined) return goingOn;
    const onReceived = options.qos === 2 ? exchanges?.begin(packetId, message, target) : undefined;
    return passOn(target, topic, message, options, { packetId, isRepeated, onReceived });
  }

  #forwarded(item: Item): void {
    this.#context.onForwarded();
    this.#finish(item);
  }

  #finish({ message, packetId }: Item): void {
    if (this.#context.exchanges?.end(packetId, message) !== true) acknowledge(message);
  }

  #refused(item: Item, reasonCode: number): void {
    if (item.message.qos === 0) return this.#drop(item, undefined);
    if (reasonCode === ReasonCode.QuotaExceeded) return this.#retry(item);
    this.#drop(item, `refused with reason code 0x${reasonCode.toString(16).padStart(2, "0")}`);
  }

  #failed(item: Item, target: Client, error: unknown, tried: PublishOptions): void {
    const code = error instanceof MqttError ? error.reasonCode : undefined;
    if (code !== undefined && UNSUPPORTED.has(code) && this.#isAdaptable(item, target, tried)) {
      return this.#sendAgain(item, undefined);
    }
    if (code !== undefined && HOPELESS.has(code)) return this.#drop(item, String(error));
    if (error instanceof TypeError || error instanceof RangeError) return this.#drop(item, String(error));
    if (item.message.qos === 0) return this.#drop(item, undefined);
    if (code === ReasonCode.QuotaExceeded) return this.#retry(item);
    item.isRepeated = code === undefined;
    // The server has lost the session: with QoS 2 nobody knows whether the message arrived, and a loss would be worse.
    this.#sendAgain(item, code === undefined ? target : undefined);
  }

  /** Whether the message was handed over before it was known what the server takes, or that is unknown again. */
  #isAdaptable({ message, topic }: Item, target: Client, { qos, retain }: PublishOptions): boolean {
    if (target.state.kind !== "connected") return true;
    const options = this.#context.optionsFor(message, topic, target);
    return options !== undefined && (options.qos !== qos || options.retain !== retain);
  }

  #retry(item: Item): void {
    item.isRepeated = false;
    this.#context.clock.schedule(RETRY, () => this.#sendAgain(item, undefined));
  }

  /** Sends to the target of now, unless that is `failed`; else when there is another one. */
  #sendAgain(item: Item, failed: Client | undefined): void {
    if (this.#isClosed) return;
    if (this.#target === undefined || this.#target === failed) this.#parked.push(item);
    else this.#send(item, this.#target);
  }

  #drop(item: Item, why: string | undefined): void {
    this.#context.onDropped(item.message, why);
    this.#finish(item);
  }
}

/**
 * QoS 2 first: until its exchanges have gone on, a server that counts them takes nothing else; before MQTT 5.0 Mosquitto
 * acknowledges what it does not take.
 */
function inOrder(one: Item, other: Item): number {
  return Number(other.message.qos === 2) - Number(one.message.qos === 2) || one.number - other.number;
}

function acknowledge(message: Message): void {
  if (message.qos > 0) message.acknowledge();
}
