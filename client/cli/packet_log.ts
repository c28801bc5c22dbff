/**
 * A line for each packet: `-d`.
 *
 * @module
 */

import { decodePacket } from "../../codec/decode.ts";
import { Framer } from "../../codec/framer.ts";
import type { Packet, ProtocolVersion, PublishPacket, SubscribePacket } from "../../codec/packets.ts";
import type { Transport } from "../../engine/transport.ts";

/** Writes the lines. */
export class PacketLog {
  readonly #version: ProtocolVersion;
  readonly #print: (line: string) => void;
  #clientId: string;
  /** Messages of QoS 0 have a number, too, as far as the lines are concerned. */
  #lastId = 0;

  /** `clientId`: the one that is asked for. */
  constructor(version: ProtocolVersion, clientId: string, print: (line: string) => void) {
    this.#version = version;
    this.#clientId = clientId === "" ? "(null)" : clientId;
    this.#print = print;
  }

  /** The same transport, with a look at all that goes through. */
  watch(transport: Transport): Transport {
    const { readable, writable, peer } = transport;
    return {
      readable: readable.pipeThrough(this.#tap((packet) => this.#received(packet))),
      writable: this.#tapWriter(writable),
      peer,
    };
  }

  #tap(onPacket: (packet: Packet) => void): TransformStream<Uint8Array, Uint8Array> {
    const framer = new Framer();
    return new TransformStream<Uint8Array, Uint8Array>(
      {
        transform: (chunk, controller) => {
          this.#read(framer, chunk, onPacket);
          // A chunk is valid until the next read only, and a stream reads ahead.
          controller.enqueue(chunk.slice());
        },
      },
      { highWaterMark: 1 },
      { highWaterMark: 0 },
    );
  }

  /** No pipe in between, so that a write has settled when the transport has it, and an abort gets there. */
  #tapWriter(writable: WritableStream<Uint8Array>): WritableStream<Uint8Array> {
    const framer = new Framer();
    const writer = writable.getWriter();
    return new WritableStream<Uint8Array>({
      write: async (chunk) => {
        this.#read(framer, chunk.slice(), (packet) => this.#sending(packet));
        await writer.write(chunk);
      },
      close: () => writer.close(),
      abort: (reason) => writer.abort(reason),
    });
  }

  #read(framer: Framer, chunk: Uint8Array, onPacket: (packet: Packet) => void): void {
    framer.push(chunk);
    while (framer.next()) onPacket(decodePacket(framer, this.#version));
  }

  #line(text: string): void {
    this.#print(`Client ${this.#clientId} ${text}`);
  }

  #sending(packet: Packet): void {
    if ("packetId" in packet && packet.packetId !== undefined) this.#lastId = packet.packetId;
    switch (packet.type) {
      case "publish":
        if (packet.qos === 0) this.#lastId++;
        return this.#line(`sending PUBLISH ${publishDetail(packet, packet.packetId ?? this.#lastId)}`);
      case "puback":
      case "pubrec":
        return this.#line(`sending ${packet.type.toUpperCase()} (m${packet.packetId}, rc${packet.reasonCode})`);
      case "pubrel":
      case "pubcomp":
        return this.#line(`sending ${packet.type.toUpperCase()} (m${packet.packetId})`);
      case "subscribe":
        return this.#subscribing(packet);
      case "unsubscribe":
        for (const filter of packet.filters) {
          this.#line(`sending UNSUBSCRIBE (Mid: ${packet.packetId}, Topic: ${filter})`);
        }
        return;
      default:
        return this.#line(`sending ${packet.type.toUpperCase()}`);
    }
  }

  #subscribing({ packetId, subscriptions }: SubscribePacket): void {
    for (const { filter, qos, noLocal, retainAsPublished, retainHandling } of subscriptions) {
      const options = (noLocal ? 0x04 : 0) | (retainAsPublished ? 0x08 : 0) | (retainHandling ?? 0) << 4;
      const hex = options.toString(16).padStart(2, "0");
      this.#line(`sending SUBSCRIBE (Mid: ${packetId}, Topic: ${filter}, QoS: ${qos}, Options: 0x${hex})`);
    }
  }

  #received(packet: Packet): void {
    switch (packet.type) {
      case "connack":
        this.#clientId = packet.properties?.assignedClientIdentifier ?? this.#clientId;
        return this.#line(`received CONNACK (${packet.reasonCode})`);
      case "publish":
        return this.#line(`received PUBLISH ${publishDetail(packet, packet.packetId ?? 0)}`);
      case "puback":
      case "pubcomp":
        return this.#line(`received ${packet.type.toUpperCase()} (Mid: ${packet.packetId}, RC:${packet.reasonCode})`);
      case "pubrec":
      case "pubrel":
        return this.#line(`received ${packet.type.toUpperCase()} (Mid: ${packet.packetId})`);
      case "disconnect":
        return this.#line(`received DISCONNECT (${packet.reasonCode})`);
      default:
        return this.#line(`received ${packet.type.toUpperCase()}`);
    }
  }
}

function publishDetail({ topic, payload, qos, retain, dup }: PublishPacket, packetId: number): string {
  const flags = `d${dup ? 1 : 0}, q${qos}, r${retain ? 1 : 0}, m${packetId}`;
  return `(${flags}, '${topic}', ... (${payload.length} bytes))`;
}
