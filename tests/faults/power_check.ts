/**
 * Whether a store keeps what was promised.
 *
 * @module
 */

import type { LoadedDelivery, Store } from "../../broker/store.ts";
import {
  type ClientRecord,
  type Delivered,
  deliveryKey,
  NO_SESSION,
  numberOf,
  sessionText,
  type Witness,
} from "./power_witness.ts";

/** Clients whose subscriptions were promised before anything was published, each with the topics that it gets. */
export type Readers = ReadonlyMap<string, readonly string[]>;

/** What of the promises to all clients is not kept, a line for each. */
export function brokenPromises(store: Store, witness: Witness, readers: Readers): string[] {
  const left = new Left(store);
  const found = retainedLosses(store, witness);
  for (const [clientId, record] of witness.clients) {
    const losses = [...sessionLosses(left, clientId, record), ...receivedLosses(left, witness, readers, clientId)];
    found.push(...losses.map((loss) => `session ${clientId}: ${loss}`));
  }
  for (const [clientId, topics] of readers) {
    for (const topic of topics) {
      const losses = deliveryLosses(left, witness, clientId, topic);
      found.push(...losses.map((loss) => `to ${clientId}: ${topic} ${loss}`));
    }
  }
  return found;
}

/** A delivery by what its payload begins with. */
interface Numbered {
  readonly number: number;
  readonly loaded: LoadedDelivery;
}

/** What the store has of each client. */
class Left {
  readonly #store: Store;
  readonly #ids: ReadonlyMap<string, number>;
  readonly #inFlight: readonly LoadedDelivery[];
  readonly #deliveries = new Map<string, readonly Numbered[]>();

  constructor(store: Store) {
    this.#store = store;
    this.#ids = new Map([...store.sessions()].map(({ clientId, id }) => [clientId, id]));
    this.#inFlight = [...store.inFlight()];
  }

  /** Its session in the words of the witness. */
  session(clientId: string): string {
    const id = this.#ids.get(clientId);
    if (id === undefined) return NO_SESSION;
    const own = [...this.#store.subscriptions()].filter(({ session }) => session === id);
    const will = [...this.#store.wills()].find(({ session }) => session === id);
    const subscriptions = new Map(own.map(({ filter, qos, identifier }) => [filter, `${qos} ${identifier}`]));
    return sessionText(subscriptions, will && textOf(will.message.payload));
  }

  /** Packet identifiers of QoS 2 messages that were received and not released. */
  received(clientId: string): Set<number> {
    const id = this.#ids.get(clientId);
    return new Set([...this.#store.received()].filter(({ session }) => session === id).map((it) => it.packetId));
  }

  /** All deliveries of a topic in the order in which they go on. */
  deliveries(clientId: string, topic: string): readonly Numbered[] {
    const key = `${clientId} ${topic}`;
    const known = this.#deliveries.get(key) ?? this.#load(this.#ids.get(clientId) ?? 0, topic);
    this.#deliveries.set(key, known);
    return known;
  }

  #load(id: number, topic: string): Numbered[] {
    const sent = this.#inFlight.filter(({ delivery }) => delivery.session === id);
    return [...sent, ...this.#store.queued(id, 0, 1_000_000)]
      .filter(({ message }) => message.topic === topic)
      .map((loaded) => ({ number: numberOf(loaded.message.payload), loaded }));
  }
}

function retainedLosses(store: Store, { retained }: Witness): string[] {
  const texts = new Map([...store.retained()].map(({ message }) => [message.topic, textOf(message.payload)]));
  return [...retained]
    .filter(([topic, { promised, possible }]) => promised >= 0 && !possible.includes(texts.get(topic) ?? ""))
    .map(([topic]) => `retained ${topic}: "${texts.get(topic)}" is older than what was promised`);
}

function sessionLosses(left: Left, clientId: string, record: ClientRecord): string[] {
  const session = left.session(clientId);
  return record.allows(session) ? [] : [`${session} is older than what was promised`];
}

/** QoS 2 messages that would be lost or doubled when their publisher goes on. */
function receivedLosses(left: Left, witness: Witness, readers: Readers, clientId: string): string[] {
  const held = witness.clients.get(clientId)?.held ?? new Map<number, never>();
  const received = left.received(clientId);
  const found = [...received].filter((id) => !held.has(id)).map((id) =>
    `received ${id}: the next one would be ignored`
  );
  for (const [id, { topic, number, phase }] of held) {
    const isReceived = received.has(id);
    if (phase === "promised" && !isReceived) found.push(`received ${id}: lost`);
    if (phase !== "received") continue;
    for (const [reader, topics] of readers) {
      if (!topics.includes(topic)) continue;
      const delivered = witness.clients.get(reader)?.delivered.get(deliveryKey(topic, number));
      const isThere = delivered !== undefined || left.deliveries(reader, topic).some((it) => it.number === number);
      if (isThere && !isReceived) found.push(`received ${id}: ${topic} ${number} would come twice to ${reader}`);
      if (!isThere && isReceived) found.push(`received ${id}: ${topic} ${number} would never come to ${reader}`);
    }
  }
  return found;
}

function deliveryLosses(left: Left, { clients, topics }: Witness, clientId: string, topic: string): string[] {
  const stored = new Map<number, LoadedDelivery>();
  const found: string[] = [];
  let last = -1;
  for (const { number, loaded } of left.deliveries(clientId, topic)) {
    // With QoS 1 a publisher may have sent it again.
    const isAgain = stored.has(number);
    if (isAgain && loaded.message.qos === 2) found.push(`${number}: there twice`);
    if (!isAgain && number < last) found.push(`${number}: behind ${last}`);
    if (!isAgain) stored.set(number, loaded);
    last = Math.max(last, number);
  }
  const promised = topics.get(topic)?.promised ?? -1;
  const delivered = clients.get(clientId)?.delivered;
  for (let number = 0; number <= Math.max(promised, last); number++) {
    const loss = deliveryLoss(stored.get(number), delivered?.get(deliveryKey(topic, number)));
    if (loss !== undefined) found.push(`${number}: ${loss}`);
  }
  return found;
}

function deliveryLoss(loaded: LoadedDelivery | undefined, delivered: Delivered | undefined): string | undefined {
  if (loaded === undefined) {
    if (delivered === undefined) return "lost";
    return delivered.phase === "sent" ? "lost after it was sent" : undefined;
  }
  const { state } = loaded.delivery;
  if (delivered === undefined || delivered.qos === 1) return undefined;
  if (state.phase === "queued" || state.packetId !== delivered.packetId) return "would be delivered twice";
  if (delivered.phase !== "sent" && state.phase === "sent") return "would be sent again after PUBREL";
  return undefined;
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
