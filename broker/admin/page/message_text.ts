/**
 * Messages in few words.
 *
 * @module
 */

import type { MessagePreview, MessageProperties } from "../api_topics.ts";
import { type Child, h } from "./dom.ts";
import type { Fact } from "./facts.ts";
import { bytes, duration } from "./format.ts";
import { visibleText } from "./visible_text.ts";

/** The beginning of a payload on one line. */
export function preview({ text, size, truncated }: MessagePreview, maximum = 120): HTMLElement {
  if (size === 0) return h("span", { class: "muted" }, "empty");
  if (text === null) return h("span", { class: "muted" }, `${bytes(size)}, no text`);
  return h(
    "span",
    { class: "value" },
    visibleText(text, { maximum }),
    truncated && text.length <= maximum ? "…" : undefined,
  );
}

/** The properties of MQTT 5.0 that are there. */
export function propertyFacts(properties: MessageProperties): Fact[] {
  const { payloadFormatIndicator, messageExpiryInterval, contentType, responseTopic, correlationData } = properties;
  return [
    ["Content type", contentType === undefined ? undefined : visibleText(contentType)],
    [
      "Payload format",
      payloadFormatIndicator === undefined ? undefined : ["unspecified bytes", "UTF-8 text"][payloadFormatIndicator],
    ],
    ["Message expiry", messageExpiryInterval === undefined ? undefined : duration(messageExpiryInterval)],
    ["Response topic", responseTopic === undefined ? undefined : visibleText(responseTopic)],
    ["Correlation data", correlationData === undefined ? undefined : correlationText(correlationData)],
    ...(properties.userProperties ?? []).map(([name, value]): Fact => [
      "User property",
      h("span", {}, visibleText(name), " = ", visibleText(value)),
    ]),
  ];
}

function correlationText(base64: string): Child {
  return visibleText(Uint8Array.fromBase64(base64).toHex(), { maximum: 128 });
}
