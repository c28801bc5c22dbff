/**
 * PUBACK, PUBREC, PUBREL and PUBCOMP from a client (MQTT 5.0 sections 3.4 to 3.7).
 *
 * @module
 */

import type { Frame } from "../codec/framer.ts";
import type { PubackPacket, PubcompPacket, PubrecPacket, PubrelPacket } from "../codec/packets.ts";
import { ReasonCode } from "../codec/reason_codes.ts";
import type { BrokerCore } from "./core.ts";
import type { Sender } from "./sender.ts";
import type { Session } from "./session.ts";

/** Takes the answers to publications, in both directions, of one connection. */
export class ResponseHandler {
  readonly #core: BrokerCore;
  readonly #session: Session;
  readonly #sender: Sender;

  constructor(core: BrokerCore, session: Session, sender: Sender) {
    this.#core = core;
    this.#session = session;
    this.#sender = sender;
  }

  /** Handles the usual form, a packet identifier and nothing else. False: it is no such packet, or needs a decoder. */
  handleShort(firstByte: number, { bytes, bodyStart }: Frame): boolean {
    const packetId = ((bytes[bodyStart] ?? 0) << 8) | (bytes[bodyStart + 1] ?? 0);
    if (packetId === 0) return false; // the decoder says what is wrong
    if (this.#core.log.debug) return false; // a line for each packet, and time to decode it
    switch (firstByte) {
      case 0x40:
        this.#onPuback(packetId);
        return true;
      case 0x50:
        this.#onPubrec(packetId, ReasonCode.Success);
        return true;
      case 0x62:
        this.#onPubrel(packetId);
        return true;
      case 0x70:
        this.#onPubcomp(packetId);
        return true;
    }
    return false;
  }

  /** Handles a decoded one. */
  handle(packet: PubackPacket | PubrecPacket | PubrelPacket | PubcompPacket): void {
    switch (packet.type) {
      case "puback":
        return this.#onPuback(packet.packetId);
      case "pubrec":
        return this.#onPubrec(packet.packetId, packet.reasonCode);
      case "pubrel":
        return this.#onPubrel(packet.packetId);
      case "pubcomp":
        return this.#onPubcomp(packet.packetId);
    }
  }

  #onPuback(packetId: number): void {
    const session = this.#session;
    const delivery = session.outbound.puback(packetId);
    if (delivery === undefined) return;
    session.journal?.finished(delivery);
    session.acknowledged();
  }

  #onPubrec(packetId: number, reasonCode: number): void {
    const session = this.#session;
    const delivery = session.outbound.get(packetId);
    switch (session.outbound.pubrec(packetId, reasonCode)) {
      case "release":
        if (delivery !== undefined) session.journal?.released(delivery, packetId);
        this.#promise();
        return this.#sender.sendPubrel(packetId);
      case "ended":
        if (delivery !== undefined) session.journal?.finished(delivery);
        return session.acknowledged();
      case "unknown":
        // Before 5.0 there is no code, and the answer lets the client end the exchange.
        if (reasonCode < 0x80) this.#sender.sendResponse(0x62, packetId, ReasonCode.PacketIdentifierNotFound);
    }
  }

  #onPubrel(packetId: number): void {
    const session = this.#session;
    const known = session.inbound.pubrel(packetId);
    if (known) session.journal?.receptionEnded(packetId);
    this.#promise();
    this.#sender.sendResponse(0x70, packetId, known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound);
  }

  #onPubcomp(packetId: number): void {
    const session = this.#session;
    const delivery = session.outbound.pubcomp(packetId);
    if (delivery === undefined) return;
    session.journal?.finished(delivery);
    session.acknowledged();
  }

  /** What is sent next promises that the session has changed: it waits until that is committed. */
  #promise(): void {
    if (this.#session.journal !== undefined) this.#sender.hold();
  }
}
