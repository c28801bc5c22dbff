/**
 * What an admin handler is made of.
 *
 * @module
 */

import type { Broker } from "../broker.ts";
import type { ListenerInfo, ReloadResult } from "./api.ts";
import type { LogBuffer } from "./log_buffer.ts";

/** What the server tells of a request, e.g. `Deno.ServeHandlerInfo`. */
export interface AdminRequestInfo {
  /** Who sent it. Wrong tokens are counted by its `hostname`. */
  readonly remoteAddr: { readonly transport: string; readonly hostname?: string };
}

/** MQTT over WebSocket beside the API. */
export interface AdminMqtt {
  /** Makes a WebSocket of a request and has the broker serve it, as `mqttOverWebSocket(broker)` does. */
  readonly handler: (request: Request, info?: AdminRequestInfo) => Response | Promise<Response>;
  /** Whether its clients need no user name, as they have shown the token, or are users like all others. */
  readonly user: "admin" | "user";
}

/** Options of `createAdminHandler`. */
export interface AdminOptions {
  /** The broker that is looked at. */
  readonly broker: Broker;
  /**
   * What requests must show as `Authorization: Bearer TOKEN`: 16 or more visible ASCII characters. Absent: nothing is
   * asked for; then let nobody but yourself reach the server. Default none.
   */
  readonly token?: string;
  /** Names of this server, e.g. `broker.example.org`, besides `localhost` and any IP address. Default none. */
  readonly hosts?: readonly string[];
  /** Whether the page is served, too. Default true. */
  readonly page?: boolean;
  /** MQTT at `/mqtt`. Default none. */
  readonly mqtt?: AdminMqtt;
  /** The last log lines; give the same object to the broker as `log`. Default none. */
  readonly log?: LogBuffer;
  /** Where the broker listens. Default nowhere. */
  readonly listeners?: () => readonly ListenerInfo[];
  /** Reads users, rules and certificates again. Default: nothing to read. */
  readonly reload?: () => ReloadResult | Promise<ReloadResult>;
  /** Told of what goes wrong here while a request is answered; its sender gets 500. Default: nobody is told. */
  readonly onError?: (error: unknown) => void;
  /** Bytes of the process in memory. Default: nobody knows. */
  readonly memory?: () => number;
}
