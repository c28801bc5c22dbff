/**
 * What `subscribe()` gives.
 *
 * @module
 */

import type { QoS, RetainHandling } from "../codec/packets.ts";
import type { SubscribeProperties, UnsubscribeProperties, UserProperties } from "../codec/properties.ts";
import type { Subscriber } from "./filters.ts";
import type { InboxOverflow } from "./inbox.ts";
import type { Message } from "./message.ts";
import type { MessageHandler } from "./message_handler.ts";
import { abortable } from "./waiting.ts";

/**
 * Options of `subscribe()`.
 *
 * @example
 * ```ts
 * import { connect } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * // The freshest hundred readings, without those that the server has retained.
 * const readings = client.subscribe(["sensors/+/temperature", "sensors/+/humidity"], {
 *   maximumMessages: 100,
 *   overflow: "drop-oldest",
 *   retainHandling: 2,
 * });
 * console.log(await readings.ready); // [ 0, 0 ]
 * ```
 */
export interface SubscribeOptions {
  /** The highest QoS that messages come with. Default 0. */
  qos?: QoS;
  /** Leave out what this client publishes itself; MQTT 5.0 only, not for shared subscriptions. Default false. */
  noLocal?: boolean;
  /** Keep the retain flag as it was published; MQTT 5.0 only. Default false. */
  retainAsPublished?: boolean;
  /** Retained messages: 0 send them (default), 1 only if the server did not have this subscription, 2 never. */
  retainHandling?: RetainHandling;
  /** MQTT 5.0 only. */
  properties?: Pick<SubscribeProperties, "userProperties">;
  /**
   * When messages of QoS 1 and 2 are acknowledged. `automatic` (default): when the loop comes back for the next one or
   * ends, or `onMessage` is through. `manual`: each by a call of {@linkcode Message.acknowledge}; those that no loop has
   * taken, when it ends.
   */
  acknowledge?: "automatic" | "manual";
  /**
   * Takes the messages in place of a loop, in their order and one at a time: while what it has returned is a promise that
   * is not settled, the others wait, as they do for a loop. Messages of QoS 1 and 2 are acknowledged when it is through,
   * even if it throws; what it throws goes to the client's `error` event, and is thrown outside if nobody listens to it.
   */
  onMessage?: MessageHandler;
  /**
   * How many messages of QoS 0 may wait for the iterator. Default 16,384. Messages of QoS 1 and 2 are bounded by the
   * receive maximum: the server sends no more than that without acknowledgements, and these wait for the iterator.
   */
  maximumMessages?: number;
  /** How many bytes of payload may wait for the iterator, apart from those of QoS 1 and 2. Default 16,777,216 (16 MiB). */
  maximumBytes?: number;
  /** What happens to a message of QoS 0 for which there is no room. Default `drop-oldest`. */
  overflow?: InboxOverflow;
  /** Ends the subscription; the iterator throws the signal's reason, behind the messages that it has. */
  signal?: AbortSignal;
}

/**
 * Options of `unsubscribe()`.
 *
 * @example
 * ```ts
 * import { connect, type UnsubscribeOptions } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * const subscription = client.subscribe("sensors/#");
 * const options: UnsubscribeOptions = { signal: AbortSignal.timeout(5_000) };
 * await subscription.unsubscribe(options);
 * ```
 */
export interface UnsubscribeOptions {
  /** Ends the wait for the server's answer. */
  signal?: AbortSignal;
  /** MQTT 5.0 only. */
  properties?: UnsubscribeProperties;
}

/** Makes a subscription; `remove` takes the subscriber back from the server. `isHandled`: it is not for a loop. */
export let createSubscription: (
  subscriber: Subscriber,
  remove: (userProperties?: UserProperties) => Promise<void>,
  signal: AbortSignal | undefined,
  isHandled: boolean,
) => Subscription;

