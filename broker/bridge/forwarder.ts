/**
 * One direction of a bridge: takes messages from one side, publishes them on the other, and acknowledges them when the
 * other side has done so.
 *
 * @module
 */

import { type Client, type Message, MqttError, type PublishOptions, ReasonCode } from "../../client/common.ts";
import type { Clock } from "../../engine/clock.ts";
import type { MessageSource } from "./message_source.ts";
import type { Pace } from "./pace.ts";

/** A message on its way. */
interface Item {
  readonly message: Message;
  /** Where it goes. */
  readonly topic: string;
}

/** What a forwarder works with. */
export interface ForwarderContext {
  readonly clock: Clock;
  readonly pace: Pace | undefined;
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
    if (target === undefined) {
      this.#arrival = Promise.withResolvers();
      return;
    }
    const parked = this.#parked;
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
   */
  async run(source: MessageSource, route: (topic: string) => string | undefined): Promise<void> {
    this.#sources.add(source);
    try {
      await this.#forwardAll(source, route);
    } finally {
      this.#sources.delete(source);
      this.#overflowed += source.dropped;
    }
  }

  async #forwardAll(source: MessageSource, route: (topic: string) => string | undefined): Promise<void> {
    for (;;) {
      const message = await source.next();
      if (message === undefined || this.#isClosed) return;
      const topic = route(message.topic);
      if (topic === undefined) {
        acknowledge(message);
        continue;
      }
      await this.#context.pace?.turn();
      const target = await this.#nextTarget();
      if (target === undefined) return;
      this.#send({ message, topic }, target);
    }
  }

  /** A client with room for a message; undefined when this is closed. */
  async #nextTarget(): Promise<Client | undefined> {
    for (;;) {
      const target = this.#target;
      if (this.#isClosed) return undefined;
      if (target === undefined) await this.#arrival.promise;
      else {
        await target.ready;
        if (target === this.#target) return target;
      }
    }
  }

  #send(item: Item, target: Client): void {
    const { message, topic } = item;
    const options = this.#context.optionsFor(message, topic, target);
    if (options === undefined) return acknowledge(message);
    target.publish(topic, message.payload, options).then(
      ({ ok, reasonCode }) => {
        if (ok) this.#forwarded(message);
        else this.#refused(item, reasonCode);
      },
      (error) => this.#failed(item, target, error, options),
    );
  }

  #forwarded(message: Message): void {
    this.#context.onForwarded();
    acknowledge(message);
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
    this.#context.clock.schedule(RETRY, () => this.#sendAgain(item, undefined));
  }

  /** Sends to the target of now, unless that is `failed`; else when there is another one. */
  #sendAgain(item: Item, failed: Client | undefined): void {
    if (this.#isClosed) return;
    if (this.#target === undefined || this.#target === failed) this.#parked.push(item);
    else this.#send(item, this.#target);
  }

  #drop({ message }: Item, why: string | undefined): void {
    this.#context.onDropped(message, why);
    acknowledge(message);
  }
}

function acknowledge(message: Message): void {
  if (message.qos > 0) message.acknowledge();
}
