/**
 * How a bridge passes messages on from the session of one client to the session of another: with the packet identifiers
 * that they have there, so that exchanges which are open when the process dies go on with the next one.
 *
 * This is no part of the public API: nobody but a bridge has two sessions of which one stands in for the other's store.
 *
 * @module
 */

import { PUBCOMP, PUBREL } from "./acknowledgement_writer.ts";
import { type Client, lifecycleOf } from "./client.ts";
import { type Message, receiptOf } from "./message.ts";
import { Publication, type PublishOptions, type PublishResult, type RelayedExchange, SUCCESS } from "./publication.ts";
import { publishProperties } from "./publish_properties.ts";
import { NO_BYTES } from "./publish_writer.ts";
import type { Receipt, Relay } from "./receipts.ts";
import type { Sender } from "./sender.ts";

export type { RelayedExchange };

/** Seconds that a repeated message has at least, until it is sent. */
const REPEATED = 60;

/** What a client owes where the other end of its exchanges may be through with them in another order. */
class Unordered implements Relay {
  readonly onRelease: (packetId: number) => boolean;
  readonly #owed = new Set<Receipt>();
  readonly #seen = new WeakSet<Receipt>();

  constructor(onRelease: (packetId: number) => boolean) {
    this.onRelease = onRelease;
  }

  push(receipt: Receipt): void {
    this.#owed.add(receipt);
    this.#seen.add(receipt);
  }

  delete(receipt: Receipt): boolean {
    return this.#owed.delete(receipt);
  }

  /** Whether it has come since this stands in, over all connections. */
  has(receipt: Receipt): boolean {
    return this.#seen.has(receipt);
  }

  [Symbol.iterator](): Iterator<Receipt> {
    return this.#owed.values();
  }

  drain(): Receipt[] {
    const owed = [...this.#owed];
    this.#owed.clear();
    return owed;
  }
}

/** The packet identifier that a message came with; 0 with QoS 0, and when it was acknowledged. */
export function packetIdOf(message: Message): number {
  return receiptOf(message)?.packetId ?? 0;
}

/**
 * Publishes a message that came with QoS 1 or 2, under the packet identifier that it came with; it waits while the client
 * has that in use for something else. Resolves and rejects as `client.publish()` does.
 */
export function passOn(
  client: Client,
  topic: string,
  message: Message,
  options: PublishOptions,
  exchange: RelayedExchange,
): Promise<PublishResult> {
  try {
    const publication = publicationOf(client, topic, message, options, exchange);
    lifecycleOf(client).session.outbox.add(publication);
    senderOf(client)?.drain();
    return publication.completed;
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Throws for misuse. */
function publicationOf(
  client: Client,
  topic: string,
  { payload }: Message,
  options: PublishOptions,
  exchange: RelayedExchange,
): Publication {
  assertOpen(client);
  const { settings: { protocolVersion, clock }, outboundTopics } = lifecycleOf(client).session;
  outboundTopics.get(topic); // throws for what is no topic name
  const { qos = 0, retain = false } = options;
  const properties = publishProperties(options, protocolVersion);
  const { messageExpiryInterval = Infinity } = options.properties ?? {};
  // What was sent once does not expire, or its exchange would stay open there.
  const seconds = exchange.isRepeated ? Math.max(messageExpiryInterval, REPEATED) : messageExpiryInterval;
  const expiresAt = seconds === Infinity ? Infinity : clock.now() + seconds * 1_000;
  const content = { content: payload, start: 0, length: payload.length };
  return new Publication(topic, content, qos, retain, properties, expiresAt, exchange);
}

/**
 * Has a client that receives leave to its owner when its exchanges of QoS 2 are complete: `onRelease` is called when
 * PUBREL has come, and says whether PUBCOMP waits for {@linkcode complete}. Acknowledgements then do not wait for each
 * other.
 *
 * Called when the client is connected, and before it has taken a message; and again when the server has lost the
 * session, so that nobody waits for what came before.
 */
export function relayFrom(client: Client, onRelease: Relay["onRelease"]): void {
  lifecycleOf(client).session.receipts.relay = new Unordered(onRelease);
}

/**
 * Whether a message has come since {@linkcode relayFrom} was called last, and is not acknowledged: the server waits for
 * that, or will, when it has sent the message again.
 */
export function isOwed(client: Client, message: Message): boolean {
  const { relay } = lifecycleOf(client).session.receipts;
  const receipt = receiptOf(message);
  return receipt !== undefined && relay instanceof Unordered && relay.has(receipt);
}

/** Sends the PUBCOMP that `onRelease` has kept back; without a connection, the next one asks again. */
export function complete(client: Client, packetId: number): void {
  senderOf(client)?.answer(PUBCOMP, packetId, 0);
}

/** Sends the PUBREL that `RelayedExchange.onReceived` has kept back, now or with the next connection. */
export function release(client: Client, packetId: number): void {
  const { flow } = lifecycleOf(client).session.outbox;
  const exchange = flow.get(packetId)?.exchange;
  if (exchange === undefined || flow.pubrec(packetId, 0) !== "release") return;
  exchange.onReceived = undefined;
  senderOf(client)?.answer(PUBREL, packetId, 0);
}

/**
 * Sends the PUBREL of an exchange that an earlier client of the session has begun. Resolves when the server has
 * completed it, or does not know it. Without effect while the client has the identifier in use for something else.
 */
export async function takeOver(client: Client, packetId: number): Promise<PublishResult> {
  assertOpen(client);
  const { state } = client;
  const { flow } = lifecycleOf(client).session.outbox;
  const takesQoS2 = state.kind !== "connected" || state.limits.maximumQoS === 2;
  if (!takesQoS2 || !flow.isFree(packetId)) return SUCCESS;
  const content = { content: NO_BYTES, start: 0, length: 0 };
  const message = new Publication("", content, 2, false, NO_BYTES, Infinity);
  flow.restore({ packetId, qos: 2, phase: "pubrel", message });
  senderOf(client)?.answer(PUBREL, packetId, 1);
  return await message.completed;
}

/**
 * Has a client take packet identifiers for its own messages and requests that are far from those that it is to pass on:
 * sessions count them up, and have few at a time.
 */
export function spareIdentifiers(client: Client): void {
  lifecycleOf(client).session.outbox.flow.countFrom(0x8000);
}

function senderOf(client: Client): Sender | undefined {
  return lifecycleOf(client).connection?.sender;
}

function assertOpen({ state: { kind } }: Client): void {
  if (kind !== "closed" && kind !== "closing") return;
  throw new DOMException(`Cannot pass on: client must be open, received one that is ${kind}`, "InvalidStateError");
}
