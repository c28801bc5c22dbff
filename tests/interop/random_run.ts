/** Runs a random script against a broker and writes down what its clients receive. @module */

import type { PublishPacket } from "../../codec/packets.ts";
import { RawClient } from "../support/raw_client.ts";
import { publishPacket, toHex } from "../support/raw_packets.ts";
import { type Delivery, describe, RandomClient } from "./random_client.ts";
import { CLIENTS, type Script, type Step, TOPICS } from "./random_script.ts";

/** What the clients receive during each step. */
export type Transcript = readonly (readonly string[])[];

/** Runs a script, and leaves neither sessions nor retained messages behind. */
export async function runScript(port: number, { steps, acknowledgesAll }: Script): Promise<Transcript> {
  const clients = Array.from({ length: CLIENTS }, () => new RandomClient(port, acknowledgesAll));
  const transcript: string[][] = [];
  try {
    for (const step of [...steps, ...ending(steps)]) {
      transcript.push(await takeStep(port, clients, acknowledgesAll, step));
    }
  } finally {
    for (const client of clients) await client.close();
    await clear(port);
  }
  return transcript;
}

/** What has not come yet comes now, if the session is still there. */
function ending(steps: readonly Step[]): Step[] {
  return Array.from({ length: CLIENTS }, (_, who): Step[] => {
    const last = steps.findLast((step) => step.do === "connect" && step.who === who);
    if (last?.do !== "connect") return [];
    const { version, clientId } = last.options;
    const options = { version, clientId, cleanStart: false };
    return [{ do: "connect", who, options }, { do: "acknowledge all", who }];
  }).flat();
}

async function takeStep(
  port: number,
  clients: readonly RandomClient[],
  acknowledgesAll: boolean,
  step: Step,
): Promise<string[]> {
  const client = step.do === "repeat" ? undefined : clients[step.who];
  const repeated = step.do === "repeat" ? await repeat(port, step) : [];
  if (client !== undefined && step.do !== "repeat") await act(client, step);
  // Twice: what the first round's acknowledgements bring about comes with the second.
  for (const each of [...clients, ...clients]) await each.hear();
  // The order of retained messages is the broker's choice, and so is which of them come within the receive maximum.
  if (step.do === "subscribe") await client?.acknowledgeAll();
  for (const each of clients) await each.hear();
  return [
    ...repeated,
    ...clients.flatMap((each, who) => {
      const { answers, releases, deliveries } = each.takeHeard();
      const lines = [...answers];
      if (acknowledgesAll) lines.push(...merged(deliveries, step.do === "connect"));
      else if (step.do === "subscribe") lines.push(...deliveries.map(({ packet }) => describe(packet)));
      else lines.push(...releases, ...inOrder(deliveries));
      if (step.do === "subscribe") lines.sort();
      return lines.map((line) => `client${who}: ${line}`);
    }),
  ];
}

function act(client: RandomClient, step: Exclude<Step, { do: "repeat" }>): Promise<void> {
  if (step.do === "connect") return client.connect(step.options);
  if (!client.isConnected) return Promise.resolve();
  switch (step.do) {
    case "disconnect":
      return client.disconnect(step);
    case "break":
      return client.break();
    case "subscribe":
      return client.subscribe(step.filters, step.identifier);
    case "unsubscribe":
      return client.unsubscribe(step.filters);
    case "publish":
      return client.publish(step);
    case "acknowledge":
      return client.acknowledge(step.pick);
    case "acknowledge all":
      return client.acknowledgeAll();
  }
}

/** One QoS 2 message, each of its packets twice. */
async function repeat(port: number, step: Extract<Step, { do: "repeat" }>): Promise<string[]> {
  const options = { version: step.version, clientId: "repeater", cleanStart: false } as const;
  const properties = step.version === 5 ? { properties: { sessionExpiryInterval: 1_000 } } : {};
  let client = await RawClient.connect(port, { ...options, ...properties });
  const again = async () => {
    if (!step.isCut) return;
    await client.sendBytes("00 00");
    while (!client.ended) await client.next().catch(() => {});
    await client.close();
    client = await RawClient.connect(port, { ...options, ...properties });
  };
  const { topic, payload, retain } = step;
  const ofStep = step.version === 5 ? { properties: step.properties } : {};
  const packet = publishPacket(topic, payload, { qos: 2, retain, packetId: 7, ...ofStep });
  const answers: string[] = [];
  await client.send(packet);
  answers.push((await client.expect("pubrec")).type);
  await again();
  await client.send({ ...packet, dup: true });
  answers.push((await client.expect("pubrec")).type);
  await client.send({ type: "pubrel", packetId: 7, reasonCode: 0 });
  answers.push((await client.expect("pubcomp")).type);
  await again();
  await client.send({ type: "pubrel", packetId: 7, reasonCode: 0 });
  answers.push((await client.expect("pubcomp")).type);
  await client.disconnect(0, step.version === 5 ? { sessionExpiryInterval: 0 } : undefined);
  await client.close();
  return answers;
}

/** Those of QoS 0 may overtake the others, which wait for acknowledgements. */
function inOrder(deliveries: readonly Delivery[]): string[] {
  const isAtOnce = ({ packet }: Delivery) => packet.qos === 0;
  const [atOnce, waiting] = [deliveries.filter(isAtOnce), deliveries.filter((delivery) => !isAtOnce(delivery))];
  return [...atOnce, ...waiting].map((delivery) => `${describe(delivery.packet)} ${delivery.exchange}`);
}

/**
 * Where several filters match, a broker may send a copy for each, as Mosquitto does, or one with the highest QoS and
 * all identifiers. Of what waits for a client that is away, copies of QoS 0 are lost with what they alone have.
 */
function merged(deliveries: readonly Delivery[], isBack: boolean): string[] {
  const messages = new Map<string, PublishPacket>();
  for (const { packet } of deliveries) {
    const key = `${packet.topic} ${toHex(packet.payload)}`;
    const before = messages.get(key) ?? packet;
    const { subscriptionIdentifiers: _, ...properties } = packet.properties ?? {};
    messages.set(key, {
      ...packet,
      qos: before.qos > packet.qos ? before.qos : packet.qos,
      retain: !isBack && (before.retain || packet.retain),
      properties: isBack ? properties : { ...properties, ...identifiers(before, packet) },
    });
  }
  return [...messages.values()].map(describe);
}

function identifiers(...packets: readonly PublishPacket[]): PublishPacket["properties"] {
  const all = new Set(packets.flatMap((packet) => packet.properties?.subscriptionIdentifiers ?? []));
  return all.size === 0 ? {} : { subscriptionIdentifiers: [...all].toSorted((a, b) => a - b) };
}

async function clear(port: number): Promise<void> {
  for (const clientId of [...Array.from({ length: CLIENTS }, (_, who) => `client${who}`), "repeater"]) {
    await using client = await RawClient.connect(port, { version: 4, clientId, cleanStart: true });
    await client.disconnect();
  }
  await using client = await RawClient.connect(port, { version: 4 });
  for (const topic of TOPICS) await client.publish(topic, "", { qos: 1, retain: true });
  await client.disconnect();
}
