/** A client of a random script: its life over many connections, and what it receives in words. @module */

import type { Packet, PublishPacket } from "../../codec/packets.ts";
import { RawClient } from "../support/raw_client.ts";
import { publishPacket, type RawConnectOptions, toHex, toText } from "../support/raw_packets.ts";
import type { Filter, Step } from "./random_script.ts";

/** A delivery that has not been acknowledged to its end. */
interface Open {
  readonly packetId: number;
  readonly next: "puback" | "pubrec" | "pubcomp";
}

/** A publication as it was received, its topic alias resolved. */
export interface Delivery {
  readonly packet: PublishPacket;
  /** The same for all that is sent with one packet identifier: brokers choose these. */
  readonly exchange: string;
}

/** What a client has received during a step. */
export interface Heard {
  readonly answers: string[];
  readonly releases: string[];
  readonly deliveries: Delivery[];
}

/** Stands in a transcript when a broker has sent more than it may. */
export const BEYOND_MAXIMUM = "beyond the receive maximum";

/** See the module. */
export class RandomClient {
  readonly #port: number;
  readonly #acknowledgesAll: boolean;
  #link: RawClient | undefined;
  #options: RawConnectOptions = {};
  #open: Open[] = [];
  /** What counts towards the receive maximum. */
  readonly #unacknowledged = new Set<number>();
  /** Names of the exchanges whose identifiers are in use. */
  #exchanges = new Map<number, string>();
  #exchangesBegun = 0;
  /** Aliases of the broker's, and our own. */
  #theirAliases = new Map<number, string>();
  #ourAliases = new Map<number, string>();
  #heard: Heard = nothing();

  constructor(port: number, acknowledgesAll: boolean) {
    this.#port = port;
    this.#acknowledgesAll = acknowledgesAll;
  }

  /** Whether there is a connection. */
  get isConnected(): boolean {
    return this.#link !== undefined;
  }

