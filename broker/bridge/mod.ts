/**
 * Bridges: connections from this broker to others, over which messages go out, come in, or both.
 *
 * What goes out waits in this broker while the other one cannot be reached, in its store if it has one: a gateway keeps
 * through days without an uplink what its devices have been told is safe, and sends it when the uplink is back.
 *
 * @example A gateway
 * ```ts
 * import { Broker } from "@x/mqtt/broker";
 * import { Bridge } from "@x/mqtt/broker/bridge";
 *
 * await using broker = new Broker();
 * await using bridge = new Bridge(broker, {
 *   name: "cloud",
 *   addresses: ["mqtt://127.0.0.1:1883"],
 *   protocolVersion: 5,
 *   remoteClientId: "gateway-7",
 *   topics: [
 *     { pattern: "sensors/#", direction: "out", qos: 1, remotePrefix: "site-7/" },
 *     { pattern: "commands/#", direction: "in", qos: 1, remotePrefix: "site-7/" },
 *   ],
 * });
 * await bridge.ready;
 * broker.publish({ topic: "sensors/1", payload: "21.5", qos: 1 });
 * console.log(bridge.status.name);
 * ```
 *
 * @module
 */

export { BridgeCore, type BridgePlatform } from "./bridge.ts";
export { Bridge } from "../deno/bridge.ts";
export type { BridgeOptions } from "./options.ts";
export type { RemotePlatform } from "./remote_side.ts";
export type { BridgeState, BridgeStatus } from "./status.ts";
export type { BridgeTopic } from "./topics.ts";
export type {
  Clock,
  ProtocolVersion,
  QoS,
  TlsInit,
  Transport,
  TransportOpener,
  TransportOptions,
} from "../../client/common.ts";
export type { Channel, Peer, PeerCertificate } from "../../engine/transport.ts";
export type { LogLevel, LogSink } from "../log.ts";
