/**
 * An MQTT client without a mind of its own: it sends exactly what a test gives it, keeps what comes in order, and
 * acknowledges nothing unless asked. For conformance tests over TCP or any {@linkcode Transport}.
 *
 * ```ts
 * await using client = await RawClient.connect(port, { clientId: "a", properties: { receiveMaximum: 1 } });
 * await client.subscribe("a/#", { qos: 1 });
 * const message = await client.expect("publish", { topic: "a/b", payload: "hello", qos: 1 });
 * await client.send({ type: "puback", packetId: message.packetId ?? 0, reasonCode: 0 });
 * assertEquals(await client.barrier(), []);
 * ```
 *
 * @module
 */

import { AssertionError } from "@std/assert";
import { decodePacket } from "../../codec/decode.ts";
import { encodePacket } from "../../codec/encode.ts";
import { frameOf, Framer } from "../../codec/framer.ts";
import type {
  ConnackPacket,
  ConnectPacket,
  Packet,
  PacketType,
  ProtocolVersion,
  PublishPacket,
  SubackPacket,
  SubscriptionRequest,
  UnsubackPacket,
} from "../../codec/packets.ts";
import type { SubscribeProperties, UnsubscribeProperties } from "../../codec/properties.ts";
import type { Transport } from "../../engine/transport.ts";
import { RawInbox, type Received } from "./raw_inbox.ts";
import { type Link, tcpLink, transportLink } from "./raw_link.ts";
import {
  assertMatches,
  concatBytes,
  connectPacket,
  describePacket,
  type Expected,
  fromHex,
  isOfType,
  type PacketOf,
  publishPacket,
  type RawConnectOptions,
  type RawPublishOptions,
} from "./raw_packets.ts";

/** Options for all filters of a SUBSCRIBE that do not say it themselves, and the packet's own fields. */
export interface RawSubscribeOptions extends Partial<Omit<SubscriptionRequest, "filter">> {
  packetId?: number;
  properties?: SubscribeProperties;
}

/** How long a wait may last, unless said otherwise: far more than a healthy peer needs. Milliseconds. */
const PATIENCE = 4_000;

/** One connection of a test to a broker; see the module's example. */
export class RawClient {
  /** The version that packets are written and read in. */
  version: ProtocolVersion;
  /** Client identifier of the last CONNECT (or the assigned one). */
  clientId = "";
  /** The CONNACK that {@linkcode RawClient.connect} received. */
  connack: ConnackPacket | undefined;
  /** The bytes of the packet that was taken last, fixed header included. */
  lastBytes: Uint8Array = new Uint8Array(0);
  /** Acknowledge publications of QoS 1 and 2 as they come. */
  autoAck = false;

  readonly #link: Link;
  readonly #framer = new Framer();
  readonly #inbox = new RawInbox();
  readonly #reading: Promise<void>;
  #writing: Promise<void> = Promise.resolve();
  #paused: PromiseWithResolvers<void> | undefined;
  #lastPacketId = 0;
  #linkOpen = true;

  private constructor(link: Link, version: ProtocolVersion) {
    this.#link = link;
    this.version = version;
    this.#reading = this.#read();
  }

