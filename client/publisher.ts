/**
 * What `client.publish()` does.
 *
 * @module
 */

import { assertQoS } from "./checks.ts";
import { LARGEST_PACKET } from "./connect_packet.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Settings } from "./settings.ts";
import { PayloadKeeper } from "./outbound_payload.ts";
import { type Payload, payloadAtHand, readPayload } from "./payload.ts";
import { NOT_SENT, Publication, type PublishOptions, type PublishResult } from "./publication.ts";
import { publishProperties } from "./publish_properties.ts";
import type { Session } from "./session.ts";
import { abortable } from "./waiting.ts";

/** Hands publications to the connection or, if they must wait, to the session. */
export class Publisher {
  readonly #settings: Settings;
  readonly #session: Session;
  readonly #lifecycle: Lifecycle;
  readonly #assertOpen: () => void;
  readonly #payloads = new PayloadKeeper();

  /** `assertOpen` throws when the client takes no more. */
  constructor(settings: Settings, session: Session, lifecycle: Lifecycle, assertOpen: () => void) {
    this.#settings = settings;
    this.#session = session;
    this.#lifecycle = lifecycle;
    this.#assertOpen = assertOpen;
  }

  /** Publishes, while the client is open. Throws for misuse, and rejects for it where the payload is read first. */
  publish(topic: string, payload: Payload, options: PublishOptions): Promise<PublishResult> {
    const atHand = payloadAtHand(payload);
    if (atHand !== undefined) return this.#publish(topic, atHand, options);
    return this.#publishRead(topic, payload, options);
  }

  #publish(topic: string, payload: string | Uint8Array, options: PublishOptions): Promise<PublishResult> {
    const { qos = 0, retain = false, signal } = options;
    signal?.throwIfAborted();
    assertQoS(qos, "publish");
    const expiry = options.properties?.messageExpiryInterval;
    const properties = publishProperties(options, this.#settings.protocolVersion);
    const sender = this.#lifecycle.connection?.sender;
    if (qos === 0 && sender?.takesQoS0) {
      return abortable(sender.publishQoS0(topic, payload, retain, properties, expiry ?? -1), signal);
    }
    this.#session.outboundTopics.get(topic); // throws for what is no topic name
    if (qos === 0 && sender === undefined && !this.#settings.queue.qos0) return Promise.resolve(NOT_SENT);
    const expiresAt = expiry === undefined ? Infinity : this.#settings.clock.now() + expiry * 1_000;
    const publication = new Publication(topic, this.#payloads.keep(payload), qos, retain, properties, expiresAt);
    this.#session.outbox.add(publication);
    sender?.drain();
    return signal === undefined ? publication.completed : this.#withSignal(publication, signal);
  }

  async #publishRead(topic: string, payload: Payload, options: PublishOptions): Promise<PublishResult> {
    const limits = this.#lifecycle.connection?.limits;
    const maximum = Math.min(limits?.maximumPacketSize ?? LARGEST_PACKET, this.#settings.queue.bytes);
    const { ended } = this.#lifecycle;
    const signal = options.signal === undefined ? ended : AbortSignal.any([options.signal, ended]);
    const bytes = await readPayload(payload, maximum, signal).catch((error) => {
      this.#assertOpen(); // which says more than the end of the stream
      throw error;
    });
    this.#assertOpen();
    return await this.#publish(topic, bytes, options);
  }

  #withSignal(publication: Publication, signal: AbortSignal): Promise<PublishResult> {
    const onAbort = () => this.#session.outbox.abort(publication, signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    return publication.completed.finally(() => signal.removeEventListener("abort", onAbort));
  }
}
