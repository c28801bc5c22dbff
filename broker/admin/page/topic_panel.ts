/**
 * What is known of one topic: its last value, its retained message, and what can be done with it.
 *
 * @module
 */

import type { RecordedMessage, RetainedDetails, TopicDetails } from "../api_topics.ts";
import { confirm } from "./dialogs.ts";
import { h, renew } from "./dom.ts";
import { facts, part } from "./facts.ts";
import { bytes, clockTime, count, dateTime } from "./format.ts";
import { propertyFacts } from "./message_text.ts";
import { failureText, notify, notifyFailure } from "./notice.ts";
import { payloadView } from "./payload_view.ts";
import { repeat } from "./repeat.ts";
import { address, type ViewContext } from "./view.ts";
import { visibleString, visibleText } from "./visible_text.ts";

/** Milliseconds between two looks. */
const REFRESH = 2_000;

/** Shows a topic until `signal` is aborted; `deleted` is called when its retained message was deleted. */
export function topicPanel(
  context: ViewContext,
  topic: string,
  signal: AbortSignal,
  deleted: () => void,
): HTMLElement {
  const body = h("div", {}, h("p", { class: "muted" }, "Reading…"));
  let known = "";
  const read = async () => {
    try {
      const details = await context.api.get("topic", { topic }, signal);
      // Payloads that stay the same keep the way in which the reader looks at them.
      if (known === JSON.stringify(details)) return;
      known = JSON.stringify(details);
      renew(body, ...partsOf(details, () => void remove()));
    } catch (error) {
      if (signal.aborted) return;
      known = "";
      renew(body, h("p", { class: "failed" }, failureText(error)));
    }
  };
  const loop = repeat(read, REFRESH, signal);
  const remove = async () => {
    const text = `New subscribers to ${visibleString(topic, 80)} will not get it any more.`;
    if (!await confirm({ title: "Delete the retained message?", text, action: "Delete" })) return;
    try {
      await context.api.delete("retained/message", { topic });
      notify("The retained message was deleted.");
      loop.now();
      deleted();
    } catch (error) {
      notifyFailure("The retained message could not be deleted", error);
    }
  };
  const links = h(
    "p",
    { class: "links" },
    h("a", { href: address("subscriptions", { topic }) }, "Who subscribes"),
    h("a", { href: address("messages", { topic }) }, "Publish here"),
  );
  return h("div", { class: "topic-panel" }, body, links);
}

function partsOf({ retained, last }: TopicDetails, remove: () => void): HTMLElement[] {
  if (retained === null && last === null) {
    return [h("p", { class: "muted" }, "Nothing was published here while this page looked, and nothing is retained.")];
  }
  // The message that was retained last usually is the last one, too.
  const isSame = last?.retain === true && retained !== null;
  return [
    ...(last === null || isSame ? [] : [lastPart(last)]),
    ...(retained === null ? [] : [retainedPart(retained, isSame ? last : null, remove)]),
  ];
}

function lastPart(last: RecordedMessage): HTMLElement {
  const lines = facts(
    ["Received", clockTime(last.receivedAt)],
    ["Messages", `${count(last.messages)} since this page looks`],
    ["QoS", last.qos],
    ["Size", bytes(last.size)],
  );
  return part("Last message", payloadView(Uint8Array.fromBase64(last.payload), last.size), lines);
}

function retainedPart(retained: RetainedDetails, last: RecordedMessage | null, remove: () => void): HTMLElement {
  const { expiresAt, properties } = retained;
  const lines = facts(
    ["Received", last === null ? undefined : clockTime(last.receivedAt)],
    ["Messages", last === null ? undefined : `${count(last.messages)} since this page looks`],
    ["QoS", retained.qos],
    ["Size", bytes(retained.size)],
    ["Expires", expiresAt === null ? undefined : dateTime(expiresAt)],
    ...propertyFacts(properties),
  );
  const button = h("button", { type: "button", class: "danger", onclick: remove }, "Delete retained message");
  return part(
    "Retained message",
    payloadView(Uint8Array.fromBase64(retained.payload), retained.size),
    lines,
    h("div", { class: "actions" }, button),
  );
}

/** The name of a topic as a heading. */
export function topicTitle(topic: string): HTMLElement {
  return visibleText(topic, { maximum: 1_024 });
}