/**
 * The messages of one `subscribe()`, for one loop, or for the function that was given as `onMessage`.
 *
 * A message of QoS 1 or 2 is acknowledged when the loop comes back for the next one, or ends, unless
 * {@linkcode SubscribeOptions.acknowledge} says otherwise; until then the server keeps it. Acknowledgements leave in the
 * order of the messages over all subscriptions of a client, so that a loop that stands still in the end holds up its
 * server, though neither the reading nor the keep-alive of its own client. Who cannot have that takes what comes quickly,
 * e.g. into a queue of its own.
 *
 * Ending the loop, by `break`, `return` or an error, unsubscribes.
 *
 * @example
 * ```ts
 * import { connect } from "@x/mqtt/client";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883");
 * await using subscription = client.subscribe("sensors/+/temperature", { qos: 1 });
 * const [granted] = await subscription.ready;
 * console.log(granted); // 1
 * await client.publish("sensors/7/temperature", "21.5", { qos: 1 });
 * for await (const message of subscription) {
 *   console.log(message.topic, message.text()); // sensors/7/temperature 21.5
 *   break;
 * }
 * ```
 */
export class Subscription implements AsyncIterableIterator<Message, undefined, undefined>, AsyncDisposable {
  readonly #subscriber: Subscriber;
  readonly #remove: (userProperties?: UserProperties) => Promise<void>;
  readonly #signal: AbortSignal | undefined;
  /** Whether a function has the messages. */
  readonly #isHandled: boolean;
  readonly #onAbort = (): void => this.#abort();

  private constructor(
    subscriber: Subscriber,
    remove: (userProperties?: UserProperties) => Promise<void>,
    signal: AbortSignal | undefined,
    isHandled: boolean,
  ) {
    this.#isHandled = isHandled;
    this.#subscriber = subscriber;
    this.#remove = remove;
    this.#signal = signal;
    if (signal === undefined) return;
    signal.addEventListener("abort", this.#onAbort, { once: true });
    // A signal may outlive many subscriptions.
    subscriber.inbox.onEnd = () => signal.removeEventListener("abort", this.#onAbort);
  }

  /** The topic filters. */
  get filters(): readonly string[] {
    return this.#subscriber.filters;
  }

  /**
   * The server's answer: for each filter the granted QoS, 0 to 2, or a reason code from 0x80 on. Rejects with
   * `MqttError` when all are refused, as the iterator then does, and with the reason when the subscription ends before.
   */
  get ready(): Promise<readonly number[]> {
    return this.#subscriber.answered;
  }

  /** How many messages wait for the iterator. */
  get size(): number {
    return this.#subscriber.inbox.size;
  }

  /** How many messages of QoS 0 were dropped because the iterator was too slow. */
  get dropped(): number {
    return this.#subscriber.inbox.dropped;
  }

  /** The next message, when it is there; the ones before are then acknowledged. */
  next(): Promise<IteratorResult<Message, undefined>> {
    if (this.#isHandled) return Promise.reject(new TypeError("Cannot iterate: the messages go to onMessage"));
    return this.#subscriber.inbox.next();
  }

  /** Ends the subscription, as `break` does in a loop. It does not wait for the server, see {@linkcode unsubscribe}. */
  return(): Promise<IteratorResult<Message, undefined>> {
    // The server's answer is not waited for, and cannot fail.
    void this.#end();
    return this.#subscriber.inbox.next();
  }

  /** Ends the subscription and waits until the server has taken note, or until the connection ends. */
  unsubscribe(options: UnsubscribeOptions = {}): Promise<void> {
    return abortable(this.#end(options.properties?.userProperties), options.signal);
  }

  /** The iterator is the subscription itself: its messages go to one loop. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Unsubscribes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.unsubscribe();
  }

  #end(userProperties?: UserProperties): Promise<void> {
    this.#subscriber.close(new Error("Cannot subscribe: the subscription was ended before the answer"));
    return this.#remove(userProperties);
  }

  #abort(): void {
    this.#subscriber.fail(this.#signal?.reason);
    void this.#remove();
  }

  static {
    createSubscription = (subscriber, remove, signal, isHandled) =>
      new Subscription(subscriber, remove, signal, isHandled);
  }
}
