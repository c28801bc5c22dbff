/**
 * Text of strangers: client identifiers, topics, payloads. Everything in it can be seen and nothing of it acts.
 *
 * @module
 */

import { h } from "./dom.ts";

/** Controls, formats such as the marks of writing direction, surrogates, unassigned and private characters. */
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}]/gu;
/** The same without tabulators and line ends, which a text of several lines may have. */
const HIDDEN_IN_LINES = /(?![\t\n])[\p{C}\p{Zl}\p{Zp}]/gu;

/** How a text is shown. */
export interface VisibleTextOptions {
  /** The most characters that are shown; what is left out is counted at the end. Default 256. */
  readonly maximum?: number;
  /** Whether tabulators and line ends stay what they are. Default false. */
  readonly lines?: boolean;
}

/**
 * An element that shows a text as it is: characters that cannot be seen stand there by their numbers, and none of them
 * changes the writing direction of its surroundings.
 */
export function visibleText(text: string, options: VisibleTextOptions = {}): HTMLElement {
  const { maximum = 256, lines = false } = options;
  const shown = cut(text, maximum);
  const element = h("bdi", { class: "text" });
  let end = 0;
  for (const match of shown.matchAll(lines ? HIDDEN_IN_LINES : HIDDEN)) {
    element.append(shown.slice(end, match.index), mark(match[0]));
    end = match.index + match[0].length;
  }
  element.append(shown.slice(end));
  if (shown.length < text.length) element.append(h("span", { class: "cut" }, `… ${text.length - shown.length} more`));
  return element;
}

/** The same as plain text, for attributes. */
export function visibleString(text: string, maximum = 256): string {
  const shown = cut(text, maximum);
  return shown.replace(HIDDEN, (character) => `[${codePointName(character)}]`) +
    (shown.length < text.length ? "…" : "");
}

function mark(character: string): HTMLElement {
  return h("span", { class: "mark" }, codePointName(character));
}

/** E.g. `U+202E`. */
function codePointName(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Never in the middle of a character of two units. */
function cut(text: string, maximum: number): string {
  if (text.length <= maximum) return text;
  const last = text.charCodeAt(maximum - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? maximum - 1 : maximum);
}
