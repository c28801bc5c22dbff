/**
 * What a monitoring system is told.
 *
 * @module
 */

import type { BridgeStatus } from "../bridge/status.ts";
import type { Broker, BrokerCounts } from "../broker.ts";
import type { HistogramState } from "../histogram.ts";
import type { FlowState, MetricsState } from "../metrics.ts";
import { VERSION } from "../version.ts";
import type { ListenerInfo } from "./api.ts";
import { type Labels, PrometheusText } from "./prometheus.ts";
import { stateOf } from "./sampler.ts";
import { walk } from "./slices.ts";

/** What the metrics are made of, besides the broker. */
export interface MetricsSources {
  readonly loopDelay: HistogramState;
  readonly listeners: readonly ListenerInfo[];
  /** Bytes of the process; undefined if nobody knows. */
  readonly memory: number | undefined;
}

/** All metrics in Prometheus' text format. */
export async function metricsText(broker: Broker, sources: MetricsSources): Promise<string> {
  const text = new PrometheusText();
  const metrics = broker.inspection.metrics();
  const counts = broker.counts();
  text.gauge("mqtt_broker_info", "The broker.", [[{ version: VERSION }, 1]]);
  text.gauge("mqtt_start_time_seconds", "When it started, since 1970.", broker.inspection.startedAt / 1000);
  writeState(text, broker, counts);
  writeConnections(text, metrics, sources.listeners);
  writeFlow(text, metrics.received, "received", "from clients");
  writeFlow(text, metrics.sent, "sent", "to clients");
  writeLosses(text, counts);
  await writeQueues(text, broker);
  const { hits, misses } = metrics.routes;
  text.counter("mqtt_route_cache_hits_total", "Messages whose receivers were remembered.", hits);
  text.counter("mqtt_route_cache_misses_total", "Messages whose receivers had to be found.", misses);
  writeStore(text, broker, metrics);
  writeBridges(text, broker.bridges);
  text.histogram("mqtt_event_loop_delay_seconds", "How late timers are: what a packet may wait.", sources.loopDelay);
  const { memory } = sources;
  if (memory !== undefined) text.gauge("process_resident_memory_bytes", "Memory of the process.", memory);
  return text.toString();
}

function writeState(text: PrometheusText, broker: Broker, { delayedWills }: BrokerCounts): void {
  const state = stateOf(broker);
  text.gauge("mqtt_connections", "Network connections.", state.connections);
  text.gauge("mqtt_clients_connected", "Clients that are connected.", state.clients);
  text.gauge("mqtt_sessions", "Sessions, connected or not.", state.sessions);
  text.gauge("mqtt_subscriptions", "Subscriptions, shared ones included.", state.subscriptions);
  text.gauge("mqtt_shared_subscriptions", "Shared subscriptions.", state.sharedSubscriptions);
  text.gauge("mqtt_retained_messages", "Retained messages.", state.retained);
  text.gauge("mqtt_retained_bytes", "Bytes of retained messages.", state.retainedBytes);
  text.gauge("mqtt_delayed_wills", "Wills that wait for their delay.", delayedWills);
}

function writeConnections(text: PrometheusText, metrics: MetricsState, listeners: readonly ListenerInfo[]): void {
  text.gauge("mqtt_clients_connected_max", "The most clients at one time.", metrics.clientsMaximum);
  text.counter("mqtt_connections_total", "Network connections that were opened.", metrics.connectionsOpened);
  text.counter(
    "mqtt_connections_refused_total",
    "Network connections that were closed at once.",
    metrics.connectionsRefused,
  );
  text.counter("mqtt_connects_accepted_total", "Clients that were let in.", metrics.connectsAccepted);
  text.counter("mqtt_sessions_expired_total", "Sessions that ended by themselves.", metrics.sessionsExpired);
  const open = listeners.map(({ hostname, port, protocol, connections }): [Labels, number] => {
    return [{ listener: port === 0 ? hostname : `${hostname}:${port}`, protocol }, connections];
  });
  text.gauge("mqtt_listener_connections", "Connections by listener.", open);
}

