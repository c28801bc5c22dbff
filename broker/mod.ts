/**
 * An MQTT 3.1, 3.1.1 and 5.0 broker.
 *
 * As a program: `deno run -A jsr:@x/mqtt/broker --port 1883`. As a library, importing it starts nothing:
 *
 * @example
 * ```ts
 * import { Broker, listen } from "@x/mqtt/broker";
 *
 * await using broker = new Broker({
 *   authenticate: ({ username }) => username === "ann",
 *   authorizePublish: (client, { topic }) => topic.startsWith(`home/${client.clientId}/`),
 * });
 * const { address } = listen(broker, { hostname: "127.0.0.1", port: 0 });
 * console.log(`listening on port ${address.port}`);
 * ```
 *
 * @module
 */

export * from "./auth/mod.ts";
export type * from "./bridge/mod.ts";
export { Broker, type BrokerCounts, type BrokerMessage } from "./broker.ts";
export type * from "./inspection.ts";
export { listen, type Listener, type ListenerCounts, type ListenerEndpoint } from "./deno/listen.ts";
export type {
  CommonListenOptions,
  ListenerChanges,
  ListenOptions,
  TcpListenOptions,
  UnixListenOptions,
} from "./deno/listen_options.ts";
export { type AdminListener, type AdminListenOptions, listenAdmin } from "./deno/listen_admin.ts";
export { mqttOverWebSocket, type RequestInfo, upgrade } from "./deno/upgrade.ts";
export type { RefusalCounts } from "./deno/listener_gate.ts";
export type { CertificateFiles, TlsOptions } from "./deno/tls_options.ts";
export type * from "./hooks.ts";
export type { ListenerPolicy } from "./listener_policy.ts";
export type { OtherBroker } from "./origin.ts";
export type { LimitCounts, LimitName } from "./limits.ts";
export type { LogLevel, LogSink } from "./log.ts";
export type { HistogramState } from "./histogram.ts";
export type { DenialCounts, DropCounts, FlowState, MetricsState } from "./metrics.ts";
export type { PublishedMessage, PublishObserver } from "./observers.ts";
export type { BrokerOptions } from "./options.ts";
export type { PublishRate } from "./publish_rate.ts";
export { MemoryStore } from "./memory_store.ts";
export type * from "./store.ts";
export { MqttError } from "../codec/errors.ts";
export { ReasonCode } from "../codec/reason_codes.ts";
export type { ProtocolVersion, QoS, RetainHandling } from "../codec/packets.ts";
export type { ConnectProperties, Properties, PublishProperties, UserProperties } from "../codec/properties.ts";
export type { Clock } from "../engine/clock.ts";
export type { Channel, Peer, PeerCertificate, Transport } from "../engine/transport.ts";

if (import.meta.main) {
  const { main } = await import("./deno/cli.ts");
  await main(Deno.args);
}
