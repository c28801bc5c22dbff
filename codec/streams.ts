/**
 * The codec as Web streams. A chunk of bytes is a batch of packets and the other way round, because a stream costs
 * more for each of its chunks than the codec for a packet.
 *
 * @module
 */

import { decodePacket } from "./decode.ts";
import { encodePacketInto } from "./encode.ts";
import { MqttError } from "./errors.ts";
import { Framer } from "./framer.ts";
import { PacketBuffer } from "./packet_buffer.ts";
import type { Packet, ProtocolVersion } from "./packets.ts";
import { ReasonCode } from "./reason_codes.ts";

/** Options of a {@linkcode PacketDecoderStream}. */
export interface PacketDecoderStreamOptions {
  /** How to read packets before the first CONNECT, which names its version itself. Default 4, MQTT 3.1.1. */
  protocolVersion?: ProtocolVersion;
  /** The most bytes that a packet may have, fixed header included. Default 268,435,460, the largest there is. */
  maximumPacketSize?: number;
}

/**
 * Decodes a byte stream, cut into chunks anyhow, into batches of packets: one batch for each chunk that completes a
 * packet, never an empty one.
 *
 * The payload of a PUBLISH is a view into the chunk that brought it (or into a buffer of its own if it spans chunks).
 * The stream never writes into either, so that payloads may be kept as long as whoever wrote the chunk leaves it alone.
 *
 * The stream fails with an {@linkcode MqttError}: that of `decodePacket` for a bad packet, after the batch of the good
 * ones before it, and 0x81 when the bytes end within a packet.
 *
 * ```ts
 * import { PacketDecoderStream } from "@x/mqtt/codec";
 *
 * // A client's side of a connection as captured: CONNECT (MQTT 3.1.1), PUBLISH, DISCONNECT.
 * const captured = "101000044d5154540402003c0004746573743006000261623231e000";
 * const bytes = Uint8Array.from(captured.match(/../g) ?? [], (byte) => parseInt(byte, 16));
 * for await (const batch of ReadableStream.from([bytes]).pipeThrough(new PacketDecoderStream())) {
 *   console.log(batch.map((packet) => packet.type).join(" ")); // connect publish disconnect
 * }
 * ```
 */
export class PacketDecoderStream extends TransformStream<Uint8Array, Packet[]> {
  /** A stream that has seen nothing yet. */
  constructor(options: PacketDecoderStreamOptions = {}) {
    const framer = new Framer(options);
    let version: ProtocolVersion = options.protocolVersion ?? 4;
    super({
      transform(chunk, controller) {
        const batch: Packet[] = [];
        try {
          framer.push(chunk);
          while (framer.next()) {
            const packet = decodePacket(framer, version);
            if (packet.type === "connect") version = packet.protocolVersion;
            batch.push(packet);
          }
        } finally {
          if (batch.length > 0) controller.enqueue(batch);
        }
      },
      flush() {
        if (framer.buffered === 0) return;
        throw new MqttError(
          `Cannot read packet: the stream must end with a whole one, received ${framer.buffered} bytes of another`,
          ReasonCode.MalformedPacket,
        );
      },
    });
  }
}

/** Options of a {@linkcode PacketEncoderStream}. */
export interface PacketEncoderStreamOptions {
  /** How to write packets before the first CONNECT, which names its version itself. Default 4, MQTT 3.1.1. */
  protocolVersion?: ProtocolVersion;
}

/**
 * Encodes batches of packets into chunks of bytes: one chunk for each batch that is not empty. Fails with what
 * `encodePacket` throws; the packets of that batch are then not sent.
 *
 * ```ts
 * import { PacketEncoderStream } from "@x/mqtt/codec";
 *
 * const batches = ReadableStream.from([[{ type: "pingreq" as const }, { type: "pingresp" as const }]]);
 * for await (const chunk of batches.pipeThrough(new PacketEncoderStream())) console.log(chunk.length); // 4
 * ```
 */
export class PacketEncoderStream extends TransformStream<Packet[], Uint8Array> {
  /** A stream that has written nothing yet. */
  constructor(options: PacketEncoderStreamOptions = {}) {
    const buffer = new PacketBuffer();
    let version: ProtocolVersion = options.protocolVersion ?? 4;
    super({
      transform(batch, controller) {
        for (const packet of batch) {
          if (packet.type === "connect") version = packet.protocolVersion;
          encodePacketInto(packet, version, buffer);
        }
        if (buffer.length > 0) controller.enqueue(buffer.take());
      },
    });
  }
}
