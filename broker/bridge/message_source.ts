/**
 * The messages of one subscription that is renewed now and then.
 *
 * @module
 */

import type { Message, Subscription } from "../../client/common.ts";

type Result = Promise<IteratorResult<Message, undefined>>;

/** Takes messages from one subscription after the other, and loses none in between. */
export class MessageSource {
  #current: Subscription;
  /** What an earlier subscription had still in store. */
  readonly #left: Result[] = [];
  /** Who was asked last; undefined if it was an earlier one. */
  #asked: Subscription | undefined;
  #dropped = 0;

  /** The subscription's messages are taken by nobody else. */
  constructor(subscription: Subscription) {
    this.#current = subscription;
  }

  /** The subscription in use. */
  get subscription(): Subscription {
    return this.#current;
  }

  /** Messages of QoS 0 that came faster than they could go on. */
  get dropped(): number {
    return this.#dropped + this.#current.dropped;
  }

  /**
   * Goes on with a subscription to the same filters that was made just now: the server sends what it has retained
   * anew, and the rest goes on without a gap.
   */
  renew(subscription: Subscription): void {
    const former = this.#current;
    this.#current = subscription;
    this.#dropped += former.dropped;
    for (let waiting = former.size; waiting > 0; waiting--) this.#left.push(former.next());
    // Who waits for its next message is told of the end, and comes back for those of the new one.
    void former.return();
  }

  /** The next message; or the end of a subscription, and {@linkcode isAtEnd} says whether of all. */
  next(): Result {
    const left = this.#left.shift();
    this.#asked = left === undefined ? this.#current : undefined;
    return left ?? this.#current.next();
  }

  /** Whether an end that {@linkcode next} has given is that of the subscription in use, so that nothing follows. */
  get isAtEnd(): boolean {
    return this.#asked === this.#current;
  }
}
