/**
 * Encodes the message that is being routed once for each kind of receiver, however many there are.
 *
 * @module
 */

import type { QoS } from "../codec/packets.ts";
import { type Publication, PublishForm } from "./publication.ts";

/**
 * One encoding: the packet's bytes and nothing else, so that copying them to many takes no view for each, and where in
 * them the packet identifier stands.
 */
export interface EncodedPublish {
  bytes: Uint8Array;
  idAt: number;
}

/** A larger encoding is not kept for the next message. */
const MAX_SCRATCH = 65_536;
const NO_BYTES = new Uint8Array(0);

/** The encodings of one publication at a time, DUP 0, without alias and subscription identifiers. */
export class EncodedVariants {
  #publication: Publication | undefined;
  #made = 0;
  readonly #variants: EncodedPublish[] = [];
  readonly #scratch: Uint8Array[] = [];
  readonly #form = new PublishForm();

  constructor() {
    for (let variant = 0; variant < 16; variant++) {
      this.#variants.push({ bytes: NO_BYTES, idAt: 0 });
      this.#scratch.push(NO_BYTES);
    }
  }

  /** Makes `publication` the message that is routed; encodings of the one before are void. */
  begin(publication: Publication): void {
    this.#publication = publication;
    this.#made = 0;
  }

  /** Whether `publication` is the message that is routed now. */
  has(publication: Publication): boolean {
    return this.#publication === publication;
  }

  /** Ends routing, so that no bytes are held. */
  end(): void {
    this.#publication = undefined;
  }

  /** The encoding of `publication`, which must be the one that is routed. */
  of(publication: Publication, v5: boolean, qos: QoS, retain: boolean): EncodedPublish {
    const index = (v5 ? 8 : 0) | (retain ? 4 : 0) | qos;
    const variant = this.#variants[index];
    if (variant === undefined) throw new RangeError(`Cannot encode: QoS must be 0, 1 or 2, received ${qos}`);
    if ((this.#made & (1 << index)) !== 0) return variant;
    this.#made |= 1 << index;
    if (publication.isVerbatim(v5, qos, retain)) {
      const { bytes, frameStart, payloadEnd, frameIdAt } = publication;
      variant.bytes = bytes.subarray(frameStart, payloadEnd);
      variant.idAt = frameIdAt - frameStart;
      return variant;
    }
    this.#encode(variant, index, publication);
    return variant;
  }

  #encode(variant: EncodedPublish, index: number, publication: Publication): void {
    const form = this.#form;
    form.v5 = index >= 8;
    form.retain = (index & 4) !== 0;
    form.qos = (index & 3) as QoS; // an index is built from a QoS
    const length = publication.encodedLength(form);
    let bytes = this.#scratch[index] ?? NO_BYTES;
    if (bytes.length < length) {
      bytes = new Uint8Array(length <= MAX_SCRATCH ? Math.max(256, 2 * length) : length);
      if (length <= MAX_SCRATCH) this.#scratch[index] = bytes;
    }
    variant.bytes = bytes.subarray(0, length);
    // It has not waited, so the expiry interval is the whole one.
    variant.idAt = publication.write(bytes, 0, form, undefined);
  }
}
