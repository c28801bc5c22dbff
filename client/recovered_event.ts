/**
 * What became of publications of an earlier run.
 *
 * @module
 */

import type { QoS } from "../codec/packets.ts";
import type { PublishResult } from "./publication.ts";

/**
 * A publication that an earlier run has left in the store is complete, or cannot be completed. Nobody waits for its
 * promise any more, so that this event tells.
 *
 * @example
 * ```ts
 * import { connect } from "@x/mqtt/client";
 * import { MemoryStore } from "@x/mqtt/client/store";
 *
 * await using client = await connect("mqtt://127.0.0.1:1883", { store: new MemoryStore() });
 * client.addEventListener("recovered", ({ topic, result, error }) => {
 *   console.log(topic, result?.ok ? "has arrived" : error?.message ?? "was refused or has expired");
 * });
 * ```
 */
export class RecoveredEvent extends Event {
  /** Topic name. */
  readonly topic: string;
  /** 1 or 2. */
  readonly qos: QoS;
  /** What `publish()` would have resolved to: `ok` is false for a refusal (and 0x80 when the message has expired). */
  readonly result: PublishResult | undefined;
  /** What `publish()` would have rejected with. */
  readonly error: Error | undefined;

  /** Made by the client. */
  constructor(topic: string, qos: QoS, result: PublishResult | undefined, error: Error | undefined) {
    super("recovered");
    this.topic = topic;
    this.qos = qos;
    this.result = result;
    this.error = error;
  }
}
