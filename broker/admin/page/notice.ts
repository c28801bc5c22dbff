/**
 * Short messages at the edge of the page, read out by screen readers: what was done, or what did not work.
 *
 * @module
 */

import { fill, h } from "./dom.ts";
import { visibleString } from "./visible_text.ts";

/** Milliseconds that a notice stays. */
const STAY = 6_000;

/** Characters of a failure that are shown. */
const LONGEST_FAILURE = 400;

const region = h("div", { class: "notices", role: "status" });
let timer: number | undefined;

/** Where notices appear. */
export function noticeRegion(): HTMLElement {
  return region;
}

/** Shows a notice in the place of the one before. */
export function notify(text: string | Node, kind: "done" | "failed" = "done"): void {
  clearTimeout(timer);
  // A dialog covers everything that is not in it.
  (document.querySelector("dialog:modal") ?? document.body).append(region);
  fill(region);
  // A screen reader reads what changes in a region that it knows already.
  requestAnimationFrame(() => fill(region, h("p", { class: `notice ${kind}` }, text)));
  timer = setTimeout(() => fill(region), STAY);
}

/** Tells that something did not work. */
export function notifyFailure(what: string, error: unknown): void {
  notify(`${what}: ${failureText(error)}`, "failed");
}

/** What went wrong, for people; a stranger may have had a say in it. */
export function failureText(error: unknown): string {
  if (error instanceof DOMException && error.name === "TimeoutError") return "The broker did not answer in time.";
  return visibleString(error instanceof Error ? error.message : String(error), LONGEST_FAILURE);
}
