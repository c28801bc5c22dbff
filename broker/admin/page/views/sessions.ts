/**
 * Sessions, whether their clients are connected or away.
 *
 * @module
 */

import type { SessionQuery, SessionSummary } from "../../api_clients.ts";
import { openClient } from "../client_sheet.ts";
import { h } from "../dom.ts";
import { badge } from "../facts.ts";
import { bytes, dateTime, duration } from "../format.ts";
import { type Column, list } from "../list.ts";
import type { View } from "../view.ts";
import { visibleText } from "../visible_text.ts";

const columns: readonly Column<SessionSummary, NonNullable<SessionQuery["sort"]>>[] = [
  { head: "Client", sort: "clientId", cell: ({ clientId }) => visibleText(clientId) },
  {
    head: "User",
    sort: "username",
    wide: true,
    cell: ({ username }) => username === null ? undefined : visibleText(username),
  },
  { head: "State", cell: ({ connected }) => connected ? badge("connected", "good") : badge("away") },
  { head: "Kept", sort: "expiresAt", wide: true, cell: kept },
  { head: "Subs", sort: "subscriptions", number: true, wide: true, cell: ({ subscriptions }) => subscriptions },
  { head: "Queued", sort: "queued", number: true, cell: ({ queued }) => queued },
  { head: "Bytes", sort: "queuedBytes", number: true, wide: true, cell: ({ queuedBytes }) => bytes(queuedBytes) },
];

/** The view. */
export const sessions: View = {
  title: "Sessions",
  render(context) {
    const select = h(
      "select",
      { "aria-label": "State", name: "state", onchange: () => view.reload(true) },
      h("option", { value: "any" }, "Connected or away"),
      h("option", { value: "connected" }, "Connected"),
      h("option", { value: "away" }, "Away"),
    );
    const view = list(context, {
      label: "Sessions",
      search: "Search client or user",
      controls: [select],
      columns,
      load: (query, signal) => {
        const state = select.value === "connected" || select.value === "away" ? select.value : "any";
        return context.api.get("sessions", { ...query, state }, signal);
      },
      key: ({ clientId }) => clientId,
      open: ({ clientId }) => openClient(context, clientId, () => view.reload()),
      empty: h("p", {}, "There are no such sessions."),
    });
    return view.element;
  },
};

function kept({ expiryInterval, expiresAt }: SessionSummary): string {
  if (expiryInterval === null) return "for ever";
  if (expiresAt !== null) return `until ${dateTime(expiresAt)}`;
  return expiryInterval === 0 ? "while connected" : `${duration(expiryInterval)} after`;
}
