/**
 * Subscriptions of all sessions.
 *
 * @module
 */

import type { SubscriptionSummary } from "../../api_clients.ts";
import { openClient } from "../client_sheet.ts";
import { h } from "../dom.ts";
import { badge } from "../facts.ts";
import { type Column, list } from "../list.ts";
import { address, type View } from "../view.ts";
import { visibleText } from "../visible_text.ts";

const columns: readonly Column<SubscriptionSummary>[] = [
  { head: "Filter", cell: ({ filter }) => visibleText(filter) },
  { head: "Client", cell: ({ clientId }) => visibleText(clientId) },
  {
    head: "Group",
    wide: true,
    cell: ({ share }) => share === null ? undefined : h("span", {}, badge("shared"), visibleText(share)),
  },
  { head: "QoS", number: true, cell: ({ qos }) => qos },
  { head: "Options", wide: true, cell: optionsOf },
];

/** The view; its address may name a `client`, or a `topic` to see who gets what is published there. */
export const subscriptions: View = {
  title: "Subscriptions",
  render(context) {
    const client = context.parameters.get("client") ?? undefined;
    const topic = context.parameters.get("topic") ?? undefined;
    const view = list(context, {
      label: "Subscriptions",
      search: "Search filter",
      columns,
      load: ({ q, limit, cursor }, signal) =>
        context.api.get("subscriptions", { q, limit, cursor, client, topic }, signal),
      key: ({ clientId, filter, share }) => JSON.stringify([clientId, filter, share]),
      open: ({ clientId }) => openClient(context, clientId, () => view.reload()),
      empty: h("p", {}, client ?? topic === undefined ? "Nobody has subscribed to anything yet." : "There are none."),
    });
    if (client === undefined && topic === undefined) return view.element;
    const only = client === undefined ? "Those that get what is published on " : "Those of ";
    const all = h("a", { href: address("subscriptions") }, "Show all");
    return h("div", {}, h("p", { class: "scope" }, only, visibleText(client ?? topic ?? ""), ". ", all), view.element);
  },
};

function optionsOf({ noLocal, retainAsPublished, retainHandling, identifier }: SubscriptionSummary): string {
  const options = [
    noLocal ? "no local" : "",
    retainAsPublished ? "retain as published" : "",
    ["", "retained only if new", "nothing retained"][retainHandling] ?? "",
    identifier === null ? "" : `identifier ${identifier}`,
  ];
  return options.filter(Boolean).join(", ");
}
