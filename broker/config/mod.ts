/**
 * Mosquitto's configuration files for this broker: {@linkcode parseConfiguration} turns a `mosquitto.conf` into broker
 * options, listeners and log settings.
 *
 * @module
 */

export type { BrokerOptions } from "../options.ts";
export type { ListenerPolicy } from "../listener_policy.ts";
export type * from "./configuration.ts";
export { ConfigurationError, describe, type Place, type Remark } from "./errors.ts";
export { type ConfigurationSource, parseConfiguration, type ParseOptions } from "./parse.ts";
