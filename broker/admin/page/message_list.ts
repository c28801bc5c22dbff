/**
 * The messages that came, the newest first.
 *
 * @module
 */

import { openSheet } from "./dialogs.ts";
import { h } from "./dom.ts";
import { facts } from "./facts.ts";
import { bytes, clockTime } from "./format.ts";
import { preview, propertyFacts } from "./message_text.ts";
import type { ReceivedMessage } from "./mqtt_console.ts";
import { payloadView } from "./payload_view.ts";
import { topicTitle } from "./topic_panel.ts";
import type { ViewContext } from "./view.ts";
import { visibleText } from "./visible_text.ts";

/** Bytes of a payload that a line shows. */
const PREVIEW = 200;

/** A list of messages. */
export interface MessageList {
  readonly element: HTMLElement;
  /** Shows these, the last one first. */
  show(messages: readonly ReceivedMessage[]): void;
}

/** Makes a list. */
export function messageList(context: ViewContext): MessageList {
  const element = h("ol", { class: "messages", "aria-label": "Messages, the newest first" });
  const lines = new Map<number, HTMLElement>();
  return {
    element,
    show(messages) {
      const wanted = new Set(messages.map(({ number }) => number));
      for (const [number, line] of lines) {
        if (wanted.has(number)) continue;
        line.remove();
        lines.delete(number);
      }
      // Lines are only ever added on top.
      for (const message of messages) {
        if (lines.has(message.number)) continue;
        const line = lineOf(context, message);
        lines.set(message.number, line);
        element.prepend(line);
      }
    },
  };
}

function lineOf(context: ViewContext, message: ReceivedMessage): HTMLElement {
  const { at, topic, qos, retain } = message;
  return h(
    "li",
    {},
    h("time", {}, clockTime(at)),
    h("button", { type: "button", class: "topic", onclick: () => open(context, message) }, visibleText(topic)),
    preview(previewOf(message)),
    h("span", { class: "muted" }, `QoS ${qos}${retain ? ", retained" : ""}`),
  );
}

function previewOf({ payload, size, qos }: ReceivedMessage) {
  const shown = payload.subarray(0, PREVIEW);
  const truncated = shown.length < size;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(shown, { stream: truncated });
    return { qos, size, text, truncated };
  } catch {
    return { qos, size, text: null, truncated };
  }
}

function open(context: ViewContext, message: ReceivedMessage): void {
  const { topic, payload, size, qos, retain, at, properties } = message;
  const { correlationData, payloadFormatIndicator, ...others } = properties;
  const body = h(
    "div",
    { class: "sheet-body" },
    payloadView(payload, size),
    facts(
      ["Received", clockTime(at)],
      ["QoS", qos],
      ["Retained", retain ? "yes" : "no"],
      ["Size", bytes(size)],
      ...propertyFacts({
        ...others,
        payloadFormatIndicator: payloadFormatIndicator === 1 ? 1 : payloadFormatIndicator === 0 ? 0 : undefined,
        correlationData: correlationData?.toBase64(),
      }),
    ),
  );
  openSheet(topicTitle(topic), body, context.signal);
}
