/**
 * Bridges as those see them who use a broker.
 *
 * @module
 */

export type { BridgeOptions } from "./options.ts";
export type { BridgeState, BridgeStatus } from "./status.ts";
export type { BridgeTopic } from "./topics.ts";
export type { TlsInit } from "../../client/common.ts";
