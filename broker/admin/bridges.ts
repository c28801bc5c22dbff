/**
 * The bridges of a broker, as the API shows them.
 *
 * @module
 */

import type { Broker } from "../broker.ts";
import type { BridgeList } from "./api.ts";

/** All bridges. */
export function listBridges({ bridges }: Broker): BridgeList {
  return {
    items: bridges.map((status) => {
      const { name, state, address, since, lastError, queuedMessages, queuedBytes, forwarded, received, dropped } =
        status;
      return {
        name,
        state,
        address,
        since,
        error: lastError ?? null,
        backlog: queuedMessages,
        backlogBytes: queuedBytes,
        sent: forwarded,
        received,
        dropped,
      };
    }),
  };
}