  /** Opens a connection to a port of 127.0.0.1, or takes a transport, and sends nothing. */
  static async open(target: number | Transport, version: ProtocolVersion = 5): Promise<RawClient> {
    if (typeof target !== "number") return new RawClient(transportLink(target), version);
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: target });
    connection.setNoDelay(true);
    return new RawClient(tcpLink(connection), version);
  }

  /** Opens a connection, sends CONNECT and waits for a CONNACK with code 0, which is then in `connack`. */
  static async connect(target: number | Transport, options: RawConnectOptions = {}): Promise<RawClient> {
    const client = await RawClient.open(target, options.version ?? 5);
    try {
      await client.sendConnect(options);
      client.connack = await client.expect("connack", { reasonCode: 0 });
    } catch (error) {
      await client.close();
      throw error;
    }
    client.clientId = client.connack.properties?.assignedClientIdentifier ?? client.clientId;
    return client;
  }

  /** Whether the other end, or the network, has ended the connection. Packets may still be waiting to be taken. */
  get ended(): boolean {
    return this.#inbox.state.kind === "ended";
  }

  /** Sends a CONNECT and does not wait for the answer. */
  async sendConnect(options: RawConnectOptions = {}): Promise<ConnectPacket> {
    const packet = connectPacket({ version: this.version, ...options });
    this.version = packet.protocolVersion;
    this.clientId = packet.clientId;
    this.autoAck = options.autoAck ?? this.autoAck;
    await this.send(packet);
    return packet;
  }

  /** Sends packets in one write. */
  send(...packets: Packet[]): Promise<void> {
    return this.sendBytes(concatBytes(...packets.map((packet) => encodePacket(packet, this.version))));
  }

  /** Sends bytes, or hexadecimal digits, as they are. */
  sendBytes(bytes: Uint8Array | string): Promise<void> {
    const data = typeof bytes === "string" ? fromHex(bytes) : bytes;
    // A peer that has closed meanwhile is noticed, and judged, where the test reads.
    this.#writing = this.#writing.then(() => this.#link.write(data)).catch(() => {});
    return this.#writing;
  }

  /** The next packet; throws when the connection ends first, or `timeout` milliseconds have passed. */
  async next(timeout: number = PATIENCE): Promise<Packet> {
    const received = await this.#nextReceived(timeout);
    if (received === undefined) throw new AssertionError(`Expected a packet, but ${this.#silence(timeout)}`);
    return received.packet;
  }

  /** The next packet, which must be of this type and hold what `expected` says. */
  async expect<T extends PacketType>(
    type: T,
    expected: Expected<PacketOf<T>> = {},
    timeout: number = PATIENCE,
  ): Promise<PacketOf<T>> {
    const wanted = `${type} ${Deno.inspect(expected, { breakLength: Infinity })}`;
    const received = await this.#nextReceived(timeout);
    if (received === undefined) throw new AssertionError(`Expected ${wanted}, but ${this.#silence(timeout)}`);
    const { packet } = received;
    if (!isOfType(packet, type)) throw new AssertionError(`Expected ${wanted}, received ${describePacket(packet)}`);
    assertMatches(packet, expected, `Expected ${wanted}, received ${describePacket(packet)}`);
    return packet;
  }

  /** The next packet if one comes before the connection ends; it must be of this type. */
  async expectOptional<T extends PacketType>(type: T): Promise<PacketOf<T> | undefined> {
    const received = await this.#inbox.at(0, PATIENCE);
    return received === undefined ? undefined : await this.expect(type);
  }

  /** Takes the first packet that fits out of those that came or come, and leaves the others in their order. */
  async take<T extends PacketType>(
    type: T,
    fits: (packet: PacketOf<T>) => boolean = () => true,
    timeout: number = PATIENCE,
  ): Promise<PacketOf<T>> {
    const deadline = Date.now() + timeout;
    for (let at = 0;; at++) {
      const received = await this.#inbox.at(at, deadline - Date.now());
      if (received === undefined) {
        const others = this.#inbox.waiting.map(({ packet }) => describePacket(packet)).join("; ") || "nothing";
        throw new AssertionError(`Expected a ${type} among others, but ${this.#silence(timeout)}; waiting: ${others}`);
      }
      const { packet, bytes } = received;
      if (!isOfType(packet, type) || !fits(packet)) continue;
      this.#inbox.remove(at);
      this.lastBytes = bytes;
      return packet;
    }
  }

  /** Takes this many packets, all of this type. */
  async expectMany<T extends PacketType>(type: T, count: number): Promise<PacketOf<T>[]> {
    const packets: PacketOf<T>[] = [];
    while (packets.length < count) packets.push(await this.expect(type));
    return packets;
  }

  /** Nothing comes for a short time. A {@linkcode RawClient.barrier} is faster and surer where it can be used. */
  async expectNothing(milliseconds: number = 25): Promise<void> {
    const received = await this.#nextReceived(milliseconds);
    if (received !== undefined) {
      throw new AssertionError(`Expected nothing, received ${describePacket(received.packet)}`);
    }
    if (this.#inbox.state.kind !== "open") {
      throw new AssertionError(`Expected silence, but ${this.#silence(milliseconds)}`);
    }
  }

  /** The other end closes, and sends no packet before it does. */
  async expectClosed(timeout: number = PATIENCE): Promise<void> {
    const received = await this.#nextReceived(timeout);
    if (received !== undefined) {
      throw new AssertionError(`Expected the connection to end, received ${describePacket(received.packet)}`);
    }
    if (this.#inbox.state.kind === "open") {
      throw new AssertionError(`Expected the connection to end within ${timeout} ms`);
    }
    if (this.#framer.buffered > 0) throw new AssertionError("Expected the connection to end between two packets");
    await this.close();
  }

  /** MQTT 5.0: DISCONNECT with this code (or one of several) and then the end. */
  async expectDisconnect(...reasonCodes: number[]): Promise<PacketOf<"disconnect">> {
    const packet = await this.expect("disconnect");
    if (!reasonCodes.includes(packet.reasonCode)) {
      const codes = reasonCodes.map((code) => `0x${code.toString(16)}`).join(" or ");
      throw new AssertionError(`Expected DISCONNECT ${codes}, received 0x${packet.reasonCode.toString(16)}`);
    }
    await this.expectClosed();
    return packet;
  }

  /** A CONNACK with this code and then the end. */
  async expectRefused(reasonCode: number): Promise<ConnackPacket> {
    const packet = await this.expect("connack", { reasonCode, sessionPresent: false });
    await this.expectClosed();
    return packet;
  }

  /** Sends PINGREQ and returns all packets that came before its PINGRESP: what the broker had done by then. */
  async barrier(timeout: number = PATIENCE): Promise<Packet[]> {
    await this.send({ type: "pingreq" });
    const before: Packet[] = [];
    for (;;) {
      const packet = await this.next(timeout);
      if (packet.type === "pingresp") return before;
      before.push(packet);
    }
  }

  /** Like {@linkcode RawClient.barrier}, but all packets before it must be publications. */
  async publications(): Promise<PublishPacket[]> {
    return (await this.barrier()).map((packet) => {
      if (packet.type === "publish") return packet;
      throw new AssertionError(`Expected publications only, received ${describePacket(packet)}`);
    });
  }

  /** Publishes and, with QoS 1 and 2, goes through the whole exchange; each answer must be below 0x80. */
  async publish(topic: string, payload: string | Uint8Array = "", options: RawPublishOptions = {}): Promise<void> {
    const qos = options.qos ?? 0;
    if (qos === 0) return await this.send(publishPacket(topic, payload, options));
    const packetId = options.packetId ?? this.nextPacketId();
    await this.send(publishPacket(topic, payload, { ...options, packetId }));
    const ours = (packet: { packetId: number }) => packet.packetId === packetId;
    if (qos === 1) return assertAccepted(await this.take("puback", ours));
    assertAccepted(await this.take("pubrec", ours));
    await this.send({ type: "pubrel", packetId, reasonCode: 0 });
    assertAccepted(await this.take("pubcomp", ours));
  }

  /** Subscribes and returns the SUBACK, whose codes must all be grants. */
  async subscribe(
    filters: string | SubscriptionRequest | (string | SubscriptionRequest)[],
    options: RawSubscribeOptions = {},
  ): Promise<SubackPacket> {
    const suback = await this.trySubscribe(filters, options);
    if (suback.reasonCodes.every((code) => code <= 2)) return suback;
    throw new AssertionError(`Expected granted subscriptions, received ${describePacket(suback)}`);
  }

  /** Subscribes and returns the SUBACK, whatever it says. */
  async trySubscribe(
    filters: string | SubscriptionRequest | (string | SubscriptionRequest)[],
    options: RawSubscribeOptions = {},
  ): Promise<SubackPacket> {
    const { packetId = this.nextPacketId(), properties, ...defaults } = options;
    const list = Array.isArray(filters) ? filters : [filters];
    const subscriptions = list.map((entry): SubscriptionRequest => ({
      qos: 0,
      ...defaults,
      ...(typeof entry === "string" ? { filter: entry } : entry),
    }));
    await this.send({ type: "subscribe", packetId, subscriptions, ...(properties && { properties }) });
    return await this.take("suback", (packet) => packet.packetId === packetId);
  }

  /** Unsubscribes and returns the UNSUBACK. */
  async unsubscribe(filters: string | string[], properties?: UnsubscribeProperties): Promise<UnsubackPacket> {
    const packetId = this.nextPacketId();
    const list = Array.isArray(filters) ? filters : [filters];
    await this.send({ type: "unsubscribe", packetId, filters: list, ...(properties && { properties }) });
    return await this.take("unsuback", (packet) => packet.packetId === packetId);
  }

  /** The next packet identifier for a packet of our own: 1, 2, 3 and so on. */
  nextPacketId(): number {
    this.#lastPacketId = this.#lastPacketId % 65_535 + 1;
    return this.#lastPacketId;
  }

  /** Stops to take bytes from the network, like a client that hangs. What was read before is still there. */
  pause(): void {
    this.#paused ??= Promise.withResolvers<void>();
  }

  /** Takes bytes again after {@linkcode RawClient.pause}. */
  resume(): void {
    this.#paused?.resolve();
    this.#paused = undefined;
  }

  /** Says DISCONNECT with code 0, or another one, and waits until the other end has closed. */
  async disconnect(reasonCode = 0, properties?: PacketOf<"disconnect">["properties"]): Promise<void> {
    await this.send({ type: "disconnect", reasonCode, ...(properties && { properties }) });
    await this.#inbox.ended(PATIENCE);
    if (this.#inbox.state.kind === "open") {
      throw new AssertionError("Expected the connection to end after our DISCONNECT");
    }
    await this.close();
  }

  /** Closes the connection without a word: a failure of the network. */
  async close(): Promise<void> {
    this.#inbox.end({ kind: "closed" });
    this.#closeLink();
    this.resume();
    await this.#reading;
    await this.#writing;
  }

  /** {@linkcode RawClient.close}. */
  [Symbol.asyncDispose] = (): Promise<void> => this.close();

  #closeLink(): void {
    if (this.#linkOpen) this.#link.close();
    this.#linkOpen = false;
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        await this.#paused?.promise;
        const chunk = await this.#link.read();
        if (chunk === undefined) break;
        this.#take(chunk);
      }
      this.#inbox.end({ kind: "ended" });
    } catch (cause) {
      this.#inbox.end({ kind: "ended", cause });
    }
    this.#closeLink(); // as any client does when the other end has closed
  }

  #take(chunk: Uint8Array): void {
    try {
      this.#framer.push(chunk);
      while (this.#framer.next()) {
        const bytes = this.#framer.bytes.slice(this.#framer.start, this.#framer.end);
        const packet = decodePacket(frameOf(bytes), this.version);
        this.#inbox.push({ packet, bytes });
        if (this.autoAck) this.#acknowledge(packet);
      }
    } catch (error) {
      this.#inbox.fail(error);
    }
  }

  #acknowledge(packet: Packet): void {
    if (packet.type === "publish" && packet.packetId !== undefined) {
      const type = packet.qos === 1 ? "puback" : "pubrec";
      this.send({ type, packetId: packet.packetId, reasonCode: 0 });
    }
    if (packet.type === "pubrel") this.send({ type: "pubcomp", packetId: packet.packetId, reasonCode: 0 });
  }

  async #nextReceived(timeout: number): Promise<Received | undefined> {
    const received = await this.#inbox.at(0, timeout);
    if (received === undefined) return undefined;
    this.#inbox.remove(0);
    this.lastBytes = received.bytes;
    return received;
  }

  #silence(timeout: number): string {
    const { state } = this.#inbox;
    if (state.kind === "closed") return "the test has closed the connection";
    if (state.kind === "open") return `nothing came within ${timeout} ms`;
    return `the connection ended${state.cause === undefined ? "" : ` (${state.cause})`}`;
  }
}

function assertAccepted(packet: PacketOf<"puback" | "pubrec" | "pubcomp">): void {
  if (packet.reasonCode >= 0x80) throw new AssertionError(`Expected success, received ${describePacket(packet)}`);
}
