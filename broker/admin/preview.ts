/**
 * The beginning of payloads, as text where they are text.
 *
 * @module
 */

import type { QoS } from "../../codec/packets.ts";
import type { MessagePreview } from "./api_topics.ts";

/** Characters of a preview. */
const LONGEST_TEXT = 256;
/** Bytes that so many characters take at most. */
const MOST_BYTES = 4 * LONGEST_TEXT;

/** A preview of a payload of which `bytes` is all, or the beginning; `size` is that of the whole. */
export function previewOf(bytes: Uint8Array, qos: QoS, size: number = bytes.length): MessagePreview {
  const text = textOf(bytes.subarray(0, MOST_BYTES), size > Math.min(bytes.length, MOST_BYTES));
  const short = text === undefined ? undefined : shortened(text);
  return { qos, size, text: short ?? null, truncated: short !== text || (short !== undefined && size > MOST_BYTES) };
}

/** Undefined for what is no UTF-8; a character that is cut in two at the end is left out. */
function textOf(bytes: Uint8Array, isCut: boolean): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes, { stream: isCut });
  } catch {
    return undefined;
  }
}

/** Not within a character of two code units. */
function shortened(text: string): string {
  if (text.length <= LONGEST_TEXT) return text;
  const last = text.charCodeAt(LONGEST_TEXT - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? LONGEST_TEXT - 1 : LONGEST_TEXT);
}
