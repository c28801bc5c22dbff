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
  const retained = retainedLosses(store, witness);
  const ids = new Map([...store.sessions()].map(({ clientId, id }) => [clientId, id]));
  const found: string[] = [];
  for (const [clientId, record] of witness.clients) {
    const id = ids.get(clientId);
    const losses = sessionLosses(store, record, id);
    if (id !== undefined) losses.push(...receivedLosses(store, witness, readers, record, id, ids));
    found.push(...losses.map((loss) => `session ${clientId}: ${loss}`));
  }
  for (const [clientId, topics] of readers) {
    const id = ids.get(clientId);
    const record = witness.clients.get(clientId);
    if (id === undefined || record === undefined) continue;
    for (const topic of topics) {
      const promised = witness.topics.get(topic)?.promised ?? -1;
      const losses = deliveryLosses(deliveriesOf(store, id, topic), topic, promised, record);
      found.push(...losses.map((loss) => `to ${clientId}: ${topic} ${loss}`));
    }
  }
  return [...retained, ...found];
}

function retainedLosses(store: Store, { retained }: Witness): string[] {
  const texts = new Map([...store.retained()].map(({ message }) => [message.topic, textOf(message.payload)]));
  return [...retained]
    .filter(([topic, history]) => !history.allows(texts.get(topic) ?? ""))
    .map(([topic]) => `retained ${topic}: an older one than was promised`);
}

function sessionLosses(store: Store, record: ClientRecord, id: number | undefined): string[] {
  if (id === undefined) return record.sessions.allows(NO_SESSION) ? [] : ["lost"];
  const own = [...store.subscriptions()].filter(({ session }) => session === id);
  const will = [...store.wills()].find(({ session }) => session === id);
  const subscriptions = new Map(own.map(({ filter, qos, identifier }) => [filter, `${qos} ${identifier}`]));
  const text = sessionText(subscriptions, will && textOf(will.message.payload));
  return record.sessions.allows(text) ? [] : [`${text} is older than what was promised`];
}

/** QoS 2 messages that would be lost or doubled when their publisher goes on. */
function receivedLosses(
  store: Store,
  witness: Witness,
  readers: Readers,
  record: ClientRecord,
  id: number,
  ids: ReadonlyMap<string, number>,
): string[] {
  const stored = new Set([...store.received()].filter(({ session }) => session === id).map((it) => it.packetId));
  const found: string[] = [];
  for (const packetId of stored) {
    if (!record.held.has(packetId)) found.push(`received ${packetId} would be taken twice`);
  }
  for (const [packetId, { topic, number, phase }] of record.held) {
    const isStored = stored.has(packetId);
    if (phase === "promised" && !isStored) found.push(`received ${packetId}: lost`);
    if (phase !== "received") continue;
    for (const [clientId, topics] of readers) {
      const reader = ids.get(clientId);
      if (!topics.includes(topic) || reader === undefined) continue;
      const delivered = witness.clients.get(clientId)?.delivered.get(deliveryKey(topic, number));
      const isThere = delivered !== undefined || deliveriesOf(store, reader, topic).some((it) => it.number === number);
      if (isThere && !isStored) found.push(`received ${packetId}: ${topic} ${number} would come twice`);
      if (!isThere && isStored) found.push(`received ${packetId}: ${topic} ${number} would never come`);
    }
  }
  return found;
}

interface StoredNumber {
  readonly number: number;
  readonly loaded: LoadedDelivery;
}

/** What a session still has of a topic, in the order in which it is sent. */
function deliveriesOf(store: Store, session: number, topic: string): StoredNumber[] {
  const sent = [...store.inFlight()].filter(({ delivery }) => delivery.session === session);
  return [...sent, ...store.queued(session, 0, 1_000_000)]
    .filter(({ message }) => message.topic === topic)
    .map((loaded) => ({ number: numberOf(loaded.message.payload), loaded }));
}

function deliveryLosses(
  deliveries: readonly StoredNumber[],
  topic: string,
  promised: number,
  { delivered }: ClientRecord,
): string[] {
  const stored = new Map<number, LoadedDelivery>();
  const found: string[] = [];
  let last = -1;
  for (const { number, loaded } of deliveries) {
    // With QoS 1 a publisher may have sent it again.
    const isAgain = stored.has(number);
    if (isAgain && loaded.message.qos === 2) found.push(`${number}: there twice`);
    if (!isAgain && number < last) found.push(`${number}: behind ${last}`);
    if (!isAgain) stored.set(number, loaded);
    last = Math.max(last, number);
  }
  for (let number = 0; number <= Math.max(promised, last); number++) {
    const loss = deliveryLoss(stored.get(number), delivered.get(deliveryKey(topic, number)));
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
