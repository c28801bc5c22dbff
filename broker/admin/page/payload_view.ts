/**
 * A payload as text, as JSON or as bytes, whatever it seems to be; the reader may choose another way.
 *
 * @module
 */

import { fill, h, setAttribute } from "./dom.ts";
import { bytes as bytesText } from "./format.ts";
import { visibleText } from "./visible_text.ts";

/** The most characters of text, and bytes as hexadecimal numbers, that are put into the document. */
const MAXIMUM_TEXT = 20_000;
const MAXIMUM_HEX = 1_024;
const HEX_LINE = 16;

/** A way to show bytes. */
interface Way {
  readonly name: "JSON" | "Text" | "Hex";
  show(): HTMLElement;
}

/** Shows a payload; `size` is that of the whole, if these are not all of its bytes. */
export function payloadView(payload: Uint8Array, size: number = payload.length): HTMLElement {
  const isWhole = payload.length >= size;
  if (size === 0) return h("p", { class: "muted" }, "The payload is empty.");
  const ways = waysOf(payload, isWhole);
  const content = h("div", { class: "payload", tabindex: 0, role: "group", "aria-label": "Payload" });
  const buttons = ways.map((way) => h("button", { type: "button", onclick: () => choose(way) }, way.name));
  const choose = (chosen: Way) => {
    ways.forEach((way, index) => setAttribute(buttons[index] ?? content, "aria-pressed", String(way === chosen)));
    fill(content, chosen.show());
  };
  const [first] = ways;
  if (first !== undefined) choose(first);
  const note = isWhole
    ? undefined
    : h("p", { class: "muted" }, `The first ${bytesText(payload.length)} of ${bytesText(size)}.`);
  return h(
    "div",
    {},
    h("div", { class: "segments", role: "group", "aria-label": "Show as" }, ...buttons),
    content,
    note,
  );
}

/** The best one first. */
function waysOf(payload: Uint8Array, isWhole: boolean): Way[] {
  const hex: Way = { name: "Hex", show: () => hexView(payload) };
  const text = utf8(payload, isWhole);
  if (text === undefined) return [hex];
  const asText: Way = { name: "Text", show: () => textView(text) };
  const json = isWhole ? prettyJson(text) : undefined;
  if (json === undefined) return [asText, hex];
  return [{ name: "JSON", show: () => textView(json) }, asText, hex];
}

function textView(text: string): HTMLElement {
  return h("pre", {}, visibleText(text, { maximum: MAXIMUM_TEXT, lines: true }));
}

function hexView(payload: Uint8Array): HTMLElement {
  const shown = payload.subarray(0, MAXIMUM_HEX);
  const lines: string[] = [];
  for (let at = 0; at < shown.length; at += HEX_LINE) {
    const line = shown.subarray(at, at + HEX_LINE);
    const numbers = Array.from(line, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const characters = Array.from(line, (byte) => byte > 32 && byte < 127 ? String.fromCharCode(byte) : "·").join("");
    lines.push(`${at.toString(16).padStart(4, "0")}  ${numbers.padEnd(3 * HEX_LINE)} ${characters}`);
  }
  if (shown.length < payload.length) lines.push(`… ${payload.length - shown.length} bytes more`);
  return h("pre", { class: "hex" }, lines.join("\n"));
}

/** Undefined if it is no UTF-8; one that was cut may end in the middle of a character. */
function utf8(payload: Uint8Array, isWhole: boolean): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload, { stream: !isWhole });
  } catch {
    return undefined;
  }
}

/** Undefined if it is no JSON text, or one that looks the same either way. */
function prettyJson(text: string): string | undefined {
  if (text.length > MAXIMUM_TEXT || !/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return undefined;
  }
}