function writeFlow(text: PrometheusText, flow: FlowState, verb: string, which: string): void {
  text.counter(`mqtt_messages_${verb}_total`, `PUBLISH packets ${which}.`, byQoS(flow.messages));
  text.counter(`mqtt_payload_${verb}_bytes_total`, `Bytes of payloads ${which}.`, byQoS(flow.payloadBytes));
  text.counter(`mqtt_packets_${verb}_total`, `Packets of all kinds ${which}.`, flow.packets);
  text.counter(`mqtt_${verb}_bytes_total`, `Bytes of all packets ${which}.`, flow.bytes);
}

function byQoS(values: readonly number[]): [Labels, number][] {
  return values.map((value, qos) => [{ qos: String(qos) }, value]);
}

function writeLosses(text: PrometheusText, { dropped, refused, limits }: BrokerCounts): void {
  text.counter("mqtt_messages_dropped_total", "Messages that were dropped.", byName("reason", dropped));
  const { notLogged: _, ...kinds } = refused;
  text.counter("mqtt_refused_total", "What was refused to clients.", byName("kind", kinds));
  text.counter("mqtt_limits_met_total", "How often a limit was met.", byName("limit", limits));
}

/** `queueFull` becomes `queue_full`. */
function byName(label: string, counts: object): [Labels, number][] {
  return Object.entries(counts).map(([name, count]) => {
    return [{ [label]: name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) }, Number(count)];
  });
}

async function writeQueues(text: PrometheusText, { inspection }: Broker): Promise<void> {
  let queued = 0;
  let queuedBytes = 0;
  let inflight = 0;
  let longest = 0;
  await walk(inspection.sessions(), (session) => {
    queued += session.queued;
    queuedBytes += session.queuedBytes;
    inflight += session.inflight;
    longest = Math.max(longest, session.queued);
  });
  text.gauge("mqtt_queued_messages", "Messages that wait to be sent, in all sessions.", queued);
  text.gauge("mqtt_queued_bytes", "Bytes that wait to be sent, in all sessions.", queuedBytes);
  text.gauge("mqtt_queued_messages_max", "Messages in the longest queue.", longest);
  text.gauge("mqtt_inflight_messages", "Messages that were sent and are not acknowledged.", inflight);
}

function writeStore(text: PrometheusText, { inspection }: Broker, metrics: MetricsState): void {
  const { isStoreWritable } = inspection;
  if (isStoreWritable === undefined) return;
  text.gauge("mqtt_store_writable", "Whether the store can be written to.", isStoreWritable ? 1 : 0);
  text.histogram("mqtt_store_commit_duration_seconds", "How long commits took.", metrics.commits);
  text.counter("mqtt_store_failures_total", "Commits and reads that failed.", metrics.storeFailures);
}

function writeBridges(text: PrometheusText, bridges: readonly BridgeStatus[]): void {
  const values = (value: (bridge: BridgeStatus) => number): [Labels, number][] => {
    return bridges.map((bridge) => [{ bridge: bridge.name }, value(bridge)]);
  };
  text.gauge("mqtt_bridge_up", "Whether it is connected.", values(({ state }) => state === "connected" ? 1 : 0));
  text.gauge(
    "mqtt_bridge_backlog_messages",
    "Messages that wait for the other side.",
    values(({ queuedMessages }) => queuedMessages),
  );
  text.gauge("mqtt_bridge_backlog_bytes", "The same in bytes.", values(({ queuedBytes }) => queuedBytes));
  text.counter("mqtt_bridge_sent_total", "Messages to the other side.", values(({ forwarded }) => forwarded));
  text.counter("mqtt_bridge_received_total", "Messages from the other side.", values(({ received }) => received));
  text.counter("mqtt_bridge_dropped_total", "Messages that were dropped.", values(({ dropped }) => dropped));
}
