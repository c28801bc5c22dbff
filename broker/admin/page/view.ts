/**
 * What a view of the page is.
 *
 * @module
 */

import type { BrokerInfo } from "../api.ts";
import type { ApiClient } from "./api_client.ts";
import type { Live } from "./live.ts";
import type { MqttConsole } from "./mqtt_console.ts";

/** What a view works with. */
export interface ViewContext {
  readonly api: ApiClient;
  readonly live: Live;
  readonly mqtt: MqttConsole;
  /** What stands behind `?` in its address. */
  readonly parameters: URLSearchParams;
  /** Aborted when somebody goes elsewhere. */
  readonly signal: AbortSignal;
  /** What is known of the broker; resolves when it has been reached, and is read anew when it has been away. */
  info(): Promise<BrokerInfo>;
}

/** A view of the page, by its name in the address. */
export interface View {
  /** E.g. `Clients`. */
  readonly title: string;
  /** Makes what is seen. It ends its work when the context's signal is aborted. */
  render(context: ViewContext): HTMLElement;
}

/** The address of a view. */
export function address(view: string, parameters: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(parameters);
  return query.size === 0 ? `#/${view}` : `#/${view}?${query}`;
}
