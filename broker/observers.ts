/**
 * Those who want to know of every message, beside its subscribers.
 *
 * @module
 */

import type { QoS } from "../codec/packets.ts";
import type { LogSink } from "./log.ts";
import type { Publication } from "./publication.ts";

/** A message as an observer sees it: valid until the observer returns. */
export interface PublishedMessage {
  /** QoS that it was published with. */
  readonly qos: QoS;
  /** The retain flag. */
  readonly retain: boolean;
  /** A view of the broker's own bytes: copy what is to be kept. */
  readonly payload: Uint8Array;
}

/** Takes a message. */
export type PublishObserver = (topic: string, message: PublishedMessage) => void;

/** What observers look at. */
export interface Observed {
  readonly log: LogSink;
  observe: ((publication: Publication) => void) | undefined;
}

/** All observers of one broker; without any, messages pass as if there could be none. */
export class Observers {
  readonly #observed: Observed;
  readonly #observers = new Set<PublishObserver>();

  constructor(observed: Observed) {
    this.#observed = observed;
  }

  /** Adds one; returns a function that removes it. */
  add(observer: PublishObserver): () => void {
    // One that is added twice is called twice.
    const own: PublishObserver = (topic, message) => observer(topic, message);
    this.#observers.add(own);
    this.#observed.observe = (publication) => this.#tell(publication);
    return () => this.#remove(own);
  }

  #remove(observer: PublishObserver): void {
    this.#observers.delete(observer);
    if (this.#observers.size === 0) this.#observed.observe = undefined;
  }

  #tell(publication: Publication): void {
    for (const observer of this.#observers) {
      try {
        observer(publication.topic.name, publication);
      } catch (error) {
        this.#remove(observer);
        this.#observed.log.write("error", `An observer of messages failed and is not called again: ${error}`);
      }
    }
  }
}
