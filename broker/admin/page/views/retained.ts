/**
 * Retained messages as a list.
 *
 * @module
 */

import type { RetainedSummary } from "../../api_topics.ts";
import { openSheet } from "../dialogs.ts";
import { now } from "../clock.ts";
import { h } from "../dom.ts";
import { bytes, duration } from "../format.ts";
import { type Column, list } from "../list.ts";
import { preview } from "../message_text.ts";
import { topicPanel, topicTitle } from "../topic_panel.ts";
import type { View } from "../view.ts";
import { visibleText } from "../visible_text.ts";

const columns: readonly Column<RetainedSummary>[] = [
  { head: "Topic", cell: ({ topic }) => visibleText(topic) },
  { head: "Value", cell: (message) => preview(message) },
  { head: "Size", number: true, wide: true, cell: ({ size }) => bytes(size) },
  { head: "QoS", number: true, wide: true, cell: ({ qos }) => qos },
  { head: "Expires", wide: true, cell: ({ expiresAt }) => expiresAt === null ? "never" : inTime(expiresAt) },
];

/** The view. */
export const retained: View = {
  title: "Retained",
  render(context) {
    const view = list(context, {
      label: "Retained messages",
      search: "Search topic",
      columns,
      load: ({ q, limit, cursor }, signal) => context.api.get("retained", { q, limit, cursor }, signal),
      key: ({ topic }) => topic,
      open: ({ topic }) => {
        const closed = new AbortController();
        const sheet = openSheet(
          topicTitle(topic),
          topicPanel(context, topic, closed.signal, () => view.reload()),
          context.signal,
        );
        sheet.signal.addEventListener("abort", () => closed.abort());
      },
      empty: h(
        "p",
        {},
        "Nothing is retained. Publish with the retain flag, and new subscribers get the message at once.",
      ),
    });
    return view.element;
  },
};

function inTime(time: number): string {
  return `in ${duration(Math.max(0, time - now()) / 1_000)}`;
}
