/**
 * Looking inside a broker over HTTP: metrics for Prometheus, health, an API in JSON and its page.
 *
 * The broker as a program opens it with `--admin PORT`. In a program, {@linkcode createAdminHandler} makes a handler for
 * whatever server there is. See {@linkcode AdminHandler}; the API is described in `README.md` beside this file.
 *
 * @example
 * ```ts
 * import { Broker } from "@x/mqtt/broker";
 * import { createAdminHandler } from "@x/mqtt/broker/admin";
 *
 * await using broker = new Broker();
 * using admin = createAdminHandler({ broker });
 * await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, admin.handle);
 * const metrics = await fetch(`http://127.0.0.1:${server.addr.port}/metrics`);
 * console.log((await metrics.text()).includes("mqtt_clients_connected 0")); // true
 * ```
 *
 * @module
 */

export type * from "./api.ts";
export type * from "./api_clients.ts";
export type * from "./api_events.ts";
export type * from "./api_topics.ts";
export type * from "../mod.ts";
export { type AdminHandler, createAdminHandler } from "./handler.ts";
export { LogBuffer } from "./log_buffer.ts";
export type { AdminMqtt, AdminOptions, AdminRequestInfo } from "./options.ts";
