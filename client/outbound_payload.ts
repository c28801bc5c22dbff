/**
 * A payload on its way out: text that is plain, or bytes.
 *
 * @module
 */

import { SlabAllocator } from "./slab.ts";

/** Above this length a native encoder beats a loop over the text. */
const SHORT_TEXT = 512;

const encoder = new TextEncoder();

/** What to write, and how many bytes it takes. */
export interface OutboundPayload {
  /** Text of ASCII alone, as many bytes as it has characters; or bytes, from `start` on. */
  readonly content: string | Uint8Array;
  readonly start: number;
  readonly length: number;
}

/** A payload to be written at once, so that one object serves for all. Its bytes may belong to somebody else. */
export class BorrowedPayload implements OutboundPayload {
  content: string | Uint8Array = "";
  start = 0;
  length = 0;

  /** Makes this object the payload `content`. */
  set(content: string | Uint8Array): void {
    this.content = typeof content === "string" && !isShortAscii(content) ? encoder.encode(content) : content;
    this.length = this.content.length;
  }
}

/** Makes payloads that are kept: nobody else can change them. */
export class PayloadKeeper {
  readonly #slabs = new SlabAllocator();

  /** A payload to keep. */
  keep(content: string | Uint8Array): OutboundPayload {
    if (typeof content !== "string") return this.#copy(content);
    if (isShortAscii(content)) return { content, start: 0, length: content.length };
    const bytes = encoder.encode(content);
    return { content: bytes, start: 0, length: bytes.length };
  }

  #copy(bytes: Uint8Array): OutboundPayload {
    const start = this.#slabs.copy(bytes, 0, bytes.length);
    return { content: this.#slabs.target, start, length: bytes.length };
  }
}

function isShortAscii(text: string): boolean {
  const units = text.length;
  if (units > SHORT_TEXT) return false;
  for (let i = 0; i < units; i++) {
    if (text.charCodeAt(i) > 0x7f) return false;
  }
  return true;
}
