/**
 * Clients that are connected.
 *
 * @module
 */

import type { ClientQuery, ClientSummary } from "../../api_clients.ts";
import { openClient } from "../client_sheet.ts";
import { now } from "../clock.ts";
import { h } from "../dom.ts";
import { duration } from "../format.ts";
import { type Column, list } from "../list.ts";
import type { View } from "../view.ts";
import { visibleText } from "../visible_text.ts";

const VERSIONS = { 3: "3.1", 4: "3.1.1", 5: "5.0" } as const;

const columns: readonly Column<ClientSummary, NonNullable<ClientQuery["sort"]>>[] = [
  { head: "Client", sort: "clientId", cell: ({ clientId }) => visibleText(clientId) },
  {
    head: "User",
    sort: "username",
    wide: true,
    cell: ({ username }) => username === null ? undefined : visibleText(username),
  },
  { head: "Address", sort: "address", wide: true, cell: ({ address }) => visibleText(address) },
  {
    head: "Protocol",
    wide: true,
    cell: ({ protocolVersion, transport }) => `${VERSIONS[protocolVersion]} ${transport}`,
  },
  { head: "Connected", sort: "connectedAt", wide: true, number: true, cell: ({ connectedAt }) => since(connectedAt) },
  { head: "Subs", sort: "subscriptions", number: true, wide: true, cell: ({ subscriptions }) => subscriptions },
  { head: "In flight", sort: "inflight", number: true, wide: true, cell: ({ inflight }) => inflight },
  { head: "Queued", sort: "queued", number: true, cell: ({ queued }) => queued },
];

/** The view. */
export const clients: View = {
  title: "Clients",
  render(context) {
    const view = list(context, {
      label: "Connected clients",
      search: "Search client, user or address",
      columns,
      load: (query, signal) => context.api.get("clients", query, signal),
      key: ({ clientId }) => clientId,
      open: ({ clientId }) => openClient(context, clientId, () => view.reload()),
      empty: h("p", {}, "No client is connected. The first one will appear here by itself."),
    });
    return view.element;
  },
};

/** Seconds would change all rows each time. */
function since(time: number): string {
  const seconds = (now() - time) / 1_000;
  return seconds < 60 ? "< 1 min" : duration(Math.floor(seconds / 60) * 60);
}
