/**
 * Will messages that wait for their delay (MQTT 5.0 section 3.1.2.5).
 *
 * @module
 */

import type { Clock } from "../engine/clock.ts";
import { TextMap } from "../engine/text_map.ts";
import type { Timer, Timers } from "../engine/timers.ts";
import type { BrokerHooks, ClientInfo } from "./hooks.ts";
import type { MessageValues } from "./publication.ts";
import type { SessionAccess } from "./session_access.ts";
import type { Topic } from "./topic_cache.ts";

/** A will as it stands in CONNECT, ready to be published. */
export interface WillMessage {
  /** Whose will it is. */
  readonly client: ClientInfo;
  /** Decides for the listener that it came by; absent: the broker's own hooks do. */
  readonly policy?: Pick<BrokerHooks, "authorizePublish">;
  /** What its client may do. */
  readonly access: SessionAccess;
  readonly topic: Topic;
  readonly message: MessageValues;
  /** Will delay interval in seconds. */
  readonly delay: number;
}

/** Publishes a will. */
export type PublishWill = (will: WillMessage) => void;

/** The wills of clients that are away, each until its delay has passed or the client is back. */
export class DelayedWills {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #publish: PublishWill;
  readonly #waiting = new TextMap<{ readonly will: WillMessage; readonly timer: Timer }>();

  constructor(clock: Clock, timers: Timers, publish: PublishWill) {
    this.#clock = clock;
    this.#timers = timers;
    this.#publish = publish;
  }

  /** Wills that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Publishes the will at the earlier of its delay and the end of the session, both in seconds from now. Returns when
   * that will be, undefined if it is done.
   */
  schedule(will: WillMessage, sessionExpiryInterval: number): number | undefined {
    const delay = Math.min(will.delay, sessionExpiryInterval);
    if (delay === 0) {
      this.#publish(will);
      return undefined;
    }
    const at = this.#clock.now() + delay * 1000;
    this.scheduleAt(will, at);
    return at;
  }

  /** Publishes the will at the clock time `at`. */
  scheduleAt(will: WillMessage, at: number): void {
    const { clientId } = will.client;
    const timer = this.#timers.schedule(at, () => this.release(clientId));
    this.#waiting.set(clientId, { will, timer });
  }

  /** The client is back in time: its will is not published. */
  cancel(clientId: string): void {
    const waiting = this.#waiting.get(clientId);
    if (waiting === undefined) return;
    this.#timers.cancel(waiting.timer);
    this.#waiting.delete(clientId);
  }

  /** The session ends, or the delay has passed: the will, if one waits, is published. */
  release(clientId: string): void {
    const waiting = this.#waiting.get(clientId);
    if (waiting === undefined) return;
    this.cancel(clientId);
    this.#publish(waiting.will);
  }
}