  /**
   * Takes over its own connection, if there is one and it has no will: Mosquitto forgets that if the session goes on.
   * It also forgets a will that waits when the session ends, by a clean start or a DISCONNECT: these end none then.
   */
  async connect(wanted: RawConnectOptions): Promise<void> {
    if (this.#options.will !== undefined) await this.break();
    const options = { ...wanted, cleanStart: wanted.cleanStart && !this.#hasWaitingWill() };
    const old = this.#link;
    const link = await RawClient.open(this.#port, options.version);
    await link.sendConnect(options);
    const connack = await link.expect("connack");
    if (old !== undefined) {
      await this.#hearEnd(old);
      // What it still got is its broker's choice.
      this.#heard = nothing();
      this.#heard.answers.push("the old connection has ended");
    }
    this.#heard.answers.push(`CONNACK ${connack.reasonCode}${connack.sessionPresent ? " session present" : ""}`);
    this.#link = link;
    this.#options = options;
    this.#open = [];
    this.#unacknowledged.clear();
    this.#theirAliases = new Map();
    this.#ourAliases = new Map();
    if (!connack.sessionPresent && options.version !== 3) this.#exchanges.clear();
    if (options.cleanStart) this.#exchanges.clear();
    await this.hear();
    await this.#complete();
  }

  /**
   * Ends the QoS 2 exchanges that were released before this connection: for Mosquitto they count towards the receive
   * maximum, although the standard has the quota start afresh.
   */
  async #complete(): Promise<void> {
    const released = this.#open.filter(({ next }) => next === "pubcomp");
    this.#open = this.#open.filter(({ next }) => next !== "pubcomp");
    for (const { packetId } of released) {
      this.#exchanges.delete(packetId);
      await this.#link?.send({ type: "pubcomp", packetId, reasonCode: 0 });
    }
  }

  /** Says DISCONNECT. */
  async disconnect({ withWill, expiry }: Extract<Step, { do: "disconnect" }>): Promise<void> {
    const mayChange = (this.#options.properties?.sessionExpiryInterval ?? 0) > 0 && !this.#hasWaitingWill();
    const properties = expiry !== undefined && mayChange ? { sessionExpiryInterval: expiry } : undefined;
    if (this.#options.version === 5) await this.#link?.disconnect(withWill ? 4 : 0, properties);
    else await this.#link?.disconnect();
    this.#link = undefined;
  }

  /**
   * Loses the connection: by a packet that is none, since a broker answers it by closing, and so tells when it knows.
   * For the will this is the same as a failure of the network.
   */
  async break(): Promise<void> {
    const link = this.#link;
    if (link === undefined) return;
    this.#link = undefined;
    await link.sendBytes("00 00");
    await this.#hearEnd(link);
  }

  /** Sends SUBSCRIBE. */
  async subscribe(filters: readonly Filter[], identifier?: number): Promise<void> {
    const subscriptions = filters.map((filter) => this.#options.version === 5 ? filter : only(filter));
    const packetId = this.#packetId();
    const properties = identifier === undefined ? undefined : { subscriptionIdentifiers: [identifier] };
    await this.#link?.send({ type: "subscribe", packetId, subscriptions, ...(properties && { properties }) });
  }

  /** Sends UNSUBSCRIBE. */
  async unsubscribe(filters: readonly string[]): Promise<void> {
    await this.#link?.send({ type: "unsubscribe", packetId: this.#packetId(), filters: [...filters] });
  }

  /** Publishes, with the whole exchange. */
  async publish({ alias, topic, payload, ...rest }: Extract<Step, { do: "publish" }>): Promise<void> {
    const { properties, qos, retain } = rest;
    if (this.#options.version !== 5) return await this.#send(topic, payload, { qos, retain });
    if (alias === undefined) return await this.#send(topic, payload, { qos, retain, properties });
    const isKnown = this.#ourAliases.get(alias) === topic;
    this.#ourAliases.set(alias, topic);
    const options = { qos, retain, properties: { ...properties, topicAlias: alias } };
    await this.#send(isKnown ? "" : topic, payload, options);
  }

  async #send(topic: string, payload: string, options: Pick<PublishPacket, "qos" | "retain" | "properties">) {
    const packetId = options.qos === 0 ? undefined : this.#packetId();
    await this.#link?.send(publishPacket(topic, payload, { ...options, packetId }));
    if (options.qos < 2 || packetId === undefined || this.#link === undefined) return;
    await this.hear();
    await this.#link?.send({ type: "pubrel", packetId, reasonCode: 0 });
  }

  /** Takes the next step in one of the exchanges that are open. */
  async acknowledge(pick: number): Promise<void> {
    const [open] = this.#open.splice(Math.floor(pick * this.#open.length), 1);
    if (open === undefined) return;
    if (open.next !== "pubrec") {
      this.#exchanges.delete(open.packetId);
      this.#unacknowledged.delete(open.packetId);
    }
    await this.#link?.send({ type: open.next, packetId: open.packetId, reasonCode: 0 });
  }

  /** Acknowledges all that is open, and all that comes then. */
  async acknowledgeAll(): Promise<void> {
    await this.hear();
    while (this.#open.length > 0) {
      while (this.#open.length > 0) await this.acknowledge(0);
      await this.hear();
    }
  }

  /** Takes in all that the broker has sent up to now, and acknowledges it if this client does. */
  async hear(): Promise<void> {
    do {
      await this.#link?.send({ type: "pingreq" });
      const link = this.#link;
      if (link !== undefined) await this.#hearUntil(link, "pingresp");
      if (!this.#acknowledgesAll || this.#open.length === 0) return;
      while (this.#open.length > 0) await this.acknowledge(0);
    } while (this.#link !== undefined);
  }

  /** What it has heard since this was last asked. */
  takeHeard(): Heard {
    const heard = this.#heard;
    this.#heard = nothing();
    return heard;
  }

  /** Ends the connection, if there is one. */
  async close(): Promise<void> {
    await this.#link?.close();
    this.#link = undefined;
  }

  #hasWaitingWill(): boolean {
    return (this.#options.will?.properties?.willDelayInterval ?? 0) > 0;
  }

  #hearEnd(link: RawClient): Promise<void> {
    return this.#hearUntil(link, "end");
  }

  async #hearUntil(link: RawClient, last: "pingresp" | "end"): Promise<void> {
    for (;;) {
      const packet = await nextOrEnd(link);
      if (packet === "end") {
        if (last !== "end") this.#heard.answers.push("the connection has ended");
        if (last !== "end") this.#link = undefined;
        return await link.close();
      }
      if (packet.type === "pingresp" && last === "pingresp") return;
      this.#take(packet);
    }
  }

  #take(packet: Packet): void {
    switch (packet.type) {
      case "publish":
        return this.#takePublish(packet);
      case "pubrel":
        this.#open.push({ packetId: packet.packetId, next: "pubcomp" });
        this.#heard.releases.push(`PUBREL ${this.#exchange(packet.packetId)}`);
        return;
      case "suback":
      case "unsuback":
        this.#heard.answers.push(`${packet.type} ${packet.reasonCodes}`);
        return;
      case "puback":
      case "pubrec":
      case "pubcomp":
        // 0x10: nobody has subscribed, which a broker may say.
        this.#heard.answers.push(`${packet.type} ${packet.packetId} ${packet.reasonCode & ~0x10}`);
        return;
      case "disconnect":
        // Code and properties of an end are its broker's choice.
        return;
      default:
        this.#heard.answers.push(`unexpected ${packet.type}`);
    }
  }

  #takePublish(received: PublishPacket): void {
    const packet = this.#resolveAlias(received);
    const exchange = packet.packetId === undefined ? "" : this.#exchange(packet.packetId);
    if (packet.packetId !== undefined) {
      this.#open.push({ packetId: packet.packetId, next: packet.qos === 1 ? "puback" : "pubrec" });
      this.#unacknowledged.add(packet.packetId);
      const { receiveMaximum = 65_535 } = this.#options.properties ?? {};
      if (this.#unacknowledged.size > receiveMaximum) this.#heard.answers.push(BEYOND_MAXIMUM);
    }
    this.#heard.deliveries.push({ packet, exchange });
  }

  #resolveAlias(packet: PublishPacket): PublishPacket {
    const { topicAlias, ...properties } = packet.properties ?? {};
    if (topicAlias === undefined) return packet;
    const limit = this.#options.properties?.topicAliasMaximum ?? 0;
    if (topicAlias > limit) {
      throw new RangeError(`Cannot read: the alias must be 1 to ${limit}, received ${topicAlias}`);
    }
    if (packet.topic !== "") this.#theirAliases.set(topicAlias, packet.topic);
    return { ...packet, topic: this.#theirAliases.get(topicAlias) ?? "an unknown alias", properties };
  }

  #exchange(packetId: number): string {
    const name = this.#exchanges.get(packetId) ?? `exchange ${++this.#exchangesBegun}`;
    this.#exchanges.set(packetId, name);
    return name;
  }

  #packetId(): number {
    return this.#link?.nextPacketId() ?? 0;
  }
}

/** A publication in words, whatever its exchange. */
export function describe(packet: PublishPacket): string {
  const { topic, payload, qos, retain, dup, properties = {} } = packet;
  const { correlationData, messageExpiryInterval, userProperties, ...rest } = properties;
  const words = [`PUBLISH ${topic} "${toText(payload)}" QoS ${qos}`];
  if (retain) words.push("retain");
  if (dup) words.push("dup");
  // Seconds may have passed.
  if (messageExpiryInterval !== undefined) words.push(`expires ${Math.ceil(messageExpiryInterval / 100)}`);
  if (correlationData !== undefined) words.push(toHex(correlationData));
  if (userProperties !== undefined) words.push(JSON.stringify(userProperties));
  const others = Object.entries(rest).toSorted(([a], [b]) => a < b ? -1 : 1);
  return [...words, ...others.map((entry) => JSON.stringify(entry))].join(" ");
}

function nothing(): Heard {
  return { answers: [], releases: [], deliveries: [] };
}

function only({ filter, qos }: Filter): Filter {
  return { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 };
}

async function nextOrEnd(link: RawClient): Promise<Packet | "end"> {
  try {
    return await link.next();
  } catch (error) {
    if (link.ended) return "end";
    throw error;
  }
}
